"""Whether an answer is right: the metrics of the data sets' own papers, over normalised words."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable

from memos.storage.text import stem

# What says that it was never mentioned. LoCoMo and LongMemEval look for such words, too.
DECLINED = re.compile(
    r"no (?:information|mention|record)|not? (?:mention|provid|state|specif|say|said|know|recall|have)|"
    r"n['’]t (?:mention|know|recall|have|say|said|find|remember|tell|told)|cannot find|never (?:said|told|mentioned)",
    re.IGNORECASE,
)
_ARTICLES = re.compile(r"\b(a|an|the|and)\b")


def normalized(text: str) -> list[str]:
    """The words of an answer, in lower case, without punctuation and articles."""
    plain = "".join(" " if letter in string.punctuation else letter for letter in text.lower())
    return _ARTICLES.sub(" ", plain).split()


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


def declined(said: str) -> bool:
    """Whether a reply says that it was never mentioned."""
    return bool(DECLINED.search(said))


def labelled(said: str, right: str, others: Iterable[str]) -> float:
    """BABILong's accuracy (Kuratov et al. 2024): the first sentence has the label, and no other one."""
    first = re.split(r"[.\n]", said.strip(), maxsplit=1)[0].lower()
    wrong = any(re.search(rf"\b{re.escape(other.lower())}\b", first) for other in others)
    return float(right.lower() in first and not wrong)
