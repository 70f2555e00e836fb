"""What a model answers, in several arms: with the whole of memos, with a part of it, and without.

Owns the arms and where a wrong answer was lost. Every question meets a fresh copy of the data folder, so that no
question learns from another. It does not know data sets.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from memos.agents import Agent
from memos.agents.composition import ingest_into
from memos.errors import MemosError
from memos.eval.embeddings import EmbeddingCache
from memos.eval.metrics import contains
from memos.eval.tasks import Task, World
from memos.events import CallFinished, Event, Judged, PagedIn
from memos.generation import Generated, Sampling, TextGrammar
from memos.messages import Eviction
from memos.protocols import LanguageModel
from memos.settings import Settings
from memos.storage import Archival, Database

MEMOS, NO_PREFETCH, TRUNCATE, RAG, CLOSED = ARMS = ("memos", "memos-no-prefetch", "truncate", "rag", "closed-book")
AGENT = "eval"
RAG_ITEMS, RETRIEVED = 10, 20
REPLY, ASKED = 160, 128  # tokens of a one-shot answer, and for its question
Place = tuple[str, int] | int  # where something stands: in recall or archival memory, or, for one shot, its line
POINTER = re.compile(r"\b(recall|archival):(\d+)\b")
ONE_SHOT = (
    "Answer the question from the text, in a few words. If the text does not say it, say that it is not mentioned."
)
# What is measured is memory: nothing is kept from one question to the next, nothing runs between them.
APART = {"note_facts": False, "ahead": False, "snapshots": 0, "database": ""}
ERROR = "error: "  # how `lost` begins where no answer came
GREEDILY: dict[str, Any] = {"limit": REPLY, "sampling": Sampling(), "cancelled": lambda: False}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one task in one arm.

    Args:
        task: its id.
        arm: the arm.
        category: the task's.
        asked: the question.
        said: the answer; empty where none came.
        metrics: by name.
        lost: where a wrong answer was lost: `not stored`, `not retrieved` (search found none of what tells it), `not
            shown` (not all of it was), `not used`; `made up` where nothing tells it; `evidence unknown` where the data
            does not say what does; `error: …` where no answer came; empty if it is right, or the arm has no memory.
        pages: how many pages the kernel brought into view by itself; 0 where nothing is known to tell it.
        false_pages: of these, how many showed no evidence.
        seconds: wall time.
    """

    task: str
    arm: str
    category: str
    asked: str
    said: str
    metrics: dict[str, float]
    lost: str
    pages: int
    false_pages: int
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether no answer came."""
        return self.lost.startswith(ERROR)


class Arms:
    """Answers tasks with one resident model.

    Args:
        model: the model.
        settings: of the agent.
        embedder: makes vectors; None: words only.
        folder: an empty folder for data folders.
    """

    def __init__(self, model: LanguageModel, settings: Settings, embedder: EmbeddingCache | None, folder: Path) -> None:
        self._model, self._settings, self._embedder, self._folder = model, settings, embedder, folder
        self._ids: dict[str, tuple[list[int], list[int]]] = {}
        self._shelves: dict[str, str] = {}  # which world a data folder holds now
        self._homes: dict[str, Path] = {}  # the data folder of a shelf, or of a world of its own

    def answer(self, task: Task, arm: str) -> Answer:
        """Answer one task in one arm."""
        started = time.perf_counter()
        find: Callable[[], AbstractSet[Place]]
        pages: list[AbstractSet[Place]] = []
        if arm in (MEMOS, NO_PREFETCH):
            said, events = self._asked(task, prefetch=arm == MEMOS)
            wanted, shown, find = self._wanted(task), _shown(events), partial(self._found, task)
            pages = [_pointers(event.sources) for event in events if wanted and isinstance(event, PagedIn)]
        else:
            found = self._likeliest(task, arm)
            said, shown = self._one_shot(task, arm, found)
            wanted, find = _telling(task), lambda: set(found)
        metrics = task.score(said)
        wrong = metrics.get("accuracy", metrics.get("f1", metrics.get("abstention", 1))) < 0.5
        return Answer(
            task.id,
            arm,
            task.category,
            task.text,
            said,
            metrics,
            _lost(task, wanted, shown, find) if wrong and arm != CLOSED else "",
            len(pages),
            sum(not page & wanted for page in pages),
            round(time.perf_counter() - started, 2),
        )

    # ------------------------------------------------------------------------------------- the agent

    def _asked(self, task: Task, *, prefetch: bool) -> tuple[str, Sequence[Event]]:
        home = self._folder / "copy"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(self._stored(task.world), home)
        given = self._settings.model_dump() | {"prefetch": prefetch, **APART}
        given = {name: value for name, value in given.items() if name not in ("model", "context")}
        if (asked_at := task.asked_at) is not None:
            given["now"] = lambda: asked_at
        with Agent.open(AGENT, model=self._model, context=self._model.window, folder=home, **given) as agent:
            reply = agent.ask(task.text)
        return reply.text, reply.events

    def _stored(self, world: World) -> Path:
        """A data folder in which a world is stored, made once, and what its places are called there."""
        home = self._homes.setdefault(world.shelf or world.name, self._folder / f"home{len(self._homes)}")
        if self._shelves.get(world.shelf or world.name) == world.name:
            return home
        embedder = self._embedder
        with (
            Database.open(home, embedder=None if embedder is None else lambda: embedder) as database,
            database.agent(AGENT) as agent,
        ):
            past = agent.recall.import_past(world.past)
            if world.notes:  # as a document: the user's documents may be searched for any question
                agent.archival.store_document(world.name, "", [(text, "") for text in world.notes])
            stored = agent.archival.read_document(world.name, limit=len(world.notes)).items
            notes = [passage.id for passage in stored]
            agent.archival.index_pending()
            if past:  # none of it is in view
                where = f"[recall:{past[0]}-{past[-1]}]"
                left = Eviction(past[0], past[-1], len(past), 0, where, "deterministic", "asked")
                agent.state.record_eviction(left, queue_start=past[-1] + 1, blocks=())
            if world.documents:
                notes = self._ingested(world, agent.archival, home.with_suffix(".files"))
        self._ids[world.name] = past, notes
        self._shelves[world.shelf or world.name] = world.name
        return home

    def _ingested(self, world: World, archival: Archival, folder: Path) -> list[int]:
        """Bring the files of a shelf to a world's text and ingest them; returns the passages that tell the answer."""
        folder.mkdir(exist_ok=True)
        for name, text in world.documents:
            file = folder / name
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.write_text(text, encoding="utf-8")
        ingest_into(archival, self._settings, [folder], None)
        telling = []
        for name, words in world.told:
            passages = archival.read_document(str((folder / name).absolute()), limit=1000).items
            telling.append(next((one.id for one in passages if contains(one.text, words)), 0))
        return telling

    # --------------------------------------------------------------------------------------- one shot

    def _one_shot(self, task: Task, arm: str, places: Sequence[int]) -> tuple[str, AbstractSet[Place]]:
        """What the model says to lines, the most wanted first; and those of them that fitted."""
        lines = _lines(task.world)
        model, scaffold = self._model, self._model.scaffold
        head = scaffold.instructed(model.tokenize(ONE_SHOT))
        asked = model.tokenize(f"\n\nQuestion: {task.text}") + scaffold.user_to_model
        # The same room for every question: one past then begins the same for all of them, and is read once.
        room = model.window - len(head) - max(len(asked), ASKED) - REPLY
        # The newest, or the likeliest, that fit; in their order.
        kept: dict[int, tuple[int, ...]] = {}
        for place in places:
            tokens = model.tokenize(lines[place] + "\n")
            if len(tokens) > room:
                break
            kept[place] = tokens
            room -= len(tokens)
        order = reversed(kept) if arm == TRUNCATE else kept
        body = tuple(token for place in order for token in kept[place])
        said = ""
        for item in model.generate(head + body + asked, TextGrammar(max_chars=400), **GREEDILY):
            said = item.text if isinstance(item, Generated) else said
        return said, set(kept)

    def _likeliest(self, task: Task, arm: str) -> list[int]:
        """The lines that a one-shot arm may show, the most wanted first."""
        lines = [] if arm == CLOSED else _lines(task.world)
        if arm == TRUNCATE:
            return list(range(len(lines)))[::-1]
        if self._embedder is None or not lines:
            return list(range(len(lines)))[:RAG_ITEMS]
        asked = self._embedder.embed([task.text])[0]
        vectors = self._embedder.embed(lines)
        nearness = [sum(a * b for a, b in zip(asked, vector, strict=True)) for vector in vectors]
        return sorted(range(len(lines)), key=lambda at: -nearness[at])[:RAG_ITEMS]

    # ------------------------------------------------------------------------------------ where lost

    def _wanted(self, task: Task) -> AbstractSet[Place]:
        self._stored(task.world)  # another world of its shelf may have given what it holds other ids
        past, notes = self._ids[task.world.name]
        where, ids = ("recall", past) if past else ("archival", notes)
        return {(where, ids[place]) for place in task.evidence if ids[place]}

    def _found(self, task: Task) -> AbstractSet[Place]:
        """What search finds of the agent's memory."""
        embedder = self._embedder
        home = self._stored(task.world)
        with (
            Database.open(home, embedder=None if embedder is None else lambda: embedder) as database,
            database.agent(AGENT) as agent,
        ):
            messages = agent.recall.search(task.text, limit=RETRIEVED, asked_at=task.asked_at).items
            passages = agent.archival.search(task.text, limit=RETRIEVED).items
        return {("recall", one.id) for one in messages} | {("archival", one.id) for one in passages}


def _lost(
    task: Task, wanted: AbstractSet[Place], shown: AbstractSet[Place], find: Callable[[], AbstractSet[Place]]
) -> str:
    if not task.answers:
        return "made up"
    if not wanted:
        return "not stored" if task.evidence else "evidence unknown"
    if wanted <= shown:
        return "not used"
    return "not shown" if wanted & (shown | find()) else "not retrieved"


def _lines(world: World) -> list[str]:
    """What a one-shot arm may show of a world."""
    past = [f"[{told.said_at:%Y-%m-%d}] {told.speaker or told.kind}: {told.content}" for told in world.past]
    return [*past, *world.notes, *(f"{name}: {text}" for name, text in world.documents)]


def _telling(task: Task) -> AbstractSet[Place]:
    """The lines that tell the answer."""
    world = task.world
    if world.past or not world.documents:
        return set(task.evidence)
    files = [name for name, _ in world.documents]
    return {len(world.notes) + files.index(world.told[place][0]) for place in task.evidence}


def _shown(events: Iterable[Event]) -> AbstractSet[Place]:
    """The ids of everything that a turn brought before the model, in view or read apart."""
    shown: set[Place] = set()
    for event in events:
        if isinstance(event, PagedIn | Judged):
            shown |= _pointers(event.sources)
        elif isinstance(event, CallFinished):
            shown |= _pointers([event.result])
    return shown


def _pointers(texts: Iterable[str]) -> set[Place]:
    return {(where, int(number)) for text in texts for where, number in POINTER.findall(text)}


def failed(task: Task, arm: str, error: MemosError) -> Answer:
    """An answer that never came, which is a wrong one; why is told as where it was lost."""
    return Answer(task.id, arm, task.category, task.text, "", task.score(""), f"{ERROR}{error}", 0, 0, 0.0)


def lost_by_arm(answers: Iterable[Answer]) -> dict[str, dict[str, int]]:
    """For each arm, where its wrong answers were lost, and how many there."""
    found: dict[str, Counter[str]] = {}
    for one in answers:
        found.setdefault(one.arm, Counter()).update([one.lost] if one.lost else [])
    return {arm: dict(reasons) for arm, reasons in found.items()}
