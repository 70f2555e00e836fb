"""Documents as pages that a model turns: `notes.pdf, showing page 2 of 14`.

A page has as many passages as every page of the window holds, so that page 2 is the same page whenever it is opened.
Owns the name of a document in a call, and which passages are on a page. It does not know how they are stored, or what
a line looks like (`pager`).
"""

from __future__ import annotations

from memos.document_names import DocumentNames
from memos.errors import ToolError
from memos.pager import Pager, passage_line
from memos.protocols import ArchivalStorage

PASSAGE = 320  # tokens that a passage of a document has at most, with its place
HEAD = 24  # tokens of the line above


class DocumentPager:
    """Pages of the documents that one agent can see.

    Args:
        archival: the documents.
        pager: cuts lines to the room there is.
    """

    def __init__(self, archival: ArchivalStorage, pager: Pager) -> None:
        self._archival, self._pager = archival, pager

    def page(self, document: str, page: int, *, room: int) -> str:
        """A page of a document.

        Args:
            document: its path, or the end of it.
            page: from 1.
            room: tokens that the result may have.

        Raises:
            ToolError: there is no such document or page; the sentence says which there are.
        """
        source, name = self.source(document), _name(document)
        size = max(1, (room - HEAD) // PASSAGE)
        found = self._archival.read_document(source, limit=size, offset=(page - 1) * size)
        pages = -(-found.total // size)
        if not found.items:
            raise ToolError(f"{document} has no page {page}; the last is page {pages}.")
        each = (room - HEAD) // len(found.items)
        whole = [passage_line(passage) for passage in found.items]
        lines = [self._pager.cut(line, each - 1) for line in whole]
        cut = "" if lines == whole else ", cut to the room there is"
        return f"{name}, showing page {page} of {pages}{cut}:\n" + "\n".join(lines)

    def search(self, document: str, query: str, *, room: int) -> str:
        """Passages of one document, best first.

        Raises:
            ToolError: there is no such document.
        """
        source, name = self.source(document), _name(document)
        found = self._archival.search(query, limit=5, source=source)
        if not found.items:
            return f"{name} has nothing for {query!r}. Try other words, or read_page."
        shown = self._pager.fit(map(passage_line, found.items), room - HEAD)
        return f"{name}, showing {len(shown)} of {found.total}:\n" + "\n".join(shown)

    def source(self, document: str) -> str:
        """The path of a document by its path or the end of it; that of a file with the same bytes does as well.

        Raises:
            ToolError: there is none, or there are several.
        """
        documents, wanted = self._archival.documents(), document.strip()
        names = DocumentNames(documents)
        if (exact := names.source(wanted)) is not None:
            return exact
        ends = names.ending(wanted)
        if len(ends) == 1:
            return next(iter(ends))
        if ends:
            raise ToolError(f"{document!r} is several documents; name one of them: {', '.join([*ends.values()][:8])}.")
        known = ", ".join(_name(one) for one in sorted({one.source for one in documents})[:8]) or "none"
        raise ToolError(f"{document!r} is no document; there are: {known}.")


def _name(path: str) -> str:
    """What a file is called, without its folders."""
    return path.strip().rsplit("/", 1)[-1]
