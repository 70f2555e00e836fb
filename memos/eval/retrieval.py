"""What a search finds, without a model: recall of the turns and sessions that tell an answer.

Runs `Recall.search` and `Archival.search` as the kernel does, on a temporary data folder. Owns the metrics of
retrieval. It does not know a data set's files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memos.eval.data import Conversation, Question
from memos.eval.embeddings import EmbeddingCache
from memos.storage import Database, Recall

TURNS, SESSIONS = (5, 10, 20), (5, 10)
DEEPEST = 400  # results that are looked through for sessions


@dataclass(frozen=True, slots=True)
class Scored:
    """What a search scored for one question.

    Args:
        id: the question's.
        category: its kind.
        metrics: by name.
        milliseconds: that the search took, without embedding.
    """

    id: str
    category: str
    metrics: dict[str, float] = field(default_factory=dict)
    milliseconds: float = 0.0


Progress = Callable[[int, int], None]


def recall_of_turns(
    conversations: Sequence[Conversation], home: Path, embedder: EmbeddingCache | None, progress: Progress
) -> Iterator[Scored]:
    """Tell each conversation to an agent of its own, and search for each question.

    Args:
        conversations: pasts and questions; those without evidence are left out.
        home: an empty folder for the database.
        embedder: makes vectors; None: words only.
        progress: told `(questions done, of)`.
    """
    total, done = sum(len(answerable(conversation)) for conversation in conversations), 0
    with Database.open(home, embedder=None if embedder is None else lambda: embedder) as database:
        for number, conversation in enumerate(conversations):
            progress(done, total)
            with database.agent(f"agent{number}") as agent:
                ids = agent.recall.import_past(conversation.past)
                agent.archival.index_pending()
                agent.recall.search("anything")  # load what the first search loads
                for question in answerable(conversation):
                    yield _searched(agent.recall, conversation, question, ids, embedder)
                    done += 1
                    progress(done, total)


def answerable(conversation: Conversation) -> list[Question]:
    """The questions whose answer was said, and where is known."""
    return [one for one in conversation.questions if not one.abstain and (one.turns or one.sessions)]


def _searched(
    recall: Recall,
    conversation: Conversation,
    question: Question,
    ids: Sequence[int],
    embedder: EmbeddingCache | None,
) -> Scored:
    before, started = embedder.seconds if embedder else 0.0, time.perf_counter()
    recall.search(question.text, limit=TURNS[-1], asked_at=conversation.asked_at)
    spent = time.perf_counter() - started - ((embedder.seconds if embedder else 0.0) - before)
    found = recall.search(question.text, limit=DEEPEST, asked_at=conversation.asked_at)
    place = {item: at for at, item in enumerate(ids)}
    turns = [place[message.id] for message in found.items]
    sessions = list(dict.fromkeys(conversation.sessions[turn] for turn in turns))
    metrics = turn_metrics(turns, question.turns) | session_metrics(sessions, question.sessions)
    return Scored(question.id, question.category, metrics, spent * 1000)


def turn_metrics(found: Sequence[int], wanted: Sequence[int], name: str = "turn") -> dict[str, float]:
    """Recall, any and all at k, and the reciprocal rank of the first that was wanted; none if nothing was.

    Args:
        found: best first.
        wanted: what tells the answer.
        name: what these are.
    """
    if not wanted:
        return {}
    metrics: dict[str, float] = {}
    for k in TURNS:
        hits = len(set(found[:k]) & set(wanted))
        metrics[f"{name}_recall@{k}"] = hits / len(set(wanted))
        metrics[f"{name}_any@{k}"] = float(hits > 0)
        metrics[f"{name}_all@{k}"] = float(hits == len(set(wanted)))
    first = next((rank for rank, item in enumerate(found, start=1) if item in set(wanted)), 0)
    return metrics | {"mrr": 1 / first if first else 0.0}


def session_metrics(found: Sequence[int], wanted: Sequence[int]) -> dict[str, float]:
    """Whether any and all of the sessions are among the first k, in the order of their best turns."""
    metrics: dict[str, float] = {}
    for k in SESSIONS if wanted else ():
        metrics[f"session_any@{k}"] = float(bool(set(found[:k]) & set(wanted)))
        metrics[f"session_all@{k}"] = float(set(wanted) <= set(found[:k]))
    return metrics
