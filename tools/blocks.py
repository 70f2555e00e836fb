"""Editing the working context; "core memory" is its name in the functions that models know."""

from typing import Annotated

from pydantic import Field

from memos.functions import Memory, tool

Fact = Annotated[str, Field(min_length=2, max_length=100)]


@tool(budget=1, keeps=True)
def core_memory_append(memory: Memory, label: str, content: Fact) -> str:
    """save a short fact in a block that is always in view."""
    return memory.append_block(label, content)


@tool(budget=1, keeps=True)
def core_memory_replace(memory: Memory, label: str, old_content: str, new_content: Fact) -> str:
    """correct a line of a block."""
    return memory.replace_block(label, old_content, new_content)
