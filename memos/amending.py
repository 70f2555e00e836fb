"""Amending: what is noted of the user, as they want it corrected or forgotten.

A small model that is to correct a line of a block corrects another one, and says its whole block back. Asked apart, it
knows whether a request adds something, corrects it or takes it away, and writes a note anew as a request wants it; and
the words that both have say which note that is. So the kernel does it (docs/prompts.md). Nothing is destroyed: a note
is put away, and comes back when its request is taken back; blocks keep their former texts. Owns these choices. It does
not know how a request is noticed, nor what the user is told of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

from memos import prompts
from memos.errors import BlockError
from memos.events import Event
from memos.messages import Message
from memos.naming import shared_words, stems
from memos.probes import Prober
from memos.protocols import ArchivalStorage
from memos.reading import Reader
from memos.working_context import WorkingContext

SEARCHED = 100  # notes and passages of documents, among which notes are looked for
MOST = 4  # notes that one request may be about
LEAST = 0.9  # probability that a request is to correct or to forget; of those looked at all have .98 (docs/prompts.md)
REQUEST = 3  # sentences at the end of a message that may be a request: "She is called Lina. Please correct that."


@dataclass(frozen=True, slots=True)
class Amended:
    """What became of what a request is about.

    Args:
        forgets: whether it was to be forgotten, and not corrected.
        notes: what is noted now, each as it stands; none where nothing is left.
        found: whether anything was noted of it.
    """

    forgets: bool
    notes: tuple[str, ...] = ()
    found: bool = False


@dataclass(slots=True)
class _Noted:
    """A text that is noted, and where."""

    text: str
    notes: list[int] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)


class Amending:
    """Corrects and forgets for one agent.

    Args:
        prober: tells what a request wants.
        reader: writes notes anew.
        archival: the notes.
        working: the blocks.
    """

    def __init__(self, prober: Prober, reader: Reader, archival: ArchivalStorage, working: WorkingContext) -> None:
        self._prober, self._reader = prober, reader
        self._archival, self._working = archival, working

    def amend(
        self, parts: Sequence[str], message: Message, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Amended | None]:
        """Do what a request wants, if it is to correct or to forget something.

        Args:
            parts: sentences of the message, the last of which is the request, or belongs to it.
            message: the message.
            cancelled: asked between notes.

        Returns:
            What was done; None if the request is another one, or what it corrects is not noted.
        """
        request = " ".join(parts[-REQUEST:])
        wanted = self._prober.amends(request)
        likeliest = max(wanted, key=lambda answer: answer.probability, default=None)
        if likeliest is None or likeliest.probability < LEAST or cancelled():
            return None
        forgets = likeliest.question == "forget"
        changes: list[tuple[_Noted, str]] = []
        about = self._about(request)
        for noted in about:
            says = yield from self._reader.read(request, [prompts.noted(noted.text)], cancelled)
            new = written_anew(noted.text, request, says, forgets=forgets)
            if new is not None and not cancelled():
                changes.append((noted, new))
        if forgets and about and not changes and not cancelled():
            changes.append((about[0], ""))  # rather too much of it is forgotten than nothing, but of one note
        if not changes:
            yield likeliest.probed("")
            return Amended(forgets) if forgets and not cancelled() else None
        where = [place for noted, new in changes for place in self._change(noted, new, message)]
        yield likeliest.probed(" and ".join(where))
        return Amended(forgets, tuple(new for _, new in changes if new), found=True)

    def _about(self, request: str) -> list[_Noted]:
        """What is noted that has the most words of a request, the likeliest first."""
        found: dict[str, _Noted] = {}
        for passage in self._archival.search(request, limit=SEARCHED).items:
            if not passage.source:
                found.setdefault(passage.text, _Noted(passage.text)).notes.append(passage.id)
        for label, line in self._working.told():
            found.setdefault(line, _Noted(line)).blocks.append(label)
        shared = {text: shared_words(text, request) for text in found}
        most = max(shared.values(), default=0)
        return [noted for text, noted in found.items() if most and shared[text] == most][:MOST]

    def _change(self, noted: _Noted, new: str, message: Message) -> list[str]:
        """Put a note away, and another one in its place if there is one; returns where. What was goes last, so that a
        process that is killed has rather both."""
        places = [f"archival:{number}" for number in noted.notes]
        if new:
            places = [f"archival:{self._archival.insert(new, location=f'recall:{message.id}').id}"]
        for label in noted.blocks:
            try:
                self._working.replace(label, noted.text, new, by="kernel")
            except BlockError:  # no room for the longer text
                self._working.replace(label, noted.text, "", by="kernel")
        self._archival.put_away(noted.notes, by=message.id)
        return [*places, *(f"block {label}" for label in noted.blocks)]


def written_anew(text: str, request: str, says: str, *, forgets: bool) -> str | None:
    """What a note says after a request, from what the model wrote.

    Args:
        text: the note.
        request: the request.
        says: what the model wrote; empty if it did not end.
        forgets: whether something is to be forgotten.

    Returns:
        It; empty if nothing is left, and None if what the model wrote is not to be had: the note is as before, what was
        to be corrected is gone, or it has words of its own.
    """
    if not says:
        return None
    new = "" if says.casefold().strip(" .") in prompts.NOTHING_LEFT else prompts.sentence(says)
    if forgets:
        return new if stems(new) < stems(text) else None
    changed = bool(new) and stems(new) != stems(text)
    return new if changed and stems(new) <= stems(text) | stems(request) else None
