"""Bytes become text, or it is said that they are not text.

Owns the choice of character encoding: byte order marks, UTF-8 even where it is damaged, UTF-16, then detection by
charset-normalizer among encodings that documents really have. It does not know files, names or formats.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from itertools import islice

from memos.errors import IngestError

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# What is tried where the text is not UTF-8, and which wins where two explain the bytes equally well. Left to
# itself, charset-normalizer tries some 90 encodings and prefers cp1250 to cp1252: "naďve" for "naïve".
_CANDIDATES = (
    "cp1252",
    "cp1250",
    "iso8859_2",
    "cp1251",
    "koi8_r",
    "cp1253",
    "cp1254",
    "gb18030",
    "big5",
    "cp932",
    "euc_jp",
    "cp949",
)
# Documents that say they are in the one are in the other, as browsers have it: what else is between 0x80 and 0x9f are
# controls, which nobody writes.
_MEANT = {"iso8859-1": "cp1252", "iso8859-9": "cp1254"}
_SHIFT = b"\x1b$"  # ISO 2022 writes Japanese and Korean in ASCII, from here on
_SAMPLE = 262_144  # bytes looked at to choose an encoding
# No text has these. Tab, line feed, form feed, carriage return and escape are not among them.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_BYTES = bytes([*range(0, 9), 11, *range(14, 27), *range(28, 32), 127])
_MOST_CONTROLS = 0.05  # random bytes have 0.11; text with a few stray NULs stays below
# Bytes of other encodings seldom make UTF-8 by chance, and hardly ever all that stand together between ASCII. Of text
# without ASCII between, as Chinese is, single characters are counted.
_RUN = re.compile(rb"[\x80-\xff]+")
_RUNS = 10_000  # looked at
_CHARACTERS = 4  # of UTF-8 for each sequence that is none


class NothingToRead(IngestError):
    """There is no text in what was given; the sentence says why. Nothing is wrong with the machine."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What bytes say.

    Args:
        text: with `\\n` for CR and CRLF, and without control characters but tab, form feed and escape. Unicode's
            separators of lines and paragraphs are still in it, for they mean nothing between the quotes of JSON; see
            `separated`.
        note: a sentence on characters that could not be read, or `""`; each is U+FFFD in the text.
    """

    text: str
    note: str = ""


def decode(data: bytes, declared: str | None = None) -> Decoded:
    """The text of `data`.

    Args:
        data: the bytes of a whole file.
        declared: an encoding that the document itself names (HTML does); tried after UTF-8.

    Raises:
        NothingToRead: the bytes are empty, only white space, or not text.
    """
    if not data:
        raise NothingToRead("The file is empty (0 bytes).")
    text, damaged = _by_mark(data) or _by_encoding(data, declared)
    if len(_CONTROLS.findall(text)) > _MOST_CONTROLS * len(text) + 2:
        raise NothingToRead("The file is binary: no text was found in it.")
    text = _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\ufeff", "")
    if not text.strip():
        raise NothingToRead("There is only white space in the file.")
    return Decoded(text, _said(text.count("\ufffd")) if damaged else "")


def separated(text: str) -> str:
    """A decoded text with `\\n` as its only line end."""
    return text.replace("\u2028", "\n").replace("\u2029", "\n\n")


def _said(damaged: int) -> str:
    return f"{damaged:,} character{'s' if damaged != 1 else ''} could not be read." if damaged else ""


def _by_mark(data: bytes) -> tuple[str, bool] | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            # The mark says how to read the rest, so a damaged character is worth a replacement.
            return data.decode(encoding, "replace"), True
    return None


def _by_encoding(data: bytes, declared: str | None) -> tuple[str, bool]:
    """The text, and whether characters of it may have been replaced."""
    shifting = declared if _SHIFT in data else None
    for encoding in (_unmarked_utf16(data), shifting, "utf-8"):
        if encoding and (text := _strictly(data, encoding)) is not None:
            return text, False
    if _is_damaged_utf8(data):  # whatever it declares: bytes of nothing else look like this
        return data.decode("utf-8", "replace"), True
    for encoding in _meant(declared):
        if (text := _strictly(data, encoding)) is not None:
            return text, False
    controls = len(data) - len(data.translate(None, _CONTROL_BYTES))
    if controls > _MOST_CONTROLS * len(data):
        raise NothingToRead("The file is binary: no text was found in it.")
    return data.decode(_detected(data), "replace"), True


def _meant(declared: str | None) -> list[str]:
    """The encodings that a declaration may mean, the likeliest first."""
    try:
        name = codecs.lookup(declared or "").name
    except (ValueError, LookupError):
        return []
    return [_MEANT[name], name] if name in _MEANT else [name]


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (ValueError, LookupError):  # not of this encoding, or no encoding of text
        return None


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether bytes that are not UTF-8 were UTF-8 once: cut, or with bytes of something else between."""
    runs = [_strictly(run[0], "utf-8") is not None for run in islice(_RUN.finditer(data), _RUNS)]
    if 2 * sum(runs) >= len(runs):
        return True
    text = data.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    characters = len(text) - len(text.encode("ascii", "ignore")) - bad
    return characters >= _CHARACTERS * bad


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark, where the text is mostly ASCII: every other byte is NUL, always on one side."""
    sample = data[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or max(even, odd) < 0.3 * len(sample) / 2 or min(even, odd) > 0.02 * len(sample):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _detected(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # Cutting between two bytes of one character would rule the right encoding out: cut at a line end.
    sample = data if len(data) <= _SAMPLE else data[: data.rfind(b"\n", 0, _SAMPLE) + 1 or _SAMPLE]
    found = []
    for match in from_bytes(sample, cp_isolation=list(_CANDIDATES)):
        # Encodings that give the same text come as one match; name the likeliest of them.
        names = [name for name in _CANDIDATES if name in (match.encoding, *match.could_be_from_charset)]
        if names:
            rank = _CANDIDATES.index(names[0])
            found.append((round(match.chaos, 2), -round(match.coherence, 2), rank, names[0]))
    if not found:
        raise NothingToRead("The file's characters are in no encoding that memos recognises.")
    return min(found)[-1]
