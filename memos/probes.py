"""Probes: what the kernel asks the model about one sentence, apart from the conversation.

A small model seldom saves by itself what it will need later, and seldom searches where it should. Asked about one
sentence under a prompt of its own, the same model knows a fact, or a question about the user's own past, when it
sees one. Owns these two questions. It does not know what becomes of the answers.
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
        question: `fact` or `request`.
        sentence: the sentence.
        probability: that it is one.
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

    def facts(self, text: str) -> Iterator[Answer]:
        """For every sentence that is no question: does it tell a lasting fact about the user?"""
        statements = [part for part in sentences(text) if not part.endswith(_QUESTION)]
        yield from self._ask("fact", self._fact, statements, prompts.FACT_OPTIONS)

    def requests(self, text: str) -> Iterator[Answer]:
        """For every question, and the last sentence: does it ask for what was told before?"""
        parts = sentences(text)
        asking = [part for part in parts[:-1] if part.endswith(_QUESTION)] + parts[-1:]
        yield from self._ask("request", self._request, asking, prompts.REQUEST_OPTIONS)

    def _prefix(self, instruction: str, examples: Sequence[tuple[str, str]]) -> tuple[int, ...]:
        scaffold = self._model.scaffold
        tokens = scaffold.open + self._model.tokenize(instruction) + scaffold.system_to_user
        for sentence, reply in examples:
            tokens += self._question(sentence) + self._model.tokenize(reply) + scaffold.model_to_user
        return tokens

    def _question(self, sentence: str) -> tuple[int, ...]:
        return self._model.tokenize(f'"{sentence}"') + self._model.scaffold.user_to_model

    def _ask(
        self, name: str, prefix: tuple[int, ...], asked: Sequence[str], options: Sequence[str]
    ) -> Iterator[Answer]:
        """The probability of the first option for each sentence."""
        for sentence in asked[:MOST_SENTENCES]:
            question = self._question(sentence)
            if len(prefix) + len(question) <= self._model.probe_room:
                probability = self._model.choose(prefix + question, options)[0]
                yield Answer(name, sentence, probability, len(question))


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order."""
    parts = (" ".join(part.split()) for part in _END.split(text))
    return [part for part in parts if len(part) > 3]
