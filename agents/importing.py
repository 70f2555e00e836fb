"""What is kept elsewhere of a conversation, as a past: an agent that memos exported, a history of ChatGPT or Claude.

Owns what these files look like, which is told from what they hold and not from their names. It does not know how a past
is stored. Of an agent, what people said, the notes, the blocks and the summary come back; the kernel's own traffic,
function calls and pages, was of a window that is gone. Of another assistant, what user and assistant said to each other
comes, on the branch that was read last; files, images and its tools' traffic do not.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from memos.errors import InputError
from memos.messages import SPOKEN, Block, Kind, Passage, Past, State, Told

MOST_BYTES = 2 << 30  # of what is read into memory; years of talk are a tenth of it
MOST_SECONDS = 1 << 36  # since 1970: some two thousand years
_WITHIN = re.compile(r"(?:.*/)?conversations[^/]*\.json")  # of an archive; large ones come in several parts
# What ChatGPT writes where it shows a link: private characters round what is no text, or a bracket with a dagger.
_CITED = re.compile("\ue200[^\ue201]*\ue201|【[^】]*†[^】]*】")
_SENDERS = {"user": Kind.USER, "human": Kind.USER, "assistant": Kind.SPEECH}


# ------------------------------------------------------------------------------------------ what is there


class _Said(BaseModel):
    id: int
    kind: Kind
    state: State = State.DONE
    speaker: str = ""
    created_at: datetime
    content: str


class _Note(BaseModel):
    id: int
    location: str = ""
    created_at: datetime
    content: str


class _Block(BaseModel):
    label: str = Field(pattern="^[a-z][a-z0-9_]{0,63}$")
    text: str
    limit: int = Field(gt=0)
    description: str = ""


class _Agent(BaseModel):
    """As `AgentHistory.export("json")` writes it."""

    agent: str
    blocks: list[_Block] = []
    summary: str = ""
    in_view_from: int | None = None
    notes: list[_Note] = []
    messages: list[_Said]


class _Author(BaseModel):
    role: str


class _Content(BaseModel):
    content_type: str = "text"
    parts: list[Any] = []


class _Message(BaseModel):
    author: _Author
    create_time: float | None = None
    content: _Content = _Content()
    recipient: str = "all"
    metadata: dict[str, Any] = {}


class _Node(BaseModel):
    parent: str | None = None
    message: _Message | None = None


class _Tree(BaseModel):
    """A conversation with ChatGPT: every answer that was asked for anew is a branch."""

    mapping: dict[str, _Node]
    current_node: str | None = None
    create_time: float | None = None


class _Piece(BaseModel):
    type: str = ""
    text: str | None = None


class _Line(BaseModel):
    sender: str
    text: str = ""
    content: list[_Piece] = []
    created_at: datetime | None = None


class _Lines(BaseModel):
    """A conversation with Claude."""

    chat_messages: list[_Line]
    created_at: datetime | None = None


_Known = _Agent | list[_Tree | _Lines]


# ------------------------------------------------------------------------------------------------ reading


def read_past(path: str | Path) -> Past:
    """What a file has of a past.

    Args:
        path: an agent as `memos agents export --json` prints it, or what ChatGPT or Claude export:
            `conversations.json`, or the archive that has it.

    Raises:
        InputError: it cannot be read, or holds nothing of the kind.
    """
    try:
        found = [_parsed(text, str(path)) for text in _texts(Path(path))]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:  # the last: it is encrypted
        raise InputError(f"{path} is a damaged or encrypted archive.") from error
    if len(found) == 1 and isinstance(found[0], _Agent):
        return _past(found[0])
    talks = [list(_told(one)) for part in found if isinstance(part, list) for one in part]
    in_order = sorted(filter(None, talks), key=lambda talk: talk[0].said_at)
    if not in_order:
        raise InputError(f"Nobody says anything in {path}.")
    return Past(tuple(chain.from_iterable(in_order)))


def _texts(path: Path) -> Iterator[bytes]:
    if not zipfile.is_zipfile(path):
        if path.stat().st_size > MOST_BYTES:
            raise _too_large(path)
        yield path.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        parts = sorted(
            (one for one in archive.infolist() if _WITHIN.fullmatch(one.filename)), key=lambda one: one.filename
        )
        if not parts:
            raise InputError(f"There is no conversations.json in {path}.")
        if sum(part.file_size for part in parts) > MOST_BYTES:
            raise _too_large(path)
        yield from map(archive.read, parts)


def _too_large(path: Path) -> InputError:
    return InputError(f"{path} holds more than {MOST_BYTES >> 30} GiB of conversations.")


def _parsed(text: bytes, path: str) -> _Known:
    known: TypeAdapter[_Known] = TypeAdapter(_Known)
    try:
        return known.validate_json(text)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise InputError(
                f"{path} is not JSON; `memos agents export AGENT --json` prints what can be imported."
            ) from error
        raise InputError(
            f"{path} is neither an agent as `memos agents export AGENT --json` prints it, "
            "nor a conversations.json of ChatGPT or Claude."
        ) from error


def _past(agent: _Agent) -> Past:
    kept = (one for one in agent.messages if one.kind in SPOKEN and one.state in (State.DONE, State.CUT))
    said = sorted(kept, key=lambda one: one.id)
    start = agent.in_view_from
    return Past(
        told=tuple(Told(one.kind, one.content, one.created_at, one.speaker, one.state) for one in said),
        ids=tuple(one.id for one in said),
        notes=tuple(Passage(one.id, one.content, "", one.location, one.created_at) for one in agent.notes),
        blocks=tuple({one.label: Block(**one.model_dump()) for one in agent.blocks}.values()),
        summary=agent.summary,
        in_view=0 if start is None else sum(one.id >= start for one in said),
    )


def _told(talk: _Tree | _Lines) -> Iterator[Told]:
    """What was said in a talk; what has no time of its own was said when what is before it was."""
    if isinstance(talk, _Tree):
        began, lines = _time(talk.create_time), iter(_branch(talk))
    else:
        began, lines = talk.created_at, _lines(talk)
    last = began or datetime(1970, 1, 1, tzinfo=UTC)
    for sender, text, said_at in lines:
        if sender in _SENDERS and (text := text.strip()):
            last = said_at or last
            yield Told(_SENDERS[sender], text, last)


_Spoken = tuple[str, str, datetime | None]


def _branch(talk: _Tree) -> Sequence[_Spoken]:
    """From the leaf that was shown last to the root, and back."""
    spoken: list[_Spoken] = []
    parents = {node.parent for node in talk.mapping.values()}
    at = talk.current_node or next((one for one in reversed(talk.mapping) if one not in parents), None)
    seen: set[str] = set()
    while at is not None and at in talk.mapping and at not in seen:
        seen.add(at)
        node = talk.mapping[at]
        if (one := node.message) is not None and _shown(one):
            text = "\n".join(part for part in one.content.parts if isinstance(part, str))
            spoken.append((one.author.role, _CITED.sub("", text), _time(one.create_time)))
        at = node.parent
    return spoken[::-1]


def _shown(message: _Message) -> bool:
    """Whether it is said to the other, and not to a tool."""
    hidden = message.metadata.get("is_visually_hidden_from_conversation")
    return message.recipient == "all" and not hidden and message.content.content_type in ("text", "multimodal_text")


def _lines(talk: _Lines) -> Iterator[_Spoken]:
    for line in talk.chat_messages:
        pieces = [piece.text for piece in line.content if piece.type == "text" and piece.text]
        yield line.sender, "\n".join(pieces) or line.text, line.created_at


def _time(seconds: float | None) -> datetime | None:
    if seconds is None or not 0 <= seconds < MOST_SECONDS:  # what is beyond is no time; NaN is neither
        return None
    return datetime.fromtimestamp(seconds, UTC)
