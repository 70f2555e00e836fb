"""Probes: what the kernel asks the model about one sentence, apart from the conversation.

A small model seldom saves by itself what it will need later, and seldom searches where it should. Asked about one
sentence under a prompt of its own, the same model knows a fact, or a question about the user's own past, when it
sees one. And it
knows whether a note answers a question, where in the conversation it would rather search once more. Owns these three
questions. It does not know what becomes of the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memos import prompts
from memos.protocols import LanguageModel

MOST_SENTENCES = 12  # of one message; a longer one is a text rather than talk
_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|(?<=[。！？])|\n+")
_QUESTION = ("?", "？")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model thinks of one sentence.

    Args:
        question: `fact`, `ask`, `keep` or `answer`.
        sentence: the sentence that it was asked of.
        probability: that it tells a fact, asks for one, asks to keep one, is answered.
        evaluated: tokens that asking cost.
    """

    question: str
    sentence: str
    probability: float
    evaluated: int


class Prober:
    """Asks one model, beside its resident context.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._fact = self._prefix(prompts.FACT_PROBE, prompts.FACT_EXAMPLES)
        self._request = self._prefix(prompts.REQUEST_PROBE, prompts.REQUEST_EXAMPLES)
        examples = [(prompts.checked(question, note), reply) for question, note, reply in prompts.ANSWER_EXAMPLES]
        self._answer = self._prefix(prompts.ANSWER_PROBE, examples, quoted=False)

    def facts(self, text: str) -> Iterator[Answer]:
        """For every sentence that is no question: does it tell a lasting fact about the user?"""
        statements = [part for part in sentences(text) if not part.endswith(_QUESTION)]
        for sentence, likelihood, evaluated in self._sort(self._fact, statements, prompts.FACT_OPTIONS):
            yield Answer("fact", sentence, likelihood[0], evaluated)

    def requests(self, text: str) -> Iterator[Answer]:
        """For every question, and the last sentence: does it ask for what was told before, or to keep something?"""
        parts = sentences(text)
        asking = [part for part in parts[:-1] if part.endswith(_QUESTION)] + parts[-1:]
        for sentence, likelihood, evaluated in self._sort(self._request, asking, prompts.REQUEST_OPTIONS):
            yield Answer("ask", sentence, likelihood[0], evaluated)
            yield Answer("keep", sentence, likelihood[1], 0)

    def answered(self, question: str, note: str) -> Answer:
        """Does this note tell the answer to the question? One too long for a probe is taken not to."""
        asked = self._question(prompts.checked(question, note), quoted=False)
        if len(self._answer) + len(asked) > self._model.probe_room:
            return Answer("answer", note, 0.0, 0)
        probability = self._model.choose(self._answer + asked, prompts.ANSWER_OPTIONS)[0]
        return Answer("answer", note, probability, len(asked))

    def _prefix(self, instruction: str, examples: Sequence[tuple[str, str]], *, quoted: bool = True) -> tuple[int, ...]:
        scaffold = self._model.scaffold
        tokens = scaffold.open + self._model.tokenize(instruction) + scaffold.system_to_user
        for sentence, reply in examples:
            tokens += self._question(sentence, quoted=quoted) + self._model.tokenize(reply) + scaffold.model_to_user
        return tokens

    def _question(self, text: str, *, quoted: bool = True) -> tuple[int, ...]:
        text = f'"{text}"' if quoted else text
        return self._model.tokenize(text) + self._model.scaffold.user_to_model

    def _sort(
        self, prefix: tuple[int, ...], asked: Sequence[str], options: Sequence[str]
    ) -> Iterator[tuple[str, tuple[float, ...], int]]:
        """For each sentence the probabilities of the options, and the tokens that asking cost."""
        for sentence in asked[:MOST_SENTENCES]:
            question = self._question(sentence)
            if len(prefix) + len(question) <= self._model.probe_room:
                yield sentence, self._model.choose(prefix + question, options), len(question)


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order."""
    parts = (" ".join(part.split()) for part in _END.split(text))
    return [part for part in parts if len(part) > 3]
