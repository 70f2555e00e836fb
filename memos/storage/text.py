"""Words: what a text is found by, and what a query looks for.

Owns tokenising for search, stemming by language, stop words, and the marks of what a text is besides its words (a
question; something with a time or a number in it). It does not know what is stored, nor how words are scored.

Chinese, Japanese, Korean, Thai and their neighbours write without spaces. Their characters are indexed one by one and
in pairs, and a query asks for pairs: 上海 is found inside 我住在上海市, and not inside 海上.
"""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import PurePath
from typing import Any

from memos.dates import Period, periods
from memos.time_words import hints_at_time
from memos.zone import local

# Scripts without spaces between words: Thai, Lao, Myanmar, Khmer, Hangul, kana, Han and its extensions.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{UNSPACED}]")
_RUN = re.compile(f"[{UNSPACED}]+|[^\\W_{UNSPACED}]+")

SOFT_HYPHEN = "\u00ad"  # where a word may be parted at the end of a line; books are full of them
# A whole pasted page may be a query; beyond this many different words more of them change nothing.
MOST_WORDS = 32
# Words of one language that are kept with what they are indexed under: some eight megabytes of three languages.
MOST_KNOWN = 16_384

_STOP_WORDS = """
    a about after again all also am an and any anything are as at be because been before being but by can
    could d did didn do does doesn doing don down else for from further get had hadn has hasn have haven
    having he her here hers him his how i if in into is isn it its just know ll m me mine more most my no nor
    not now of off ok on once one only or other our ours out over own please re remember s same say said
    shall she should so some something such t tell than that the their theirs them then there these they
    thing this those through to too under until up us ve very was wasn we were weren what when where which
    while who whom whose why will with won would yes you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# The commonest words of each language, by which a text says which one it is in. One that two languages share decides
# nothing between them. Short texts without any are taken as English.
_FUNCTION_WORDS = {
    "english": "the and of to in is it you that was for on are with as his they at be this have from or what how i my",
    "german": "der die das und ist nicht ich ein eine zu mit den auf für wie mein meine sich dem von auch wir sie wo",
    "french": "le la les des et est une un que pas je pour qui dans du au ce mon ma mes nous vous il elle où sur",
    "spanish": "el los las y es una que no por con para mi se lo como pero su yo está qué cómo dónde muy del un",
    "italian": "il lo gli e è una che non per con mi si come ma io sono di della nel un dove mio mia del anche",
    "portuguese": "o os as e é uma que não por com para meu minha se como mas eu em do da no na um onde muito",
    "dutch": "de het een en is niet ik van dat op te voor met zijn mijn maar we je hoe waar wat ook aan er",
    "swedish": "och att det är en ett som på inte jag för med av den min har till om var vi du hur men",
    "russian": "и в не на я что он с как это по но мы вы она мой моя где у за из меня был",
}
_LANGUAGES = {name: frozenset(words.split()) for name, words in _FUNCTION_WORDS.items()}
DEFAULT_LANGUAGE = "english"

# Questions say "buy" where the answer says "bought", which no stemmer joins. The base form, then its others.
_IRREGULAR = """
    arise arose arisen, beat beaten, become became, begin began begun, bend bent, bite bit bitten, blow blew blown,
    break broke broken, bring brought, build built, burn burnt, buy bought, catch caught, child children,
    choose chose chosen, come came, deal dealt, dig dug, draw drew drawn, dream dreamt, drink drank drunk,
    drive drove driven, eat ate eaten, fall fell fallen, feed fed, feel felt, fight fought, find found, fly flew flown,
    foot feet, forget forgot forgotten, forgive forgave forgiven, freeze froze frozen, give gave given,
    go went gone goes, grow grew grown, hang hung, hear heard, hide hid hidden, hold held, keep kept, knit knitted,
    know knew known, lead led, learn learnt, leave left, lend lent, lose lost, make made, man men, mean meant,
    meet met, mouse mice, pay paid, person people, ride rode ridden, ring rang rung, rise rose risen, run ran,
    see saw seen, seek sought, sell sold, send sent, shake shook shaken, shine shone, shoot shot, show shown,
    sing sang sung, sink sank sunk, sit sat, sleep slept, speak spoke spoken, spend spent, spin spun,
    stand stood, steal stole stolen, stick stuck, strike struck, swear swore sworn, swim swam swum,
    swing swung, take took taken, teach taught, tear tore torn, think thought, throw threw thrown, tooth teeth,
    understand understood, wake woke woken, wear wore worn, win won, woman women, write wrote written
"""
_BASE = {form: forms.split()[0] for forms in _IRREGULAR.split(",") for form in forms.split()[1:]}
QUESTION, TIMED, NUMBERED = "\0question", "\0time", "\0number"
_NUMBER = re.compile(r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|once|twice)\b")
_ENDS_ASKING = re.compile(r"[?？][\"'”’)\s]*(?:$|\[)")
# Parts of a place that count; the words of a place say what stands there, these do not. The terms of every stored
# passage are without them (schema 0008), so another pattern needs a migration. Which places begin no section of a
# summary is another question: a chapter does, and only counts; a slide does not, whatever it is called.
_COUNTED = re.compile(r"\b(?:page|line|row|item|cell|chapter|message)s? \d+(?:-\d+)?\b(?: output)?:?")
# Words that are written together, as programs have them, and one of these words. Longer ones are no names.
_TOGETHER = re.compile(r"(?<![^\W_])[A-Za-z\d]{0,63}(?:[a-z\d][A-Z]|[A-Z]{2}[a-z]{2})[A-Za-z\d]{0,63}(?![^\W_])")
_HUMP = re.compile(r"[A-Z]?[a-z\d]+|[A-Z]+(?![a-z])")
_DAY = timedelta(days=1)
SHORT, MIDDLE, LONG = 8, 100, 400  # days: what is said of days, months, years


def runs(text: str) -> list[str]:
    """The runs of letters and digits of a text, in lower case; one of an unspaced script stays whole."""
    normal = text if text.isascii() else unicodedata.normalize("NFKC", text).replace(SOFT_HYPHEN, "")
    return [run.lower() for run in _RUN.findall(normal)]


def language(words: Iterable[str]) -> str:
    """The Snowball name of the language that some words are in, by its commonest words; English where no other has
    more of them."""
    found = set(words)
    best = max(_LANGUAGES, key=lambda name: (len(found & _LANGUAGES[name]), name == DEFAULT_LANGUAGE))
    return best


def heading_of(source: str, location: str) -> str:
    """The words above a passage, by which it is found as by its own: the name of its document, and the headings.

    Args:
        source: the document's path.
        location: of the passage: `Setup > Linux, lines 3-9`; what only counts is left out.
    """
    words = " ".join(_COUNTED.sub(" ", location).strip(" ,").split())
    return "\n".join(part for part in (PurePath(source).stem, words) if part)


def _parts(text: str) -> list[str]:
    """The words of what is written together: `probe` and `timeout` of `ProbeTimeout`, `10` and `gb` of `10GB`."""
    return [part.lower() for name in _TOGETHER.findall(text) for part in _HUMP.findall(name) if len(part) > 1]


def text_terms(text: str, said_at: datetime, heading: str = "") -> bytes:
    """What a text is found by, as it is stored: how many words it has, how many of them are
    telling, hashes of its stems, and of its marks.

    Args:
        text: the text.
        said_at: when; what its "yesterday" is relative to, on the user's calendar.
        heading: what stands above it: more words, but no marks.
    """
    words = runs(text)
    tongue = language(words)
    known = _words_of(tongue)
    found = [known[word] for word in words]
    stems = [term for _, terms in found for term in terms]
    stems += [term for word in (*runs(heading), *_parts(text), *_parts(heading)) for term in known[word][1]]
    marks = [f"\0{tongue}"]
    if _ENDS_ASKING.search(text):
        marks.append(QUESTION)
    if _NUMBER.search(text.lower()):
        marks.append(NUMBERED)
    # Most texts name no time, and their words, met before, say so faster than a look at each letter.
    may = not text.isascii() or any(timed for timed, _ in found)
    spoken_of = periods(text, local(said_at)) if may else []
    if spoken_of:
        marks.append(TIMED)
        marks += sorted({mark for period in spoken_of for mark in time_marks(period)})
    telling = sum(word not in STOP_WORDS for word in words)
    terms = (len(stems), telling, *stems, *map(term_hash, marks))
    return struct.pack(f"<{len(terms)}I", *terms)


def time_marks(period: Period) -> list[str]:
    """What a text is marked with that speaks of this time: its days, months or years, as fits its length."""
    if period.days > LONG:
        return []
    last = period.end - timedelta(seconds=1)
    marks = {f"\0{period.start:%Y}", f"\0{last:%Y}"}
    if period.days <= MIDDLE:
        first = period.start.replace(day=1)
        while first <= last:
            marks.add(f"\0{first:%Y-%m}")
            first = (first + 32 * _DAY).replace(day=1)
    if period.days <= SHORT:
        marks |= {f"\0{period.start + number * _DAY:%Y-%m-%d}" for number in range(round(period.days))}
    return sorted(marks)


def query_words(query: str) -> list[str]:
    """The different words of a query that say what it is about, in order, at most `MOST_WORDS`.

    Stop words are left out unless there is nothing else. A run of an unspaced script becomes its pairs.
    """
    words: dict[str, None] = {}
    for run in runs(query):
        pairs = [run[at : at + 2] for at in range(len(run) - 1)] if _UNSPACED.match(run) else []
        words.update(dict.fromkeys(pairs or [run]))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or list(words))[:MOST_WORDS]


def query_terms(word: str, languages: Sequence[str]) -> list[int]:
    """The hashes under which a word of a query may be indexed, one a language; any of them is the word."""
    if _UNSPACED.match(word):
        return [term_hash(word)]
    return list(dict.fromkeys(term_hash(stem(word, tongue)) for tongue in languages))


def languages_of(has_mark: Any) -> list[str]:
    """The languages of texts of which `has_mark(hash)` knows one; English first."""
    others = [name for name in _LANGUAGES if name != DEFAULT_LANGUAGE and has_mark(term_hash(f"\0{name}"))]
    return [DEFAULT_LANGUAGE, *others]


class _Words(dict[str, tuple[bool, tuple[int, ...]]]):
    """The words of a language that were met before: whether each may name a time, and the hashes under which it is
    indexed, of its stem, or of the characters and pairs of an unspaced script.

    A dictionary, since most words of a text were met before: one look for all of it. At `MOST_KNOWN` it begins anew, so
    that memory does not grow with what is read.
    """

    def __init__(self, tongue: str) -> None:
        super().__init__()
        self.tongue = tongue

    def __missing__(self, word: str) -> tuple[bool, tuple[int, ...]]:
        if len(self) >= MOST_KNOWN:
            self.clear()
        parts = [*word, *(word[at : at + 2] for at in range(len(word) - 1))] if _UNSPACED.match(word) else []
        terms = tuple(map(term_hash, parts or [stem(word, self.tongue)]))
        self[word] = known = (hints_at_time(word), terms)
        return known


@lru_cache
def _words_of(tongue: str) -> _Words:
    return _Words(tongue)


def stem(word: str, tongue: str) -> str:
    """A word's stem (Snowball) without accents."""
    plain = _BASE.get(word, word) if tongue == DEFAULT_LANGUAGE else word
    base = _stemmer(tongue).stemWord(plain) if len(plain) < 64 else plain
    if base.isascii():
        return str(base)
    return "".join(letter for letter in unicodedata.normalize("NFKD", base) if not unicodedata.combining(letter))


def term_hash(term: str) -> int:
    """A term as 32 bits: among 100,000 different words about one pair is mistaken for each other."""
    return int.from_bytes(hashlib.blake2b(term.encode("utf-8", "replace"), digest_size=4).digest(), "little")


@lru_cache
def _stemmer(tongue: str) -> Any:
    from Stemmer import Stemmer

    return Stemmer(tongue, 0)  # without a cache of its own
