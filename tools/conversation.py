"""Speaking, and searching what was said."""

from typing import Annotated

from pydantic import Field

from memos.functions import Memory, tool
from memos.speech import NO_WORD

Words = Annotated[str, Field(min_length=2, max_length=120)]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]$")]
# Speech begins with a word: left to itself, a small model opens with the brackets of the notes it reads.
Speech = Annotated[str, Field(pattern=rf"^[^{NO_WORD}]")]
Page = Annotated[int, Field(ge=0, le=999)]


@tool
def send_message(message: Speech) -> str:
    """say this to the user and end your turn."""
    return message


@tool(budget=2, time_limit=60)
def conversation_search(memory: Memory, query: Words, page: Page = 0) -> str:
    """find earlier messages by words."""
    return memory.search_recall(query, page)


@tool(budget=2, time_limit=60)
def conversation_search_date(memory: Memory, start_date: Date, end_date: Date, page: Page = 0) -> str:
    """list messages between two days, YYYY-MM-DD."""
    return memory.search_recall_by_date(start_date, end_date, page)
