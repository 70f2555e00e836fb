"""Notes and documents: archival memory."""

from typing import Annotated

from pydantic import Field

from memos.functions import Memory, tool
from memos.tools.conversation import Page, Words


@tool(budget=3, keeps=True)
def archival_memory_insert(memory: Memory, content: Annotated[str, Field(min_length=2, max_length=600)]) -> str:
    """keep a longer note."""
    return memory.insert_archival(content)


@tool(budget=8, time_limit=60)
def archival_memory_search(memory: Memory, query: Words, page: Page = 0) -> str:
    """find notes and passages of the user's documents."""
    return memory.search_archival(query, page)
