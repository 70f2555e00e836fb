"""The conversation as a whole, as a part of the Python API: `agent.history`.

Reading it, going back in it, and giving it away as a file. It holds no state; how a turn goes is the controller's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from memos.errors import InputError
from memos.events import Event
from memos.kernel import Kernel
from memos.messages import SPOKEN, Kind, Message, Passage, State

if TYPE_CHECKING:
    from memos.storage.database import AgentStorage

Alone = Callable[[Callable[[], Iterable[Event]]], tuple[Event, ...]]
FORMATS = ("markdown", "json")
_NUMBER = re.compile("[0-9]{1,18}")  # of a message; more digits no database takes


class AgentHistory:
    """Every message of an agent, and the way back.

    Args:
        kernel: of the agent.
        stored: what is stored of it.
        alone: runs something while no turn does, and gives its events.
    """

    def __init__(self, kernel: Kernel, stored: AgentStorage, alone: Alone) -> None:
        self._kernel, self._stored, self._alone = kernel, stored, alone

    def page(self, *, before_id: int | None = None, from_id: int | None = None, limit: int = 50) -> list[Message]:
        """Some messages in their order: the newest, the last before `before_id`, or the first from `from_id` on."""
        return self._stored.recall.page(before_id=before_id, from_id=from_id, limit=limit)

    def get(self, message_id: int) -> Message | None:
        """The message with this id, or None."""
        return self._stored.recall.get(message_id)

    def last_asked(self) -> Message | None:
        """The user's newest message; None where there is none, or it is forgotten."""
        newest = self._stored.recall.page(limit=1, kinds=(Kind.USER,))
        return newest[0] if newest and newest[0].state is not State.FORGOTTEN else None

    def number(self, named: str = "") -> int:
        """The id of a message as a user names it.

        Args:
            named: `7` or `recall:7`; empty: the last that they said.

        Raises:
            InputError: it is no number, or nothing was said yet, or that is forgotten.
        """
        number = named.removeprefix("recall:")
        if named and not _NUMBER.fullmatch(number):
            raise InputError(f"{named!r} is no message; write its number, as in recall:7.")
        last = None if named else self.last_asked()
        if not named and last is None:
            raise InputError("Nothing was said yet, or it is forgotten.")
        return last.id if last else int(number)

    def asked(self, limit: int = 200) -> list[str]:
        """What the user said last, oldest first, without what is forgotten."""
        newest = self._stored.recall.page(limit=limit, kinds=(Kind.USER,))
        return [message.content for message in newest if message.state is not State.FORGOTTEN]

    def rewind(self, message_id: int) -> tuple[Event, ...]:
        """Take back a message of the user and everything after it, as if it had not been said.

        One transaction: messages, what was noted of them, their edits of blocks, and the page-outs they caused. What
        was taken back stays in the database, out of every search. The tokens before it stay in the cache.

        Raises:
            InputError: there is no such message, or a turn is running; nothing is changed.
        """
        return self._alone(lambda: self.taken_back(message_id))

    def taken_back(self, message_id: int) -> Iterator[Event]:
        """What `rewind` does, for a caller that is alone already."""
        message = self._stored.recall.get(message_id)
        if message is None or message.state is State.REWOUND:
            raise InputError(f"There is no message recall:{message_id} to go back to.")
        self._stored.history.rewind(self._stored.history.turn_start(message_id))
        yield from self._kernel.by_hand.rewound()

    def export(self, form: str = "markdown") -> str:
        """The conversation as a document.

        Args:
            form: `markdown` (what was said, and the notes) or `json` (all messages, blocks, notes and the summary).

        Raises:
            InputError: there is no such form.
        """
        return exported(self._stored, form)


def exported(stored: AgentStorage, form: str) -> str:
    """What is stored of an agent as a document; see `AgentHistory.export`."""
    if form not in FORMATS:
        raise InputError(f"There is no form {form!r}; write {' or '.join(FORMATS)}.")
    messages = stored.recall.since(0)
    notes = stored.archival.notes()
    return _markdown(stored.name, messages, notes) if form == "markdown" else _json(stored, messages, notes)


def _markdown(name: str, messages: Sequence[Message], notes: Sequence[Passage]) -> str:
    who = {Kind.USER: "You", Kind.SPEECH: name}  # unless somebody else spoke, in a talk that was imported
    parts = [f"# {name}\n"]
    for message in messages:
        if message.kind in SPOKEN:
            when = f"{message.created_at.astimezone():%Y-%m-%d %H:%M}"
            cut = " (cut off)" if message.state is State.CUT else ""
            parts.append(f"## {message.speaker or who[message.kind]} · {when}{cut}\n\n{message.content}\n")
    if notes:
        lines = (" ".join(note.text.split()) for note in notes)
        parts.append("## Notes\n\n" + "".join(f"- {line}\n" for line in lines))
    return "\n".join(parts)


def _json(stored: AgentStorage, messages: Sequence[Message], notes: Sequence[Passage]) -> str:
    rows = [
        {
            "id": message.id,
            "kind": str(message.kind),
            "speaker": message.speaker,
            "state": str(message.state),
            "turn": message.turn,
            "created_at": message.created_at.isoformat(),
            "content": message.content,
        }
        for message in messages
    ]
    whole = {
        "agent": stored.name,
        "blocks": [asdict(block) for block in stored.state.blocks()],
        "summary": stored.state.summary(),
        "in_view_from": stored.state.queue_start(),
        "notes": [
            {
                "id": note.id,
                "location": note.location,
                "created_at": note.created_at.isoformat(),
                "content": note.text,
            }
            for note in notes
        ],
        "messages": rows,
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
