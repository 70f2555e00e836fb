"""What users call documents and folders, as the paths that they are stored under.

Owns what a relative path means, and what is said of a name that means nothing or too much. Which of the stored
documents a name means is `memos.document_names`.
"""

from __future__ import annotations

from pathlib import Path

from memos.document_names import DocumentNames
from memos.errors import InputError
from memos.storage.archival import Archival


def spellings(given: str | Path) -> tuple[str, ...]:
    """A path as it may be stored: as given (not every document is a file), and last as ingest would call the file."""
    from memos.ingest.walking import spelled

    return tuple(dict.fromkeys((str(given), str(spelled(Path(given))))))


def stored_path(archival: Archival, given: str) -> str:
    """A document or folder by the path that it is stored under; see `stored_document`.

    Raises:
        InputError: several documents end so, or nothing is stored under it.
    """
    names = DocumentNames(archival.documents())
    for path in spellings(given):
        if (source := names.source(path)) is not None:
            return source
        if names.below(path):
            return path
    ends = names.ending(given)
    if not ends:
        raise InputError(f"There is no document {given}; `memos sources list` shows those that are stored.")
    if len(ends) > 1:
        raise InputError(f"{given} may be {' or '.join(ends.values())}: say which.")
    return next(iter(ends))


def stored_document(archival: Archival, given: str) -> str:
    """A document by the path that it is stored under.

    Args:
        archival: has it.
        given: its path, that of a file with the same bytes, absolute or not, or the end of one.

    Raises:
        InputError: several documents end so, there is none, or it is a folder.
    """
    path = stored_path(archival, given)
    if DocumentNames(archival.documents()).source(path) is None:
        raise InputError(f"{given} is a folder; name one document in it.")
    return path
