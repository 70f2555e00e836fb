"""Remembering for a model that does not ask: what comes into view by itself.

Left alone, a small model searches for anything. So the kernel asks it about single sentences (`memos.probes`), has done
what is to be kept, corrected or forgotten (`memos.keeping`), pages in what answers a message, or else says again what
it asks, or that nothing tells it, and says which memory functions the turn may use. Owns these decisions; their
thresholds are policy. It does not know how a turn goes on, how search works, or how a sentence is asked about.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from memos import events, past_reader, prompts
from memos.admission import ARCHIVAL_SEARCH, READS, REPLACE, SAVES, SEARCHES
from memos.dates import has_date
from memos.document_pager import PASSAGE
from memos.events import Event
from memos.following import follow
from memos.generation import Opening
from memos.grounding import asks_for_what_was_told
from memos.keeping import Keeping, Wanted
from memos.messages import Found, Message
from memos.naming import added, content, shares_word
from memos.pager import LONGEST, Candidate, Pager, in_blocks, passage_line
from memos.past_reader import Recollection
from memos.policy import KernelSettings
from memos.presenting import BEARING, OF_ONESELF, Presenting, Question, Remembered, Withheld, in_order
from memos.probes import MOST_SENTENCES, Answer, asks, log_odds, sentences
from memos.protocols import ArchivalStorage
from memos.queue_manager import QueueManager
from memos.readers import Readers
from memos.relations import left_out
from memos.showing import Showing
from memos.step_reader import Stepped
from memos.working_context import WorkingContext

# What asks so surely, and nothing surely tells, is said to be unmentioned. A question about the world seldom is so sure
# ("What is the capital of Australia?": .92), and of those who ask themselves even less.
CERTAIN, CERTAIN_OF_THEM = 0.93, 0.78
UNSURE = 0.8  # how much farther above the rest an answer must be where the message does not surely ask for one
LEAST = 0.45  # a note less sure than this does not answer, however far it stands out: what does answer is above .46
PLAIN = 0.8  # what asks so surely asks for what was told and no more; where it asks for advice, it is less sure
NOTED = 0.8  # where a note is so sure, talk is not read
TYPICAL = 0.4  # what the answer probe says of a note that has nothing to do with the question
ENOUGH = 5  # candidates; fewer are filled up with typical ones, since of few the middle says little
# A question about something that another thing tells, as "my boss's dog", or "the shop where I …"; in English.
_NESTED = re.compile(
    r"(?<=\w )(?:that|who|whom|whose|which|where)\b|"
    r"\b(?!(?:what|where|who|when|how|that|it|s?he|there)['’])\w+['’]s \w|\bof (?:my|our|the)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Told:
    """What candidates tell of what is asked.

    Args:
        by: those that tell it, with their log-odds.
        nearly: whether any stands out, if not far enough, of what is not certainly asked for.
        among: the texts of all that were asked about.
    """

    by: Sequence[tuple[float, Candidate]]
    nearly: bool
    among: Sequence[str]

    @property
    def surest(self) -> tuple[float, Candidate]:
        """The one that tells it most surely; there must be any."""
        return max(self.by, key=lambda one: one[0])


class Remembering:
    """Prefetch for one agent.

    Args:
        readers: ask the model apart.
        keeping: corrects, forgets and notes what a message asks to.
        pager: finds candidates and lays out pages.
        queue: what is in view.
        showing: tells the model something there.
        presenting: puts there what was found.
        working: the blocks, which are in view.
        archival: the notes and documents.
        policy: thresholds and sizes.
        others: whether the model has functions that are not of memory, which may tell what memory does not.
    """

    def __init__(
        self,
        readers: Readers,
        keeping: Keeping,
        pager: Pager,
        queue: QueueManager,
        showing: Showing,
        presenting: Presenting,
        working: WorkingContext,
        archival: ArchivalStorage,
        policy: KernelSettings,
        *,
        others: bool,
    ) -> None:
        self._readers, self._keeping, self._pager, self._queue = readers, keeping, pager, queue
        self._showing, self._presenting, self._working = showing, presenting, working
        self._archival, self._policy = archival, policy
        self._others = others

    @property
    def _read_at_once(self) -> int:
        """Tokens of notes and messages that are read apart together: all that is read may be shown."""
        return min(self._policy.reading, self._policy.result)

    # ------------------------------------------------------------------------------ before the answer

    def page_in(self, message: Message, cancelled: Callable[[], bool]) -> Generator[Event, None, Remembered]:
        """Page in what a message asks of memory.

        Args:
            message: what the user said.
            cancelled: asked between probes; nothing is paged in any more then.

        Returns:
            What that means for the calls of its turn.
        """
        if not self._policy.prefetch:
            return Remembered()
        yield events.Progress("remembering", 0, 1)
        remembered = yield from self._remember(message, cancelled)
        yield events.Progress("remembering", 1, 1)
        return remembered

    def _remember(self, message: Message, cancelled: Callable[[], bool]) -> Generator[Event, None, Remembered]:
        policy = self._policy
        alone = yield from self._readers.rewriting.alone(message.content, self._pager.said_before(message), cancelled)
        wanted = yield from self._wanted(alone, cancelled)
        if alone != message.content:  # only as they said it is anything kept, corrected or forgotten
            said = sentences(message.content)
            wanted = replace(wanted, keeps=tuple(one for one in wanted.keeps if one.sentence in said))
        done = yield from self._keeping.heed(message, wanted, cancelled)
        if done and done.whole:
            yield from self._showing.tell(prompts.tell(done.text), message.turn, cancelled)
            return Remembered(told=True, opening=done, withheld=SAVES | SEARCHES | READS)
        asked = wanted.besides if done else wanted.asked
        saving = bool(wanted.keeps) and not done
        followed = yield from self._follow(message, cancelled)
        text = self._pager.cut(" ".join(asked), policy.page // 3)
        told_before = asks_for_what_was_told(alone)
        of_them = told_before and bool(OF_ONESELF.search(text))
        certain = wanted.ask >= (CERTAIN_OF_THEM if of_them else CERTAIN)
        sure, plain = wanted.ask >= policy.memory_threshold, not done and wanted.ask >= PLAIN and told_before
        question = Question(text, message, cancelled, sure, plain, certain)
        found = Remembered(followed)
        if asked and not followed:
            found = yield from self._prefetch(question)
        paged = bool(self._queue.pages(message.turn))
        if question.sure and not (found.told or found.untold or saving or paged):
            found = yield from self._near(question)
            paged = bool(self._queue.pages(message.turn))
        left = not (found.told or saving or question.certain)
        if (left or done) and not (paged or found.opening):
            yield from self._ask_again(message, cancelled)
        opening = found.opening and replace(found.opening, whole=not wanted.leaves(alone, asked))
        withheld = self._withheld(saving=saving, searching=question.sure, told=found.told)
        return replace(found, opening=_behind(done, opening), withheld=withheld)

    def _wanted(self, text: str, cancelled: Callable[[], bool]) -> Generator[Event, None, Wanted]:
        """Ask what the sentences of a message want of memory."""
        policy = self._policy
        asked: list[str] = []
        keeps: list[Answer] = []
        ask = 0.0
        for answer in self._readers.prober.requests(text):
            if cancelled():
                break
            if answer.question == "keep":
                saving = answer.probability >= policy.memory_threshold
                keeps += [answer] if saving else []
                yield answer.probed("saving" if saving else "")
                continue
            ask = max(ask, answer.probability)
            may = answer.probability >= policy.prefetch_threshold or self._pager.names_speaker(answer.sentence)
            yield answer.probed("prefetch" if may else "")
            asked += [answer.sentence] if may else []
        return Wanted(tuple(asked), ask, tuple(keeps))

    def _withheld(self, *, saving: bool, searching: bool, told: bool) -> Withheld:
        withheld: Withheld = frozenset() if saving else SAVES
        # What was to be corrected was, if it is noted: left to a small model, another line is.
        if self._policy.memory_threshold:
            withheld |= {REPLACE}
        if told:
            return withheld | SEARCHES | READS
        if searching:
            return withheld
        # Documents may be searched and read for any question.
        return withheld | (SEARCHES - ({ARCHIVAL_SEARCH} if self._archival.document_count() else set()))

    def _ask_again(self, message: Message, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
        """Say again what a message of several sentences asks, where no page does: a small model retells it, and leaves
        the question in its middle unanswered."""
        parts = sentences(message.content)
        if not 1 < len(parts) <= MOST_SENTENCES:
            return
        newest = self._pager.fit((part for part in reversed(parts) if asks(part)), self._policy.page // 3)
        yield from self._showing.tell(prompts.reply(" ".join(reversed(newest))), message.turn, cancelled)

    def _follow(self, message: Message, cancelled: Callable[[], bool]) -> Generator[Event, None, bool]:
        """Page in what the identifiers in a message lead to; returns whether all of it is in view then.

        Exact names need no probe. The lines are shown in the order of the way; a way that breaks off tells nothing, so
        it may take as much as several results.
        """
        way = follow(message.content, self._archival)
        return bool(way.passages) and (yield from self._presenting.way(message, way, cancelled))

    def _prefetch(self, question: Question) -> Generator[Event, None, Remembered]:
        """Page in what tells what a message asks.

        Returns:
            Whether something that is in view now tells it, and how to say it.
        """
        asked = question.text
        spoken = self._pager.spoken(asked, before_id=self._queue.first_id)
        # Of somebody who speaks in memory, talk is read in any case; then its messages are not asked about one by one.
        found = self._pager.candidates(asked, () if spoken.speakers else spoken.items)
        # What stands in a block is in view and needs no page, unless it tells a day: of one far above, a small model
        # makes another. Asked about once, as a note if it is one.
        in_view = [
            one if has_date(one.text) else replace(one, line="")
            for one in in_blocks(self._working.told(), asked, {candidate.text for candidate in found})
        ]
        own: list[Candidate] = []
        if spoken.speakers:  # what is asked about somebody who speaks in memory is about what is in memory
            question = replace(question, sure=True, certain=True)
        else:  # what the user said is read together: one message, asked about alone, tells too easily
            own = [one for one in found if not one.first_hand]
            found = [one for one in found if one.first_hand and not one.message_id]
        told = yield from self._told(question, [*in_view, *found])
        if question.cancelled():
            return Remembered()
        if not spoken.speakers:
            recalled = yield from self._show_past(question, spoken, told)
            if recalled.told or question.cancelled():
                return recalled
            if not (told.by or told.nearly):
                told = yield from self._told(question, own)
        elif not told.by:
            return (yield from self._show_talk(question, spoken))
        if told.by:
            return (yield from self._show_of_whom(question, spoken, told))
        # What the user told, and is in view as a rule, goes before what others wrote.
        return Remembered() if told.nearly else (yield from self._show_documents(question))

    def _show_past(self, question: Question, spoken: Found[Message], told: _Told) -> Generator[Event, None, Remembered]:
        """Read what the user told, unless a note of it tells it surely enough, and is so still; and put into view what
        it says with what says it: unless that only says who or what it is that the question is about, or documents may
        tell it more surely, and do."""
        asked, before_id, cancelled = question.text, question.message.id, question.cancelled
        if told.by:
            sure, note = told.surest
            if note.first_hand and sure >= log_odds(NOTED) and shares_word(note.text, asked):
                recalled = yield from self._readers.past.updated(asked, note.text, before_id, cancelled)
                return (yield from self._presenting.recalled(question, recalled)) if recalled else Remembered()
        least = past_reader.TOLD if question.certain else past_reader.LIKELY if question.sure else past_reader.SURELY
        recalled = yield from self._readers.past.read(asked, before_id, self._read_at_once, cancelled, least=least)
        if recalled is None or self._outdone(asked, recalled, told):
            return Remembered()
        by = [one.content for one in recalled.by[:BEARING]]
        of_nobody = all(left_out(asked, one) for one in by)
        unsure = of_nobody or recalled.sure < past_reader.SURELY
        if unsure and question.sure and _NESTED.search(asked) and added(asked, by[0]):
            stepped = yield from self._stepped(question, spoken, by)
            if stepped and stepped.says:
                return (yield from self._show_stepped(question, stepped))
            if stepped and not stepped.may_tell(by[0]):
                return Remembered()
            of_nobody = of_nobody and stepped is None
        if unsure:
            found = yield from self._show_documents(question)
            if found.told or of_nobody:
                return found
        return (yield from self._presenting.recalled(question, recalled))

    def _outdone(self, asked: str, recalled: Recollection, told: _Told) -> bool:
        """Whether a note, of whom the question is about, tells something else than what was read, and more surely, or
        what was read has words of nobody."""
        by = [(sure, one.text) for sure, one in told.by if one.first_hand and not left_out(asked, one.text, told.among)]
        sure, note = max(by, default=(0.0, ""))
        if not by or recalled.new & content(note):
            return False
        if recalled.of_nobody:
            return True
        return not recalled.is_of(note) and sure > log_odds(self._readers.past.noted(asked, recalled))

    def _near(self, question: Question) -> Generator[Event, None, Remembered]:
        """Show once more what is in view and tells what a message surely asks. Where nothing does, it certainly asks,
        and there is nowhere else to look, say so: a small model answers always."""
        spoken = self._pager.spoken(question.text, before_id=question.message.id)
        near = [one for one in spoken.items if one.id >= self._queue.first_id]
        candidates = [one for one in self._pager.candidates(question.text, near) if one.message_id]
        told = yield from self._told(question, candidates)
        if told.by:
            return (yield from self._show_of_whom(question, spoken, told))
        if (by_steps := (yield from self._show_steps(question, spoken))).told:
            return by_steps
        return Remembered() if told.nearly else (yield from self._say_untold(question))

    def _say_untold(self, question: Question) -> Generator[Event, None, Remembered]:
        """Say that nothing tells what is certainly asked, if there is nowhere else to look."""
        elsewhere = self._others or bool(self._archival.document_count())
        if elsewhere or not question.certain or question.cancelled():
            return Remembered(untold=True)
        yield from self._showing.tell(prompts.tell(prompts.UNMENTIONED), question.message.turn, question.cancelled)
        return Remembered(told=True, opening=Opening(prompts.UNMENTIONED))

    def _show_of_whom(
        self, question: Question, spoken: Found[Message], told: _Told
    ) -> Generator[Event, None, Remembered]:
        """Put what tells it into view if it does so of whom it is asked. A note about somebody else may have the same
        words, and one that only says who somebody is seems to tell more of them. So where the surest has not all that
        is asked, it is looked for by steps first."""
        surest = told.surest[1]
        stepped = None
        if question.sure and added(question.text, surest.text):
            stepped = yield from self._stepped(question, spoken, [one.text for _, one in told.by])
        if stepped and stepped.says:
            return (yield from self._show_stepped(question, stepped))

        def may_tell(text: str) -> bool:
            return stepped.may_tell(text) if stepped else not left_out(question.text, text, told.among)

        by = [one for one in told.by if may_tell(one[1].text)]
        if not by:
            found = yield from self._show_documents(question)
            return found if found.told else (yield from self._say_untold(question))
        return (yield from self._presenting.candidates(question, by))

    def _told(self, question: Question, candidates: Sequence[Candidate]) -> Generator[Event, None, _Told]:
        """Which candidates stand out as telling what is asked."""
        margin = self._policy.answer_margin + (0 if question.sure else UNSURE)
        asked_of: list[Answer] = []
        by: list[tuple[float, Candidate]] = []
        nearly = False
        # The assistant's own words count only where the past is surely asked for, and nobody else's tell it: it may
        # have been wrong.
        for first_hand in (True, False) if question.sure else (True,):
            new = yield from self._answers(question, [one for one in candidates if one.first_hand is first_hand])
            asked_of += [answer for _, answer in new]
            middle = middle_of(answer.probability for answer in asked_of)
            for candidate, answer in new:
                out = log_odds(answer.probability) - middle if answer.probability >= LEAST else -math.inf
                tells, nearly = out >= margin, nearly or out >= self._policy.answer_margin
                yield answer.probed("answer" if tells else "")
                if tells:
                    by.append((log_odds(answer.probability), candidate))
            if by or question.cancelled():
                break
        return _Told(by, nearly and not question.certain, [answer.sentence for answer in asked_of])

    def _answers(
        self, question: Question, candidates: Sequence[Candidate]
    ) -> Generator[Event, None, list[tuple[Candidate, Answer]]]:
        """Ask of each candidate whether it tells what is asked; those that are too long to be asked about are left out,
        and once it is cancelled the rest."""
        found: list[tuple[Candidate, Answer]] = []
        for number, candidate in enumerate(candidates):
            if question.cancelled():
                break
            yield events.Progress("remembering", number, len(candidates), "notes")
            if answer := self._readers.prober.answered(question.text, candidate.text):
                found.append((candidate, answer))
        return found

    def _show_talk(self, question: Question, spoken: Found[Message]) -> Generator[Event, None, Remembered]:
        """Read the likeliest messages and put what they say into view with those that say it; where they say nothing,
        all of them. A note says in a sentence what it says, but in talk the answer stands in a neighbour as often. What
        talk does not surely tell, documents may."""
        talk = self._pager.talk(spoken.items, own=False) or self._pager.talk(spoken.items, own=True)
        room = self._read_at_once
        heard = yield from self._readers.talk.read(question.text, talk, spoken.speakers, room, question.cancelled)
        if not heard.another and not (heard.says and heard.surely):
            found = yield from self._show_documents(question)
            if found.told:
                return found
        return (yield from self._presenting.heard(question, heard, spoken.speakers))

    def _show_documents(self, question: Question) -> Generator[Event, None, Remembered]:
        """Read what documents say to it, and put that into view with the passages that say it."""
        told = yield from self._readers.documents.read(
            question.text, max(self._policy.result, PASSAGE), question.cancelled
        )
        if told is None:
            return Remembered()
        lines = in_order(self._pager.cut(passage_line(one), LONGEST) for one in told.passages[:BEARING])
        return (yield from self._presenting.said(question, told.says, lines))

    def _show_steps(self, question: Question, spoken: Found[Message]) -> Generator[Event, None, Remembered]:
        """Answer by steps what nothing tells at once."""
        stepped = yield from self._stepped(question, spoken)
        return (yield from self._show_stepped(question, stepped)) if stepped and stepped.says else Remembered()

    def _stepped(
        self, question: Question, spoken: Found[Message], seeming: Sequence[str] = ()
    ) -> Generator[Event, None, Stepped | None]:
        if spoken.speakers:  # of whom the likeliest messages are read, and the next ones
            return None
        room, cancelled = self._read_at_once, question.cancelled
        return (yield from self._readers.steps.read(question.text, question.message.id, room, cancelled, seeming))

    def _show_stepped(self, question: Question, stepped: Stepped) -> Generator[Event, None, Remembered]:
        """Put into view what steps say, with what says it."""
        return (yield from self._presenting.said(question, stepped.says, in_order(stepped.lines)))


def _behind(done: Opening | None, opening: Opening | None) -> Opening | None:
    """How an answer begins that says first what was done, and then what else the message asks."""
    if not done or not opening:
        return replace(done, more=True) if done else opening
    same = opening.text.startswith(done.text)  # neither is mentioned, what is to be forgotten nor what is asked for
    return opening if same else replace(opening, text=f"{done.text} {opening.text}")


def middle_of(probabilities: Iterable[float]) -> float:
    """What the answer probe says, as log-odds, of the middle one of the candidates.

    Some questions ("What can I try tomorrow?") seem answered by whatever one shows, others by nothing much. A note
    that answers stands out among those that search found with it; compare contextual calibration (Zhao et al. 2021,
    arXiv 2102.09690), which takes the bias of a prompt from an input without content.
    """
    sure = [log_odds(probability) for probability in probabilities]
    return median([*sure, *[log_odds(TYPICAL)] * (ENOUGH - len(sure))])
