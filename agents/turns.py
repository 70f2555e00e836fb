"""Taking turns: one thing at a time is done with what is open, and closing waits until it is done.

Whoever comes second is refused rather than queued. What is being done when it is closed is cancelled and comes to its
own end, so that nothing is freed under it, whichever thread does it; a turn that is followed event by event may rest
between two of them, so whoever closes runs it on. Owns who is at it, and who is called by what is done, and so cannot
wait for its end. It does not know what is done, nor what is freed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import GEN_SUSPENDED, getgeneratorstate
from types import TracebackType
from weakref import WeakSet

from memos.errors import InputError
from memos.events import Event

Turn = Generator[Event, None, None]
# What this code is called by. A thread in which a function runs takes it over (`function_executor`).
_WITHIN: ContextVar[tuple[object, ...]] = ContextVar("within", default=())


class Turns:
    """Who uses what is open. Safe to use from threads.

    Args:
        name: of what is open, as a sentence begins with it: `Agent ada`.
        kind: what it is busy with, one at a time: `message`.
        cancel: has what is being done end soon; from any thread.
    """

    def __init__(self, name: str, kind: str, cancel: Callable[[], None]) -> None:
        self._name, self._kind, self._cancel = name, kind, cancel
        self._using = threading.Lock()
        self._doing: list[object] = []  # one for each thread in which something is being done at this moment
        self._streams: WeakSet[Stream] = WeakSet()
        self._following = threading.Lock()
        self._closing = threading.RLock()
        self._closed = False  # nothing begins any more
        self.over = False  # and nothing is being done

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing else is done for as long as the block runs, through whichever threads it goes.

        Raises:
            InputError: something else is being done, or it is closed.
        """
        mine = self._using.acquire(blocking=False)
        try:
            self.check_open()
            if not mine:
                raise InputError(f"{self._name} is busy with another {self._kind}.")
            yield
        finally:
            if mine:
                self._using.release()

    def check_open(self) -> None:
        """Refuse what is closed.

        Raises:
            InputError: it is.
        """
        if self._closed:
            raise InputError(f"{self._name} is closed.")

    @contextmanager
    def here(self) -> Iterator[None]:
        """What is called in the block cannot close what the block uses."""
        this = object()
        self._doing.append(this)
        before = _WITHIN.set((*_WITHIN.get(), this))
        try:
            yield
        finally:
            _WITHIN.reset(before)
            self._doing.remove(this)

    def followed(self, turn: Turn) -> Stream:
        """A turn that is to be followed event by event, and ends before what it uses is freed."""
        stream = Stream(turn, self)
        with self._following:
            self._streams.add(stream)
        return stream

    def close(self, free: Callable[[], None]) -> None:
        """Let nothing begin any more, end what is being done, wait for that, and free what it used.

        Args:
            free: frees it; called once, however often this is closed.

        Raises:
            InputError: called by what is being done, which cannot wait for its own end; all stays as it is.
        """
        if any(one in self._doing for one in _WITHIN.get()):
            raise InputError(f"{self._name} cannot be closed from within its own {self._kind}: close it afterwards.")
        with self._closing:
            if self.over:
                return
            self._closed = True
            self._cancel()
            with self._following:
                streams = [*self._streams]
            for stream in streams:
                stream.finish()
            self._using.acquire()  # for good
            self.over = True
            free()


class Stream(Turn):
    """A turn as somebody follows it, while somebody else may close what it uses. Made by `Turns.followed`."""

    def __init__(self, turn: Turn, turns: Turns) -> None:
        self._turn, self._turns = turn, turns
        self._step = threading.RLock()  # the same thread may come again, and is told so by the generator

    def send(self, value: None) -> Event:
        """The next event."""
        with self._step, self._turns.here():
            return self._turn.send(value)

    def throw(self, kind: object, value: object = None, trace: TracebackType | None = None, /) -> Event:
        """Raise an error where the turn stands."""
        with self._step, self._turns.here():
            return self._turn.throw(kind, value, trace)  # type: ignore[call-overload,no-any-return]

    def close(self) -> None:
        """End the turn where it stands."""
        with self._step, self._turns.here():
            self._turn.close()

    def finish(self) -> None:
        """Run a turn that has begun to its end; what happens on the way is told to whoever goes on following it."""
        with self._step, self._turns.here():
            if getgeneratorstate(self._turn) != GEN_SUSPENDED:
                return
            happened: list[Event] = []
            failed: list[Exception] = []
            try:
                happened.extend(self._turn)  # as far as it comes
            except Exception as error:  # whoever follows it shall see it, too
                failed.append(error)
            self._turn = _told(happened, failed)


def _told(happened: Sequence[Event], failed: Sequence[Exception]) -> Turn:
    """What happened in a turn, once more."""
    yield from happened
    for error in failed:
        raise error
