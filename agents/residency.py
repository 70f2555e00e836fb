"""Residency: whose tokens are in a model's key-value cache, and how they come back without being read again.

An agent's resident context is saved when it is closed, every few turns, and before another agent takes the model;
it is restored when the agent opens or speaks again, if that spares more than it costs. What all agents of a model
share (the instructions, the probes' examples) is saved once for all of them. It does not know what the tokens say,
or how a snapshot is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from memos.errors import StorageError
from memos.events import Event, Notice, Resumed
from memos.protocols import LanguageModel, shared_prefix

if TYPE_CHECKING:
    from memos.storage.snapshots import SnapshotStore

EVERY = 5  # turns between two saves; a kill costs what was read since
WORTH = 64  # tokens; to spare fewer, or to save so few more, is not worth a file
SHARED = "shared"  # what no agent owns


class Residency:
    """One agent's claim on a model's cache.

    Args:
        model: the resident model.
        store: where snapshots are kept.
        name: of the agent's snapshot.
        prompt: the agent's prompt as it is now.
        common: how many tokens of it every agent of this kind begins with.
    """

    def __init__(
        self, model: LanguageModel, store: SnapshotStore, name: str, prompt: Callable[[], tuple[int, ...]], common: int
    ) -> None:
        self._model, self._store, self._name = model, store, name
        self._prompt, self._common = prompt, common
        self._saved: tuple[int, ...] = ()
        self._shared: dict[str, tuple[int, ...]] = {}
        self._turns = 0
        self._closed = False

    def open(self) -> list[Event]:
        """Take the model over for an agent that opens; returns what there is to tell."""
        told: list[Event] = []
        for side in range(1, self._model.sequences):
            if not self._model.resident(side):
                told += self._restore(f"{SHARED}/{side}", side)
        return [*told, *self.resume()]

    def resume(self) -> list[Event]:
        """Have the agent's own tokens resident, as far as they were saved; returns what there is to tell."""
        self._model.claim(self._released)
        told: list[Event] = []
        for name in (self._name, f"{SHARED}/0"):
            here = shared_prefix(self._model.resident(), self._prompt())
            if len(self._prompt()) - here > WORTH:
                told += self._restore(name, 0, here)
        return told

    def _restore(self, name: str, sequence: int, here: int = 0) -> list[Event]:
        try:
            snapshot = self._store.load(name, self._model.snapshot_key)
        except StorageError as error:
            return [Notice(str(error))]
        if snapshot is None:
            return []
        if name == self._name:
            self._saved = snapshot.tokens
        else:
            self._shared[name] = snapshot.tokens
        spared = shared_prefix(snapshot.tokens, self._prompt()) if sequence == 0 else len(snapshot.tokens)
        if spared < here + WORTH or not self._model.restore(snapshot, sequence):
            return []
        return [Resumed(spared, sequence)]

    def turn_ended(self) -> list[Event]:
        """Save after the first turn and every few; returns what there is to tell."""
        self._turns += 1
        try:
            if self._turns % EVERY == 1:
                self._save()
        except StorageError as error:
            return [Notice(str(error))]
        return []

    def close(self) -> None:
        """Save, and hold no claim any more. A disk that is full costs a reading, no more."""
        if not self._closed:
            with suppress(StorageError):
                self._save()
            self._closed = True

    def _released(self) -> None:
        if not self._closed:
            with suppress(StorageError):
                self._save()

    def _save(self) -> None:
        """Keep what is resident: of this agent, if there is news, and what others will read as well, once."""
        mine = self._model.resident()[: shared_prefix(self._model.resident(), self._prompt())]
        if len(mine) >= shared_prefix(self._saved, mine) + WORTH:
            self._store.save(self._name, self._model.snapshot(0, len(mine)))
            self._saved = mine
        self._save_shared(0, mine[: self._common])
        for side in range(1, self._model.sequences):
            self._save_shared(side, self._model.resident(side))

    def _save_shared(self, sequence: int, tokens: tuple[int, ...]) -> None:
        name = f"{SHARED}/{sequence}"
        # A probe's sequence ends with the last sentence asked about; the examples before it are what counts.
        if len(tokens) < WORTH or shared_prefix(self._shared.get(name, ()), tokens) >= len(tokens) * 3 // 4:
            return
        self._store.save(name, self._model.snapshot(sequence, len(tokens)))
        self._shared[name] = tokens
