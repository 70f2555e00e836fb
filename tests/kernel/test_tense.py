"""Whether a time is told of, planned, or neither."""

from __future__ import annotations

import pytest

from memos.tense import Tense, tense


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("we went camping on FRIDAY", Tense.PAST),
        ("on FRIDAY, we finally moved", Tense.PAST),
        ("FRIDAY was great", Tense.PAST),
        ("he died on FRIDAY", Tense.PAST),
        ("i'll never forget it, we went there in MAY", Tense.PAST),
        ("it was hard... i went for a check-up MONDAY and my doctor is happy", Tense.PAST),
        ("what did you do on FRIDAY?", Tense.PAST),
        ("i didn't sleep on FRIDAY", Tense.PAST),
        ("i will go on FRIDAY", Tense.AHEAD),
        ("we're going to rome in MAY", Tense.AHEAD),
        ("my exam is on FRIDAY", Tense.AHEAD),
        ("i finished the book, and my exam is on FRIDAY", Tense.AHEAD),
        ("the exam i studied for is on FRIDAY", Tense.AHEAD),
        ("i'm here until FRIDAY", Tense.AHEAD),
        ("i'm taking some time off on FRIDAY", Tense.AHEAD),
        ("i fly to rome on FRIDAY", Tense.OPEN),
        ("i usually go on FRIDAY", Tense.OPEN),
        ("every week we met on FRIDAY", Tense.OPEN),
        ("we planned it for FRIDAY", Tense.OPEN),
        ("i booked a table for FRIDAY", Tense.OPEN),
        ("she decided to come on FRIDAY", Tense.OPEN),
        ("they are so tired on FRIDAY", Tense.OPEN),
        ("there is a festival called jazzfest on FRIDAY", Tense.OPEN),
        ("we swam. i have the plan for FRIDAY", Tense.OPEN),
        ("FRIDAY", Tense.OPEN),
        ("i was born in MAY", Tense.OPEN),
        ("my son was born on FRIDAY", Tense.PAST),
        ("my birthday was in MAY", Tense.OPEN),
        ("we had her birthday party in MAY", Tense.PAST),
        ("when i was a child we went to spain in MAY", Tense.OPEN),
        ("we skied in MAY when the kids were little", Tense.OPEN),
        ("as a young girl i had the measles in MAY", Tense.OPEN),
        ("when we were in rome it rained in MAY", Tense.PAST),
        ("we swam in MAY when it was 35 degrees", Tense.PAST),
        ("we stayed home in MAY as the kids were ill", Tense.PAST),
        ("we moved in MAY when our flat was too small", Tense.PAST),
        ("we ate in MAY with tom, who was born in oslo", Tense.PAST),
        ("my first-born son started school in MAY", Tense.PAST),
        ("i was born and raised in graz, and in MAY i moved", Tense.PAST),
    ],
)
def test_the_clause_says_it_or_else_the_sentence(said: str, found: Tense) -> None:
    start = next(at for at, letter in enumerate(said) if letter.isupper())
    end = max(at for at, letter in enumerate(said) if letter.isupper()) + 1
    assert tense(said.lower(), start, end) is found
