"""Following identifiers through archival memory: numbers, codes and addresses name one thing wherever they stand.

A note that has the identifier a message names is what the message is about, and what that note names leads on: from an
order to its invoice, from a key to the key that is its value. Words cannot be followed so, being about many things. No
model is asked. It does not know what is shown of what it finds.
"""

from __future__ import annotations

import re

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


def follow(text: str, archival: ArchivalStorage) -> list[Passage]:
    """The passages that the identifiers in a text lead to, in the order of the way; none where it names nothing.

    Args:
        text: what a message says.
        archival: searched for each identifier.
    """
    ahead = identifiers(text)[:NAMED]
    seen, found = set(ahead), dict[int, Passage]()
    while ahead and len(found) < MOST:
        name = ahead.pop(0)
        having = [one for one in archival.search(name, limit=COMMON + 1).items if name in one.text]
        if len(having) > COMMON:
            continue
        for passage in having:
            found.setdefault(passage.id, passage)
            new = [other for other in identifiers(passage.text) if other not in seen]
            seen.update(new)
            ahead += new
    return list(found.values())[:MOST]
