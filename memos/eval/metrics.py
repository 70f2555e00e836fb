"""Whether an answer is right: the metrics of the data sets' own papers, over normalised words."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable

from memos.storage.text import UNSPACED, stem

# What says that it was never mentioned: the words that LoCoMo and LongMemEval look for, memos' own, and models'. That
# somebody has no children, or is not known for something, is an answer.
_NOT = r"(?:\bnot|n['’]t)"
_DECLINED = (
    r"\bno (?:information|mention|record)",
    rf"{_NOT} (?:\w+ )?(?:mention|provid|specif(?:y|ied)\b|stated?\b)",
    r"\bnot said\b|\bnever (?:said|mentioned)\b|\bnot known\b(?! (?:for|as|to|in|by)\b)",
    rf"(?:{_NOT}|\bnever) told (?:me|us)\b",
    rf"\b(?:do|does|did) ?{_NOT} (?:say|tell)\b(?=\W*$|[.,;:!?]| (?:wh\w+|how|if|so|anything|me|us)\b)",
    rf"{_NOT} (?:\w+ )?have (?:\w+ ){{0,3}}(?:information|details?|records?|knowledge|access)\b",
    rf"\bdo ?{_NOT} know\b|\bcannot find\b",
    r"\bI (?:\w+ )?(?:(?:do|did|could)(?: not|n['’]t)|can(?: ?not|['’]t)) (?:know|recall|remember|find|say|tell)\b",
)
DECLINED = re.compile("|".join(_DECLINED), re.IGNORECASE)
# What makes one number, or one word, with its like beside it.
_ALIKE = r"\d", rf"[^\W\d_{UNSPACED}]"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WITHIN, _POINT = re.compile(r"(?<=\d)[^\w\s,](?=\d)"), re.compile(r"(?<=\d)\.(?=\d)")
_ARTICLES = re.compile(r"\b(a|an|the|and)\b")


def normalized(text: str) -> list[str]:
    """The words of an answer, in lower case, without punctuation and articles."""
    return _ARTICLES.sub(" ", " ".join(_words(text))).split()


def _words(text: str) -> list[str]:
    return "".join(" " if letter in string.punctuation else letter for letter in text.lower()).split()


def f1(said: str, right: str) -> float:
    """Token F1 over stems (LoCoMo, section 6)."""
    one = [stem(word, "porter") for word in normalized(said)]
    two = [stem(word, "porter") for word in normalized(right)]
    same = sum((Counter(one) & Counter(two)).values())
    return 2 * same / (len(one) + len(two)) if same else 0.0


def f1_of_list(said: str, right: str) -> float:
    """The same for answers that are lists (LoCoMo's multi-hop): the mean over the parts of the best of each."""
    parts = right.split(",")
    return sum(max(f1(one, part) for one in said.split(",")) for part in parts) / len(parts)


def contains(said: str, right: str) -> bool:
    """Whether the right answer occurs in what was said, after normalising (Liu et al. 2023)."""
    wanted = " ".join(normalized(right))
    return bool(wanted) and wanted in " ".join(normalized(said))


def tells(said: str, right: str) -> bool:
    """Whether it occurs there, and not within a longer number or word: neither `130 days` nor `1.30` tells `30`."""
    words = normalized if normalized(right) else _words  # a blood group may be "A"
    text, wanted = (" ".join(words(_THOUSANDS.sub("", one))) for one in (_of_one_number(said, right), right))
    edges = wanted[:1], wanted[-1:]
    before, behind = (next((kind for kind in _ALIKE if re.match(kind, edge)), "(?!)") for edge in edges)
    return bool(wanted) and bool(re.search(f"(?<!{before}){re.escape(wanted)}(?!{behind})", text))


def _of_one_number(said: str, right: str) -> str:
    """What was said, with the points of its decimals and versions as digits, unless the right answer has any such:
    "12:30" may be written with a point."""
    return said if _WITHIN.search(right) else _POINT.sub("0", said)


def declined(said: str) -> bool:
    """Whether a reply says that it was never mentioned."""
    return bool(DECLINED.search(said))


def labelled(said: str, right: str, others: Iterable[str]) -> float:
    """BABILong's accuracy (Kuratov et al. 2024): the first sentence has the label, and no other one."""
    first = re.split(r"[.\n]", said.strip(), maxsplit=1)[0].lower()
    wrong = any(re.search(rf"\b{re.escape(other.lower())}\b", first) for other in others)
    return float(right.lower() in first and not wrong)
