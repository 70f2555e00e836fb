"""Forgetting: the words of a message or a note, wherever they are kept, within one transaction.

Rows stay, so that turns, roles and pointers stay valid; their words go. What counts as the same words: whole messages,
whole notes, whole lines of blocks, and these where the kernel says them. A summary that was made of them is not
searched. It does not know what is in view.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from memos.messages import Call, Kind, State
from memos.storage.index import DELETE, MESSAGE, PASSAGE, enqueue
from memos.storage.schema import SPOKEN_KINDS, AgentRow, BlockHistoryRow, BlockRow, CallRow, MessageRow, PassageRow
from memos.storage.sql import in_parts

FORGOTTEN = "(forgotten)"
BLOCK_SAYS = "now says: "  # behind it stand the lines of a block, in what tells of an edit
DICTATES = 'Tell the person: "'  # behind it stands what the model says then, in what tells it to


def forget_message(session: Session, agent_id: int, message_id: int) -> list[int]:
    """Destroy the words of a message, its notes, what shows or repeats any of these, and what was said with it.

    Returns:
        Ids of the messages whose words are gone.
    """
    mine = (MessageRow.agent_id == agent_id, MessageRow.id == message_id)
    quoting = (PassageRow.agent_id == agent_id, PassageRow.location == f"recall:{message_id}")
    said = list(session.scalars(select(MessageRow.content).where(*mine)))
    notes = {row.id: row.content for row in session.scalars(select(PassageRow).where(*quoting))}
    remove_notes(session, list(notes))
    pointers = [f"recall:{message_id}", *(f"archival:{note}" for note in notes)]
    return _destroy(session, agent_id, [message_id], pointers, [*said, *notes.values()])


def forget_note(session: Session, agent_id: int, passage_id: int) -> list[int]:
    """Destroy a note, and what shows or repeats it; returns as `forget_message` does."""
    mine = (PassageRow.agent_id == agent_id, PassageRow.document_id.is_(None), PassageRow.id == passage_id)
    texts = list(session.scalars(select(PassageRow.content).where(*mine)))
    remove_notes(session, [passage_id] if texts else [])
    return _destroy(session, agent_id, [], [f"archival:{passage_id}"], texts)


def remove_notes(session: Session, notes: Sequence[int]) -> None:
    """Remove notes by id, from the search index as well."""
    enqueue(session, PASSAGE, notes, DELETE)
    for some in in_parts(notes):
        session.execute(delete(PassageRow).where(PassageRow.id.in_(some)))


def _repeated(session: Session, agent_id: int, words: Collection[str]) -> Iterator[int]:
    """Ids of the messages that are these words: what was said twice, and what an answer anew has taken back."""
    spoken = (MessageRow.agent_id == agent_id, MessageRow.kind.in_(SPOKEN_KINDS))
    for number, content in session.execute(select(MessageRow.id, MessageRow.content).where(*spoken)):
        if _spaced(content) in words:
            yield number


def _said_with(session: Session, agent_id: int, ids: Collection[int]) -> Iterator[int]:
    """Ids of the alerts and pages of these messages' turns, and of what was taken back there: nothing shows that any
    more, so nobody can have it forgotten."""
    mine = MessageRow.agent_id == agent_id
    turns = select(MessageRow.turn).where(mine, MessageRow.id.in_(ids))
    back = MessageRow.kind.in_(SPOKEN_KINDS) & (MessageRow.state == State.REWOUND)
    of_turns = (mine, MessageRow.turn.in_(turns), MessageRow.kind.in_(["alert", "page"]) | back)
    yield from session.scalars(select(MessageRow.id).where(*of_turns))


def _dictated(session: Session, agent_id: int, words: Collection[str]) -> Iterator[int]:
    """Ids of the alerts in which the kernel has the model say one of these texts, and of what it said then."""
    mine = MessageRow.agent_id == agent_id
    alerts = (mine, MessageRow.kind == Kind.ALERT, MessageRow.content.contains(DICTATES, autoescape=True))
    for alert in session.scalars(select(MessageRow).where(*alerts)):
        says = alert.content.partition(DICTATES)[2].removesuffix('"')
        if _has_one_of(says, words):
            yield alert.id
            said = (mine, MessageRow.turn == alert.turn, MessageRow.kind == Kind.SPEECH)
            yield from session.scalars(
                select(MessageRow.id).where(*said, MessageRow.content.startswith(says, autoescape=True))
            )


def _destroy(
    session: Session, agent_id: int, ids: Collection[int], pointers: Sequence[str], texts: Sequence[str]
) -> list[int]:
    """Take the words out of messages, of what shows one of the pointers, and of what repeats one of the texts."""
    marks = [f"[{pointer} " for pointer in pointers]
    words = {_spaced(text) for text in texts if text.strip()}
    ids = {*ids, *_repeated(session, agent_id, words)}
    ids |= {*_said_with(session, agent_id, ids), *_dictated(session, agent_id, words)}
    _from_blocks(session, agent_id, marks, words)
    shows = or_(*(MessageRow.content.contains(mark, autoescape=True) for mark in marks))
    tells = or_(shows, MessageRow.content.contains(BLOCK_SAYS, autoescape=True))
    kernels = MessageRow.kind.in_([str(kind) for kind in (Kind.PAGE, Kind.RESULT, Kind.ALERT)]) & tells
    mine = MessageRow.agent_id == agent_id
    gone = []
    for row in session.scalars(select(MessageRow).where(mine, or_(MessageRow.id.in_(ids), kernels))):
        if row.id in ids or any(mark in row.content for mark in marks) or _says_block_with(row.content, words):
            row.content, row.terms = FORGOTTEN, b""
            row.state = row.state if row.state == State.REWOUND else str(State.FORGOTTEN)
            gone.append(row)
    called = select(MessageRow, CallRow).join(CallRow, CallRow.message_id == MessageRow.id).where(mine)
    gone += [row for row, call in session.execute(called) if _from_call(row, call, words)]
    for row in gone:
        row.token_ids, row.tokens = (), 0
    enqueue(session, MESSAGE, [row.id for row in gone], DELETE)
    return [row.id for row in gone]


def _from_blocks(session: Session, agent_id: int, marks: Collection[str], words: Collection[str]) -> None:
    """Take lines out of the blocks, of their former texts, and of their copies in the prompt."""

    def without(text: str) -> str:
        lines = text.split("\n")
        return "\n".join(line for line in lines if not (_spaced(line) in words or any(mark in line for mark in marks)))

    for row in session.scalars(select(BlockRow).where(BlockRow.agent_id == agent_id)):
        row.text = without(row.text)
    for former in session.scalars(select(BlockHistoryRow).where(BlockHistoryRow.agent_id == agent_id)):
        former.former = without(former.former)
    agent = session.get_one(AgentRow, agent_id)
    if blocks := agent.prompt.get("blocks"):
        written = [[label, without(text), *rest] for label, text, *rest in blocks]
        agent.prompt = {**agent.prompt, "blocks": written}


def _from_call(row: MessageRow, call: CallRow, words: Collection[str]) -> bool:
    """Take what the model saved or replaced in these words out of its call; returns whether there was any."""
    arguments = {
        name: FORGOTTEN if isinstance(value, str) and _spaced(value) in words else value
        for name, value in call.arguments.items()
    }
    if arguments == call.arguments:
        return False
    call.arguments, row.content = arguments, Call(call.name, arguments).text
    return True


def _says_block_with(content: str, words: Collection[str]) -> bool:
    """Whether a text tells what a block says, with one of these lines in it; the last line may be cut."""
    lines = [_spaced(line) for line in content.partition(BLOCK_SAYS)[2].split("\n")]
    last = lines[-1].removesuffix(" …")
    cut = last != lines[-1] and last and any(text.startswith(last) for text in words)
    return bool(cut) or any(line in words for line in lines)


def _has_one_of(says: str, words: Collection[str]) -> bool:
    """Whether what the kernel dictates has one of these texts in it; where it quotes one alone, that may be cut."""
    spaced = _spaced(says)
    last = spaced.removesuffix("”").rpartition("“")[2]
    if last.endswith(" …") and any(text.startswith(last.removesuffix(" …")) for text in words):
        return True
    return any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", spaced) for text in words)


def _spaced(text: str) -> str:
    """A text as a line of a block has it."""
    return " ".join(text.split())
