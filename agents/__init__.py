"""Programs: agents built from kernel and drivers, and the Python API of memos.

`Agent` is the composition root: the one place where kernel and drivers meet. Shells see agents and events only.
"""

from memos.agents.agent import Agent, Reply
from memos.agents.async_agent import AsyncAgent
from memos.agents.memory import Blocks
from memos.agents.sessions import Sessions

__all__ = ["Agent", "AsyncAgent", "Blocks", "Reply", "Sessions"]
