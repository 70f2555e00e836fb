"""Relations: whom of the user's own people a question is about, and whether a text speaks of them.

A small model takes the user's job for that of the husband whom nobody ever mentioned, and a boss for the landlord. Owns
which English words name somebody by what they are to the user, and which of them mean the same. It does not know
questions' answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from memos.naming import capitals, listed, stem, words

# Forms that one may be called by where another is asked for, one group a line.
_WORDS = tuple(
    listed(line)
    for line in (
        "husband wife partner spouse married marry marriage wedding fiancé fiancée boyfriend girlfriend",
        "mother mum mom mam mama mummy mommy parent parents father dad papa pa daddy folks",
        "brother brothers sibling siblings twin twins",
        "sister sisters sibling siblings twin twins",
        "son sons boy boys daughter daughters girl girls child children kid kids baby toddler twins",
        "grandmother grandma granny gran nan grandfather grandpa granddad grandad grandparents",
        "grandson granddaughter grandchild grandchildren grandkids",
        "uncle aunt auntie",
        "cousin cousins",
        "nephew nephews niece nieces",
        "boss manager supervisor chief lead",
        "landlord landlady landlords owner",
        "flatmate roommate housemate",
    )
)
_SAME = tuple(frozenset(map(stem, group)) for group in _WORDS)
# Others who may be somebody's, of whom no other word means the same.
_OTHERS = listed("""
    friend neighbour neighbor colleague coworker assistant client teacher tutor pupil student coach trainer doctor
    dentist therapist vet nurse midwife lawyer hairdresser babysitter nanny godfather godmother tenant
""")
_NOBODY = listed("married marry marriage wedding chief lead owner")  # which tell of one, and do not name one
_PERSON = rf"(?:{'|'.join(sorted(_OTHERS.union(*_WORDS) - _NOBODY))})"
_PERSON = rf"{_PERSON}(?: {_PERSON})*(?:-in-law)?"  # "my twin brother", "my mother-in-law"
_BETWEEN = r"(?: (?!(?:and|or|to|with|for|of|from|a|an|the|at|in|on)\b)[\w-]+)"
# "My best friend", "my daughter's new teacher".
_SOMEBODY = re.compile(
    rf"\b(?:my|our){_BETWEEN}{{0,2}}? {_PERSON}(?:['’]s{_BETWEEN}? {_PERSON})*\b(?!-)", re.IGNORECASE
)
_WHOSE = re.compile(r"\b(?:my|our)((?: [\w-]+){1,3})", re.IGNORECASE)
_ENGLISH = re.compile(r"\b(?:I|[Mm]y|[Ww]e|[Oo]ur|[Tt]he|and|is|was|to|of)\b")


def left_out(question: str, text: str, others: Iterable[str] = ()) -> bool:
    """Whether a question is about somebody of the user's, "my landlord", whom a text in English does not speak of.

    Args:
        question: what is asked, in English; of any other it is not seen.
        text: what may tell it.
        others: further texts, which may say who that is: "My boss is Mr. Huber."
    """
    groups = _asked_of(question)
    if not groups or not _ENGLISH.search(text) or _speaks_of(text, groups):
        return False
    return not any(_speaks_of(other, groups) and capitals(other) & capitals(text) for other in others)


def somebody(question: str) -> str:
    """Whom of the user's own people a question is about, in its words, "my best friend"; empty where that is not seen,
    as of any question that is not in English."""
    found = _SOMEBODY.search(question)
    return found[0] if found else ""


def _asked_of(question: str) -> Sequence[frozenset[str]]:
    """The groups of the first word in a question that names somebody of the user's."""
    for found in _WHOSE.finditer(question.replace("’", "'")):
        for word in found[1].split():
            if groups := [group for group in _SAME if stem(word.partition("'")[0].casefold()) in group]:
                return groups
    return ()


def _speaks_of(text: str, groups: Iterable[frozenset[str]]) -> bool:
    said = {stem(word.partition("'")[0]) for word in words(text.replace("’", "'"))}
    return any(group & said for group in groups)
