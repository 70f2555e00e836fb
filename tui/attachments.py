"""Files named in a message with `@path`: a short text is attached, anything else is read into archival memory.

Owns that distinction. It does not know how a document is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SHORT = 2000  # bytes of a text that goes with the message
_NAMED = re.compile(r"(?<!\S)@(\S+)")


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a message that names files.

    Args:
        text: the message, with short texts attached.
        ingest: what is read into archival memory first.
        missing: names of files that are not there.
    """

    text: str
    ingest: tuple[Path, ...]
    missing: tuple[str, ...]


def plan(text: str) -> Plan:
    """Look at the files that a message names. A name such as `@ada` that looks like no path stays text."""
    attached, ingest, missing = [], [], []
    for name in dict.fromkeys(_NAMED.findall(text)):
        path = Path(name).expanduser()
        if not path.exists():
            if "/" in name or "." in name.strip("."):
                missing.append(name)
            continue
        content = _short_text(path)
        if content is None:
            ingest.append(path)
        else:
            attached.append(f"{path.name}:\n{content.rstrip()}")
    return Plan("\n\n".join([text, *attached]), tuple(ingest), tuple(missing))


def _short_text(path: Path) -> str | None:
    """A file's text if it is a short one; None otherwise."""
    try:
        if not path.is_file() or path.stat().st_size > SHORT:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
