"""A message as sentences: how it is cut, and what its vectors lose as bytes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from memos.storage.query import read_query
from memos.storage.sentences import MOST, nearest_of_each, packed, sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hey! How are you? We adopted a puppy.", ["We adopted a puppy."]),
        ("Look here. [a photo: a red barn] Bought paint", ["[a photo: a red barn]", "Bought paint"]),
        ("It costs 3.50 at example.com today.\nCheap paint", ["It costs 3.50 at example.com today.", "Cheap paint"]),
        ("我住在上海。你喜欢喝茶吗？", ["我住在上海。", "你喜欢喝茶吗？"]),
        ("an [open bracket stays", ["open bracket stays"]),
        ("Wow!", ["Wow!"]),
        ("", [""]),
    ],
)
def test_a_text_is_cut_into_what_tells_something(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_a_long_text_has_only_so_many() -> None:
    assert len(sentences("Some green tea. " * 100)) == MOST


def test_the_nearest_of_each_pack_is_what_it_was_before_it_was_packed() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(9, 384))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[0] * 0.5 + vectors[5] * 0.5
    packs = [packed(vectors[:4].tolist()), b"", packed(vectors[4:].tolist())]
    expected = [float((vectors[:4] @ query).max()), 0.0, float((vectors[4:] @ query).max())]
    assert nearest_of_each(packs, query.tolist()) == pytest.approx(expected, abs=0.005)
    assert nearest_of_each([b"", b""], query.tolist()) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("What does Ann like to eat?", "I like to eat"),
        ("When is Ann's sister moving?", "my sister moving"),
        ("How many dogs has Ann had since she moved?", "dogs I had since I moved"),
        ("Where is Ann going?", "I am going"),
        ("What do Ann and Bea share?", "and share"),
        ("I like tea.", "I like tea"),
        ("Wo wohnt sie?", "Wo wohnt sie"),
        ("What?", "What?"),
    ],
)
def test_a_question_is_compared_with_sentences_as_its_answer_might_be_told(asked: str, told: str) -> None:
    assert read_query(asked, datetime(2024, 1, 1, tzinfo=UTC), ["Ann", "Bea"], ["english"]).told == told
