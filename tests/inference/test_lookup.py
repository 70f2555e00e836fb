"""Drafts from what was said before."""

from memos.inference.lookup import Lookup


def test_what_followed_the_last_tokens_is_drafted() -> None:
    lookup = Lookup([1, 2, 3, 4, 5, 6, 7, 9, 1, 2], most=3, run=3)
    assert lookup.draft() == []
    lookup.extend([3])
    assert lookup.draft() == [4, 5, 6]
    lookup.extend([4, 5])
    assert lookup.draft() == [6, 7, 9]
    lookup.extend([8])
    assert lookup.draft() == []


def test_the_newest_place_counts_and_a_draft_ends_with_the_text() -> None:
    lookup = Lookup([1, 2, 5, 1, 2, 6, 1, 2], most=9, run=2)
    assert lookup.draft() == [6, 1, 2]
    assert Lookup([4, 4, 4], most=3, run=2).draft() == [4]


def test_nothing_is_drafted_from_too_little_or_when_it_is_off() -> None:
    assert Lookup([], most=3).draft() == []
    assert Lookup([1, 2], most=3, run=3).draft() == []
    assert Lookup([1, 2, 1, 2], most=0, run=1).draft() == []
