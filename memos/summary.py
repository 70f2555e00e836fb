"""The recursive summary: the text that stands for everything that has left the queue.

Each page-out adds a sentence or two about what leaves now; what was said before stays word for word, and its oldest
sentences go when the room is spent. Asked to rewrite the whole each time, a 1.5B model repeats it and says nothing
new (docs/decisions/0007-summary.md). At the end stands a pointer to all that has left: what changes each time comes
last, so that the sentences that stay need not be read again. Owns that form, the words a
summary must have, and the summary without a model. It does not know who writes, counts tokens or evicts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from memos.generation import Surprise
from memos.messages import Kind, Message
from memos.probes import sentences

MOST_WORDS = 8
SURPRISING = "Said by the user, in key words:"
FIRST_WORDS = 8
_POINTER = re.compile(r" ?\[[^\]]*\]$|^\[[^\]]*\] ?")  # it stood in front once
_WORD = re.compile(r"\w[\w'’-]*")
_I = re.compile(r"I(['’]\w+)?")
_SPOKEN_WORD = re.compile(r"[\u2e80-\uffdc]|[^\W\u2e80-\uffdc](?:[^\W\u2e80-\uffdc]|['’-])+")
_ENDS = (". ", "! ", "? ", "。")


def key_words(messages: Sequence[Message]) -> list[str]:
    """What a summary of these messages must name: names and numbers first, then the longest words.

    The best one of each message of the user's, then the second of each, until there are enough. A word with a capital
    is a name where it does not begin a sentence.
    """
    told = [_telling(message.content) for message in messages if message.kind is Kind.USER]
    in_turn = [words[rank] for rank in range(2) for words in told if rank < len(words)]
    return list(dict.fromkeys(in_turn))[:MOST_WORDS]


def _telling(text: str) -> list[str]:
    """Names and numbers, then long words from the longest."""
    words = [word for part in sentences(text) for word in _WORD.findall(part)[1:] if not _I.fullmatch(word)]
    special = [word for word in words if word[0].isupper() or word[0].isdigit()]
    return special + sorted((word for word in words if word not in special and len(word) > 6), key=len, reverse=True)


def usable(text: str, *, cut: bool) -> str:
    """A model's text as a part of the summary: whole sentences or, of a list that broke off, whole items.

    Args:
        text: what the model wrote.
        cut: whether it broke off.

    Returns:
        An empty string if too little of it is left.
    """
    text = " ".join(text.split())
    if cut:
        end = max(f"{text} ".rfind(mark) for mark in _ENDS) + 1
        item = max(text.rfind(mark) for mark in (", ", "; "))
        text = text[:end] if end else text[:item] + "." if item > 0 else ""
    return text[:1].upper() + text[1:] if len(text) >= 20 else ""


def first_words(messages: Sequence[Message], fits: Callable[[str], bool]) -> str:
    """The summary without a model: speakers and first words of what was said; the newest win."""
    text = "Topics:"
    for message in reversed([one for one in messages if one.kind in (Kind.USER, Kind.SPEECH)]):
        longer = f"{text} {message.kind}: {' '.join(message.content.split()[:FIRST_WORDS])};"
        if not fits(longer):
            break
        text = longer
    return text.rstrip(";:") + "."


def surprising_words(texts: Sequence[Sequence[Surprise]], fits: Callable[[str], bool]) -> str:
    """The summary of the most surprising words, as many as fit, in their order.

    SirLLM (Yao et al. 2024, arXiv 2405.12528) keeps the cache's first tokens and those of the highest entropy. Here
    the first ones are the head, which never leaves, and the others stay as words, so that any later prompt, and the
    user, can read them.

    Args:
        texts: the tokens of each message that leaves.
        fits: whether a text fits into the room.
    """
    found = [(place, word, nats) for place, text in enumerate(texts) for word, nats in words(text)]
    chosen: dict[str, int] = {}  # folded words, the most surprising first
    for index in sorted(range(len(found)), key=lambda index: -found[index][2]):
        if found[index][1].casefold() in chosen:
            continue
        chosen[found[index][1].casefold()] = index
        if not fits(_listed(found, chosen.values())):
            chosen.popitem()
            break
    return _listed(found, chosen.values()) if chosen else ""


def _listed(found: Sequence[tuple[int, str, float]], chosen: Iterable[int]) -> str:
    """The chosen words in their order, those of one message together."""
    lines: dict[int, list[str]] = {}
    for index in sorted(chosen):
        lines.setdefault(found[index][0], []).append(found[index][1])
    return f"{SURPRISING} {'; '.join(' '.join(line) for line in lines.values())}."


def words(text: Sequence[Surprise]) -> list[tuple[str, float]]:
    """The words of a text, each as surprising as its most surprising token.

    A character of a script that does not part words with spaces is a word; a single other one is none.
    """
    nats = [token.nats for token in text for _ in token.text]  # a byte
    spelled = b"".join(token.text for token in text).decode("utf-8", "surrogateescape")
    ends = list(accumulate(len(character.encode("utf-8", "surrogateescape")) for character in spelled))
    starts = [0, *ends]
    return [(one[0], max(nats[starts[one.start()] : starts[one.end()]])) for one in _SPOKEN_WORD.finditer(spelled)]


def joined(earlier: str, newest: str, pointer: str, fits: Callable[[str], bool]) -> str:
    """The summary from now on: what the earlier one said, the newest part, and the pointer.

    Args:
        earlier: the summary so far, with its pointer; empty before the first page-out.
        newest: of what leaves now.
        pointer: to everything that has ever left.
        fits: whether a text fits into the summary's room.
    """
    return _fitted(sentences(_POINTER.sub("", earlier)), [newest, f"[{pointer}]"], fits)


def fitted(text: str, fits: Callable[[str], bool]) -> str:
    """A summary in less room than it was made for: its pointer, and of its sentences the newest.

    Args:
        text: the summary.
        fits: whether a text fits into the room that there is.
    """
    found = _POINTER.search(text)
    return text if fits(text) else _fitted(sentences(_POINTER.sub("", text)), [found[0].strip()] if found else [], fits)


def _fitted(parts: Sequence[str], rest: Sequence[str], fits: Callable[[str], bool]) -> str:
    """The last of some parts that fit together with the rest."""
    while True:
        text = " ".join([*parts, *rest])
        if not parts or fits(text):
            return text
        parts = parts[1:]
