"""What a question names, and whether a text has it: what tells which texts a question is about, without a model.

Owns what counts as a name, and when two words are the same. It does not know where texts come from.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from memos.probes import sentences

_HAN = r"[\u3400-\u9fff]"
_LETTERS = rf"(?:(?!{_HAN})[^\W_])+"  # in Chinese, a number may stand beside a word without a space
_CHINESE = re.compile(_HAN)
_WORD = re.compile(rf"{_HAN}|{_LETTERS}(?:[.,:]{_LETTERS})*")
_SUFFIX = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e)$")


def listed(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


_EMPTY = listed("a an and are as at be by for from in is it its of on or that the this to was were with")
# What two texts may share without being about the same thing.
_LINKING = _EMPTY | listed("""
    i my me you your we our he his she her they their not no do don does did am have has had now any more most all
    what who where when which how why please can could would will so but there then s
""")
# What a request to correct or to forget says of itself.
_REQUESTING = listed("""
    forget remember memory delete remove erase correct update change fix note notes noted know known tell told say
    said about everything anything something wrong need longer
""")
# What one to remember something says of itself besides.
_KEEPING = listed("keep mind make save store write down")

# The thing that such a request names, in English; what stands around it; and where it says it in a sentence of its own.
_THING = re.compile(r"\b(?:my|our|his|her|their|the|where|what|who|when|how|which)\b[^.?!,;:]*", re.IGNORECASE)
_AROUND = re.compile(r"^what\b.*?\babout\s+|\s+(?:(?:from|in) your\b|any ?more\b|please\b).*$", re.IGNORECASE)
_SENTENCE = re.compile(r"\bthat (?:I|we|my|our|the|there)\b", re.IGNORECASE)
_ASKING = ("where ", "what ", "who ", "when ", "how ", "which ")


# Whoever speaks of themselves, and as they are spoken to. "Me" and "us" alone may be of another language.
_SECOND = {
    "i am": "you are", "i was": "you were", "i'm": "you're", "i've": "you've", "i'll": "you'll", "i'd": "you'd",
    "i": "you", "my": "your", "me": "you", "mine": "yours", "myself": "yourself",
    "we're": "you're", "we've": "you've", "we'll": "you'll", "we": "you", "our": "your", "ours": "yours", "us": "you",
}  # fmt: skip
_FIRST = re.compile(
    r"\b(?:I (?:am|was)|[Ii]['’](?:m|ve|ll|d)|[Ii]|[Mm](?:y|e|ine|yself)|[Ww]e(?:['’](?:re|ve|ll))?|[Oo]urs?|us)\b"
    r"(?!['’])"
)
_THEIR_OWN = re.compile(r"\b(?:I|[Mm]y|[Ww]e|[Oo]ur)\b")


def names(question: str, texts: Iterable[str] = ()) -> frozenset[str]:
    """What a question names, folded: words with a capital that do not begin a sentence. In German these are all nouns,
    of which one is enough.

    Args:
        question: what is asked.
        texts: what may tell it. Of a question without any capital, as many people write, a name is what these write
            with one, within their sentences oftener than without, or twice at their beginnings and nowhere without.
    """
    named = [word for part in sentences(question, least=1) for word in _WORD.findall(part)[1:] if word[0].isupper()]
    if question == question.lower():
        parts = [_WORD.findall(part) for text in texts for part in sentences(text, least=1)]
        begin, within = [part[0] for part in parts if part], [word for part in parts for word in part[1:]]
        small = Counter(word for word in within if not word[0].isupper())
        great = Counter(word.casefold() for word in within if word[0].isupper())
        first = Counter(map(str.casefold, begin))
        asked = map(str.casefold, _WORD.findall(question))
        named = [word for word in asked if great[word] > small[word] or (first[word] > 1 and not small[word])]
    return frozenset(stem(word) for word in map(str.casefold, named) if word not in _LINKING)


def asks_more(question: str, named: frozenset[str]) -> bool:
    """Whether a question has words of its own beside what it names: "Where does Ada live?" has, "Where is Ada?" not."""
    return any(not word.startswith(tuple(named)) for word in set(words(question)) - _LINKING)


def mentions(text: str, named: frozenset[str]) -> bool:
    """Whether a text has one of these names, or is in Chinese, where it would be written otherwise."""
    return bool(_CHINESE.search(text)) or any(word.startswith(tuple(named)) for word in words(text.replace("_", " ")))


def words(text: str) -> list[str]:
    """The words of a text that say something, folded; a Chinese character is a word."""
    return [word for word in _WORD.findall(text.casefold()) if word not in _EMPTY]


def stems(text: str) -> set[str]:
    """What the words of a text have in common with other forms of theirs."""
    return {stem(word) for word in words(text)}


def stem(word: str) -> str:
    """What two forms of a word have in common; numbers, and Chinese characters, have one form."""
    return word if _CHINESE.search(word) or has_digit(word) else word[:5]


def has_digit(word: str) -> bool:
    """Whether a word is a number, or has one in it: it is meant to the letter."""
    return any(map(str.isdecimal, word))


def shared_words(text: str, request: str) -> int:
    """How many words of a request a text has, one that only says how they belong together aside: "cats" and "cat",
    "allergy" and "allergic" are the same."""
    having = {word for word in words(text) if word not in _LINKING}
    wanted = set(words(request)) - _LINKING - _REQUESTING
    return sum(any(_alike(word, other) for other in having) for word in wanted)


def shares_word(text: str, question: str) -> bool:
    """Whether a text has a word of a question, in some form, one that only says how words belong together aside."""
    return len(beyond(question, text)) < len(beyond(question, ""))


def content(text: str) -> frozenset[str]:
    """The stems of a text's words, without those that only say how words belong together."""
    return frozenset(stem(word) for word in words(text) if word not in _LINKING)


def added(text: str, question: str) -> frozenset[str]:
    """What a text has that a question has not: of "She is called Ottilie" and "What is my sister called?" the stem of
    Ottilie."""
    return content(text) - stems(question)


def beyond(text: str, told: str) -> tuple[str, ...]:
    """The words of a text, folded, that something else has in no form, those aside that only say how words belong
    together; names and numbers (`exact`) to the letter."""
    having, strict = {*words(told), *map(_base, words(told))}, exact(text)
    return tuple(
        word
        for word in words(text)
        if word not in _LINKING
        and not {word, _base(word)} & having
        and (word in strict or not any(_alike(word, other) for other in having))
    )


def exact(text: str) -> frozenset[str]:
    """The names and numbers of a sentence, folded: what has a capital and does not begin it, and what has a digit."""
    found = _WORD.findall(text)
    return frozenset(
        word.casefold()
        for at, word in enumerate(found)
        if has_digit(word) or (at and word[0].isupper() and word.casefold() not in _LINKING)
    )


def capitals(text: str) -> frozenset[str]:
    """The words of a text that may be names, folded: what has a capital and says something."""
    return frozenset(word.casefold() for word in _WORD.findall(text) if word[0].isupper() and content(word))


def _base(word: str) -> str:
    """A word without what English puts behind it."""
    return _SUFFIX.sub("", word)


def says_something(request: str) -> bool:
    """Whether a request says what it is about: "Keep in mind that I don't eat pork." does, "Please note that." not."""
    return bool(set(words(request)) - _LINKING - _REQUESTING - _KEEPING)


def asked_after(request: str) -> str:
    """A request to correct or to forget as the question what it is about: of "Please forget my job." "What is my job?".
    Empty where it names no thing, in English, but says it in a sentence ("Forget that I have a job.")."""
    for part in reversed(sentences(request)):
        found = _THING.search(part)
        if found and not _SENTENCE.search(part) and _REQUESTING.intersection(words(part)):
            thing = _AROUND.sub("", found[0]).strip()
            return f"{thing}?" if thing.lower().startswith(_ASKING) else f"What is {thing}?"
    return ""


def _alike(one: str, other: str) -> bool:
    if has_digit(one + other):
        return one == other
    short, long = sorted((one, other), key=len)
    return stem(one) == stem(other) or (len(short) > 2 and len(long) - len(short) <= 2 and long.startswith(short))


def said_of(other: str, text: str, name: str) -> str:
    """A text about one person, said of another.

    Args:
        other: of whom.
        text: it.
        name: whom it is about, in full; it may have any part of the name that is longer than two letters.
    """
    parts = sorted({name, *re.findall(r"\w{3,}", name)}, key=len, reverse=True)
    return re.sub(rf"\b(?:{'|'.join(map(re.escape, parts))})\b", lambda _: other, text, flags=re.IGNORECASE)


def said_to_them(text: str) -> str:
    """What a person said of themselves in English, said to them: of "No, I sold my bike." "No, you sold your bike."""
    if not _THEIR_OWN.search(text):
        return text
    return _FIRST.sub(lambda found: _like(found[0], _SECOND[found[0].lower().replace("’", "'")]), text)


def _like(word: str, other: str) -> str:
    """A word with a capital where another has one, but for "I"."""
    return other.capitalize() if word[0].isupper() and not word.startswith("I") else other
