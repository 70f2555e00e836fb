"""Residency: whose tokens are in a model's key-value cache, and how they come back without being read again.

An agent's resident context is saved when it is closed, every few turns, and before another agent takes the model;
it is restored when the agent opens or speaks again, if that spares enough. What all agents of a kind begin with (the
instructions, the probes' examples) is saved once for all of them, and nothing that was said goes with it. It does not
know what the tokens say, or how a snapshot is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

from memos.errors import ModelError, StorageError
from memos.events import Event, Notice, Resumed
from memos.generation import shared_prefix
from memos.protocols import LanguageModel

if TYPE_CHECKING:
    from memos.storage.snapshots import SnapshotStore

EVERY = 5  # turns between two saves; a kill costs the reading of what came since
WORTH = 64  # tokens; to restore fewer is not worth a file, nor to save so few more while the conversation goes on


class Residency:
    """One agent's claim on a model's cache.

    Args:
        model: the resident model.
        store: where snapshots are kept.
        name: of the agent's snapshot.
        prompt: the agent's prompt as it is now.
        common: what agents of this kind share: the beginning of that prompt, then those of the probes. Neither is asked
            for before the agent is `open`.
        alone: held while another agent takes the model; refuses with an error of ours in the middle of a turn.
    """

    def __init__(
        self,
        model: LanguageModel,
        store: SnapshotStore,
        name: str,
        prompt: Callable[[], tuple[int, ...]],
        common: Callable[[], Sequence[tuple[int, ...]]],
        alone: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._model, self._store, self._name = model, store, name
        self._prompt, self._common = prompt, common
        self._alone = alone
        self._saved: tuple[int, ...] = ()
        self._turns = 0
        self._closed = False
        self.mine = False  # whether the model's resident context is this agent's

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Take the model over for an agent that opens in the block; where that fails, the agent lays no claim to it.

        Raises:
            InputError: another agent has the model and is in the middle of a turn.
        """
        try:
            self._model.claim(self._released)
            yield
        except BaseException:
            self._closed = True
            raise

    def open(self) -> list[Event]:
        """Have what the agent reads resident, now that it is known; returns what there is to tell."""
        told = self._arrived()
        beside = [self._model.resident(side) for side in range(1, self._model.sequences)]
        missing = [one for one in self._common()[1:] if not any(_begins(here, one) for here in beside)]
        free = [side for side, here in enumerate(beside, 1) if not here]
        for side, prefix in zip(free, missing, strict=False):
            told += self._restore(_shared(prefix), prefix, side)
        return told

    def resume(self) -> list[Event]:
        """Have the agent's own tokens resident again if another took the model; returns what there is to tell.

        Raises:
            InputError: another agent has the model and is in the middle of a turn.
        """
        return self._arrived() if self._model.claim(self._released) else []

    def _arrived(self) -> list[Event]:
        self.mine = True
        told = self._restore(self._name, self._prompt(), 0)
        head = self._common()[0]
        return told or self._restore(_shared(head), head, 0)

    def _restore(self, name: str, wanted: tuple[int, ...], sequence: int) -> list[Event]:
        here = shared_prefix(self._model.resident(sequence), wanted)
        if len(wanted) - here < WORTH:
            return []
        try:
            snapshot = self._store.load(name, self._model.snapshot_key)
        except StorageError as error:
            return [Notice(str(error))]
        spared = shared_prefix(snapshot.tokens, wanted) if snapshot else 0
        if snapshot is None or spared < here + WORTH or not self._model.restore(snapshot, sequence):
            return []
        if name == self._name:
            self._saved = snapshot.tokens
        return [Resumed(spared, sequence)]

    def turn_ended(self) -> list[Event]:
        """Save after the first turn and every few; returns what there is to tell."""
        self._turns += 1
        try:
            if self._turns % EVERY == 1:
                self._save(WORTH)
        except StorageError as error:
            return [Notice(str(error))]
        return []

    def close(self) -> None:
        """Save once; nothing is saved any more after it. A disk that is full, or a model that whoever owns it has
        closed, costs a reading, no more."""
        if self.mine and not self._closed:
            with suppress(StorageError, ModelError):
                self._save()
        self._closed, self.mine = True, False

    def _released(self) -> None:
        """Another agent takes the model."""
        if self._closed:  # and nothing of it uses the model any more
            return
        with self._alone(), suppress(StorageError):
            self.mine = False  # first: it is not, whether it can be saved or not
            self._save()

    def _save(self, worth: int = 1) -> None:
        """Keep what is resident: of this agent, if so many tokens are new, and what others will read as well, once."""
        if not self._store.enabled:
            return
        mine = shared_prefix(self._model.resident(), self._prompt())
        if mine >= shared_prefix(self._saved, self._prompt()) + worth:
            snapshot = self._model.snapshot(0, mine)
            self._store.save(self._name, snapshot)
            self._saved = snapshot.tokens
        for prefix in self._common():
            self._save_shared(prefix)

    def _save_shared(self, prefix: tuple[int, ...]) -> None:
        name = _shared(prefix)
        if self._store.has(name, self._model.snapshot_key):
            return
        for sequence in range(self._model.sequences):
            if _begins(self._model.resident(sequence), prefix):
                self._store.save(name, self._model.snapshot(sequence, len(prefix)))
                return


def _begins(tokens: tuple[int, ...], prefix: tuple[int, ...]) -> bool:
    return tokens[: len(prefix)] == prefix


def _shared(prefix: tuple[int, ...]) -> str:
    """By its content: another version of memos has other instructions."""
    return f"shared/{hashlib.sha256(repr(prefix).encode()).hexdigest()}"
