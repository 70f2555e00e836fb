"""The seams between the kernel and its drivers: what the kernel asks of a model and of storage.

The kernel imports these and never a driver; a driver implements one and never imports the kernel. Whoever
composes an agent (`memos.agents`, a test) brings the two together. This module knows only values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from memos.generation import Echo, Generated, Grammar, Parked, Piece, Reading, Sampling, Scaffold, Snapshot, Surprise
from memos.messages import Block, Call, Eviction, Found, Kind, Message, Origin, Passage, State

# ------------------------------------------------------------------------------------------- the model


class LanguageModel(Protocol):
    """A resident model with one context. Prompts are token ids; what they share is not read twice."""

    @property
    def name(self) -> str:
        """What the user calls it."""

    @property
    def fingerprint(self) -> str:
        """Identifies weights, tokenizer and template; token ids are valid under one fingerprint only."""

    @property
    def voice(self) -> str:
        """Identifies what it would say to a prompt: the fingerprint, adapters, and how positions are reached. To keep
        its words by; under another voice, it would say otherwise."""

    @property
    def window(self) -> int:
        """Tokens that prompt and reply together may have."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how it was opened, in sentences."""

    def grow(self) -> str:
        """Take the next larger window, on the same weights; nothing is resident afterwards.

        Returns:
            The name of the method by which its positions reach it; empty, and nothing has changed, where there is
            none.
        """

    @property
    def probe_room(self) -> int:
        """Tokens that a prompt of `choose` may have."""

    @property
    def scaffold(self) -> Scaffold:
        """The chat template's own tokens."""

    def tokenize(self, text: str) -> tuple[int, ...]:
        """Token ids of content. Control tokens in `text` stay text."""

    def generate(
        self,
        prompt: Sequence[int],
        grammar: Grammar,
        *,
        limit: int,
        sampling: Sampling,
        cancelled: Callable[[], bool],
        echoes: Sequence[Echo] = (),
        fork: bool = False,
    ) -> Iterator[Reading | Piece | Generated]:
        """Continue `prompt` by at most `limit` tokens; the last item is always one `Generated`.

        The resident context becomes `prompt` plus what was generated. A prompt that shares a prefix with
        what is resident costs only the tokens after it: rolling back is asking with a shorter prompt.

        Args:
            prompt: token ids from the start of the text.
            grammar: what may be generated.
            limit: tokens.
            sampling: how prose is chosen.
            cancelled: asked between tokens.
            echoes: what prose should not repeat.
            fork: leave the resident context as it is, and forget prompt and reply afterwards.

        Raises:
            WindowError: prompt and limit exceed the window.
        """

    def prepare(self, prompt: Sequence[int], cancelled: Callable[[], bool]) -> Iterator[Reading | int]:
        """Read a prompt that will be needed, beside the resident context, which stays as it is until `adopt`.

        What there is no room for is left out.

        Args:
            prompt: token ids from the start of the text.
            cancelled: ends the reading at once, in the middle of a batch; what was read is forgotten then.

        Returns:
            Progress; the last item is how many tokens were evaluated.
        """

    def adopt(self) -> None:
        """Make what was prepared the resident context. Where nothing was, it stays as it is."""

    def surprisal(
        self, prompt: Sequence[int], start: int, cancelled: Callable[[], bool]
    ) -> Iterator[Reading | tuple[Surprise, ...]]:
        """How surprising the tokens of a prompt are, each given what stands before it.

        Evaluated beside the resident context, which stays as it is.

        Args:
            prompt: token ids from the start of the text.
            start: the first token that is asked about, at least 1.
            cancelled: ends the reading.

        Returns:
            Progress; the last item is one `Surprise` a token from `start` on, and does not come where it was
            cancelled.
        """

    @property
    def shift_refusal(self) -> str:
        """Why `splice` would give wrong results with this model, as the end of a sentence; empty where it may be
        used."""

    def splice(self, start: int, stop: int, tokens: Sequence[int]) -> int:
        """Put `tokens` in the place of the resident tokens from `start` to `stop`.

        What follows is not read again: its keys are turned to their new positions (RoPE makes that a rotation). It
        is an approximation, since these keys and values have seen what is gone (docs/llama-cpp.md, 6; StreamingLLM,
        Xiao et al. 2023, arXiv 2309.17453).

        Returns:
            How many tokens were evaluated.
        """

    def choose(self, prompt: Sequence[int], options: Sequence[str], *, fork: bool = False) -> tuple[float, ...]:
        """Probabilities of `options` as the next token after `prompt`, normalised among themselves.

        Evaluated beside the resident context, which stays as it is. What a prompt shares with the last one
        given here is not read again, so a question asked of many sentences costs only the sentences.

        Args:
            prompt: a whole prompt of its own, at most `probe_room` tokens.
            options: texts that begin with different tokens.
            fork: read it where `generate` reads a fork, which does not read again what the two share, nor what either
                shares with what is resident or was asked before; it may have the whole window.
        """

    def keep(self, head: Sequence[int], cancelled: Callable[[], bool]) -> Iterator[Reading]:
        """Have the beginning of prompts where `choose` keeps what it read: a fork of `generate` that begins with it
        reads only the rest. Costs nothing while it is there.

        Args:
            head: at most `probe_room` tokens, from the start of the text.
            cancelled: ends the reading.

        Returns:
            Progress.
        """

    def park(self, start: int, stop: int) -> Parked | None:
        """Take the resident tokens from `start` to `stop` out, as if they were not there; the rest stays as it is.

        What follows keeps its keys and values, so it is not read again, though it has seen what is gone
        (docs/llama-cpp.md, 5; compare Sculptor, Li et al. 2025, arXiv 2508.04664).

        Returns:
            What `unpark` needs; None, and nothing is changed, if the model cannot.
        """

    def unpark(self, parked: Parked) -> bool:
        """Put tokens back where they were, exactly: nothing is computed. False, and nothing is changed, if what stands
        before them was rewritten since."""

    @property
    def snapshot_key(self) -> str:
        """Snapshots with another key are of no use."""

    @property
    def sequences(self) -> int:
        """How many sequences can be taken and restored: the resident context is 0, those of `choose` follow."""

    def resident(self, sequence: int = 0) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache."""

    def snapshot(self, sequence: int = 0, upto: int | None = None) -> Snapshot:
        """A copy of what is resident, of its first `upto` tokens alone if that is given; without a state where the
        model cannot give one."""

    def restore(self, snapshot: Snapshot, sequence: int = 0) -> bool:
        """Make a snapshot resident in place of what is; False, and nothing is resident, if it cannot be."""

    def claim(self, release: Callable[[], None]) -> bool:
        """Take the resident context over, before anything of it is read or changed. From any thread; of several who
        ask at once, one comes after the other.

        Args:
            release: called before somebody else takes it over, and not to claim it. It may refuse with an error of
                ours; then the context stays whose it is.

        Returns:
            Whether it was somebody else's, or nobody's.
        """

    def close(self) -> None:
        """Free the model, when the step is done that another thread may be in. It cannot be used afterwards; closing it
        again is fine."""


# ------------------------------------------------------------------------------------------- storage


class RecallStorage(Protocol):
    """Every message of one agent, for ever. What a method returns is committed."""

    def append(
        self,
        kind: Kind,
        content: str,
        *,
        turn: int,
        state: State = State.DONE,
        token_ids: Sequence[int] = (),
        model: str = "",
    ) -> Message:
        """Store a message and return it with its id."""

    def amend(
        self, message_id: int, *, content: str, state: State, token_ids: Sequence[int] = (), model: str = ""
    ) -> Message:
        """Replace a draft by more of it, or by its final form."""

    def discard(self, message_id: int) -> None:
        """Remove a draft of which nothing was shown."""

    def get(self, message_id: int) -> Message | None:
        """The message with this id, or None."""

    def since(self, first_id: int) -> list[Message]:
        """All messages from `first_id` on, oldest first."""

    def page(
        self, *, before_id: int | None = None, from_id: int | None = None, limit: int = 50, kinds: Sequence[Kind] = ()
    ) -> list[Message]:
        """Some messages in their order: the newest, the last before `before_id`, or the first from `from_id` on."""

    def last_spoken(self) -> Message | None:
        """The newest message of the user or the assistant, or None."""

    def last_turn(self) -> int:
        """The newest message's turn; 0 where there is none."""

    def count(self) -> int:
        """How many messages there are."""

    def search(
        self,
        query: str = "",
        *,
        limit: int = 10,
        offset: int = 0,
        kinds: Sequence[Kind] = (Kind.USER, Kind.SPEECH),
        start: datetime | None = None,
        end: datetime | None = None,
        before_id: int | None = None,
        speaker: str | None = None,
        asked_at: datetime | None = None,
    ) -> Found[Message]:
        """Messages by text, date or both, best first; without a query, newest first.

        Args:
            query: words; any of them may match, in any of their forms. Empty: all messages.
            limit: the most to return.
            offset: how many of the best to skip.
            kinds: which kinds to look at.
            start: not before this time (UTC, inclusive).
            end: before this time (UTC, exclusive).
            before_id: only messages with a smaller id.
            speaker: only of the one with this name.
            asked_at: what "last week" in the query is relative to; None: now.
        """

    def around(self, message_id: int, *, before: int = 2, after: int = 2) -> list[Message]:
        """What was said around a message of the user or the assistant, itself included, oldest first.

        Args:
            message_id: the message; of another kind, or not there, finds nothing.
            before: how many messages before it, of the same session.
            after: how many after it.
        """

    def record_call(self, message_id: int, result_id: int, call: Call, *, ok: bool, seconds: float) -> None:
        """Note that the call in `message_id` was answered by `result_id`."""

    def calls(self, turn: int) -> list[Call]:
        """The calls of a turn that succeeded, in their order."""


class Named(Protocol):
    """Something stored under a path."""

    @property
    def source(self) -> str:
        """Its path."""

    @property
    def copies(self) -> Sequence[str]:
        """Other paths with the same bytes."""


class ArchivalStorage(Protocol):
    """Passages that one agent can see: its own notes and the documents shared with it."""

    def insert(self, text: str, *, location: str = "") -> Passage:
        """Store a note of the agent. `location`: the message that it quotes, e.g. `recall:7`."""

    def put_away(self, ids: Sequence[int], *, by: int) -> None:
        """Let nothing find these notes any more, until the message `by`, which asked for it, is taken back."""

    def superseded(self, *, by: int = 0) -> frozenset[str]:
        """The texts of notes that were put away: what is not so any more. `by`: of those that this message put away."""

    def quoting(self, pointer: str) -> list[Passage]:
        """The notes that quote a message, oldest first. `pointer`: e.g. `recall:7`."""

    def search(
        self,
        query: str,
        *,
        limit: int = 10,
        offset: int = 0,
        source: str | None = None,
        origin: Origin | None = None,
        asked_at: datetime | None = None,
    ) -> Found[Passage]:
        """Passages by meaning and words, best first; an empty query finds the newest.

        Args:
            query: words.
            limit: the most to return.
            offset: how many of the best to skip.
            source: only passages of this document, or of those below this folder.
            origin: only notes, or only passages of documents; the others take nobody's place then.
            asked_at: what "last week" in the query is relative to; None: now.
        """

    def around(self, passage_id: int, *, before: int = 1, after: int = 1) -> list[Passage]:
        """A passage with those before and after it in its document; a note alone; nothing if there is none."""

    def get(self, passage_id: int) -> Passage | None:
        """The passage with this id, or None."""

    def count(self) -> int:
        """How many passages there are."""

    def read_document(self, source: str, *, limit: int = 10, offset: int = 0) -> Found[Passage]:
        """A document's passages in its order; `source`: its path."""

    def documents(self) -> Sequence[Named]:
        """The documents, by path."""

    def document_count(self) -> int:
        """How many documents there are, notes apart."""


class AgentState(Protocol):
    """What one agent is besides its messages: blocks, summary, and where its queue begins."""

    def blocks(self) -> list[Block]:
        """The working context, in its order."""

    def save_block(self, block: Block, *, by: str) -> None:
        """Create or change a block and keep its former text in the history. `by`: who did it."""

    def summary(self) -> str:
        """The recursive summary; empty before the first eviction."""

    def queue_start(self) -> int:
        """Id of the first message that is in the queue; 0 before the first eviction."""

    def written_back(self) -> list[Block]:
        """The blocks as they stand in the prompt; none before it was laid out."""

    def record_write_back(self, blocks: Sequence[Block]) -> None:
        """These blocks stand in the prompt now."""

    def record_eviction(self, eviction: Eviction, *, queue_start: int, blocks: Sequence[Block]) -> None:
        """Move the queue's start, replace the summary, and write the blocks back, in one transaction."""

    def hidden(self) -> list[int]:
        """Ids of the messages of the queue that are hidden."""

    def record_hidden(self, message_ids: Sequence[int]) -> None:
        """These are hidden now, and no others."""

    def unnoted(self) -> list[int]:
        """Ids of the messages in which facts are still to be looked for, oldest first."""

    def record_unnoted(self, message_ids: Sequence[int]) -> None:
        """In these, and no others, they are."""

    def evictions(self) -> list[Eviction]:
        """All page-outs so far, oldest first."""


class Embedder(Protocol):
    """Turns text into vectors of unit length."""

    @property
    def name(self) -> str:
        """Identifies model and version; vectors of two names are never compared."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        """One vector a text, in order. May be called by several threads at once.

        Args:
            texts: to embed.
            done: to be told how many of them are, where it takes long; what it raises ends the work, and is raised.
        """


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was when it was read.

    Args:
        sha256: of its bytes.
        size: in bytes; 0: not known.
        modified_ns: when it was last changed, in nanoseconds since 1970; 0: not known, or too fresh to rely on.
    """

    sha256: str
    size: int = 0
    modified_ns: int = 0


class Indexer(Protocol):
    """Where ingest puts passages: documents in, passages out, all or nothing a document."""

    def stored_files(self) -> Mapping[str, StoredFile]:
        """The files that are stored, by path, other paths of the same bytes included."""

    def store_document(
        self, source: str, sha256: str, passages: Sequence[tuple[str, str]], *, size: int = 0, modified_ns: int = 0
    ) -> int:
        """Replace a document by its passages `(text, location)` in one transaction; return how many."""

    def share_document(self, source: str, sha256: str, *, size: int = 0, modified_ns: int = 0) -> str | None:
        """Make a path known for bytes that are stored already; return their path, or None where they are not."""

    def remove_document(self, source: str) -> bool:
        """Remove a path, and the passages unless another path has the same bytes; False: it was not stored."""

    def note_job(self, source: str, outcome: str, reason: str = "", passages: int = 0) -> None:
        """Record what was done with a file that was not stored."""

    def index_pending(
        self, progress: Callable[[int, int], None] | None = None, *, follow: Callable[[], bool] | None = None
    ) -> int:
        """Bring the vector index up to date with SQL; return how many passages were embedded.

        Args:
            progress: told `(done, of)` now and then; what it raises ends the work, and nothing is lost.
            follow: asked, when little or nothing is left, whether more may come; may wait before it says so.
        """
