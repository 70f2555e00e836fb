"""Tense: whether what stands around a time tells of it, plans it, or leaves open which one is meant.

"We went on Friday" is of the last one, "I will go on Friday" of the coming one, "I go to the gym on Friday" of none.
Owns the English signs of that. It does not know times, or what is done with the answer; where no sign is, it is open.
"""

from __future__ import annotations

import re
from enum import Enum

_REACH = 160  # characters on either side in which the sentence stands
_SENTENCE = re.compile(r"[.!?…](?=\s+\D|\s*$)|\n")
_CLAUSE = re.compile(
    r"[,;:()–—]|\s(?:and|but|because|since|that|which|who|where|when|while|though|although|if|then|or|"
    r"so(?=\s+(?:i|we|you|he|she|it|they|the|my|our)\b))\s"
)
_BE = r"(?:\b(?:am|is|are)|['’](?:m|re|s))"
_WILL = re.compile(rf"\b(?:will|won['’]t|shall|gonna|tomorrow)\b|['’]ll\b|{_BE}\s+(?:\w+\s+)?(?:going|about)\s+to\b")
# "My exam is on Friday": right before the time.
_IS_ON = re.compile(rf"{_BE}\s+(?:not\s+|only\s+|\w+ed\s+|\w+ing\s+)?(?:on|in|at|around|for)?\s*(?:the\s+)?$")
_DUE = re.compile(r"\b(?:until|till|by)\s+(?:the\s+)?$")
_ABOUT = re.compile(r"\b(?:for|about)\s+(?:the\s+)?$")
_HABIT = re.compile(
    r"\b(?:usually|always|often|normally|typically|generally|regularly|sometimes|tends?\s+to|used\s+to)\b|"
    r"\b(?:every|each)\s+(?:\w+\s+)?(?:day|night|morning|evening|week|weekend|month|year|time|spring|summer|autumn|"
    r"fall|winter|monday|tuesday|wednesday|thursday|friday|saturday|sunday)\b"
)
# What is wanted or arranged may be told of in the past, and its time is still to come.
_MEANT = re.compile(
    r"\b(?:would|should|might|must|(?:need|want|have|has|hop|decid|agree|promis|ask|offer|prepar)\w*\s+"
    r"(?:\w+\s+)?to|going\s+to(?!\s+(?:the|an?|my|our|your|his|her|their|this|that)\b)|hop(?:e|es|ed|ing)|"
    r"plan\w*|wish\w*|intend\w*|intention\w*|look(?:s|ed|ing)?\s+forward|can(?:['’]?t|not)\s+wait|upcoming|coming\s+up|"
    r"let['’]?s|schedul\w*|book(?:ed|ing)|reserv\w*|register\w*|sign(?:ed|ing)?\s+(?:\w+\s+)?up|invit\w*|due|deadline)\b|"
    r"['’]d\s+(?:love|like|prefer)\b"
)
# Of some year, and not of the last: "I was born on 5 May", "When I was a child we went to Spain in August".
_WHO = r"(?:i|we|you|he|she|they|(?:my|our|the|his|her)\s+\w+)"
_CHILD = r"(?:child|children|kids?|boys?|girls?|teen\w*)\b"
_YOUNG = rf"(?:an?\s+)?(?:(?:very|still|just|little|young|small)\s+)?(?:{_CHILD}|(?:young|little)\b)"
_AT_AGE = r"\d+(?=\s+(?:years?|i|we|he|she|they|my|our)\b|\s*[,.]|\s*$)"
_LONG_AGO = re.compile(
    rf"\bwhen\s+(?:{_WHO}\s+(?:was|were)\s+(?:{_YOUNG}|{_AT_AGE})|(?:i was|we were) small\b)|"
    rf"(?<!dressed )(?<!dressed up )(?<!went )\bas\s+an?\s+(?:\w+\s+)?{_CHILD}|^\s*as\s+(?:children|kids)\b"
)
_YEARLY = re.compile(
    r"(?:(?<!-)\bborn|\b(?:birthday|anniversary|name\s+day)\s+(?:is|was|falls|fell))(?:\s+(?:on|in))?(?:\s+the)?\s+$"
)
_WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|weekend")  # of these the last one is meant
_NOW = re.compile(rf"{_BE}\b|\b(?:do|does|has|have)\b|['’]ve\b")
_PROGRESS = re.compile(rf"{_BE}\s+(?:\w+\s+)?\w+ing\b")
# Past forms that are no other word's, or hardly ever.
_PAST_FORMS = """
    was were had did went got came saw took made bought met ate found gave told said thought felt knew left kept began
    ran brought wrote sat stood heard lost paid spent sent built fell held won drove flew rode sang spoke slept taught
    understood wore grew drew threw broke chose swam caught fought sold became forgot hung rang rose shook shone shot
    showed stole stuck swore woke did led hid dug lit blew froze drank sank tore wept swept dealt dreamt learnt burnt
    lent bent bit quit meant beat been gone done seen taken given written eaten driven flown broken chosen forgotten
    worn grown known shown begun wasn weren hadn didn
"""
_IRREGULAR = frozenset(_PAST_FORMS.split())
_PARTICIPLES = """
    hundred sacred naked wicked beloved indeed called named based located supposed used excited interested thrilled
    pumped psyched stoked dedicated talented aged shed sled
"""
_NO_VERBS = frozenset(_PARTICIPLES.split())
# Behind such words a participle says how something is, not what happened.
_VERB = re.compile(
    rf"(?P<is>(?:{_BE}|\b(?:be|being|gets?|getting|feels?|feeling|looks?|seems?|so|too|very|really|super))\s+(?:\w+\s+)?)?"
    r"\b(?P<verb>[a-z]+)\b"
)


class Tense(Enum):
    """How a time is spoken of."""

    PAST = "told"
    AHEAD = "planned"
    OPEN = "open"


def tense(text: str, start: int, end: int) -> Tense:
    """How a time is spoken of: by its clause, or by its sentence where the clause has no sign.

    Args:
        text: in lower case.
        start: where the words for the time begin.
        end: where they end.
    """
    first, last = max(0, start - _REACH), min(len(text), end + _REACH)
    before, after = text[first:start], text[end:last]
    sentence = before[_left(before, _SENTENCE) :] + after[: _right(after, _SENTENCE)]
    if not _WEEKDAY.search(text, start, end) and (_YEARLY.search(before) or _LONG_AGO.search(sentence)):
        return Tense.OPEN
    for ends in ((_SENTENCE, _CLAUSE), (_SENTENCE,)):
        left, right = _left(before, *ends), _right(after, *ends)
        said = _said(before[left:], f"{before[left:]}·{after[:right]}")
        if said is not None:
            return said
    return Tense.OPEN


def _left(before: str, *ends: re.Pattern[str]) -> int:
    """Where the part begins that goes on behind a text."""
    return max((found.end() for end_of in ends for found in end_of.finditer(before)), default=0)


def _right(after: str, *ends: re.Pattern[str]) -> int:
    """Where the part ends that a text goes on with."""
    return min((found.start() for end_of in ends if (found := end_of.search(after))), default=len(after))


def _said(before: str, words: str) -> Tense | None:
    """What some words say of a time, of which `before` stand right before it; None if they say nothing."""
    if _WILL.search(words) or _IS_ON.search(before):
        return Tense.AHEAD
    if _HABIT.search(words) or _MEANT.search(words) or _ABOUT.search(before):
        return Tense.OPEN
    if _past(words):
        return Tense.PAST
    if _DUE.search(before) or _PROGRESS.search(words):
        return Tense.AHEAD
    return Tense.OPEN if _NOW.search(words) else None


def _past(words: str) -> bool:
    for found in _VERB.finditer(words):
        verb = found["verb"]
        regular = len(verb) > 3 and verb.endswith("ed") and not verb.endswith("eed") and verb not in _NO_VERBS
        if verb in _IRREGULAR or (regular and not found["is"]):
            return True
    return False
