"""Data sets of talks as conversations and questions, and how files of any data set are read.

Owns what the files of LoCoMo, MSC and LongMemEval look like; `tasks`, `haystacks` and `documents` know those of others.
It does not know what is measured.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from memos.errors import InputError
from memos.messages import Kind, Told
from memos.zone import LOCAL

Made = TypeVar("Made")
Row = Mapping[str, Any]

BETWEEN_TURNS = timedelta(seconds=30)  # data sets date sessions; turns follow each other
BETWEEN_SESSIONS = timedelta(days=7)  # where they date nothing
LOCOMO_CATEGORIES = {1: "multi_hop", 2: "temporal", 3: "open_domain", 4: "single_hop", 5: "adversarial"}
UNDATED = datetime(2024, 1, 1, 9, tzinfo=LOCAL)
LONGMEMEVAL_DATE = "%Y/%m/%d (%a) %H:%M"
OTHERS = "third_party"  # where a question comes from that somebody else asked about sessions of LongMemEval
HAYSTACK_SESSIONS = 30  # that a question of LongMemEval's oracle part is hidden among


@dataclass(frozen=True, slots=True)
class Question:
    """One question about a conversation.

    Args:
        id: of the data set, or its place.
        text: as asked.
        answers: any of these is right; none where the right answer is that it was never said.
        category: the data set's name for its kind.
        turns: places in the past of the turns that tell the answer.
        sessions: numbers of the sessions that do.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    category: str
    turns: tuple[int, ...] = ()
    sessions: tuple[int, ...] = ()

    @property
    def abstain(self) -> bool:
        """Whether the right answer is that it was never said."""
        return not self.answers


@dataclass(frozen=True, slots=True)
class Conversation:
    """A past, and questions about it.

    Args:
        name: of the data set.
        past: every turn, in order.
        sessions: the session's number of each turn.
        questions: about it.
        asked_at: when they are asked.
    """

    name: str
    past: tuple[Told, ...]
    sessions: tuple[int, ...]
    questions: tuple[Question, ...]
    asked_at: datetime


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, plain or gzipped.

    Args:
        path: the file; gzipped if it is named so.

    Returns:
        The text.

    Raises:
        InputError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read as UTF-8 text: {error}.") from error


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, plain or gzipped.

    Raises:
        InputError: it cannot be read.
    """
    text = text_of(path)
    try:
        yield from (json.loads(line) for line in text.split("\n") if line.strip())
    except ValueError as error:
        raise InputError(f"{path} cannot be read as JSON Lines: {error}.") from error


def made_of(paths: Iterable[Path], make: Callable[[Row], Made]) -> Iterator[Made]:
    """What becomes of each object of JSON Lines files.

    Raises:
        InputError: a file cannot be read, or an object lacks what is needed; the sentence says which.
    """
    for path in paths:
        for number, row in enumerate(rows(path), 1):
            try:
                made = make(row)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
                wrong = f"it has no {error}" if isinstance(error, KeyError) else str(error)
                raise InputError(f"Line {number} of {path} cannot be used: {wrong}.") from error
            yield made


def files(folder: Path, pattern: str) -> list[Path]:
    """The files of a data set's folder that match, by name.

    Raises:
        InputError: there is none.
    """
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if not found:
        raise InputError(f"There is no {pattern} in {folder}; --data is the data set's folder.")
    return found


# ------------------------------------------------------------------------------------------- LoCoMo


def locomo(folder: Path) -> list[Conversation]:
    """LoCoMo (Maharana et al. 2024): long talks of two people; questions of five categories, the fifth unanswerable."""
    return list(made_of(files(folder, "locomo*.jsonl*"), _locomo))


def _locomo(row: Row) -> Conversation:
    past: list[Told] = []
    sessions: list[int] = []
    places: dict[str, int] = {}
    for number, session in enumerate(row["sessions"]):
        dated = session.get("date_time")
        begins = datetime.fromisoformat(dated).replace(tzinfo=LOCAL) if dated else UNDATED + number * BETWEEN_SESSIONS
        for step, turn in enumerate(session["turns"]):
            kind = Kind.USER if turn["speaker"] == row["speaker_a"] else Kind.SPEECH
            places[turn["dia_id"]] = len(past)
            text = turn.get("text_with_caption") or turn["text"]
            past.append(Told(kind, text, begins + step * BETWEEN_TURNS, turn["speaker"]))
            sessions.append(number)
    questions = []
    name = str(row["sample_id"])
    for number, asked in enumerate(row["qa"]):
        turns = () if asked.get("evidence_unresolved") else _known(asked.get("evidence"), places)
        category = asked.get("category_name") or LOCOMO_CATEGORIES[asked["category"]]
        never = category == LOCOMO_CATEGORIES[5] or asked.get("answer") is None
        answers = () if never else (str(asked["answer"]),)
        where = tuple(sorted({sessions[turn] for turn in turns}))
        asked_as = str(asked.get("qid", f"{name}-{number}"))
        questions.append(Question(asked_as, asked["question"], answers, category, turns, where))
    return Conversation(name, tuple(past), tuple(sessions), tuple(questions), past[-1].said_at + timedelta(days=1))


def _known(evidence: Sequence[Any] | None, places: Mapping[Any, int]) -> tuple[int, ...]:
    """Where all of what tells an answer stands; nothing where some of it is not to be found."""
    found = tuple(dict.fromkeys(places[item] for item in evidence or () if item in places))
    return found if len(found) == len(set(evidence or ())) else ()


# ---------------------------------------------------------------------------------------------- MSC


def msc(folder: Path) -> list[Conversation]:
    """Multi-Session Chat (Xu et al. 2022): a probe is a worker's summary of one turn, to be traced back to it."""
    return list(made_of(files(folder, "msc*.jsonl*"), _msc))


def _msc(row: Row) -> Conversation:
    past: list[Told] = []
    sessions: list[int] = []
    places: dict[str, int] = {}
    names: dict[str, Kind] = {}
    for number, session in enumerate(row["sessions"]):
        begins = UNDATED + number * BETWEEN_SESSIONS
        for step, turn in enumerate(session["turns"]):
            kind = names.setdefault(turn["speaker"], Kind.SPEECH if names else Kind.USER)
            places[turn["turn_id"]] = len(past)
            past.append(Told(kind, turn["text"], begins + step * BETWEEN_TURNS, turn["speaker"]))
            sessions.append(number)
    questions = []
    for number, probe in enumerate(row["fact_probes"]):
        turns = _known(probe.get("evidence"), places)
        where = tuple(sorted({sessions[turn] for turn in turns}))
        questions.append(
            Question(f"{row['dialog_id']}-{number}", probe["query"], (probe["query"],), "fact", turns, where)
        )
    asked_at = past[-1].said_at + timedelta(days=1)
    return Conversation(str(row["dialog_id"]), tuple(past), tuple(sessions), tuple(questions), asked_at)


# --------------------------------------------------------------------------------------- LongMemEval


def longmemeval(folder: Path, seed: int) -> list[Conversation]:
    """LongMemEval (Wu et al. 2025): questions of a user about talks with an assistant, hidden among other talks.

    Args:
        folder: the data set's.
        seed: which other talks surround a question that comes without any, and when they were.
    """
    filler = [row for path in sorted(folder.glob("filler*.jsonl*")) for row in rows(path)]

    def alone(row: Row) -> Conversation:
        surrounded = _among(row, filler, random.Random(f"{seed}/{row['question_id']}"))
        return _longmemeval(str(row["question_id"]), surrounded, [{**row, "never": _abstaining(row)}])

    whole = sorted(folder.glob("s_full*.jsonl*"))
    oracle = sorted(folder.glob("oracle*.jsonl*")) if whole else files(folder, "oracle*.jsonl*")
    return [*made_of(oracle, alone), *made_of(whole, _surrounded)]


def _abstaining(row: Row) -> bool:
    return row["question_type"] == "abstention" or str(row["question_id"]).endswith("_abs")


def _surrounded(row: Row) -> Conversation:
    """A question among its own sessions, and questions of others about these."""
    name = str(row["question_id"])
    shared = {key: row.get(key) for key in ("question_type", "question_date")}
    asked = [
        # That it was never said is so of the question that the sessions were gathered for.
        {**shared, **one, "question_id": f"{name}-{n}", "never": _abstaining(row) and one.get("origin") != OTHERS}
        for n, one in enumerate(row["questions"])
    ]
    return _longmemeval(f"{name} among {len(row['sessions'])}", row["sessions"], asked)


def _among(row: Row, filler: Sequence[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """The sessions of a question, and others of the months before it."""
    latest = max(_date(session["date"]) for session in row["sessions"])
    asked = max(latest, _date(row["question_date"])) if row.get("question_date") else latest + timedelta(days=1)
    others = []
    for session in rng.sample(filler, max(0, min(len(filler), HAYSTACK_SESSIONS - len(row["sessions"])))):
        moment = asked - timedelta(minutes=rng.randrange(60, 120 * 24 * 60))
        others.append({**session, "date": moment.strftime(LONGMEMEVAL_DATE)})
    return [*row["sessions"], *others]


def _longmemeval(name: str, stored: Sequence[Row], asked: Sequence[Row]) -> Conversation:
    past: list[Told] = []
    sessions: list[int] = []
    telling: list[int] = []
    numbers: dict[str, int] = {}
    for number, session in enumerate(sorted(stored, key=lambda one: _date(one["date"]))):
        numbers[session["session_id"]] = number
        for step, turn in enumerate(session["turns"]):
            if turn.get("has_answer"):
                telling.append(len(past))
            kind = Kind.USER if turn["role"] == "user" else Kind.SPEECH
            past.append(Told(kind, turn["content"], _date(session["date"]) + step * BETWEEN_TURNS))
            sessions.append(number)
    questions = []
    for one in asked:
        where = tuple(sorted(_known(one.get("answer_session_ids"), numbers)))
        turns = tuple(turn for turn in telling if sessions[turn] in where)
        answers = () if one["never"] else (str(one["answer"]),)
        questions.append(
            Question(str(one["question_id"]), one["question"], answers, one["question_type"], turns, where)
        )
    dated = asked[0].get("question_date")
    asked_at = _date(dated) if dated else past[-1].said_at + timedelta(days=1)
    return Conversation(name, tuple(past), tuple(sessions), tuple(questions), asked_at)


def _date(text: str) -> datetime:
    return datetime.strptime(text, LONGMEMEVAL_DATE).replace(tzinfo=LOCAL)
