"""Questions whose answer is hidden among much text that says nothing about it, which ingest reads as files.

Turns the data sets Lost in the Middle, BABILong and Needle in a Haystack into tasks. A haystack is a folder of small
files, so that a question changes only those in which its facts are hidden; the rest is neither parsed nor embedded
again. It does not know how a model is run.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from memos.errors import InputError
from memos.eval.data import Row, files, made_of, rows, text_of
from memos.eval.tasks import Task, World

# Documents, and the places of the one that tells the answer: first, middle, last (Liu et al. 2023, section 2.2).
PLACES = ("first", "middle", "last")
COUNTS = 10, 20, 30
LENGTHS = 0, 4, 16, 64, 128, 512  # thousands of tokens of haystack
DEPTHS = 0, 25, 50, 75, 100  # percent
TOKENS_A_WORD = 1.3  # of English prose
FILE_WORDS = 400
SHARED = "haystack"  # the folder, beside the questions', with the books
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'])")


def multidoc(folder: Path, _seed: int) -> list[Task]:
    """Lost in the Middle's questions (Liu et al. 2023): one of 10, 20 or 30 documents tells the answer.

    Categories are `documents_20/middle`: how many documents, and where the one is that tells it.
    """

    def tasks(row: Row) -> list[Task]:
        return [_multidoc(row, count, where) for count in COUNTS for where in PLACES]

    return [task for found in made_of(files(folder, "*.jsonl*"), tasks) for task in found]


def _multidoc(row: Row, count: int, where: str) -> Task:
    place = {"first": 0, "middle": count // 2, "last": count - 1}[where]
    texts = [_document(one) for one in row["distractors"][: count - 1]]
    texts.insert(place, _document(row["gold"]))
    documents = tuple((f"{number:02}.txt", text) for number, text in enumerate(texts))
    answers = tuple(row["answers"])
    words = next((one for one in answers if one in row["gold"]["text"]), row["gold"]["text"][:60])
    told = ((f"{place:02}.txt", words),)
    world = World(f"{row['id']}-{count}-{where}", documents=documents, told=told)
    return Task(world.name, f"documents_{count}/{where}", world, row["question"], answers, (0,))


def _document(one: Row) -> str:
    return f"{one['title']}\n{one['text'].strip()}"


# ------------------------------------------------------------------------------------------ BABILong


def babilong(folder: Path, seed: int) -> list[Task]:
    """BABILong (Kuratov et al. 2024): the facts of a bAbI story, in their order, hidden in a novel.

    `folder` has the stories (`qa1.jsonl` …), the folder `haystack` beside it the novels. Categories are `qa1/128k`.
    """
    stories = list(made_of(files(folder, "qa*.jsonl*"), _story))
    labels: dict[str, set[str]] = {}
    for row in stories:
        labels.setdefault(row["task"], set()).add(row["answer"])
    books = files(folder.resolve().parent / SHARED, "*.txt*")
    prose = [one for path in books for one in _sentences(text_of(path))]
    tasks = []
    for length in LENGTHS:
        pages = _pages(prose, length)
        tasks += [_babilong(row, pages, length, seed, labels[row["task"]]) for row in stories]
    return tasks


def _story(row: Row) -> Row:
    """A line of a file of stories, with all that is used of it."""
    needed = {key: row[key] for key in ("id", "task", "facts", "question", "answer")}
    support = [place for place in row.get("support") or () if place < len(row["facts"])]
    return {**needed, "answer": str(row["answer"]), "support": support}


def _babilong(row: Row, pages: Sequence[str], length: int, seed: int, labels: set[str]) -> Task:
    name, facts = f"{row['id']}-{length}k", row["facts"]
    documents, where = _hidden(pages, facts, random.Random(f"{seed}/{name}"))
    told = tuple((where[place], facts[place]) for place in row["support"])
    world = World(name, documents=documents, told=told, shelf=f"babilong-{length}k")
    return Task(
        name,
        f"{row['task']}/{length}k",
        world,
        row["question"],
        (row["answer"],),
        tuple(range(len(told))),
        metric="label",
        others=tuple(sorted(one for one in labels if one != row["answer"] and one not in row["question"])),
    )


def _hidden(
    pages: Sequence[str], facts: Sequence[str], rng: random.Random
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Files of a haystack with sentences hidden in it at random places, in their order; and the file of each."""
    cuts = sorted(rng.random() * len(pages) for _ in facts)
    changed: dict[int, list[tuple[float, str]]] = {}
    for cut, fact in zip(cuts, facts, strict=True):
        changed.setdefault(int(cut), []).append((cut % 1, fact))
    texts = list(pages)
    for number, here in changed.items():
        prose = _sentences(pages[number])
        size = len(prose)  # of the page alone: by what is hidden there, too, facts would lose their order
        for share, fact in reversed(here):
            prose.insert(round(share * size), fact)
        texts[number] = " ".join(prose)
    return tuple((_file(number), text) for number, text in enumerate(texts)), [_file(int(cut)) for cut in cuts]


# ------------------------------------------------------------------------------------------ Needles


def needle(folder: Path, seed: int) -> list[Task]:
    """Needle in a Haystack (Kamradt 2023): a sentence, or a number, at a depth of a text of a length.

    `folder` has `essays.jsonl.gz` and `needles.json`. Categories are `single/64k/50`: needle, length, depth in percent.
    """
    try:
        given = json.loads((folder / "needles.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'needles.json'} cannot be read: {error}.") from error
    prose = [one for path in files(folder, "essays*.jsonl*") for row in rows(path) for one in _sentences(row["text"])]
    single, passkey = given["single"], given["passkey"]
    tasks = []
    for length in LENGTHS[1:]:
        pages = _pages(prose, length)
        for depth in DEPTHS:
            where = f"{length}k/{depth}"
            keywords = tuple(single["answer_keywords"])
            tasks.append(
                _needle(pages, f"single/{where}", depth, single["needle"].strip(), single["question"], keywords)
            )
            value = str(random.Random(f"{seed}/{where}").randint(*passkey["value_range"]))
            text = passkey["needle"].format(n=value)
            tasks.append(_needle(pages, f"passkey/{where}", depth, text, passkey["question"], (value,)))
    return tasks


def _needle(
    pages: Sequence[str], category: str, depth: int, text: str, question: str, answers: tuple[str, ...]
) -> Task:
    number, share = divmod(depth / 100 * len(pages), 1)
    if number == len(pages):
        number, share = len(pages) - 1, 1.0
    prose, at = _sentences(pages[int(number)]), int(number)
    prose.insert(round(share * len(prose)), text)
    documents = tuple((_file(place), " ".join(prose) if place == at else page) for place, page in enumerate(pages))
    shelf = f"needle-{category.split('/')[1]}"
    world = World(category, documents=documents, told=((_file(at), text),), shelf=shelf)
    return Task(category, category, world, question, answers, (0,), metric="all")


# ------------------------------------------------------------------------------------------ haystacks


def _file(number: int) -> str:
    return f"{number:04}.txt"


def _sentences(text: str) -> list[str]:
    return [one for paragraph in text.split("\n\n") for one in _SENTENCE.split(" ".join(paragraph.split())) if one]


def _pages(prose: Sequence[str], length: int) -> list[str]:
    """The first `length` thousand tokens of a text, over again where it ends, in pieces of some 400 words."""
    wanted, pages = length * 1000 / TOKENS_A_WORD, []
    page: list[str] = []
    words = here = 0
    for sentence in _again(prose):
        if words >= wanted:
            break
        page.append(sentence)
        size = len(sentence.split())
        words, here = words + size, here + size
        if here >= FILE_WORDS:
            pages.append(" ".join(page))
            page, here = [], 0
    return [*pages, " ".join(page)] if page or not pages else pages


def _again(prose: Sequence[str]) -> Iterator[str]:
    while prose:
        yield from prose
