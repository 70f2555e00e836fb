"""Amending: what is noted of the user, as they want it corrected or forgotten.

A small model that is to correct a line of a block corrects another one, and says its whole block back. Asked apart, it
knows whether a request adds something, corrects it or takes it away, which note it is about, and writes that anew as a
request wants it. A note of several facts is asked about, and written, clause by clause: what a request does not speak
of stays word for word. So the kernel does it (docs/prompts.md). Nothing is destroyed: a note is put away, and comes
back when its request is taken back; blocks keep their former texts. Owns these choices. It does not know how a request
is noticed, nor what the user is told of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field

from memos import prompts
from memos.dates import dated, undated
from memos.errors import BlockError
from memos.events import Event
from memos.messages import Message, Origin
from memos.naming import asked_after, shared_words, stems, words
from memos.probes import Prober, pieces
from memos.protocols import ArchivalStorage
from memos.reading import Reader
from memos.working_context import PINNED, WorkingContext
from memos.zone import local

MOST = 4  # notes that one request may be about
SEARCHED = 100  # notes that may be what a request is about
ASKED = 10  # notes that are asked about, whether they tell what is to be forgotten
# How surely a note must, if it shares a word with the request, and if not: of those tried that do, all have .66, and
# what was never told has, but for one, .58 at most (docs/prompts.md).
SHARES, TELLS = 0.5, 0.65
NEARLY = 0.1  # how much less surely than the one that does most another note may tell it and be meant, too
LEAST = 0.85  # probability that a request is to correct or to forget: these have .87 and more, to save .80 at most
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


@dataclass(slots=True, eq=False)
class _Noted:
    """A text that is noted, where, and which of its clauses are to be said anew."""

    text: str
    notes: list[int] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    anew: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Clause:
    """A clause, and the text that it is of."""

    text: str
    of: _Noted


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
        about = yield from self._about(request, forgets, cancelled)
        said_at = local(message.created_at)
        for clause in about:
            if PINNED in clause.of.blocks:
                clause.of.anew.update(dict.fromkeys(pieces(clause.of.text)[::2], ""))
                continue
            text, dates = undated(clause.text, said_at)  # a date would be kept beside another "next Friday"
            says = yield from self._reader.read(request, [prompts.noted(text)], cancelled)
            new = written_anew(text, request, says, forgets=forgets)
            if new is not None and not cancelled():
                clause.of.anew[clause.text] = dated(new, said_at, alone=True, known=dates)
        changed = [noted for noted in dict.fromkeys(clause.of for clause in about) if noted.anew]
        if forgets and about and not changed and not cancelled():
            about[0].of.anew[about[0].text] = ""  # rather too much of it is forgotten than nothing, but of one note
            changed = [about[0].of]
        if not changed:
            yield likeliest.probed("")
            return Amended(forgets) if forgets and not cancelled() else None
        texts = [said_anew(noted.text, noted.anew) for noted in changed]
        pairs = zip(changed, texts, strict=True)
        where = [place for noted, new in pairs for place in self._change(noted, new, message)]
        yield likeliest.probed(" and ".join(where))
        return Amended(forgets, tuple(filter(None, texts)), found=True)

    def _about(
        self, request: str, forgets: bool, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, list[_Clause]]:
        """What is noted that a request is about, the likeliest first.

        That is what tells the thing that it names. A request that says all in a sentence, and a correction, which has
        words of what it corrects, are about what has the most of their words.
        """
        clauses, asked = self._clauses(request, forgets=forgets), asked_after(request)
        shared = [shared_words(one.text, request) for one in clauses]
        most = max(shared, default=0)
        if not asked or (most and not forgets):
            return [one for one, count in zip(clauses, shared, strict=True) if most and count == most][:MOST]
        telling: list[tuple[float, _Clause]] = []
        likeliest = sorted(zip(clauses, shared, strict=True), key=lambda pair: not pair[1])
        for one, count in likeliest[:ASKED]:
            answer = None if cancelled() else self._prober.answered(asked, one.text)
            if answer is not None:
                tells = answer.probability >= (SHARES if count else TELLS)
                yield answer.probed("answer" if tells else "")
                telling += [(answer.probability, one)] if tells else []
        telling.sort(key=lambda pair: -pair[0])
        return [one for sure, one in telling if sure >= telling[0][0] - NEARLY][:MOST]

    def _clauses(self, request: str, *, forgets: bool) -> list[_Clause]:
        """What is noted, the likeliest first: of notes as search finds them, of the newest, and of lines of blocks. A
        pin quotes a message, which stays as it was said: it can be forgotten, and not corrected."""
        found: dict[str, _Noted] = {}
        # The newest, too: without vectors, search finds the same words alone.
        for query in (request, ""):
            for note in self._archival.search(query, limit=SEARCHED, origin=Origin.NOTE).items:
                notes = found.setdefault(note.text, _Noted(note.text)).notes
                notes += [] if note.id in notes else [note.id]
        for label, line in self._working.told():
            if forgets or label != PINNED:
                found.setdefault(line, _Noted(line)).blocks.append(label)
        clauses = ((clause, noted) for noted in found.values() for clause in pieces(noted.text)[::2])
        return [_Clause(clause, noted) for clause, noted in clauses if clause.strip()]

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


def said_anew(text: str, changes: Mapping[str, str]) -> str:
    """A text with some of its clauses in other words, or left out.

    Args:
        text: a note.
        changes: what stands instead of clauses of it; empty: they go.

    Returns:
        It; empty where no more than a greeting is left.
    """
    parts = pieces(text)
    left = ""
    for at, clause in enumerate(parts[::2]):
        new = changes.get(clause, clause)
        if clause[:1].islower() and new.startswith(("My ", "We ", "Our ")):
            new = new[0].lower() + new[1:]
        if new:
            left += (parts[2 * at - 1] if left else "") + new.rstrip(".")
    return prompts.sentence(left[0].upper() + left[1:]) if len(words(left)) > 1 else ""


def written_anew(text: str, request: str, says: str, *, forgets: bool) -> str | None:
    """What a note says after a request, from what the model wrote.

    Args:
        text: the note, or a clause of it.
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
