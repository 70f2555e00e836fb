"""Questions that a model answers: what it is told before, what it is asked, and when an answer is right.

Turns data sets into tasks. It does not know how a model is run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from memos.errors import InputError
from memos.eval.data import Conversation, Row, files, locomo, longmemeval, made_of
from memos.eval.metrics import contains, declined, f1, f1_of_list, labelled
from memos.messages import Told

NESTED = (
    "Archival memory holds key-value pairs; all keys and values are UUIDs. Look up key {key} with "
    "archival_memory_search. If its value is also a key, look that up, too, and go on until a value is not a key. "
    "Then tell me that last value alone."
)
PHRASE = "Answer with a short phrase, not a sentence."  # as LoCoMo asks
LISTS = "multi_hop"  # the category of LoCoMo whose answers are lists


@dataclass(frozen=True, slots=True)
class World:
    """What is in memory when a question is asked.

    Args:
        name: of what is stored; tasks with one name share it.
        past: what was said.
        notes: passages of a document that archival memory holds.
        documents: files that ingest reads: their names and texts.
        told: what tells the answer among the documents: a file's name, and words that stand in it.
        shelf: worlds of one shelf differ in a few files, and only these are read anew; empty: its own.
    """

    name: str
    past: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    shelf: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One question to a model.

    Args:
        id: of the question.
        category: its kind.
        world: what is in memory.
        text: what is asked.
        answers: any of these is right; none: that it was never said.
        evidence: places in the past, or among the notes, that tell the answer; with documents, of `told`.
        asked_at: when; None: whenever it is run, since nothing in the data is dated.
        metric: `f1`, `accuracy` (any of the answers occurs), `all` (all of them do), or `label` (BABILong: it occurs
            in the first sentence, and none of `others` does).
        others: labels that would be wrong.
    """

    id: str
    category: str
    world: World
    text: str
    answers: tuple[str, ...]
    evidence: tuple[int, ...]
    asked_at: datetime | None = None
    metric: str = "accuracy"
    others: tuple[str, ...] = ()

    def score(self, said: str) -> dict[str, float]:
        """Metrics of an answer. `declined` counts those that say it was never mentioned."""
        if not self.answers:
            return {"abstention": float(declined(said))}
        if self.metric == "f1":
            measure = f1_of_list if self.category == LISTS else f1
            return {"f1": max(measure(said, right) for right in self.answers), "declined": float(declined(said))}
        if self.metric == "all":
            return {"accuracy": float(all(contains(said, right) for right in self.answers))}
        if self.metric == "label":
            return {"accuracy": labelled(said, self.answers[0], self.others)}
        return {"accuracy": float(any(contains(said, right) for right in self.answers))}


def of_conversations(conversations: Sequence[Conversation]) -> list[Task]:
    """A task a question, with the whole conversation as the past."""
    tasks = []
    for talk in conversations:
        world = World(talk.name, past=talk.past)
        for one in talk.questions:
            text = f"{one.text} {PHRASE}"
            tasks.append(Task(one.id, one.category, world, text, one.answers, one.turns, talk.asked_at, "f1"))
    return tasks


def nested_kv(folder: Path, _seed: int) -> list[Task]:
    """MemGPT's nested key-value retrieval (Packer et al. 2023, section 3.2.2): 140 pairs, 0 to 4 nestings."""
    base = cache(lambda: _base(folder / "base_kv140.json"))
    return list(made_of(files(folder, "*.jsonl*"), lambda row: _nested(row, row.get("records") or base())))


def _base(path: Path) -> Sequence[Sequence[str]]:
    """The pairs that a line changes which has none of its own."""
    try:
        pairs: Sequence[Sequence[str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    return pairs


def _nested(row: Row, records: Sequence[Sequence[str]]) -> Task:
    pairs = [list(pair) for pair in records]
    for index, value in row.get("overwrites", ()):
        pairs[index][1] = value
    notes = tuple(f"Key-value pair: key = {key}, value = {value}" for key, value in pairs)
    name = str(row["id"])
    world, asked = World(name, notes=notes), NESTED.format(key=row["key"])
    evidence = tuple(row.get("chain_indices") or ())
    return Task(name, f"nesting_{row['nesting']}", world, asked, (str(row["answer"]),), evidence)


def locomo_qa(folder: Path, _seed: int) -> list[Task]:
    """LoCoMo's questions, the unanswerable included."""
    return of_conversations(locomo(folder))


def longmemeval_qa(folder: Path, seed: int) -> list[Task]:
    """LongMemEval's questions, the unanswerable included."""
    return of_conversations(longmemeval(folder, seed))
