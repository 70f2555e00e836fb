"""The document analysis agent: questions, comparisons and whole readings, answered from pages that are cited.

A small model decides badly by itself, so the kernel decides: search chooses the pages, a probe says whether they tell
the answer, a grammar lets only pages in view be cited, and the words of the answer say which page it is from. Owns this
order of things, and that one question at a time is put to a model. It does not know how documents are stored, read or
searched, nor what a team does (`team`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Event as Flag

from memos import prompts
from memos.agents.support import held, numbers, said, same
from memos.agents.turns import Turns
from memos.document_names import DocumentNames
from memos.document_reader import about, ends, likeliest, page_of
from memos.errors import InputError
from memos.events import Event, Judged, PagesShown
from memos.generation import CitedGrammar, Generated, Grammar, Reading, Sampling
from memos.messages import Passage
from memos.protocols import ArchivalStorage, LanguageModel

PAGES = 1000  # tokens of pages that a question may cost
REPLY = 80  # tokens of an answer
# Below this probability that the pages tell the answer, nothing is said. Of 43 right answers one had less, of six to
# what the documents do not tell three (docs/evaluation.md).
SURE = 0.6
NOT_SAID = "The documents do not say."
_CITED = re.compile(r"\s*\[(\d+)\]\s*$")

Observe = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer is from.

    Args:
        passage_id: of the passage; `memos show archival:7` opens it.
        source: the document.
        location: page, heading or lines in it.
    """

    passage_id: int
    source: str
    location: str

    @property
    def id(self) -> str:
        """What `memos show` opens."""
        return f"archival:{self.passage_id}"

    def __str__(self) -> str:
        return ", ".join(part for part in (self.source, self.location) if part)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the documents say to a question.

    Args:
        text: the answer, or that there is none.
        citations: the passages that hold it; none if the documents do not say.
        found: whether they say.
        confidence: the probability, by the model, that the pages shown tell the answer.
    """

    text: str
    citations: tuple[Citation, ...]
    found: bool
    confidence: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two documents say to one question. `agree`: both do, and the same."""

    first: Answer
    second: Answer
    agree: bool


class PageReader:
    """Puts pages before a model and takes a cited answer from it.

    Args:
        model: the resident model.
        observe: called with what happens.
        cancelled: asked between tokens.
        budget: tokens of pages in one view.
    """

    def __init__(self, model: LanguageModel, observe: Observe, cancelled: Callable[[], bool], budget: int) -> None:
        self.model, self.observe = model, observe
        self.budget = min(budget, model.window * 2 // 3)
        self._asked, self._stopped = cancelled, Flag()
        self._turns = Turns("What reads documents", "question", self._stopped.set)

    def cancelled(self) -> bool:
        """Whether what is being done is to end."""
        return self._stopped.is_set() or self._asked()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the model for one question, or one summary; what happens in the block comes to nothing where it is
        closed meanwhile.

        Raises:
            InputError: another is being answered, by this reader or in the middle of an agent's turn on the same model;
                or it is closed.
        """
        with self._turns.here(), self._turns.alone():
            self.model.claim(self._released)
            yield
            self._turns.check_open()

    def _released(self) -> None:
        """An agent takes the model; what is read here is in no prompt of the next question."""
        if not self._turns.over:
            with self._turns.alone():
                pass

    def close(self) -> None:
        """End what is being answered, in whichever thread, and wait for that; nothing is answered any more. The model
        can be freed then.

        Raises:
            InputError: called by `observe` or `cancelled`.
        """
        self._turns.close(lambda: None)

    def _size(self, passage: Passage) -> int:
        """Tokens of a passage as a page."""
        return len(self.model.tokenize(prompts.numbered([page_of(passage)]))) + 2

    def parted(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Passages that a view holds, each: one that is too long for it, as in a script of which the model spells every
        letter in several tokens, in halves, between two words where there are any."""
        for passage in passages:
            text = passage.text.strip()
            middle = max(0, text.rfind(" ", 0, len(text) // 2)) or len(text) // 2
            if middle and self._size(passage) > self.budget:
                yield from self.parted(replace(passage, text=half) for half in (text[:middle], text[middle:]))
            else:
                yield passage

    def runs(
        self, passages: Iterable[Passage], kind: Callable[[Passage], object] = lambda _passage: None
    ) -> Iterator[list[Passage]]:
        """Every passage in exactly one run of neighbours, in order: as many of one kind as a view holds."""
        run: list[Passage] = []
        room = self.budget
        for passage in self.parted(passages):
            size = self._size(passage)
            if run and (size > room or kind(passage) != kind(run[-1])):
                yield run
                run, room = [], self.budget
            run.append(passage)
            room -= size
        if run:
            yield run

    def fitting(self, passages: Sequence[Passage]) -> list[Passage]:
        """As many passages as a view holds, the first of them in any case."""
        fit: list[Passage] = []
        room = self.budget
        for passage in passages:
            size = self._size(passage)
            if size > room and fit:
                continue
            fit.append(passage)
            room -= size
        return fit

    def head(self, instruction: str) -> tuple[int, ...]:
        """The start of a prompt."""
        return self.model.scaffold.instructed(self.model.tokenize(instruction))

    def pages(self, passages: Sequence[Passage]) -> tuple[int, ...]:
        """Passages as numbered pages; a single one is cut where not even a word of it fits."""
        tokens = self.model.tokenize(prompts.numbered([page_of(passage) for passage in passages]))
        return tokens[: self.budget]

    def read(self, prompt: Sequence[int]) -> int:
        """Make a prompt resident; returns how many tokens were evaluated."""
        evaluated = 0
        for item in self.model.prepare(prompt, self.cancelled):
            evaluated = evaluated if isinstance(item, Reading) else item
        self.model.adopt()
        return evaluated

    def told(self, prefix: Sequence[int], question: str) -> float:
        """The probability that the pages of a prompt tell the answer, asked on a fork of it."""
        asked = self.model.tokenize(prompts.contained(question)) + self.model.scaffold.user_to_model
        probability = self.model.choose((*prefix, *asked), prompts.YES_NO, fork=True)[0]
        self.observe(Judged(question, round(probability, 3), len(asked)))
        return probability

    def generate(self, prompt: Sequence[int], grammar: Grammar, *, limit: int = REPLY) -> Generated:
        """One reply."""
        generated: Generated | None = None
        for item in self.model.generate(prompt, grammar, limit=limit, sampling=Sampling(), cancelled=self.cancelled):
            generated = item if isinstance(item, Generated) else generated
        assert generated is not None  # a generation always ends with one
        return generated

    def answer(
        self, prefix: Sequence[int], passages: Sequence[Passage], question: str, sure: float
    ) -> tuple[Answer, int]:
        """What pages say to a question.

        Args:
            prefix: a prompt that is resident and ends with the pages.
            passages: the pages, in their order there.
            question: what is asked.
            sure: the least probability that the pages tell it; below, the model is not asked for words.

        Returns:
            The answer, and how many tokens were evaluated for its words.
        """
        if self.cancelled():  # the pages may not be read to their end
            return nothing(0.0), 0
        confidence = self.told(prefix, question)
        if confidence < sure:
            return nothing(confidence), 0
        asked = self.model.tokenize(prompts.asked_of_pages(question)) + self.model.scaffold.user_to_model
        told = numbers(" ".join([question, *(" ".join(page_of(passage)) for passage in passages)]))
        grammar = CitedGrammar(tuple(range(1, len(passages) + 1)), told)
        reply = self.generate((*prefix, *asked), grammar)
        if reply.finish == "cancelled":
            return nothing(confidence), reply.evaluated
        return self.cited(reply.text, passages, question, confidence), reply.evaluated

    def cited(self, text: str, passages: Sequence[Passage], question: str, confidence: float) -> Answer:
        """A reply `TEXT [2]` as an answer: its sentences that a page holds, and these pages."""
        named = _CITED.search(text)
        number = int(named.group(1)) - 1 if named else 0
        texts = [passage.text for passage in passages]
        kept = held(said(_CITED.sub("", text), whole=named is not None), texts, number, question)
        if not kept:
            return nothing(confidence)
        pages = [passages[at] for _, at in kept]
        citations = dict.fromkeys(Citation(page.id, page.source, page.location) for page in pages)
        sentences = dict.fromkeys(sentence for sentence, _ in kept)  # a small model may say it twice
        return Answer(" ".join(sentences), tuple(citations), True, confidence)


class Analyst:
    """Answers from documents.

    Args:
        model: the resident model, which agents may share; its resident context is overwritten.
        archival: the documents.
        observe: called with every event.
        cancelled: asked between tokens; what is not finished then is not answered.
        budget: tokens of pages that one view may have.
        sure: the least probability, by the model, that the pages tell the answer.
    """

    def __init__(
        self,
        model: LanguageModel,
        archival: ArchivalStorage,
        *,
        observe: Observe = lambda _event: None,
        cancelled: Callable[[], bool] = lambda: False,
        budget: int = PAGES,
        sure: float = SURE,
    ) -> None:
        self.reader = PageReader(model, observe, cancelled, budget)
        self._archival, self._sure = archival, sure

    def ask(self, question: str, *, source: str | None = None) -> Answer:
        """Answer a question from the passages that are found for it.

        Args:
            question: in any language.
            source: only from this document, or from those below this folder.

        Raises:
            InputError: the question is empty, or there is no such document or folder; or another one is being answered.
        """
        if not question.strip():
            raise InputError("There is no question.")
        with self.reader.alone():
            # A document is what it is about, whatever the question names; of a folder's, the question says which.
            one = source is not None and stored_at(self._archival, source)[0] is not None
            found = likeliest(self._archival, question, source)
            return self.answer_from(question, found if one else about(question, found))

    def answer_from(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer a question from some passages, the likeliest first: a view of them, and the next one while none tells
        the answer. For who has the model (`PageReader.alone`)."""
        best, left = nothing(0.0), list(self.reader.parted(passages))
        while left and not self.reader.cancelled():
            view = self.reader.fitting(left)
            left = [passage for passage in left if passage not in view]
            answer = self._answer_in_view(question, ends(view))
            if answer.found:
                return answer
            best = max(best, answer, key=lambda one: one.confidence)
        return best

    def _answer_in_view(self, question: str, shown: Sequence[Passage]) -> Answer:
        reader = self.reader
        prefix = reader.head(prompts.ANALYST) + reader.pages(shown)
        evaluated = reader.read(prefix)
        reader.observe(PagesShown(question, tuple(f"archival:{one.id}" for one in shown), evaluated))
        return reader.answer(prefix, shown, question, self._sure)[0]

    def compare(self, first: str, second: str, question: str) -> Comparison:
        """What each of two documents says to a question, by their paths.

        Raises:
            InputError: the question is empty, or there is no such document; or another one is being answered.
        """
        one, two = self.ask(question, source=first), self.ask(question, source=second)
        return Comparison(one, two, one.found and two.found and same(one.text, two.text))


def stored_at(archival: ArchivalStorage, path: str) -> tuple[str | None, list[str]]:
    """The document that has a path, be it a copy's; else None, and the documents below it.

    Args:
        archival: has them.
        path: as `memos sources list` has it, or a folder's.

    Raises:
        InputError: there is neither.
    """
    names = DocumentNames(archival.documents())
    stored, below = names.source(path), names.below(path)
    if stored is None and not below:
        raise InputError(f"There is no document {path}, and none under it; memos ingest reads it in.")
    return stored, below


def nothing(confidence: float) -> Answer:
    """The documents do not say."""
    return Answer(NOT_SAID, (), False, confidence)
