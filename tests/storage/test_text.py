"""What a text is found by."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from memos.storage.text import stem

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
    right = {word: stem.__wrapped__(word, "english") for word in WORDS}
    start = threading.Barrier(4)

    def stems(shift: int) -> list[str]:
        start.wait()
        words = (WORDS[shift:] + WORDS[:shift]) * 200
        return [word for word in words if stem.__wrapped__(word, "english") != right[word]]

    with ThreadPoolExecutor(4) as pool:
        assert [wrong for wrong in pool.map(stems, range(4)) if wrong] == []
