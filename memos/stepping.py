"""Stepping: a question that what is told in one place does not answer, as two, each of which may be.

"Where does my sister live?" is told by "My sister is called Ottilie." and "Ottilie has moved to Bergen.", and a search
for it finds the first. Which question must be answered first a small model says well (self-ask, Press et al. 2022,
arXiv 2210.03350), but of any question: that nothing is hidden it cannot tell. So it is asked where nothing else tells
it, and what it says is taken only if it leads on; else whoever the question names may be looked for first. Owns how a
question is taken apart. It does not know how the parts are answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass

from memos import prompts
from memos.events import Event
from memos.naming import added, content
from memos.probes import asks, sentences
from memos.protocols import LanguageModel
from memos.reading import Reader
from memos.relations import somebody

_MANY = re.compile(r"(?:[^s]s|children)$", re.IGNORECASE)  # in English
_NAMELY = re.compile(r"(?:who|what)\b", re.IGNORECASE)  # in English


@dataclass(frozen=True, slots=True)
class Steps:
    """A question as two.

    Args:
        question: the whole.
        first: what must be answered before.
        rest: what is left, with a mark where the answer goes.
    """

    question: str
    first: str
    rest: str

    def found(self, says: str) -> frozenset[str]:
        """The stems of what an answer to a step says that the whole does not; without any it says nothing: what is left
        would be the whole again."""
        return added(says, self.question)

    def then(self, says: str) -> str:
        """What is left once the first is answered."""
        return self.rest.replace(prompts.FOUND, says)

    @property
    def of(self) -> frozenset[str]:
        """The stems of what the first and the whole are both about."""
        return content(self.first) & content(self.question)


class Stepping:
    """Takes questions apart with one model, beside its resident context.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._reader = Reader(model, prompts.STEPS, prompts.STEP_EXAMPLES, ask=str)

    @property
    def prefix(self) -> tuple[int, ...]:
        """What every prompt that takes a question apart begins with, as tokens."""
        return self._reader.prefix

    def steps(self, question: str, cancelled: Callable[[], bool]) -> Generator[Event, None, Steps | None]:
        """Take a question apart.

        Args:
            question: what is asked, in one sentence.
            cancelled: asked between tokens.

        Returns:
            Its steps; None if it has none, or it was cancelled.
        """
        if len(sentences(question)) != 1 or prompts.FOUND in question:
            return None
        planned = yield from self._reader.read(question, (), cancelled)
        return taken_apart(question, planned)


def of_somebody(question: str) -> Steps | None:
    """The steps of a question that names one of the user's people: who that is, and the rest of whom it is; None of any
    other."""
    whom = "" if prompts.FOUND in question else somebody(question)
    who = "Who are" if _MANY.search(whom) else "Who is"
    return taken_apart(question, f"{who} {whom}? {question.replace(whom, prompts.FOUND)}") if whom else None


def taken_apart(question: str, planned: str) -> Steps | None:
    """The steps that were planned for a question; None where they lead nowhere: they are not two questions, of which
    the second waits for the first, the first is the question itself or about something else, or the second asks
    something else, the same as the first, or only who or what that is."""
    parts = sentences(planned)
    if len(parts) != 2 or not all(map(asks, parts)):
        return None
    first, rest = parts
    waits = prompts.FOUND in rest and prompts.FOUND not in first
    about, asked, left = content(first), content(question), content(rest)
    apart = about & asked and about != asked and not about & left
    leads_on = waits and apart and not added(rest, question)
    only_names = not left and _NAMELY.match(rest)
    return Steps(question, first, rest) if leads_on and not only_names else None
