"""`Agent`: one named agent on one local model, as a Python object.

Composes storage, inference and kernel, owns their lifetime, and gives the event stream to whoever asks. It holds
no policy of its own; how a turn goes is the controller's.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from memos.agents.composition import ingest_into, load_model, open_database
from memos.agents.history import AgentHistory
from memos.agents.idle import Idle
from memos.agents.memory import Blocks, HandMemory
from memos.agents.residency import Residency
from memos.agents.turns import Turns
from memos.consent import Consent, ConsentRequest, refuse
from memos.context_map import ContextMap
from memos.controller import local_now
from memos.errors import InputError, MemosError
from memos.events import Event, Notice, Progress, Speech
from memos.functions import Tool
from memos.generation import Sampling
from memos.kernel import Kernel, Storage, boot
from memos.main_context import Ledger
from memos.messages import Eviction
from memos.policy import KernelSettings
from memos.protocols import LanguageModel
from memos.settings import Settings, home, load
from memos.tools import DOCUMENTS, HIDING, SYSTEM_CALLS

if TYPE_CHECKING:
    from memos.ingest.events import IngestEvent, IngestFinished
    from memos.storage.archival import Archival
    from memos.storage.database import AgentStorage, Database
    from memos.storage.recall import Recall

VARIETY = 0.8  # temperature of an answer that is asked for anew; greedy decoding would give the same one
FEW = 16  # tokens that are read in one go, whatever waits


class _Closing(Exception):
    """The agent is being closed; what was not indexed is indexed another time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an agent answered.

    Args:
        text: its words; empty if the turn was cancelled before it spoke.
        events: everything that happened on the way.
    """

    text: str
    events: tuple[Event, ...]

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """The reply that a turn's events tell."""
        happened = tuple(events)
        said = [event.text for event in happened if isinstance(event, Speech)]
        return cls(said[-1] if said else "", happened)

    def __str__(self) -> str:
        return self.text


def _given(values: type[KernelSettings] | type[Sampling], settings: Settings) -> dict[str, Any]:
    """The fields of a value that are settings of the same name."""
    return {field.name: getattr(settings, field.name) for field in fields(values) if hasattr(settings, field.name)}


class Agent:
    """An agent that is open. Use `Agent.open`, and close it (or use `with`).

    Attributes:
        name: what the user calls it.
        settings: those that it was opened with; `model` is the name of the model that it runs on.
        start_events: what was repaired or noticed when it was opened.
        kernel: the running kernel.
        blocks: the working context: `agent.blocks["user"].text`; assign to edit by hand.
        memory: paging in, pinning and forgetting by hand.
        history: the conversation: reading, going back, exporting.
        consent: asks the user before a call that documents in view may have caused; may be set anew.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        database: Database,
        storage: AgentStorage,
        model: LanguageModel,
        tools: Sequence[Tool],
        *,
        owns_model: bool,
        observe: Callable[[Event], None] | None = None,
        consent: Consent = refuse,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        self.name = name
        self.settings = settings
        self._database = database
        self._storage = storage
        self._model = model
        self._owns_model = owns_model
        self._turns = Turns(f"Agent {name}", "message", self.cancel)
        self._idle = Idle(self._index, self._ahead)
        self._aside: list[Event] = []
        self._observe = observe or self._aside.append
        self.consent = consent
        self._variants = 0
        self._residency = Residency(
            model,
            database.snapshots,
            storage.snapshot_name,
            lambda: self.kernel.queue.context.tokens,
            lambda: self.kernel.common,
            self._alone,
        )
        with self._turns.alone(), self._residency.opening():  # at once: to boot may take a larger window
            self.kernel, self.start_events = self._boot(tools, now)
            self.start_events += tuple(self._residency.open())
            queue = self.kernel.queue
            if queue.resident <= queue.context.fixed_cost:
                self.start_events += tuple(queue.write_back())
        self.blocks = Blocks(self.kernel, storage, self._by_hand)
        self.memory = HandMemory(self.kernel, storage, self._by_hand)
        self.history = AgentHistory(self.kernel, storage, self._by_hand)
        self._idle.begin()

    def _boot(self, tools: Sequence[Tool], now: Callable[[], datetime]) -> tuple[Kernel, tuple[Event, ...]]:
        stored = self._storage
        wanted = self.settings
        policy = KernelSettings.for_window(self._model.window, **_given(KernelSettings, wanted))
        sampling = Sampling(**_given(Sampling, wanted))
        storage = Storage(stored.recall, stored.archival, stored.state)
        reading = DOCUMENTS if stored.archival.document_count() else ()
        functions = (*SYSTEM_CALLS, *reading, *(HIDING if wanted.hiding else ()), *tools)
        *events, kernel = boot(
            self._model,
            storage,
            functions,
            policy=policy,
            sampling=sampling,
            now=now,
            consent=self._consented,
        )
        assert isinstance(kernel, Kernel)
        notices = [Notice(text) for text in (*self._model.notes, *self._database.take_notices())]
        return kernel, (*(event for event in events if isinstance(event, Event)), *notices)

    def _consented(self, request: ConsentRequest) -> bool:
        return self.consent(request)  # as it is now: a shell sets it when it knows its user

    @classmethod
    def open(
        cls,
        name: str,
        *,
        model: str | Path | LanguageModel | None = None,
        context: int | None = None,
        tools: Sequence[Tool] = (),
        folder: str | Path | None = None,
        create: bool = True,
        progress: Callable[[str, float], None] | None = None,
        observe: Callable[[Event], None] | None = None,
        consent: Consent = refuse,
        now: Callable[[], datetime] = local_now,
        **settings: Any,
    ) -> Self:
        """Open an agent, creating it if it is new.

        Args:
            name: letters, digits, `.`, `_` and `-`.
            model: a name of `memos models list`, a GGUF file, or a `LanguageModel` of your own, which is
                not closed with the agent; other agents may have it, too, and take turns.
            context: the window in tokens.
            tools: functions of your own, made with `@tool`.
            folder: the data folder; by default `MEMOS_HOME`.
            create: make the agent if there is none of this name.
            progress: called with what is being done and a share from 0 to 1.
            observe: called, from another thread, with what happens between two turns; without it, these events
                come at the beginning of the next turn's. It must not talk to the agent, which waits for its end.
            consent: called before a function runs that acts outside of memory, or keeps what the user did not say,
                while documents are quoted in view; says whether it may. By default it may not, and the model is
                told so.
            now: the clock: what the model is told of date and time, and what "last week" is relative to. Messages are
                stored with the time of the machine.
            settings: any other setting by name, e.g. `temperature=0.7`; see `memos.settings.Settings`.

        Raises:
            InputError: a name, a setting or a tool cannot be used; or another agent is in the middle of a turn on the
                same model.
            ModelError: the model is missing or damaged.
            WindowError: the window does not fit the model, the memory or the agent.
            AgentBusy: another process has this agent open.
            StorageError: the data folder cannot be used.
        """
        if not all(isinstance(one, Tool) for one in tools):
            raise InputError("What the model may call is made with @tool; write it above the function.")
        ready = model if model is not None and not isinstance(model, str | Path) else None
        named = ready.name if ready is not None else None if model is None else str(model)
        wanted = load(model=named, context=context, **settings)
        with ExitStack() as undo:
            database = open_database(folder or home(), wanted)
            undo.callback(database.close)
            # Name and lock first: they fail at once, the model only after seconds.
            storage = database.agent(name, create=create)
            undo.callback(storage.close)
            loaded = ready
            if loaded is None:
                loaded = load_model(wanted, progress)
                undo.callback(loaded.close)
            mine = ready is None
            agent = cls(
                storage.name, wanted, database, storage, loaded, tools,
                owns_model=mine, observe=observe, consent=consent, now=now,
            )  # fmt: skip
            undo.callback(agent.close)  # it works between turns already
            storage.state.save_model(loaded.name)
            undo.pop_all()
            return agent

    # ------------------------------------------------------------------------------------------ talk

    def stream(
        self, text: str, *, instead_of: int | None = None, sampling: Sampling | None = None
    ) -> Generator[Event, None, None]:
        """Say something and follow what happens, event by event.

        From this call on it can be cancelled; nothing happens before the first event is asked for.

        Args:
            text: the message.
            instead_of: an earlier message of the user, whose place this one takes: that one and everything after it
                are taken back first (`agent.history.rewind`).
            sampling: how tokens are chosen in this turn; None: as the settings say.

        Raises:
            InputError: the message is empty, too long, another turn is running, or the agent is closed; nothing was
                stored or taken back.
        """
        return self._turns.followed(self._streamed(text, instead_of, self.kernel.controller.turn(text, sampling)))

    def _streamed(
        self, text: str, instead_of: int | None, turn: Generator[Event, None, None]
    ) -> Generator[Event, None, None]:
        with self._alone():
            yield from self._residency.resume()
            while self._aside:  # what happened since the last turn
                yield self._aside.pop(0)
            if instead_of is not None:
                self.kernel.queue.check_message(text)
                yield from self.history.taken_back(instead_of)
            yield from turn
            yield from self._residency.turn_ended()
            yield from (Notice(notice) for notice in self._database.take_notices())

    def ask(self, text: str) -> Reply:
        """Say something and wait for the answer."""
        return Reply.of(self.stream(text))

    def regenerate(self) -> Generator[Event, None, None]:
        """Have the last message answered anew, in other words: with a temperature, and another seed each time.

        Raises:
            InputError: nothing was asked yet, or it is forgotten, or (with the first event) a turn is running; nothing
                is changed.
        """
        asked = self.history.last_asked()
        if asked is None:
            raise InputError("There is no answer to generate anew: nothing was asked yet, or it is forgotten.")
        self._variants += 1
        usual = Sampling(**_given(Sampling, self.settings))
        warmer = replace(usual, temperature=max(VARIETY, usual.temperature), seed=usual.seed + self._variants)
        return self.stream(asked.content, instead_of=asked.id, sampling=warmer)

    def cancel(self) -> None:
        """End the running turn between two tokens, or one that is about to begin; what was said is kept. So it ends
        paging out by hand. From any thread."""
        self.kernel.controller.cancel()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One turn or edit at a time, and nothing between two turns meanwhile."""
        with self._turns.alone():
            self._idle.end()
            try:
                yield
            finally:  # whoever follows a turn may leave in the middle of it
                self._idle.begin()

    def _index(self, closing: Callable[[], bool]) -> None:
        """Bring the search index up to date while the user reads; a search that comes first does it itself. What is
        left undone when the agent is closed, or is being done elsewhere, is not waited for."""

        def progress(_done: int, _of: int) -> None:
            if closing():
                raise _Closing

        # What goes wrong here comes up again at the next search, which tells the user.
        with suppress(MemosError, _Closing):
            self._database.index.index_pending(progress, wait=False)

    def _ahead(self, over: Callable[[], bool]) -> None:
        """Do what the next turn would have to do before it can answer; it tells what happened."""
        if not self._residency.mine:
            return
        with suppress(MemosError):  # it comes up again in the next turn, which tells the user
            for event in self.kernel.controller.ahead(over):
                if not isinstance(event, Progress):
                    self._observe(event)

    # ---------------------------------------------------------------------------------------- memory

    def _by_hand(self, work: Callable[[], Iterable[Event]]) -> tuple[Event, ...]:
        """Do something to the memory between two turns."""
        with self._turns.here(), self._alone():
            return (*self._residency.resume(), *work())

    def edit_block(self, label: str, text: str) -> tuple[Event, ...]:
        """Set a block's text by hand.

        Raises:
            BlockError: no such block, or over its limit; nothing is changed.
        """
        return self.blocks.edit(label, text)

    @property
    def recall(self) -> Recall:
        """Every message: `agent.recall.search("Rex")`; `import_past` takes an earlier conversation in."""
        return self._storage.recall

    @property
    def archival(self) -> Archival:
        """Notes and passages: `agent.archival.insert("…")`, `agent.archival.search("…")`."""
        return self._storage.archival

    def ingest(self, *paths: str | Path, observe: Callable[[IngestEvent], None] | None = None) -> IngestFinished:
        """Read files and folders into this agent's archival memory.

        Args:
            paths: files or folders.
            observe: called with every event of the pipeline.

        Raises:
            InputError: a path does not exist.
            ModelNotFound: the embedding model has not been pulled.
            StorageError: nothing more could be stored.
        """
        return ingest_into(self._storage.archival, self.settings, paths, observe)

    @property
    def model_name(self) -> str:
        """What the user calls the model."""
        return self._model.name

    def context(self) -> Ledger:
        """Tokens by segment: used, reserved, free, pressure."""
        return self.kernel.ledger()

    def map(self) -> ContextMap:
        """The window segment by segment, to the token, with what leaves next."""
        return self.kernel.map()

    def evict(self) -> tuple[Event, ...]:
        """Page the oldest turns out now, rather than at the next flush. `cancel` ends it, and all is where it was."""
        evicting = self.kernel.controller.evict()
        return self._by_hand(lambda: evicting)

    def evictions(self) -> list[Eviction]:
        """All page-outs so far."""
        return self._storage.state.evictions()

    # ----------------------------------------------------------------------------------------- close

    def close(self) -> None:
        """Cancel a turn that runs, wait for its end, and give agent, database and model free, whatever of it fails.
        Whoever follows the turn, in this thread or another, is told how it ended. Closing twice is fine.

        Raises:
            InputError: called in the middle of a turn, by a function or `consent`; the agent stays open.
        """
        self._turns.close(self._free)

    def _free(self) -> None:
        with ExitStack() as free:  # the last of these first
            if self._owns_model:
                free.callback(self._model.close)
            free.callback(self._database.close)
            free.callback(self._storage.close)
            free.callback(self._residency.close)
            free.callback(self._read_end)
            free.callback(self._idle.close)

    def _read_end(self) -> None:
        """Read the last few tokens of what was said, which are otherwise read with what comes next; where that fails,
        too."""
        if not self._residency.mine:
            return
        queue = self.kernel.queue
        with suppress(MemosError):
            if queue.context.used - queue.resident <= FEW:
                for _ in queue.read_ahead(lambda: False):
                    pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
