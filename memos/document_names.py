"""Which document a name means: its path, the path of a copy of it, or the end of either.

Two files with the same bytes are one document with two paths, and a user or a model may name either. It does not know
the file system, nor how documents are stored.
"""

from __future__ import annotations

from collections.abc import Iterable

from memos.protocols import Named


class DocumentNames:
    """The names of some documents.

    Args:
        documents: with their copies.
    """

    def __init__(self, documents: Iterable[Named]) -> None:
        known = list(documents)
        copies = {path: one.source for one in known for path in one.copies}
        # Where a copy that all agents see has the path of an agent's own document, storage reads the latter, too.
        self._sources = copies | {one.source: one.source for one in known}

    def source(self, path: str) -> str | None:
        """The path under which the document is stored that has this path, or None."""
        return self._sources.get(path)

    def ending(self, name: str) -> dict[str, str]:
        """The documents of which a path ends with a name, each with that path, in the order of paths."""
        found: dict[str, str] = {}
        for path in sorted(self._sources):
            if path.endswith("/" + name):
                found.setdefault(self._sources[path], path)
        return found

    def below(self, folder: str) -> list[str]:
        """The documents that have a path below a folder, in the order of these paths."""
        start = folder.rstrip("/") + "/"
        return list(dict.fromkeys(self._sources[path] for path in sorted(self._sources) if path.startswith(start)))
