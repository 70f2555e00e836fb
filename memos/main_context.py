"""The main context: exactly the tokens that the model sees, segment by segment.

Owns the order of the prompt (instructions, working context, summary, queue) and the ledger. The
tokens only ever grow at the end, unless `rewrite` says so; that is the prefix invariant. It does not know why
something is in the queue, what is stored where, or when to evict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate

from memos.errors import WindowError
from memos.generation import shared_prefix
from memos.messages import Kind
from memos.protocols import LanguageModel

Tokens = tuple[int, ...]


class Side(Enum):
    """Who speaks, in the chat template's eyes. Results, alerts and pages come from the user's side."""

    USER = "user"
    MODEL = "model"


def side_of(kind: Kind) -> Side:
    """The template's side on which a kind of message stands."""
    return Side.MODEL if kind in (Kind.SPEECH, Kind.CALL) else Side.USER


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in the queue.

    Args:
        message_id: in recall storage.
        kind: what it is.
        turn: that it belongs to.
        tokens: as the model sees it, without scaffold; none while it is hidden.
        parked: its tokens while it is hidden.
    """

    message_id: int
    kind: Kind
    turn: int
    tokens: Tokens
    parked: Tokens = ()

    def hidden(self) -> Entry:
        """The same without its tokens in view."""
        return replace(self, tokens=(), parked=self.tokens or self.parked)

    def shown(self) -> Entry:
        """The same with its tokens in view."""
        return replace(self, tokens=self.tokens or self.parked, parked=())


@dataclass(frozen=True, slots=True)
class Fixed:
    """The head of the prompt, before the queue."""

    instructions: Tokens
    blocks: tuple[tuple[str, Tokens], ...]
    summary: Tokens

    @property
    def tokens(self) -> Tokens:
        """All of it, in order."""
        return self.instructions + tuple(t for _, block in self.blocks for t in block) + self.summary


@dataclass(frozen=True, slots=True)
class Ledger:
    """The exact token count of every segment.

    Args:
        window: tokens of the model's context.
        reserved: kept free for the reply, or for a summary.
        segments: tokens by segment's name, in the prompt's order; `scaffold` is what the template adds.
    """

    window: int
    reserved: int
    segments: tuple[tuple[str, int], ...]

    @property
    def used(self) -> int:
        """Tokens in the prompt."""
        return sum(count for _, count in self.segments)

    @property
    def usable(self) -> int:
        """Tokens that the prompt may have."""
        return self.window - self.reserved

    @property
    def free(self) -> int:
        """Tokens that can be added before something must leave."""
        return self.usable - self.used

    @property
    def pressure(self) -> float:
        """Used over usable."""
        return self.used / self.usable


class MainContext:
    """The prompt of one agent on one model.

    Args:
        model: for its scaffold and window.
        fixed: the head of the prompt.
        reserve: tokens kept free at the end of the window.
    """

    def __init__(self, model: LanguageModel, fixed: Fixed, reserve: int) -> None:
        self._scaffold = model.scaffold
        self.window = model.window
        self.reserve = reserve
        self._fixed = fixed
        self._entries: list[Entry] = []
        self._tokens: list[int] = list(self._head(fixed))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The queue, oldest first."""
        return tuple(self._entries)

    @property
    def fixed(self) -> Fixed:
        """The head of the prompt as the model sees it, i.e. as of the last write-back."""
        return self._fixed

    @property
    def tokens(self) -> Tokens:
        """The prompt up to the last entry."""
        return tuple(self._tokens)

    @property
    def used(self) -> int:
        """Tokens in the prompt."""
        return len(self._tokens)

    @property
    def usable(self) -> int:
        """Tokens that the prompt may have."""
        return self.window - self.reserve

    @property
    def free(self) -> int:
        """Tokens that can be added before something must leave."""
        return self.usable - self.used

    @property
    def fixed_cost(self) -> int:
        """Tokens of everything but the queue."""
        return len(self._head(self._fixed))

    def _head(self, fixed: Fixed) -> Tokens:
        return self._scaffold.open + fixed.tokens

    def _lead(self, previous: Entry | None, side: Side) -> Tokens:
        """The scaffold between an entry (None: the head) and a text of `side`."""
        scaffold = self._scaffold
        if previous is None:
            opening = scaffold.system_to_user
            return opening if side is Side.USER else opening + scaffold.user_to_model
        before = side_of(previous.kind)
        if before is side:
            return scaffold.join
        return scaffold.user_to_model if side is Side.MODEL else scaffold.model_to_user

    def _led(self, entries: Iterable[Entry]) -> Iterator[tuple[Tokens, Entry]]:
        """Entries, each with the scaffold before it."""
        previous = None
        for entry in entries:
            yield self._lead(previous, side_of(entry.kind)), entry
            previous = entry

    @property
    def _last(self) -> Entry | None:
        return self._entries[-1] if self._entries else None

    def cost(self, kind: Kind, tokens: Sequence[int]) -> int:
        """Tokens that the prompt would grow by, scaffold included."""
        return len(tokens) + len(self._lead(self._last, side_of(kind)))

    def append(self, entry: Entry) -> None:
        """Put an entry at the end.

        Raises:
            WindowError: it does not fit; the caller should have made room.
        """
        lead = self._lead(self._last, side_of(entry.kind))
        # A call and its result may stand in the reserve until the next eviction; all else must respect it.
        limit = self.window if entry.kind in (Kind.CALL, Kind.SPEECH, Kind.RESULT) else self.usable
        if self.used + len(lead) + len(entry.tokens) > limit:
            raise WindowError(f"Message {entry.message_id} does not fit: {self.free} tokens are free.")
        self._tokens += lead + entry.tokens
        self._entries.append(entry)

    def rewrite(self, fixed: Fixed, entries: Sequence[Entry]) -> int:
        """Replace the head and the queue: the one operation that may move the prefix.

        Returns:
            How many tokens of the former prompt the new one still begins with.
        """
        before = self._tokens
        self._fixed, self._entries = fixed, list(entries)
        self._tokens = list(self.laid_out(fixed, entries))
        return shared_prefix(before, self._tokens)

    def exchange(self, index: int, entry: Entry) -> int:
        """Put another entry in the place of one; returns as `rewrite` does."""
        return self.rewrite(self._fixed, [*self._entries[:index], entry, *self._entries[index + 1 :]])

    @property
    def hidden_ids(self) -> tuple[int, ...]:
        """Ids of the messages in the queue that are hidden."""
        return tuple(entry.message_id for entry in self._entries if entry.parked)

    def laid_out(self, fixed: Fixed, entries: Sequence[Entry]) -> Tokens:
        """The prompt as it would be after `rewrite`."""
        tokens = list(self._head(fixed))
        for lead, entry in self._led(entries):
            tokens += lead + entry.tokens
        return tuple(tokens)

    def span(self, index: int) -> tuple[int, int]:
        """Where an entry's tokens begin in the prompt, and where they end."""
        end = self.size_of(self._fixed, self._entries[: index + 1])
        return end - len(self._entries[index].tokens), end

    def ends(self) -> list[int]:
        """Where each entry's tokens end in the prompt."""
        sizes = (len(lead) + len(entry.tokens) for lead, entry in self._led(self._entries))
        return [*accumulate(sizes, initial=self.fixed_cost)][1:]

    def size_of(self, fixed: Fixed, entries: Sequence[Entry]) -> int:
        """Tokens that the prompt would have after `rewrite`."""
        return len(self._head(fixed)) + sum(len(lead) + len(entry.tokens) for lead, entry in self._led(entries))

    def ready(self, *more: Tokens, upto: int | None = None) -> Tokens:
        """The prompt with the model's side opened, ready to generate.

        Args:
            more: texts of the user's side to put at the end first, for this once.
            upto: with only so many entries of the queue; None: all.
        """
        entries = self._entries if upto is None else self._entries[:upto]
        tokens = self.tokens if upto is None else self._prefix(upto)
        previous = entries[-1] if entries else None
        for text in more:
            tokens += self._lead(previous, Side.USER) + text
            previous = Entry(0, Kind.ALERT, 0, text)
        return tokens + self._lead(previous, Side.MODEL)

    def _prefix(self, count: int) -> Tokens:
        return self.tokens[: self.size_of(self._fixed, self._entries[:count])]

    def ledger(self) -> Ledger:
        """The count of every segment, by name."""
        fixed = self._fixed
        counts: dict[str, int] = {"instructions": len(fixed.instructions)}
        for label, tokens in fixed.blocks:
            counts[f"block {label}"] = len(tokens)
        counts["summary"] = len(fixed.summary)
        for kind in Kind:
            counts[f"queue {kind}"] = sum(len(e.tokens) for e in self._entries if e.kind is kind)
        counts["scaffold"] = self.used - sum(counts.values())
        return Ledger(self.window, self.reserve, tuple(counts.items()))
