"""The agent's side of the shell: one thread in which the agent works, and messages about what happens there.

The event loop never waits for a model, a disk or a lock: what uses the agent runs in `_worker`, one thing at a time;
what only reads its storage may run beside. Owns these threads and the agents' lifetime. It does not know any widget.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from textual.message import Message

from memos import events
from memos.errors import AgentBusy, InputError, MemosError, ModelError, WindowError
from memos.events import Event
from memos.printing import counted
from memos.tui import messages

if TYPE_CHECKING:
    from memos.agents import Agent, Sessions
    from memos.consent import ConsentRequest

Result = TypeVar("Result")
PAGE = 30  # messages that are read at a time
# Events after which the window is not what it was.
MOVES = (
    events.MessageStored,
    events.PagedIn,
    events.Speech,
    events.CallFinished,
    events.Evicted,
    events.Grown,
    events.Hidden,
    events.Restored,
    events.PrefixMoved,
    events.BlockEdited,
    events.TurnFinished,
)


class Session:
    """An agent at work beside an event loop.

    Args:
        post: gives a message to the application, from any thread.
        make: makes the `Sessions`; called in the worker, since it imports what takes long.
    """

    def __init__(self, post: Callable[[Message], Any], make: Callable[[], Sessions]) -> None:
        self._give, self._make = post, make
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="memos-agent")
        self._sessions: Sessions | None = None
        self._counting = threading.Lock()
        self._begun = 0  # works that run in the worker or wait for it
        self._stop = threading.Event()  # what was begun shall end
        self._asking = threading.Event()
        self._answers: SimpleQueue[bool] = SimpleQueue()
        self._closed = False

    @property
    def agent(self) -> Agent | None:
        """The agent that is open; None while none is."""
        return self._sessions.agent if self._sessions is not None else None

    @property
    def busy(self) -> bool:
        """Whether the agent works on something."""
        return self._begun > 0

    def require_idle(self) -> None:
        """Refuse what cannot be done while the agent works.

        Raises:
            InputError: it does.
        """
        if self.busy:
            raise InputError("The agent is busy: Esc stops the reply, then try again.")

    def _post(self, message: Message) -> None:
        """Give a message to the application, unless it leaves: there is nothing left then to show it in."""
        if not self._closed:
            self._give(message)

    def _start(self, work: Callable[[], None], unsent: str = "", *, opening: bool = False) -> None:
        """Have something done in the worker; a failure becomes a message."""

        def guarded() -> None:
            try:
                work()
            except MemosError as error:
                self._post(messages.Failed(sentence_of(error), opening, unsent))
            except Exception as error:  # whatever it is, the user shall see it and go on
                self._post(messages.Failed(f"Something unforeseen: {error!r}.", opening, unsent))
            finally:
                with self._counting:
                    self._begun -= 1
                agent = self.agent
                self._post(messages.TurnOver(agent.map() if agent is not None else None))

        with self._counting:
            if not self._begun:
                self._stop.clear()
            self._begun += 1
        self._worker.submit(guarded)

    # ------------------------------------------------------------------------------------------ agents

    def open(self, name: str, **settings: Any) -> None:
        """Open an agent in the place of the one that is open.

        Args:
            name: which; made if it is new.
            settings: other settings than before, e.g. `model="…"`.
        """

        def work() -> None:
            self._post(messages.Loading("starting", 0.0))
            sessions = self._made()
            if settings:
                sessions.change(**settings)
            agent = sessions.open(
                name,
                progress=lambda what, share: self._post(messages.Loading(what, share)),
                observe=self._observed,
                consent=self._consent,
            )
            self._post(
                messages.Opened(
                    agent,
                    agent.history.page(limit=PAGE),
                    agent.history.asked(),
                    agent.evictions(),
                    agent.map(),
                )
            )
            self._tell(agent, agent.start_events)

        self._start(work, opening=True)

    def with_sessions(self, work: Callable[[Sessions], Result]) -> asyncio.Future[Result]:
        """Do something with the list of agents, in the worker; errors of ours are raised to who waits."""
        return asyncio.get_running_loop().run_in_executor(self._worker, lambda: work(self._made()))

    def _made(self) -> Sessions:
        if self._sessions is None:
            sessions = self._make()
            self._post(messages.SettingsRead(sessions.settings))  # once: colours may be chosen since
            self._sessions = sessions
        return self._sessions

    # -------------------------------------------------------------------------------------------- turns

    def say(self, text: str, *, instead_of: int | None = None) -> None:
        """Say something to the agent."""

        self._start(lambda: self._said(text, instead_of), text)

    def _said(self, text: str, instead_of: int | None) -> None:
        agent = self._opened()
        stream = agent.stream(text, instead_of=instead_of)
        if instead_of is None:
            self._tell(agent, stream)
        else:
            self._tell_changed(agent, stream)

    def regenerate(self) -> None:
        """Have the last message answered anew."""

        def work() -> None:
            agent = self._opened()
            self._tell_changed(agent, agent.regenerate())

        self._start(work)

    def do(self, work: Callable[[Agent], Iterable[Event]], *, changes_history: bool = False) -> None:
        """Do something to the agent's memory by hand.

        Args:
            work: what; its events are told.
            changes_history: whether messages are not what they were afterwards.
        """

        def run() -> None:
            agent = self._opened()
            self._tell(agent, work(agent))
            if changes_history:
                self._show_anew(agent)

        self._start(run)

    async def change(self, work: Callable[[Agent], Iterable[Event]]) -> None:
        """Do something to the agent's memory, and wait until it is done.

        Raises:
            MemosError: the agent is busy, or it is not possible.
        """
        self.require_idle()
        agent = self._opened()

        def run() -> None:
            self._tell(agent, work(agent))

        await asyncio.get_running_loop().run_in_executor(self._worker, run)

    def cancel(self) -> None:
        """End what runs: a turn between two tokens, the reading of documents between two steps of it."""
        if self.busy:
            self._stop.set()
            if self.agent is not None:
                self.agent.cancel()
            self.answer(allowed=False)

    def _consent(self, request: ConsentRequest) -> bool:
        """Ask whether a call may run; the worker waits for the answer."""
        with suppress(Empty):
            while True:  # an answer that came too late for the last question
                self._answers.get_nowait()
        self._asking.set()
        if self._stop.is_set():  # just before, and nobody is there any more to answer
            return False
        self._post(messages.ConsentWanted(request.question))
        return self._answers.get()

    def answer(self, *, allowed: bool) -> None:
        """Answer the question whether a call may run, if one is open."""
        if self._asking.is_set():
            self._asking.clear()
            self._answers.put(allowed)

    def _tell(self, agent: Agent, stream: Iterable[Event]) -> None:
        for event in stream:
            if self._stop.is_set():  # before the turn began, which then did not know of it
                agent.cancel()
            self._post(messages.Happened(event, agent.map() if isinstance(event, MOVES) else None, time.monotonic()))

    def _tell_changed(self, agent: Agent, stream: Iterable[Event]) -> None:
        """Tell a turn that first takes something back: what is left is shown before it goes on."""
        shown = False
        for event in stream:
            if isinstance(event, events.MessageStored) and not shown:
                shown = True
                kept = agent.history.page(before_id=event.message_id, limit=PAGE)
                self._post(messages.Changed(kept, agent.map()))
            self._tell(agent, [event])

    def _show_anew(self, agent: Agent) -> None:
        self._post(messages.Changed(agent.history.page(limit=PAGE), agent.map()))

    def _observed(self, event: Event) -> None:
        """What happens between two turns, in the agent's own idle thread."""
        agent = self.agent
        if agent is not None:
            self._tell(agent, [event])

    def _opened(self) -> Agent:
        if self.agent is None:
            raise MemosError("There is no agent open: /retry opens it again, /agents and /models choose another.")
        return self.agent

    # -------------------------------------------------------------------------------------------- beside

    async def read(self, work: Callable[[Agent], Result]) -> Result:
        """Read from the agent's storage, beside whatever runs.

        Raises:
            MemosError: there is no agent, or it cannot be read.
        """
        agent = self._opened()
        return await asyncio.to_thread(work, agent)

    def ingest(self, paths: Sequence[Path], then: str = "", *, instead_of: int | None = None) -> None:
        """Read files and folders into the agent's archival memory, telling how far; then say something.

        Args:
            paths: which.
            then: what is said when all of them are read; empty: nothing.
            instead_of: as for `say`.
        """

        def work() -> None:
            for path in paths:
                self._read_in(self._opened(), path)
            if then:
                self._said(then, instead_of)

        self._start(work, then)

    def _read_in(self, agent: Agent, path: Path) -> None:
        name = path.name or str(path.absolute())
        total = 0
        reasons: list[str] = []
        originals: list[Path] = []

        def observe(event: Any) -> None:
            nonlocal total
            if self._stop.is_set():  # what is raised here ends the reading, and nothing is lost
                raise InputError(f"Reading {name} was stopped: what is read is kept, and read again it goes on there.")
            total = getattr(event, "total", total)
            if hasattr(event, "reason"):
                reasons.append(event.reason)
            if hasattr(event, "original"):
                originals.append(event.original)
            self._post(messages.Ingesting(name, getattr(event, "done", 0), max(1, total)))

        done = agent.ingest(path, observe=observe)
        if not (done.read or done.unchanged or originals):
            raise InputError(f"{name} was not read: {reasons[0] if reasons else 'There is no file in it.'}")
        copies = f"a copy of {originals[0]}" if len(originals) == 1 else f"{len(originals):,} copies of other files"
        told = [
            counted(done.passages, "passage") if done.read else "",
            f"{done.unchanged:,} unchanged" if done.unchanged else "",
            copies if originals else "",
            f"{len(reasons):,} not read, the first since: {reasons[0].rstrip('.')}" if reasons else "",
        ]
        self._tell(agent, [events.Notice(f"{name} is in archival memory: {', '.join(filter(None, told))}.")])

    def close(self) -> None:
        """End what runs, save and close. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        self.cancel()

        def end() -> None:
            if self._sessions is not None:
                self._sessions.close()

        self._worker.submit(end)
        self._worker.shutdown(wait=True)


def sentence_of(error: MemosError) -> str:
    """An error's sentence, with the way on where it has none of its own."""
    text = str(error)
    if isinstance(error, AgentBusy):
        return f"{text} Close it there and /retry, or /agents chooses another."
    if isinstance(error, ModelError) and "/models" not in text:
        return f"{text} Or choose another with /models."
    if isinstance(error, WindowError):
        return f"{text} Or choose another model with /models."
    return text
