"""The errors of memos: one small tree, each with a sentence that a user can act on.

    MemosError
    ├── InputError            what the caller gave cannot be used (name, message, option)
    ├── ModelError            a model file or name cannot be used
    │   ├── ModelNotFound     no such model here; the sentence says how to get it
    │   ├── ModelCorrupt      bytes differ from the catalogue's SHA-256 or size
    │   └── DownloadFailed    no source could deliver the file
    ├── WindowError           the context window is too small or too large for what it must hold
    ├── StorageError          the data folder, the database or the index cannot be used
    │   └── AgentBusy         another process has this agent open
    ├── BlockError            an edit of a working-context block is not possible
    ├── IngestError           a document cannot be read
    └── ToolError             a function that the model called failed: data for the model

Drivers translate foreign exceptions into these at their boundary. This module knows nothing else of ours.
"""

from __future__ import annotations

from collections.abc import Sequence


class MemosError(Exception):
    """Base of every error that memos raises on purpose. `str(error)` is one sentence for the user."""


class InputError(MemosError):
    """What the caller gave (a name, a message, an option) cannot be used."""


class ModelError(MemosError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """There is no such model on this machine."""


class ModelCorrupt(ModelError):
    """A model file's bytes are not those the catalogue names.

    Args:
        name: the file's name or path.
        expected: what the catalogue says (hexadecimal SHA-256, or a size such as `"98362432 bytes"`).
        found: what the file has, in the same form.
        remedy: a sentence that says the way on, if there is one.
    """

    def __init__(self, name: str, expected: str, found: str, remedy: str = "") -> None:
        super().__init__(f"{name} is corrupt: expected {expected}, found {found}. {remedy}".rstrip())
        self.name = name
        self.expected = expected
        self.found = found


class DownloadFailed(ModelError):
    """No source could deliver a file.

    Args:
        name: the file or model that was wanted.
        reasons: one sentence a source that was tried.
    """

    def __init__(self, name: str, reasons: Sequence[str]) -> None:
        super().__init__(f"{name} could not be downloaded: " + "; ".join(reasons))
        self.name = name
        self.reasons = tuple(reasons)


class WindowError(MemosError):
    """The context window cannot hold what it must, or is larger than memory or model allow."""


class StorageError(MemosError):
    """The data folder, the database or the index cannot be used."""


class AgentBusy(StorageError):
    """Another process (or another object in this one) has the agent open."""


class BlockError(MemosError):
    """An edit of a working-context block is not possible; nothing was changed."""


class IngestError(MemosError):
    """A document cannot be read; nothing of it was stored."""


class ToolError(MemosError):
    """A function failed. The executor hands the sentence to the model as the call's result."""
