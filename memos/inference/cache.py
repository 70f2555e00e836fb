"""The key-value cache: which tokens are resident in which sequence, and every way to make a prompt resident.

A prompt is compared with what is there; the shared prefix is kept and only the rest is evaluated. So a rollback is
nothing but asking for a shorter prompt. Beside the main sequence there are those of the probes, and a fork that shares
the beginning of one of them: a summary is asked for there, and a prompt that will be needed is read there ahead of
time. It does not know grammars, sampling, or what a message is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from memos.errors import ModelError
from memos.generation import Parked, Reading, shared_prefix
from memos.inference.llama import FORK, MAIN, SIDE_ROOM, SIDES, SPARE, Llama

GROUPED_AT_ONCE = 64  # positions: every time, the keys behind them are turned again, which rounds them
LEAST_PROGRESS = 32  # tokens; fewer are read in a moment, and their progress is not told

Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions whose tokens were taken out: `length` of them from `position` on, before the token at `index`."""

    number: int  # which one it is: none is ever like another
    index: int
    position: int
    length: int


@dataclass(slots=True)
class Resident:
    """The tokens whose keys and values one sequence has, and where they stand.

    Args:
        tokens: their ids.
        gaps: positions between them that are empty, by position.
        group: tokens that share a position among the first `grouped` (Self-Extend); then there are no gaps.
        grouped: a multiple of `group`.
    """

    tokens: list[int] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    group: int = 1
    grouped: int = 0

    def position(self, index: int) -> int:
        """Where the token at an index stands."""
        if index < self.grouped:
            return index // self.group
        spared = self.grouped - self.grouped // self.group
        return index - spared + sum(gap.length for gap in self.gaps if gap.index <= index)

    def after(self, count: int) -> int:
        """The position behind the first `count` tokens."""
        return self.position(count - 1) + 1 if count else 0

    @property
    def end(self) -> int:
        """The position behind all of them."""
        return self.after(len(self.tokens))

    def first(self, count: int) -> Resident:
        """The first `count` tokens, or some less: those that share a position go together."""
        if count < self.grouped:
            count -= count % self.group
        gaps = [gap for gap in self.gaps if gap.index < count]
        return Resident(self.tokens[:count], gaps, self.group, min(count, self.grouped))


class Cache:
    """The sequences of one llama.cpp context."""

    def __init__(self, llama: Llama) -> None:
        self._llama = llama
        self._window = llama.options.window
        self._positions = llama.options.positions
        self._sequences = {sequence: self._nothing() for sequence in (MAIN, *SIDES, FORK)}
        self._sides = list(SIDES)  # least recently used first
        self._numbers = count(1)
        self._prepared = False  # whether the fork has a prompt that is to be adopted, rather than one that was asked

    @property
    def kept(self) -> int:
        """How many sequences are worth a snapshot: the main one and those of the probes, in this order."""
        return 1 + len(SIDES)

    def resident(self, sequence: int = MAIN) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache."""
        return tuple(self._sequences[sequence].tokens)

    def clear(self, sequence: int) -> None:
        """Forget a sequence."""
        self._llama.truncate(0, sequence)
        self._sequences[sequence] = self._nothing()

    def _nothing(self) -> Resident:
        return Resident(group=self._positions.group)

    # ---------------------------------------------------------------------------------------- reading

    def read(self, prompt: Sequence[int], cancelled: Cancelled, sequence: int = MAIN) -> Iterator[Reading | int]:
        """Make `prompt` resident; yields progress, and at the end how many tokens were evaluated.

        Where it is cancelled, what was read so far stays.
        """
        if sequence == MAIN and self._sequences[FORK].tokens:
            self.clear(FORK)  # prepared, and not adopted
        keep = self.keep(prompt, sequence)
        total = len(prompt) - keep
        step = self._llama.options.batch
        for start in range(keep, len(prompt), step):
            if total > LEAST_PROGRESS:
                yield Reading(start - keep, total)
            if cancelled() or not self.decode(prompt[start : start + step], sequence, cancelled):
                break
        yield len(self._sequences[sequence].tokens) - keep

    def keep(self, prompt: Sequence[int], sequence: int) -> int:
        """Roll a sequence back to what it shares with `prompt`; returns how many tokens that is."""
        if not prompt:
            raise ModelError("A prompt has at least one token.")
        resident = self._sequences[sequence]
        # The last token is evaluated again in any case, for its logits.
        keep = min(shared_prefix(resident.tokens, prompt), len(prompt) - 1)
        if keep < len(resident.tokens):
            keep = self._truncate(keep, sequence)
        return keep

    def _truncate(self, length: int, sequence: int) -> int:
        """Keep the first tokens of a sequence; returns how many it has then: none where the architecture cannot."""
        kept = self._sequences[sequence].first(length)
        if not self._llama.truncate(kept.end, sequence):
            kept = self._nothing()
        self._sequences[sequence] = kept
        return len(kept.tokens)

    def decode(
        self, tokens: Sequence[int], sequence: int = MAIN, cancelled: Cancelled | None = None, outputs: int = 1
    ) -> bool:
        """Evaluate tokens at a sequence's end; False, and nothing is changed, if it was cancelled meanwhile."""
        resident = self._sequences[sequence]
        done = False
        try:
            done = self._llama.decode(tokens, resident.end, sequence, cancelled, outputs)
        finally:  # after an interrupt, too, the cache may hold what `resident` does not name
            if not done:
                self._truncate(len(resident.tokens), sequence)
        if done:
            resident.tokens.extend(tokens)
            self._regroup(sequence)
        return done

    def _regroup(self, sequence: int) -> None:
        """Let tokens that are far from the end by now share positions (Self-Extend); a loop of shifts, since
        llama.cpp's division of positions has a sign error (docs/llama-cpp.md, 7). Not on the fork: what it shares would
        move for both."""
        resident, group = self._sequences[sequence], self._positions.group
        block = group * max(1, min(GROUPED_AT_ONCE, self._positions.neighbours // (2 * group)))
        blocks = -(-(len(resident.tokens) - self._positions.neighbours) // block)
        far, before = blocks * block, resident.grouped
        if sequence == FORK or group == 1 or not before < far <= len(resident.tokens):
            return
        for index in range(before, far):
            at = resident.position(index)
            if by := index // group - at:
                self._llama.shift(sequence, at, by, at + 1)
        if far < len(resident.tokens):
            at = resident.position(far)
            self._llama.shift(sequence, at, far // group - at)
        resident.grouped = far

    def drop(self, count: int, sequence: int) -> None:
        """Take the last tokens of a sequence away again."""
        if count:
            self._truncate(len(self._sequences[sequence].tokens) - count, sequence)

    def side(self, prompt: Sequence[int]) -> int:
        """The sequence of probes that has most of a prompt; for one that is new to all, the least recently used.

        Any two prompts share the template's first tokens, so only a large part of one is worth keeping the rest out.
        """
        shared = {side: shared_prefix(self._sequences[side].tokens, prompt) for side in self._sides}
        best = max(self._sides, key=shared.__getitem__)
        if shared[best] < len(prompt) // 2:
            best = self._sides[0]
        self._sides.remove(best)
        self._sides.append(best)
        return best

    # ---------------------------------------------------------------------------------------- forking

    @property
    def beside(self) -> int:
        """How many tokens can be read on the fork beside what is resident."""
        return self._window + self._llama.options.fork_room - len(self._sequences[MAIN].tokens)

    def fork(self, prompt: Sequence[int]) -> int:
        """Let the fork begin with what a prompt shares with the sequence that has most of it; returns the fork.

        No key is copied: a cell of the cache can belong to several sequences. Mostly it is the main one. What the fork
        has of the last prompt stays if that is more, so that of several questions about the same lines only the first
        reads them; and examples that a side keeps need not be read for a reply either.
        """
        self._prepared = False
        # A side whose tokens are grouped later would move cells that the fork has, too (Self-Extend).
        others = SIDES if self._positions.group == 1 else ()
        shared = {one: shared_prefix(self._sequences[one].tokens, prompt) for one in (FORK, MAIN, *others)}
        best = max(shared, key=shared.__getitem__)
        if best != FORK:
            self._share(best, FORK, shared[best])
        return FORK

    def _share(self, source: int, target: int, count: int) -> None:
        """Let a sequence have the first `count` tokens of another, and nothing else."""
        taken = self._sequences[source].first(count)
        self.clear(target)
        if self._llama.share(source, target, 0, taken.end):
            self._sequences[target] = taken

    def prepare(self, prompt: Sequence[int], cancelled: Cancelled) -> Iterator[Reading | int]:
        """Read a prompt on the fork, as far as there is room beside what is resident; see `LanguageModel.prepare`."""
        part = prompt[: shared_prefix(self._sequences[MAIN].tokens, prompt) + self.beside]
        try:
            yield from self.read(part, cancelled, self.fork(part))
            self._prepared = not cancelled()
        finally:
            if not self._prepared:
                self.clear(FORK)

    def adopt(self) -> None:
        """Let what was prepared take the place of what is resident, if anything was; the fork is empty afterwards."""
        ahead = len(self._sequences[FORK].tokens)
        if self._prepared and ahead:
            self._share(FORK, MAIN, ahead)
            self.clear(FORK)
            self._regroup(MAIN)

    # ---------------------------------------------------------------------------------------- moving

    def splice(self, start: int, stop: int, tokens: Sequence[int]) -> int:
        """Put tokens in the place of some of the resident ones; see `LanguageModel.splice`."""
        self.clear(FORK)  # a shared cell would move for both
        llama, before = self._llama, self._sequences[MAIN]
        tail, first = before.tokens[stop:], before.position(stop)
        llama.share(MAIN, SPARE, first, before.end)
        self._truncate(start, MAIN)
        try:
            step = llama.options.batch
            for at in range(0, len(tokens), step):
                self.decode(tokens[at : at + step])
            if tail:
                now = self._sequences[MAIN]
                by = now.end - first
                llama.shift(SPARE, first, by)
                llama.share(SPARE, MAIN, now.end, before.end + by)
                moved = len(now.tokens) - stop
                # A gap moves with what is behind it, but the keys that were in it do not turn.
                now.gaps += [
                    replace(gap, number=next(self._numbers), index=gap.index + moved, position=gap.position + by)
                    for gap in before.gaps
                    if gap.index > stop
                ]
                now.tokens += tail
        finally:
            llama.truncate(0, SPARE)
        if not tail:
            return len(tokens)
        # llama.cpp turns the keys at the next evaluation; a snapshot before it would keep them as they were.
        last = self._sequences[MAIN].tokens[-1]
        self._truncate(len(self._sequences[MAIN].tokens) - 1, MAIN)
        self.decode([last])
        return len(tokens) + 1

    # ---------------------------------------------------------------------------------------- parking

    def park(self, start: int, stop: int) -> Parked | None:
        """Take tokens out and leave a gap; see `LanguageModel.park`."""
        llama, resident = self._llama, self._sequences[MAIN]
        inside = any(start < gap.index < stop for gap in resident.gaps)
        # Positions go on behind the gap, and the model knows only so many.
        beyond = resident.end + self._window > llama.reach or self._positions.group > 1
        if inside or beyond or not 0 < start < stop < len(resident.tokens):
            return None
        first, end = resident.position(start), resident.after(stop)
        state = llama.state(MAIN, first, end)
        if not state:
            return None
        self.clear(FORK)
        llama.remove(MAIN, first, end)
        gap = Gap(next(self._numbers), start, first, end - first)
        parked = Parked(gap.number, tuple(resident.tokens[start:stop]), state)
        del resident.tokens[start:stop]
        behind = [replace(gap, index=gap.index - (stop - start)) for gap in resident.gaps if gap.position >= end]
        before = [gap for gap in resident.gaps if gap.position < first]
        resident.gaps = [*before, gap, *behind]
        return parked

    def unpark(self, parked: Parked) -> bool:
        """Put tokens back into their gap, if it is still there; see `LanguageModel.unpark`."""
        llama, resident, length = self._llama, self._sequences[MAIN], len(parked.tokens)
        gap = next((gap for gap in resident.gaps if gap.number == parked.number), None)
        if gap is None or len(resident.tokens) + length > self._window or not llama.set_state(SPARE, parked.state):
            return False
        llama.copy(SPARE, MAIN, gap.position, gap.position + length)
        llama.truncate(0, SPARE)
        resident.tokens[gap.index : gap.index] = parked.tokens
        resident.gaps = [
            replace(one, index=one.index + length) if one.position > gap.position else one
            for one in resident.gaps
            if one is not gap
        ]
        return True

    # -------------------------------------------------------------------------------------- snapshots

    def whole(self, sequence: int) -> int:
        """How many tokens stand before the first gap: positions of a snapshot have none. None where some share."""
        resident = self._sequences[sequence]
        if resident.grouped:
            return 0
        return resident.gaps[0].index if resident.gaps else len(resident.tokens)

    def state(self, sequence: int, length: int) -> bytes:
        """Keys and values of the first `length` tokens of a sequence, at most those before a gap."""
        return self._llama.state(sequence, 0, length)

    def restore(self, tokens: Sequence[int], state: bytes, sequence: int) -> bool:
        """Make tokens resident by their state in place of what is; False, and nothing is resident, if it cannot be."""
        room = self._window if sequence == MAIN else SIDE_ROOM
        self.clear(sequence)
        if len(tokens) > room or not self._llama.set_state(sequence, state):
            return False
        self._sequences[sequence].tokens.extend(tokens)
        return True
