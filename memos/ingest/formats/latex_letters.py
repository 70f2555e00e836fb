r"""Letters that LaTeX writes as commands: `\'e`, `\"{o}`, `\c c`, `{\ss}`.

It knows nothing else of LaTeX but formulas within a line, where such commands have another meaning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

_NAMED = {"ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "aa": "å", "AA": "Å"}
_NAMED |= {"o": "ø", "O": "Ø", "l": "ł", "L": "Ł"}
# As combining characters. `\d` and `\b` are left out: what is meant is a differential, or a vector.
_ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", ".": "\u0307", '"': "\u0308"}
_ACCENTS |= {"u": "\u0306", "r": "\u030a", "H": "\u030b", "v": "\u030c", "c": "\u0327", "k": "\u0328"}
_COMMAND = re.compile(
    rf"""
    \\[\\$] | (?P<dollars>\$\$?)[^$\n]*(?P=dollars)  # passed over: line ends, dollars, formulas
    | (?P<group>(?<![\]}}])\{{)?\\(?:
        (?P<name>{"|".join(_NAMED)})(?![A-Za-z])(?:\{{\}}|[ \t]+)?
        | (?P<accent>[`'^~=."]|[urHvck](?![A-Za-z])[ \t]*)
          (?P<brace>\{{)?(?P<letter>[A-Za-z]|\\[ij](?![A-Za-z])[ \t]*)(?(brace)\}})
      )(?(group)\}})
    | \\[A-Za-z]+\*?\{{  # passed over, too: the brace of another command is no group
    """,
    re.VERBOSE,
)


def with_letters(text: str, own: Container[str]) -> str:
    """Text with letters for their commands.

    Args:
        text: LaTeX.
        own: commands that the document defines itself, which are none of these.
    """

    def letter(found: re.Match[str]) -> str:
        name, accent = found["name"], (found["accent"] or "").rstrip()
        if (name or accent) in own or not (name or accent):
            return found[0]
        # An accent on a letter that has none is some other command.
        made = _NAMED[name] if name else unicodedata.normalize("NFC", found["letter"].strip("\\ \t") + _ACCENTS[accent])
        return made if len(made) == 1 else found[0]

    return _COMMAND.sub(letter, text)
