"""Following identifiers through archival memory: numbers, codes and addresses name one thing wherever they stand.

A note that has the identifier a message names is what the message is about, and what that note names leads on: from an
order to its invoice, from a key to the key that is its value. Words cannot be followed so, being about many things. No
model is asked. It does not know what is shown of what it finds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memos.messages import Passage
from memos.protocols import ArchivalStorage

MOST = 8  # passages on the way
NAMED = 4  # identifiers of a message that are followed
COMMON = 4  # passages; an identifier that more of them have is no name of one thing
# Eight characters or more with a digit among them, and no date; or an address.
_IDENTIFIER = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w-])(?!\d{4}-\d\d-\d\d(?![\w-]))(?=[\w-]*\d)[\w-]{8,}(?![\w-])"
)


def identifiers(text: str) -> list[str]:
    """The identifiers in a text, each once, in order."""
    return list(dict.fromkeys(_IDENTIFIER.findall(text)))


@dataclass(frozen=True, slots=True)
class Way:
    """Where identifiers lead.

    Args:
        passages: in the order of the way.
        names: the identifiers that it goes by, from the message's to the last; empty where it forks, also since it
            came from somewhere, or goes on beyond these passages.
    """

    passages: tuple[Passage, ...]
    names: tuple[str, ...]


def follow(text: str, archival: ArchivalStorage) -> Way:
    """The way that begins with the identifiers in a text; of no passages where it names nothing that is known.

    Args:
        text: what a message says.
        archival: searched for each identifier.
    """
    ahead = identifiers(text)[:NAMED]
    seen, found, names = set(ahead), dict[int, Passage](), list(ahead)
    forks = len(ahead) > 1
    while ahead and len(found) < MOST:
        name = ahead.pop(0)
        having = [one for one in archival.search(name, limit=COMMON + 1).items if name in one.text]
        if len(having) > COMMON:
            continue
        for passage in having:
            found.setdefault(passage.id, passage)
        new = [one for one in identifiers("\n".join(passage.text for passage in having)) if one not in seen]
        forks = forks or len(new) > 1
        seen.update(new)
        ahead += new
        names += new
    return Way(tuple(found.values())[:MOST], () if forks or ahead or not found else tuple(names))
