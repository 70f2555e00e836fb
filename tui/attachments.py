"""Files named in a message with `@path`: a short text is attached, anything else is read into archival memory.

Owns that distinction, and what counts as a name. It does not know how a document is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from memos.errors import InputError
from memos.paths import expanded

SHORT = 2000  # bytes of a text that goes with the message
# `@name`, or `@"a name"`; what stands before it may open a bracket.
_NAMED = re.compile(r"""(?<![^\s(\[{"'])@(?:"([^"\n]+)"|(\S+))""")
_BEHIND = ".,;:!?)]}\"'"  # ends a sentence or closes a bracket rather than belongs to a name
# Endings by which a name is that of a file even where there is none.
_ENDING = re.compile(
    r"\.(txt|text|md|markdown|rst|tex|log|pdf|docx?|pptx?|xlsx?|odt|rtf|epub|x?html?|xml|eml|mbox|msg|[ct]sv|jsonl?|ipynb"
    r"|ya?ml|toml|ini|cfg|py|c|h|cc|cpp|hpp|cs|css|go|java|[jt]sx?|kt|rb|rs|php|pl|sh|sql|swift)",
    re.IGNORECASE,
)


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
    """Look at the files that a message names. A name such as `@ada.lovelace` that looks like no path stays text."""
    attached, ingest, missing = [], [], []
    for quoted, plain in dict.fromkeys(_NAMED.findall(text)):
        name, path = (quoted, _there(quoted)) if quoted else _without_the_sentence(plain)
        if path is None:
            if quoted or _is_path(name):
                missing.append(name)
            continue
        content = _short_text(path)
        if content is None:
            ingest.append(path)
        else:
            attached.append(f"{path.name}:\n{content.rstrip()}")
    return Plan("\n\n".join([text, *dict.fromkeys(attached)]), tuple(dict.fromkeys(ingest)), tuple(missing))


def _there(name: str) -> Path | None:
    """The file or folder of this name, if there is one."""
    try:
        path = expanded(name)
        return path if path.exists() else None
    except (OSError, InputError):  # such a name cannot be looked up
        return None


def _without_the_sentence(name: str) -> tuple[str, Path | None]:
    """A name and what is there; what ends the sentence behind it is part of it only where such a file is there."""
    bare = name.rstrip(_BEHIND)
    while name != bare and bare:
        if path := _there(name):
            return name, path
        name = name[:-1]
    return name, _there(name)


def _is_path(name: str) -> bool:
    """Whether a name of nothing that is there is meant as a file's: by its ending, or since its folder is there."""
    folder, slash, _ = name.rpartition("/")
    return _ENDING.fullmatch(Path(name).suffix) is not None or (slash != "" and _there(folder + slash) is not None)


def _short_text(path: Path) -> str | None:
    """A file's text if it is a short one; None otherwise."""
    try:
        if not path.is_file() or path.stat().st_size > SHORT:
            return None
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
