"""The pager: what memory looks like when it comes into view.

Owns the form of a page (dates, ids, `showing 5 of 42, page 0 of 8`), its cut to the room there is, and which lines a
prefetch has to choose among. It does not know how search works, what is chosen, or how the queue is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from memos import prompts
from memos.dates import FOREVER, dated
from memos.errors import ToolError
from memos.messages import Found, Kind, Message, Origin, Passage, pointed
from memos.naming import stems
from memos.probes import asks, sentences
from memos.protocols import ArchivalStorage, RecallStorage
from memos.zone import LOCAL, local

PAGE_SIZE = 5
NOTES, MESSAGES = 8, 3  # candidates of a prefetch; the model itself says which of them answer
TALK, LONGEST = 12, 96  # messages that are read apart, and tokens of each
REPEATED = 4  # times as many are searched, where those that only ask, and the assistant's, are not read
Form = Callable[[Iterable[str], str], str]
POINTER = re.compile(r"\b(?:recall|archival):\d+\b")


class Pager:
    """Pages of one agent's memory.

    Args:
        recall: message history.
        archival: passages.
        count: tokens of a text, by the loaded model.
        now: the clock, by which a search reads "last week"; None: the storage's own.
    """

    def __init__(
        self,
        recall: RecallStorage,
        archival: ArchivalStorage,
        count: Callable[[str], int],
        now: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        self._recall, self._archival, self._count, self._now = recall, archival, count, now

    # ----------------------------------------------------------------------------------- page faults

    def recall_page(self, query: str, page: int, *, before_id: int, room: int) -> str:
        """A page of messages by text, from those out of view; or what was said around one.

        Args:
            query: words, or the id of a message (`recall:7`).
            page: from 0.
            before_id: id of the first message in view.
            room: tokens that the page may have.
        """
        if opened := _pointed(query, "recall"):
            return self._opened(query, map(message_line, self._recall.around(opened, before=3, after=3)), room)
        found = self._recall.search(
            query, limit=PAGE_SIZE, offset=page * PAGE_SIZE, before_id=before_id, asked_at=self._now()
        )
        if not found.total:
            return (
                f"Nothing earlier matches {query!r}. Try other words, conversation_search_date for a day, or "
                "archival_memory_search for documents and notes; what is in view is not searched."
            )
        lines = [message_line(message) for message in found.items]
        return self._page(found, page, lines, room, self._asked_before(found.items))

    def _asked_before(self, found: Sequence[Message]) -> list[str]:
        """The questions that what was found may answer: without them, "Yes, two of them" says nothing."""
        shown = {message.id for message in found}
        lines = []
        for message in found:
            before = self._recall.around(message.id, before=1, after=0)[:-1]
            if before and before[0].id not in shown and asks(before[0].content.rstrip()):
                shown.add(before[0].id)
                lines.append(f"(before recall:{message.id}) {message_line(before[0])}")
        return lines

    def recall_page_by_date(self, start: str, end: str, page: int, *, room: int) -> str:
        """A page of messages by date, both days included, newest first.

        Raises:
            ToolError: a date is not of the form YYYY-MM-DD.
        """
        first, last = _day(start), _day(end)
        if last < first:
            first, last = last, first
        after = min(last, FOREVER[1]) + timedelta(days=1)
        found = self._recall.search(limit=PAGE_SIZE, offset=page * PAGE_SIZE, start=first, end=after)
        if not found.total:
            return f"No messages from {first:%Y-%m-%d} to {last:%Y-%m-%d}."
        return self._page(found, page, [message_line(message) for message in found.items], room)

    def archival_page(self, query: str, page: int, *, room: int) -> str:
        """A page of passages by meaning and words."""
        if opened := _pointed(query, "archival"):
            return self._opened(query, map(passage_line, self._archival.around(opened)), room)
        found = self._archival.search(query, limit=PAGE_SIZE, offset=page * PAGE_SIZE, asked_at=self._now())
        if not found.total:
            return f"Archival memory has nothing for {query!r}. Try other words, or conversation_search."
        return self._page(found, page, [passage_line(passage) for passage in found.items], room)

    def _opened(self, pointer: str, lines: Iterable[str], room: int) -> str:
        """What surrounds an id that a page showed."""
        shown = self.fit(lines, room - 8)  # the head line's own tokens
        return f"around {pointer.strip()}:\n" + "\n".join(shown) if shown else f"There is no {pointer.strip()}."

    def _page(
        self,
        found: Found[Message] | Found[Passage],
        page: int,
        lines: Sequence[str],
        room: int,
        context: Sequence[str] = (),
    ) -> str:
        """A page with its head; what else belongs to its lines follows them where there is room."""
        pages = -(-found.total // PAGE_SIZE)
        if not found.items:
            return f"There is no page {page}; the last is page {pages - 1} of {pages}."
        room -= 20  # the head line's own tokens
        shown = self.fit(lines, room)
        used = sum(self._count(line) + 1 for line in shown)
        more = self.fit(context, room - used) if len(shown) == len(lines) else []
        return f"showing {len(shown)} of {found.total}, page {page} of {pages}:\n" + "\n".join([*shown, *more])

    def fit(self, lines: Iterable[str], room: int) -> list[str]:
        """As many lines as fit into `room` tokens; the first that does not is cut, if enough of it is left."""
        shown: list[str] = []
        for line in lines:
            size = self._count(line) + 1
            if size > room:
                cut = self.cut(line, room - 1) if room >= 24 else ""
                if cut:
                    shown.append(cut)
                break
            shown.append(line)
            room -= size
        return shown

    def memory_page(
        self, lines: Sequence[tuple[float, str]], question: str, room: int, form: Form = prompts.memory
    ) -> str:
        """Lines of memory as the kernel puts them into view; empty if there is no room for any.

        Lines are whole: what does not fit is left out. Only where not even the most wanted one fits is it cut.

        Args:
            lines: the most wanted first, each after how sure it is. Of those that fit the surest is shown first, since
                that is the one that a small model answers from, and the next surest last: what stands between is what
                models overlook (Liu et al., "Lost in the Middle", arXiv 2307.03172).
            question: what they are to answer.
            room: tokens that the page may have.
            form: makes the page of lines and a question.
        """
        room -= self._frame((line for _, line in lines), question, form)
        fitting: list[tuple[float, str]] = []
        for sure, line in lines:
            size = self._count(line) + 1
            if size <= room:
                fitting.append((sure, line))
                room -= size
        if not fitting:
            fitting = [(0.0, line) for line in self.fit((line for _, line in lines[:1]), room)]
        ordered = [line for _, line in sorted(fitting, key=lambda one: -one[0])]
        return form([*ordered[:1], *ordered[2:], *ordered[1:2]], question) if ordered else ""

    def memory_in_order(self, lines: Sequence[str], question: str, room: int, form: Form) -> tuple[str, bool]:
        """The same for lines that lead from one to the next; whether all of them fit is told, too."""
        shown = self.fit(lines, room - self._frame(lines, question, form))
        return (form(shown, question) if shown else ""), shown == list(lines)

    def _frame(self, lines: Iterable[str], question: str, form: Form) -> int:
        """Tokens of a page beside its lines."""
        framed = prompts.framed("\n".join(lines)).startswith(prompts.QUOTATION)
        return self._count(form((prompts.QUOTATION,) if framed else (), question)) + 2  # its line breaks

    def cut(self, text: str, room: int) -> str:
        """The text, or as much of its start as `room` tokens hold, with an ellipsis."""
        if self._count(text) <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self._count(text[:middle] + " …") <= room:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + " …" if low else ""

    # --------------------------------------------------------------------------------------- prefetch

    def spoken(self, text: str, *, before_id: int, most: int = TALK) -> Found[Message]:
        """Messages out of view that a message may ask for, the likeliest first.

        Args:
            text: what the message asks.
            before_id: id of the first message in view.
            most: how many.
        """
        spoken = (Kind.USER, Kind.SPEECH)
        return self._recall.search(text, limit=most, before_id=before_id, kinds=spoken, asked_at=self._now())

    def said_before(self, message: Message) -> list[tuple[str, str]]:
        """Who said what just before a message: the user, and what was answered."""
        before = self._recall.around(message.id, before=2, after=0)[:-1]
        return [(prompts.speaks(one), self.cut(" ".join(one.content.split()), LONGEST)) for one in before]

    def names_speaker(self, text: str) -> bool:
        """Whether a text asks, and names somebody who speaks in memory: it is about what is there, then."""
        return asks(text) and bool(self._recall.search(text, limit=1).speakers)

    def candidates(self, text: str, spoken: Sequence[Message]) -> list[Candidate]:
        """What may tell what a message asks, best first by search: notes, and messages out of view.

        They may stand on an earlier page that is still in view: a small model answers from what is next to the
        question.

        Args:
            text: what the message asks.
            spoken: the messages that may tell it, the likeliest first.
        """
        notes = self._archival.search(text, limit=NOTES, origin=Origin.NOTE, asked_at=self._now()).items
        found = [Candidate(passage_line(one), one.text, rank) for rank, one in enumerate(notes)]
        superseded = self._archival.superseded()
        # A question tells nothing, nor does it that nothing was found; a sentence that is a note already is not asked
        # about twice, and one whose note was corrected or forgotten is not so any more.
        noted = {prompts.UNMENTIONED, *superseded, *(one.text for one in found)}
        for rank, message in enumerate(spoken[:MESSAGES]):
            parts = [part for part in sentences(message.content) if not asks(part) and part not in noted]
            if parts:
                shown = replace(message, content=excerpt("\n".join(parts), text))
                noted.update(parts)
                found.append(Candidate(message_line(shown), shown.content, rank, not _own(message), message.id))
        return found

    def past(self, text: str, *, before_id: int) -> list[Message]:
        """The messages that may tell what is asked, the likeliest first, each in one line: those of others than the
        assistant, without what was corrected or forgotten since.

        Args:
            text: what is asked.
            before_id: id of the message that asks it.
        """
        away = self._archival.superseded()
        found = []
        # Whoever asks every day has the same question and its answers in memory, which are nearest to it.
        spoken = self.spoken(text, before_id=before_id, most=REPEATED * TALK)
        for message in self.talk(spoken.items, own=False)[:TALK]:
            if away and self._only_forgets(message):
                continue
            said_at = local(message.created_at)
            parts = sentences(message.content, least=1)
            left = [part for part in parts if not {part, dated(part, said_at, alone=True)} & away]
            if left:
                found.append(replace(message, content=" ".join(left)))
        return found

    def _only_forgets(self, message: Message) -> bool:
        """Whether a message had something forgotten, and nothing noted in its place."""
        pointer = f"recall:{message.id}"
        return bool(self._archival.superseded(by=message.id)) and not self._archival.quoting(pointer)

    def talk(self, spoken: Sequence[Message], *, own: bool) -> list[Message]:
        """Messages to read, each in one line.

        Args:
            spoken: the messages, the likeliest first.
            own: whether what the assistant itself said is among them.
        """
        # A question alone tells nothing.
        return [
            replace(one, content=" ".join(one.content.split()))
            for one in spoken
            if (own or not _own(one)) and (not asks(one.content) or len(sentences(one.content)) > 1)
        ]

    def transcript(self, messages: Iterable[Message], query: str, room: int) -> list[str]:
        """Messages as they are read apart, as many as fit into `room` tokens; of a long one what a query is about."""
        return self.fit((self.apart(message, query) for message in messages), room)

    def apart(self, message: Message, query: str, form: Callable[[Message], str] = prompts.said) -> str:
        """A message as it is read apart; of a long one what a query is about."""
        return self._about(message, query, form)

    def shown(self, message: Message, query: str) -> str:
        """A message as a page shows it; of a long one what a query is about."""
        return self._about(message, query, prompts.line)

    def _about(self, message: Message, query: str, form: Callable[[Message], str]) -> str:
        line = form(_dated(message))
        if self._count(line) <= LONGEST:
            return line
        return self.cut(form(_dated(replace(message, content=excerpt(message.content, query)))), LONGEST)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may tell what was asked.

    Args:
        line: as a page shows it; empty for what is in view without one.
        text: alone.
        rank: how many of its kind search found more likely.
        first_hand: told by the user or a document, not by the assistant itself.
        message_id: of the message that it is a part of; 0 if it is none.
    """

    line: str
    text: str
    rank: int = 0
    first_hand: bool = True
    message_id: int = 0


def in_blocks(told: Iterable[tuple[str, str]], asked: str, noted: Collection[str]) -> list[Candidate]:
    """The lines of blocks that have words of what is asked, those aside that are notes.

    Args:
        told: labels of blocks, and lines of theirs.
        asked: what is asked.
        noted: the notes.
    """
    lines = [(label, line) for label, line in told if line not in noted]
    about = set(matching((line for _, line in lines), asked))
    return [Candidate(prompts.block_line(label, line), line) for label, line in lines if line in about]


def _own(message: Message) -> bool:
    """Whether the assistant itself said it. In a conversation that was imported the other side has a name."""
    return message.kind is Kind.SPEECH and not message.speaker


def _pointed(query: str, where: str) -> int:
    """The id that a query names and nothing else, as `recall:7`; 0 where it does not."""
    memory, number = pointed(query.strip()) or ("", 0)
    return number if memory == where else 0


def excerpt(text: str, query: str, sentences_shown: int = 2) -> str:
    """The part of a message that a query is about: its best sentence by shared words, and the next.

    Words are compared by their first letters, which is stemming enough to choose between sentences.
    """
    parts = sentences(text)
    if len(parts) <= sentences_shown:
        return " ".join(text.split())
    wanted = _stems(query)
    shared = [len(wanted & _stems(part)) for part in parts]
    best = max(range(len(parts)), key=lambda index: (shared[index], -index))
    shown = " ".join(parts[best : best + sentences_shown])
    return ("… " if best else "") + shown + (" …" if best + sentences_shown < len(parts) else "")


def matching(lines: Iterable[str], query: str) -> list[str]:
    """The lines that share a word with a query."""
    wanted = _stems(query)
    return [line for line in lines if wanted & _stems(line)]


def bearing(texts: Sequence[str], says: str, query: str) -> list[int]:
    """Which texts say something, best first: by the words that they share with it and that the query has not."""
    said, asked = stems(says), stems(query)
    new = said - asked or said
    shared = [len(new & stems(text)) for text in texts]
    ranked = sorted(range(len(texts)), key=lambda index: (-shared[index], index))
    return [index for index in ranked if shared[index]]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.casefold()))


def _stems(text: str) -> set[str]:
    return {word[:5] for word in _words(text)}


def message_line(message: Message) -> str:
    """A message as search results and pages show it, with the days that its "yesterday" and "last May" were."""
    return prompts.line(_dated(message))


def _dated(message: Message) -> Message:
    """A message whose "yesterday" says which day that was."""
    return replace(message, content=dated(message.content, local(message.created_at)))


def passage_line(passage: Passage) -> str:
    """A passage as search results and pages show it."""
    text = " ".join(passage.text.split())
    if passage.source:
        location = f" > {passage.location}" if passage.location else ""
        return f"[archival:{passage.id} {prompts.QUOTED} {passage.source}{location}] {text}"
    # A note with a location quotes a message of the user's. Without the speaker, the model says "I", too.
    return f"[archival:{passage.id} {local(passage.created_at):%Y-%m-%d}] {'user: ' if passage.location else ''}{text}"


def _day(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text.strip()[:10]).replace(tzinfo=LOCAL)
    except ValueError:
        raise ToolError(f"{text!r} is no date; write YYYY-MM-DD.") from None
