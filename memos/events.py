"""The event stream: everything that an observer (shell, `--json`, log, test) can know of a running agent.

One frozen dataclass an event; `to_json` gives the form that `--json` prints. This module knows nothing else of
ours but the values an event carries.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from memos.messages import EvictionReason, EvictionSource

Asked = Literal["fact", "ask", "keep", "answer", "change", "forget"]  # what the kernel asks of a sentence
Editor = Literal["assistant", "user", "kernel", "undo"]  # who changed a block; `undo`: the user took a change back
Moved = Literal["eviction", "hide", "restore", "forget", "rewind", "grown", "start"]  # why the prompt's beginning did
Way = Literal["exact", "shift"]  # what stays behind an eviction is read again, or moved and not read
Purpose = Literal["call", "summary", "eviction", "ahead", "reading"]  # of a pass through the model
Level = Literal["section", "part", "document", "folder"]  # of a summary's hierarchy


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""

    def to_json(self) -> dict[str, Any]:
        """The event as plain values, with its class's name under `event`."""
        return {"event": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Repaired(Event):
    """The last process ended in the middle of something; this is what was put right at start."""

    what: str


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something that the user should know and that stops nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """`tokens` of a prompt came back into the cache from a snapshot and are not read again. `sequence`: 0 is the
    agent's own, the others are the probes'."""

    tokens: int
    sequence: int


@dataclass(frozen=True, slots=True)
class MessageStored(Event):
    """The user's message is committed to recall storage."""

    message_id: int
    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Work that takes a while: `done` of `total` units (`tokens`, `notes`). `task` says what, e.g. `reading`."""

    task: str
    done: int
    total: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class PagedIn(Event):
    """The kernel put memory into the queue by itself."""

    message_id: int
    sources: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Probed(Event):
    """The kernel asked the model about one sentence of the user, beside the resident context.

    Args:
        question: `fact` (a lasting fact about the user?), `ask` (does it ask for what was told?), `keep` (does it ask
            to keep something?), `answer` (of a note or message: does it tell what is asked?), `change` or `forget`
            (is what is noted to be corrected, or forgotten?).
        sentence: the sentence.
        probability: of yes.
        evaluated: tokens that the question cost.
        led_to: where it was kept, corrected or forgotten (`block user and archival:3`), `prefetch`, `saving` (the model
            may save it), `answer`, or empty.
    """

    question: Asked
    sentence: str
    probability: float
    evaluated: int
    led_to: str

    @property
    def noted_in(self) -> str:
        """Where the sentence was noted, as a fact or since it asked for that; empty if it was not."""
        return self.led_to if self.question in ("fact", "keep") and self.led_to != "saving" else ""


@dataclass(frozen=True, slots=True)
class SpeechDelta(Event):
    """More words of what the assistant says. They are committed before this event."""

    message_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Speech(Event):
    """What the assistant said, whole. `cut`: it ended early (cancelled, or no room)."""

    message_id: int
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CallStarted(Event):
    """The model called a function; the call is committed, the function has not run yet."""

    message_id: int
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConsentAsked(Event):
    """A call waits for the user, since documents are quoted in view; the answer comes with `ConsentGiven`.

    Args:
        message_id: of the call, which is committed and has not run.
        name: of the function.
        arguments: as the model gave them.
        sources: the documents that are quoted.
    """

    message_id: int
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentGiven(Event):
    """The call runs (`allowed`), or the model is told that the user did not allow it."""

    message_id: int
    name: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class CallFinished(Event):
    """A function returned (`ok`), or failed; either way the model reads `result`."""

    message_id: int
    name: str
    ok: bool
    result: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CallInvalid(Event):
    """What the model generated is no call that can be run; it was told so."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class BlockEdited(Event):
    """A block of the working context changed."""

    label: str
    before: str
    after: str
    by: Editor


@dataclass(frozen=True, slots=True)
class PressureWarning(Event):
    """The main context is filling up."""

    pressure: float
    used: int
    usable: int


@dataclass(frozen=True, slots=True)
class Evicted(Event):
    """Messages left the queue. They stay in recall storage, under these ids.

    Args:
        first_id: of the oldest that left.
        last_id: of the newest.
        messages: how many.
        tokens: how many were freed.
        summary: what stands for everything that has left.
        source: who wrote it.
        reason: why.
        way: what became of the rest.
    """

    first_id: int
    last_id: int
    messages: int
    tokens: int
    summary: str
    source: EvictionSource
    reason: EvictionReason
    way: Way = "exact"


@dataclass(frozen=True, slots=True)
class Hidden(Event):
    """A message of the queue is out of view until it is restored; its `tokens` are free."""

    message_id: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Restored(Event):
    """A hidden message is in view again. `spared`: its keys and values came back, and nothing is read."""

    message_id: int
    tokens: int
    spared: bool


@dataclass(frozen=True, slots=True)
class PrefixMoved(Event):
    """The prompt no longer begins with what it was: the declared exceptions of the prefix invariant.

    Args:
        reason: what moved it.
        kept: tokens of the old prompt that the new one still begins with.
    """

    reason: Moved
    kept: int


@dataclass(frozen=True, slots=True)
class Grown(Event):
    """The conversation outgrew its window and moved to a larger one, where it is read again.

    Args:
        before: tokens of the window that it had.
        window: tokens of the window that it has.
        method: how positions beyond the training are reached; `shared` where another agent on the model
            needed it first.
    """

    before: int
    window: int
    method: str


@dataclass(frozen=True, slots=True)
class Step(Event):
    """One pass through the model ended: the cost of a call, a summary or an eviction, in tokens.

    Args:
        purpose: what it was for; `eviction`: the prompt as it is behind the summary, `ahead`: of the next turn,
            `reading`: of what is paged in.
        evaluated: prompt tokens that were evaluated.
        reused: prompt tokens that were resident.
        generated: tokens that were generated.
        decodes: decoder passes for these.
        seconds: wall time.
    """

    purpose: Purpose
    evaluated: int
    reused: int
    generated: int
    decodes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnFinished(Event):
    """The turn is over and the agent waits.

    Args:
        turn: its number.
        text: what the assistant said, in one piece.
        reason: `spoke`, `cancelled` or `failed`.
        steps: calls that the model made, speech included.
        used: tokens in use at the end.
        usable: tokens that could be.
        seconds: wall time.
    """

    turn: int
    text: str
    reason: str
    steps: int
    used: int
    usable: int
    seconds: float


@dataclass(frozen=True, slots=True)
class PagesShown(Event):
    """Pages of documents were put before the model. `pages`: their ids, `archival:7`, in the order shown."""

    question: str
    pages: tuple[str, ...]
    evaluated: int


@dataclass(frozen=True, slots=True)
class Rewritten(Event):
    """A question that leans on what was said before it is asked of memory so that it can be understood alone."""

    question: str
    alone: str


@dataclass(frozen=True, slots=True)
class TakenApart(Event):
    """A question that nothing tells at once is answered in two steps. `rest`: what is left when `first` is answered,
    with `_` where its answer goes."""

    question: str
    first: str
    rest: str


@dataclass(frozen=True, slots=True)
class Unsaid(Event):
    """A sentence of an answer was not said, and the answer ends before it: it has these words, which nobody told, or
    which say it as the user would."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged(Event):
    """The model was asked whether what it has read tells the answer.

    Args:
        question: what is asked.
        probability: of yes.
        evaluated: tokens of the prompt.
        sources: what was read apart, by ids.
    """

    question: str
    probability: float
    evaluated: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberReported(Event):
    """One of `of` members of a team has read its part of a document. `text`: its answer, empty where it has none."""

    member: int
    of: int
    text: str
    pages: tuple[str, ...]
    evaluated: int


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """Members contradicted each other, and the pages that they cite were read again, together."""

    claims: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Digested(Event):
    """A part of a summary's hierarchy is there. `reused`: it was stored, and nothing was evaluated.

    Args:
        id: `digest:…`.
        level: of what; a `part` is of a document.
        name: of what.
        reused: whether it was stored.
        evaluated: tokens.
    """

    id: str
    level: Level
    name: str
    reused: bool
    evaluated: int
