"""Documents become passages: read a file, cut it to passages, hand them to an `Indexer`.

`ingest(paths, indexer, splitter)` is all that a caller needs; it tells what happens as events. This folder
knows file formats. It does not know where passages are stored, which model embeds them, or who asks.
"""

from memos.ingest.pipeline import (
    Embedded,
    FileFailed,
    FileRead,
    FilesFound,
    FileSkipped,
    FileUnchanged,
    IngestEvent,
    IngestFinished,
    ingest,
)
from memos.ingest.splitter import PassageSplitter, Splitter

__all__ = [
    "Embedded",
    "FileFailed",
    "FileRead",
    "FileSkipped",
    "FileUnchanged",
    "FilesFound",
    "IngestEvent",
    "IngestFinished",
    "PassageSplitter",
    "Splitter",
    "ingest",
]
