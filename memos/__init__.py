"""memos: a MemGPT-style agent as an operating system for one local model.

    from memos import Agent, tool

    with Agent.open("ada", model="qwen2.5-coder-1.5b", context=4096) as agent:
        print(agent.ask("Hi, I'm Ada. My dog is called Rex.").text)

Names are imported when they are first used, so that `import memos` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memos.agents import Agent, AsyncAgent, Reply
    from memos.errors import (
        AgentBusy,
        BlockError,
        DownloadFailed,
        IngestError,
        InputError,
        MemosError,
        ModelCorrupt,
        ModelError,
        ModelNotFound,
        StorageError,
        ToolError,
        WindowError,
    )
    from memos.functions import Memory, Tool, tool

__version__ = "0.1.0"

_WHERE = {
    **dict.fromkeys(("Agent", "AsyncAgent", "Reply"), "memos.agents"),
    **dict.fromkeys(("Memory", "Tool", "tool"), "memos.functions"),
    **dict.fromkeys(
        (
            "AgentBusy",
            "BlockError",
            "DownloadFailed",
            "IngestError",
            "InputError",
            "MemosError",
            "ModelCorrupt",
            "ModelError",
            "ModelNotFound",
            "StorageError",
            "ToolError",
            "WindowError",
        ),
        "memos.errors",
    ),
}

__all__ = [
    "Agent",
    "AgentBusy",
    "AsyncAgent",
    "BlockError",
    "DownloadFailed",
    "IngestError",
    "InputError",
    "Memory",
    "MemosError",
    "ModelCorrupt",
    "ModelError",
    "ModelNotFound",
    "Reply",
    "StorageError",
    "Tool",
    "ToolError",
    "WindowError",
    "tool",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'memos' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
