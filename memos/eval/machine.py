"""What every result carries: the machine, the versions and the command."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

LIBRARIES = (
    "memos-local",
    "llama-cpp-python",
    "llguidance",
    "lancedb",
    "sentence-transformers",
    "torch",
    "sqlalchemy",
)


def describe(command: str) -> dict[str, Any]:
    """Machine, versions, command and time of a run."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "machine": {
            "processor": processor,
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": platform.platform(),
        },
        "versions": {"python": sys.version.split()[0], **{name: version(name) for name in LIBRARIES}},
        "command": command,
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }
