"""The key-value cache: which tokens are resident in which sequence, and every way to make a prompt resident.

A prompt is compared with what is there; the shared prefix is kept and only the rest is evaluated. So a rollback is
nothing but asking for a shorter prompt. Beside the main sequence there are those of the probes, and a fork that shares
the main one's beginning: a summary is asked for there, and a prompt that will be needed is read there ahead of time.
It does not know grammars, sampling, or what a message is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from memos.errors import ModelError
from memos.inference.llama import FORK, MAIN, SIDE_ROOM, SIDES, SPARE, Llama
from memos.protocols import Reading, shared_prefix

LEAST_PROGRESS = 32  # tokens; fewer are read in a moment, and their progress is not told

Cancelled = Callable[[], bool]


class Cache:
    """The sequences of one llama.cpp context."""

    def __init__(self, llama: Llama) -> None:
        self._llama = llama
        self._window = llama.options.window
        # The tokens whose keys and values are in the cache, by sequence.
        self._sequences: dict[int, list[int]] = {sequence: [] for sequence in (MAIN, *SIDES, FORK)}
        self._sides = list(SIDES)  # least recently used first

    @property
    def kept(self) -> int:
        """How many sequences are worth a snapshot: the main one and those of the probes, in this order."""
        return 1 + len(SIDES)

    def resident(self, sequence: int = MAIN) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache."""
        return tuple(self._sequences[sequence])

    def clear(self, sequence: int) -> None:
        """Forget a sequence."""
        self._llama.truncate(0, sequence)
        self._sequences[sequence].clear()

    # ---------------------------------------------------------------------------------------- reading

    def read(self, prompt: Sequence[int], cancelled: Cancelled, sequence: int = MAIN) -> Iterator[Reading | int]:
        """Make `prompt` resident; yields progress, and at the end how many tokens were evaluated.

        Where it is cancelled, what was read so far stays.
        """
        if sequence == MAIN and self._sequences[FORK]:
            self.clear(FORK)  # prepared, and not adopted
        keep = self._keep(prompt, sequence)
        total = len(prompt) - keep
        step = self._llama.options.batch
        for start in range(keep, len(prompt), step):
            if total > LEAST_PROGRESS:
                yield Reading(start - keep, total)
            if cancelled() or not self.decode(prompt[start : start + step], sequence, cancelled):
                break
        yield len(self._sequences[sequence]) - keep

    def _keep(self, prompt: Sequence[int], sequence: int) -> int:
        """Roll a sequence back to what it shares with `prompt`; returns how many tokens that is."""
        if not prompt:
            raise ModelError("A prompt has at least one token.")
        resident = self._sequences[sequence]
        # The last token is evaluated again in any case, for its logits.
        keep = min(shared_prefix(resident, prompt), len(prompt) - 1)
        if keep < len(resident):
            if not self._llama.truncate(keep, sequence):
                keep = 0
            del resident[keep:]
        return keep

    def decode(self, tokens: Sequence[int], sequence: int = MAIN, cancelled: Cancelled | None = None) -> bool:
        """Evaluate tokens at a sequence's end; False, and nothing is changed, if it was cancelled meanwhile."""
        resident = self._sequences[sequence]
        done = False
        try:
            done = self._llama.decode(tokens, len(resident), sequence, cancelled)
        finally:  # after an interrupt, too, the cache may hold what `resident` does not name
            if not done and not self._llama.truncate(len(resident), sequence):
                resident.clear()
        if done:
            resident.extend(tokens)
        return done

    def side(self, prompt: Sequence[int]) -> int:
        """The sequence of probes that has most of a prompt; for one that is new to all, the least recently used.

        Any two prompts share the template's first tokens, so only a large part of one is worth keeping the rest out.
        """
        shared = {side: shared_prefix(self._sequences[side], prompt) for side in self._sides}
        best = max(self._sides, key=shared.__getitem__)
        if shared[best] < len(prompt) // 2:
            best = self._sides[0]
        self._sides.remove(best)
        self._sides.append(best)
        return best

    # ---------------------------------------------------------------------------------------- forking

    def fork(self, prompt: Sequence[int]) -> int:
        """Let the fork begin with what a prompt shares with what is resident; returns its sequence.

        No key is copied: a cell of the cache can belong to several sequences.
        """
        resident = self._sequences[MAIN]
        shared = shared_prefix(resident, prompt)
        if shared_prefix(self._sequences[FORK], prompt) < shared:
            self.clear(FORK)
            if self._llama.share(MAIN, FORK, 0, shared):
                self._sequences[FORK] = resident[:shared]
        return FORK

    def prepare(self, prompt: Sequence[int], cancelled: Cancelled) -> Iterator[Reading | int]:
        """Read a prompt on the fork, as far as there is room beside what is resident; see `LanguageModel.prepare`."""
        resident = self._sequences[MAIN]
        room = self._window + self._llama.options.fork_room - len(resident)
        part = prompt[: shared_prefix(resident, prompt) + room]
        complete = False
        try:
            yield from self.read(part, cancelled, self.fork(part))
            complete = not cancelled()
        finally:
            if not complete:
                self.clear(FORK)

    def adopt(self) -> None:
        """Let the fork take the place of what is resident, if there is one; it is empty afterwards."""
        ahead = self._sequences[FORK]
        if not ahead:
            return
        self.clear(MAIN)
        if self._llama.share(FORK, MAIN, 0, len(ahead)):
            self._sequences[MAIN] = list(ahead)
        self.clear(FORK)

    # ---------------------------------------------------------------------------------------- moving

    def splice(self, start: int, stop: int, tokens: Sequence[int]) -> int:
        """Put tokens in the place of some of the resident ones; see `LanguageModel.splice`."""
        llama, resident = self._llama, self._sequences[MAIN]
        tail = resident[stop:]
        self.clear(FORK)  # a shared cell would move for both
        llama.share(MAIN, SPARE, stop, len(resident))
        llama.truncate(start, MAIN)
        del resident[start:]
        try:
            step = llama.options.batch
            for first in range(0, len(tokens), step):
                self.decode(tokens[first : first + step])
            if tail:
                llama.shift(SPARE, stop, start + len(tokens) - stop)
                llama.share(SPARE, MAIN, start + len(tokens), start + len(tokens) + len(tail))
                resident.extend(tail)
        finally:
            llama.truncate(0, SPARE)
        if not tail:
            return len(tokens)
        # llama.cpp turns the keys at the next evaluation; a snapshot before it would keep them as they were.
        llama.truncate(len(resident) - 1, MAIN)
        self.decode([resident.pop()])
        return len(tokens) + 1

    # -------------------------------------------------------------------------------------- snapshots

    def state(self, sequence: int, length: int) -> bytes:
        """Keys and values of the first `length` tokens of a sequence."""
        return self._llama.state(sequence, length)

    def restore(self, tokens: Sequence[int], state: bytes, sequence: int) -> bool:
        """Make tokens resident by their state in place of what is; False, and nothing is resident, if it cannot be."""
        room = self._window if sequence == MAIN else SIDE_ROOM
        self.clear(sequence)
        if len(tokens) > room or not self._llama.set_state(sequence, state):
            return False
        self._sequences[sequence].extend(tokens)
        return True
