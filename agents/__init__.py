"""Programs: agents built from kernel and drivers, and the Python API of memos.

`Agent` is the composition root: the one place where kernel and drivers meet. Shells see agents and events only.
"""

from memos.agents.agent import Agent, Blocks, Reply
from memos.agents.async_agent import AsyncAgent

__all__ = ["Agent", "AsyncAgent", "Blocks", "Reply"]
