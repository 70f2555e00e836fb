"""Keeping: what is kept of what the user says, word for word, and what of it is corrected or forgotten.

A small model that is to save something and to answer something does one of the two, and what it saves it words anew. So
the kernel notes facts that are told in passing, corrects and forgets what it is asked to, and notes what is to be kept
by a message that asks something besides; only a message that asks for nothing else is left to the model. Owns these
decisions. It does not know what comes into view, how a note is written anew, or when there is time to look for facts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from memos import events, prompts
from memos.admission import SAVES
from memos.amending import REQUEST, Amending
from memos.dates import dated, undated
from memos.errors import BlockError
from memos.events import Event
from memos.generation import Opening
from memos.messages import Call, Message
from memos.naming import says_something, shared_words
from memos.pager import Pager
from memos.policy import KernelSettings
from memos.probes import Answer, Prober, asks, sentences
from memos.protocols import ArchivalStorage
from memos.working_context import WorkingContext
from memos.zone import local

SHORT = 12  # a fact that takes at most the twelfth part of a block stays in view


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a message wants of memory.

    Args:
        asked: its sentences that may ask for something.
        ask: how probably the likeliest of these does.
        keeps: what is thought of its sentences that ask to keep something.
    """

    asked: tuple[str, ...]
    ask: float
    keeps: tuple[Answer, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """Its sentences that ask to keep something, or to correct or forget it."""
        return tuple(answer.sentence for answer in self.keeps)

    @property
    def besides(self) -> tuple[str, ...]:
        """What it asks for that is not itself a request to keep something."""
        return tuple(sentence for sentence in self.asked if sentence not in self.kept)

    def leaves(self, text: str, answered: Collection[str] = ()) -> bool:
        """Whether a message with this text asks more than what it wants kept, and these sentences."""
        return any(asks(part) and part not in (*answered, *self.kept) for part in sentences(text))


class Keeping:
    """Notes, corrects and forgets for one agent.

    Args:
        prober: asks the model about single sentences.
        amending: corrects and forgets what is noted.
        pager: cuts what is too long.
        working: the blocks; short facts go there, too.
        archival: where facts are kept.
        policy: thresholds and sizes.
        count: tokens of a text, by the loaded model.
    """

    def __init__(
        self,
        prober: Prober,
        amending: Amending,
        pager: Pager,
        working: WorkingContext,
        archival: ArchivalStorage,
        policy: KernelSettings,
        count: Callable[[str], int],
    ) -> None:
        self._prober, self._amending, self._pager = prober, amending, pager
        self._working, self._archival, self._policy, self._count = working, archival, policy, count
        self._requests: dict[int, tuple[str, ...]] = {}  # of this process's messages what was to correct or to forget

    def heed(
        self, message: Message, wanted: Wanted, cancelled: Callable[[], bool]
    ) -> Generator[Event, None, Opening | None]:
        """Correct or forget what a message asks to, and note what one wants kept that asks something else, too.

        Args:
            message: the message.
            wanted: what it wants of memory.
            cancelled: asked between probes.

        Returns:
            How the answer begins then; None where nothing was done, or the model is to do it.
        """
        if not wanted.keeps or not self._policy.memory_threshold:
            return None
        parts = sentences(message.content)
        upto = 1 + max(at for at, part in enumerate(parts) if part in wanted.kept)
        while upto < len(parts) and not asks(parts[upto]):  # "Could you correct my city? I live in Linz now."
            upto += 1
        request = [part for part in parts[:upto] if part in wanted.kept or not asks(part)]
        more = wanted.leaves(message.content)
        amended = yield from self._amending.amend(request, message, cancelled)
        if amended is None:
            if not more or cancelled():
                return None
            yield from self._note_request(request[-REQUEST:], message, wanted, cancelled)
            return Opening(prompts.NOTED)
        self._requests[message.id] = wanted.kept
        says = prompts.FORGOTTEN if amended.found else prompts.UNMENTIONED
        if not amended.forgets:
            says = prompts.corrected(self._pager.cut(" ".join(amended.notes), self._policy.page // 3))
        return Opening(says, whole=not more)

    def _note_request(
        self, request: Sequence[str], message: Message, wanted: Wanted, cancelled: Callable[[], bool]
    ) -> Iterator[Event]:
        """Keep what a message wants kept, word for word: its facts, and what asks for it and says what; of a request
        without either, all."""
        noted = yield from self._note_facts("\n".join(request), message, cancelled)
        left = [one for one in wanted.keeps if one.sentence not in noted and says_something(one.sentence)]
        if not noted and not left:
            left = [replace(wanted.keeps[-1], sentence=" ".join(request))]
        for answer in left:
            yield replace(answer, evaluated=0).probed(self._note(answer.sentence, message))

    def keep_facts(self, message: Message, done: Sequence[Call], cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Keep what the user told and the model did not save, word for word, as notes.

        Runs when the answer is out and the user reads.

        Args:
            message: what the user said.
            done: the calls of its turn that succeeded.
            cancelled: asked between sentences.
        """
        yield events.Progress("noting facts", 0, 1)
        saved = [str(value) for call in done if call.name in SAVES for value in call.arguments.values()]
        saved += [undated(text, local(message.created_at))[0] for text in saved]
        former = self._archival.superseded(by=message.id)
        asked = self._requests.get(message.id)
        amends = bool(former) or asked is not None
        request = frozenset(_of_request(message.content, asked, [*former, *saved]) if amends else ())
        yield from self._note_facts(
            message.content, message, cancelled, lambda part: part in request or _is_saved(part, saved)
        )
        yield events.Progress("noting facts", 1, 1)

    def _note_facts(
        self,
        text: str,
        message: Message,
        cancelled: Callable[[], bool],
        done_with: Callable[[str], bool] = lambda _: False,
    ) -> Generator[Event, None, list[str]]:
        """Keep the facts of a text of a message, but for sentences that are done with; returns those kept."""
        noted: list[str] = []
        for answer in self._prober.facts(text):
            if cancelled():
                break
            keep = answer.probability >= self._policy.fact_threshold and not done_with(answer.sentence)
            noted += [answer.sentence] if keep else []
            yield answer.probed(self._note(answer.sentence, message) if keep else "")
        return noted

    def _note(self, fact: str, message: Message) -> str:
        """Keep one sentence as a note, and a short one in view, too, while there is space; returns where.

        It will be read without its day, in view for years, so it says which day its "last Friday" was.
        """
        short = self._count(fact) <= self._policy.block // SHORT
        fact = dated(fact, local(message.created_at), alone=True)
        where = f"archival:{self._archival.insert(fact, location=f'recall:{message.id}').id}"
        if not short:
            return where
        try:
            self._working.append("user", fact, by="kernel")
        except BlockError:  # full, or the user has taken the block away
            return where
        return f"block user and {where}"


def _of_request(text: str, asked: Collection[str] | None, noted: Collection[str]) -> list[str]:
    """The statements of a message that were to correct or to forget: those that asked, and those with words of what is
    noted, or was. What asked is not known of another process's messages: there it is the last."""
    parts = [part for part in sentences(text) if not asks(part)]
    request = parts[-1:] if asked is None else asked
    return [part for part in parts if part in request or any(shared_words(note, part) for note in noted)]


def _is_saved(sentence: str, saved: Iterable[str]) -> bool:
    """Whether a sentence is saved, or all that it asks to remember: of "Please remember that I live in Oslo" what
    follows."""
    said = sentence.casefold()
    kept = [text.casefold().strip(" .!") for text in saved]
    return any(said.strip(" .!") in text or (" " in text and text in said) for text in kept)
