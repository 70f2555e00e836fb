"""Documents become passages: read a file, cut it to passages, hand them to an `Indexer`.

`ingest(paths, indexer, parser)` is all that a caller needs; it tells what happens as events. This folder
knows file formats. It does not know where passages are stored, which model embeds them, or who asks.
"""

from memos.ingest.events import (
    Embedded,
    FileCopied,
    FileFailed,
    FileGone,
    FileRead,
    FilesFound,
    FileSkipped,
    FileUnchanged,
    IngestEvent,
    IngestFinished,
)
from memos.ingest.parsing import Limits, ParserProcesses
from memos.ingest.pipeline import Options, ingest
from memos.ingest.splitter import PassageSplitter, Splitter
from memos.ingest.walking import Selection

__all__ = [
    "Embedded",
    "FileCopied",
    "FileFailed",
    "FileGone",
    "FileRead",
    "FileSkipped",
    "FileUnchanged",
    "FilesFound",
    "IngestEvent",
    "IngestFinished",
    "Limits",
    "Options",
    "ParserProcesses",
    "PassageSplitter",
    "Selection",
    "Splitter",
    "ingest",
]
