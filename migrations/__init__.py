"""The history of the database's schema, one Alembic revision a change; run by `Database.open`.

Owns how a database gets from one schema to the next. It does not know what the data means. To add one:
change `memos.storage.schema`, write `versions/NNNN_what.py` by hand after the newest, and run the tests,
which compare the two.
"""
