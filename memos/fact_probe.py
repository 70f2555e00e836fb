"""The fact probe: which sentences of a message tell a lasting fact about the user.

A small model seldom saves by itself what it will need later, but asked about one sentence, apart from the
conversation, it knows a fact when it sees one. Owns that question. It does not know what becomes of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from memos import prompts
from memos.protocols import LanguageModel

MOST_SENTENCES = 12  # of one message; a longer one is a text rather than talk
_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|(?<=[。！？])|\n+")
_QUESTION = ("?", "？")


@dataclass(frozen=True, slots=True)
class Probe:
    """One answer: the sentence and the probability that it tells a lasting fact."""

    sentence: str
    probability: float
    evaluated: int


class FactProbe:
    """Asks one model about one sentence at a time, on its side sequence.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        scaffold = model.scaffold
        prompt = scaffold.open + model.tokenize(prompts.PROBE) + scaffold.system_to_user
        for sentence, reply in prompts.PROBE_EXAMPLES:
            prompt += self._question(sentence) + model.tokenize(reply) + scaffold.model_to_user
        self._prefix = prompt

    def _question(self, sentence: str) -> tuple[int, ...]:
        return self._model.tokenize(f'"{sentence}"') + self._model.scaffold.user_to_model

    def ask(self, text: str) -> Iterator[Probe]:
        """The probability for every sentence of a message that is no question, in order."""
        for sentence in statements(text)[:MOST_SENTENCES]:
            question = self._question(sentence)
            if len(self._prefix) + len(question) > self._model.probe_room:
                continue
            yes, _ = self._model.choose(self._prefix + question, prompts.PROBE_OPTIONS)
            yield Probe(sentence, yes, len(question))


def statements(text: str) -> list[str]:
    """The sentences of a text that are not questions, in order."""
    sentences = (" ".join(part.split()) for part in _END.split(text))
    return [part for part in sentences if len(part) > 3 and not part.endswith(_QUESTION)]
