"""Revisions, oldest first. A revision that was released is never changed.

Columns are added and dropped in place. No `batch_alter_table` on what others refer to: on SQLite it drops the
table, and with foreign keys on that deletes every row that refers to it.
"""
