"""Reading documents by pages, beyond what the window holds."""

from typing import Annotated

from pydantic import Field

from memos.functions import Memory, tool
from memos.tools.conversation import Words

Document = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=1, le=99999)]


@tool(budget=2, time_limit=60, quotes=True)
def open_document(memory: Memory, document: Document) -> str:
    """show the first page of a document, by its file name."""
    return memory.read_document(document, 1)


@tool(budget=8, time_limit=60, quotes=True)
def read_page(memory: Memory, document: Document, page: Number) -> str:
    """show another page of a document."""
    return memory.read_document(document, page)


@tool(budget=4, time_limit=60, quotes=True)
def search_document(memory: Memory, document: Document, query: Words) -> str:
    """find passages in one document."""
    return memory.search_document(document, query)
