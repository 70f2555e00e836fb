"""Hiding messages that are in view and not needed now, and bringing them back. Offered where the setting says so."""

from typing import Annotated

from pydantic import Field

from memos.functions import Memory, tool

Words = Annotated[str, Field(min_length=2, max_length=60)]


@tool(budget=2)
def hide_messages(memory: Memory, words: Words) -> str:
    """hide a long message that has these words, to make room."""
    return memory.hide(words)


@tool(budget=2)
def restore_messages(memory: Memory, message: str) -> str:
    """bring a hidden message back."""
    return memory.restore(message)
