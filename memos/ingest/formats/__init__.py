"""One module a format: its bytes or text become sections with their places.

None of them opens a file, knows passages, or knows which of them reads what: `memos.ingest.readers` does.
"""
