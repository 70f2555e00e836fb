"""What a text is found by."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from memos.dates import periods
from memos.storage import text
from memos.storage.text import heading_of, runs, stem, term_hash, text_terms
from memos.time_words import hints_at_time

WORDS = [
    f"{root}{end}" for root in ("convers", "nation", "runn", "hope", "relat") for end in ("ing", "ally", "ful", "s")
]


@pytest.fixture
def eager() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager")
def test_threads_that_stem_at_once_do_not_mix_words() -> None:
    """A search stems while an ingest does; a stem that is wrong once is stored for good."""
    right = {word: stem(word, "english") for word in WORDS}
    start = threading.Barrier(4)

    def stems(shift: int) -> list[str]:
        start.wait()
        words = (WORDS[shift:] + WORDS[:shift]) * 200
        return [word for word in words if stem(word, "english") != right[word]]

    with ThreadPoolExecutor(4) as pool:
        assert [wrong for wrong in pool.map(stems, range(4)) if wrong] == []


@pytest.mark.parametrize(
    "said",
    (
        "on 2023-05-07",
        "7th of May, 2023",
        "in_may it was",
        "LAST Tuesday",
        "two weekends ago",
        "the day before yesterday",
        "next fri.",
        "a few months back",
        "thirty days from now",
        "in a fortnight",
        "half a year ago",
        "on June 5-7",
        "from May to July",
        "the last two weeks",
        "this morning",
        "the summer of 2021",
        "in 1999",
        "2023年5月7日",
        "１９９９",
    ),
)
def test_a_text_that_names_a_time_is_marked_with_it(said: str) -> None:
    """Only texts with a word that can be of a time are read for one; no rule may match where there is none."""
    now = datetime(2024, 6, 12, tzinfo=UTC)
    text = f"The lamp was bought {said} and it is blue"
    marked = term_hash("\0time").to_bytes(4, "little") in text_terms(text, now)
    assert marked == bool(periods(text, now))
    assert not text.isascii() or any(map(hints_at_time, runs(text))) >= marked
    assert term_hash("\0time").to_bytes(4, "little") not in text_terms("The lamp is blue and it is mine", now)


def test_the_words_that_are_kept_may_be_few_and_what_a_text_is_found_by_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory does not grow with the words that are read."""
    said = "On 7 May 2023 we walked from the mill to the sea, 我住在上海, and nobody was tired of walking."
    now = datetime(2023, 6, 1, tzinfo=UTC)
    whole = text_terms(said, now)
    monkeypatch.setattr(text, "MOST_KNOWN", 3)
    text._words_of.cache_clear()
    assert text_terms(said, now) == whole and len(text._words_of("english")) <= 3
    text._words_of.cache_clear()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("page 3", ""),
        ("Setup > Linux, lines 3-9", "Setup > Linux"),
        ("sheet Sales, rows 2-30", "sheet Sales"),
        ("message 3, page 2", ""),
        ("chapter 3", ""),
        ("item 2: Ada > name", "Ada > name"),
        ("slide 2: Plans, and why", "slide 2: Plans, and why"),
        ("Ducks > Teals, cell 3 output", "Ducks > Teals"),
    ],
)
def test_the_words_above_a_passage_are_those_that_its_stored_terms_have(place: str, words: str) -> None:
    """To change what they are needs a migration, as schema 0008 was."""
    assert heading_of("/docs/notes.md", place) == "\n".join(filter(None, ("notes", words)))
