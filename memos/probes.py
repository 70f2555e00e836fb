"""Probes: what the kernel asks the model about one sentence, apart from the conversation.

A small model seldom saves by itself what it will need later, and seldom searches where it should. Asked about one
sentence under a prompt of its own, the same model knows a fact, or a question about the user's own past, when it
sees one; and it knows whether a note answers a question, where in the conversation it would rather search once
more, and whether a request wants a note changed. Owns these questions. It does not know what becomes of the answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from memos import prompts
from memos.events import Asked, Probed
from memos.protocols import LanguageModel

CLAUSE = 0.8  # a clause that is less sure than this says no more than the sentence: of many one is always the surest
MOST_SENTENCES = 12  # of one message; a longer one is a text rather than talk
_END = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’)])\s+|(?<=[.!?…]['’][\"”])\s+|(?<=[。！？])|\n+")
_ABBREVIATED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof|St|Hr|Fr|vs|[A-HJ-Z])\.$")  # no sentence ends with these
# Nor with a number in order, as German and its neighbours write it: "am 3. Oktober", "im 4. Stock", "den 17. mai".
_IN_ORDER = re.compile(r"\b\d{1,2}\.$")
_OF_NUMBER = re.compile(
    r"\b(?:am|im|zum|zur|vom|beim|d(?:er|ie|as|en|em|es)|ein(?:e[nmrs]?)?|[mds]ein(?:e[nmrs]?)?|ihr(?:e[nmrs]?)?|"
    r"unser(?:e[nmrs]?)?|jede[nmrs]?|bis|und) \d{1,2}\.$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"[^\W\d_A-Z\u00c0-\u00de]|(?:Jan|Feb|M[äa]r|Apr|Ma[ijy]|Jun|Jul|Aug|Sep|O[kc]t|Nov|De[zc])")
_QUESTION = ("?", "？")
# How questions begin in English, for those who leave out the mark: "where do i live", "which book did i like", "do you
# know it". Strict, since a statement taken for a question is noted nowhere: no clause ("when anna was born we moved"),
# nothing behind a comma ("should you need me, call"), no sentence without its subject ("was a nurse for years").
_VERB = r"(?:is|are|was|were|am|do|does|did|can|could|will|would|should|has|have|had)(?:n?['’]t)?"
_SUBJECT = r"(?:i|you|we|he|she|they|there)"
_OWNED = r"(?:it|my|your|our|his|her|their)"
_POINTED = r"(?:the|this|that|these|those)"
_ASKING = re.compile(
    r"(?:(?:and|but|so|ok|okay|hey|hi|well),? )?(?:"
    rf"(?:who|whom|what|which|how|where|when|why) {_VERB}\b(?! that\b)"
    rf"|(?:which|what|whose|how)(?: (?!(?:{_SUBJECT}|{_OWNED}|{_POINTED}|{_VERB}|an?|to)\b)\w+){{1,2}} {_VERB}\b"
    rf"(?! (?:{_VERB}|that)\b)"
    rf"|(?:who|what|where|when|how)['’](?:s|re|d)\b|who (?!{_SUBJECT}\b|{_OWNED}\b|{_POINTED}\b|an?\b)\w+"
    rf"|(?<!so )(?:{_VERB} {_SUBJECT}|(?:is|are|was|were|does|did|can|could|will|would|should|has) {_OWNED})\b"
    rf"|(?:is|are|does|did|can|will) {_POINTED}\b"
    r")[^,;]*(?<![.!:…])$",
    re.IGNORECASE,
)
_CLOSING = "\"'”’)»」!"  # may stand behind it
_ONE_WORD = re.compile(r"\w+\W*")
# Where another thing begins that the user says of themselves, in English; what follows is a clause of its own.
_CLAUSE = re.compile(r"(,? (?:and|but|so) |[,;] )(?=(?:I|my|we|our)\b)")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model thinks of one sentence.

    Args:
        question: what was asked.
        sentence: the sentence that it was asked of.
        probability: that it tells a fact, asks for one, asks to keep one, is answered, wants one changed or forgotten.
        evaluated: tokens that asking cost.
    """

    question: Asked
    sentence: str
    probability: float
    evaluated: int

    def probed(self, led_to: str) -> Probed:
        """The event that tells of it; `led_to`: what came of it, if anything."""
        return Probed(self.question, self.sentence, round(self.probability, 4), self.evaluated, led_to)


class Prober:
    """Asks one model, beside its resident context.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        facts = [(_quoted(sentence), reply) for sentence, reply in prompts.FACT_EXAMPLES]
        requests = [(_quoted(sentence), reply) for sentence, reply in prompts.REQUEST_EXAMPLES]
        answers = [(prompts.checked(asked, note), reply) for asked, note, reply in prompts.ANSWER_EXAMPLES]
        amends = [(_quoted(sentence), reply) for sentence, reply in prompts.AMEND_EXAMPLES]
        self._fact = self._prefix(prompts.FACT_PROBE, facts)
        self._request = self._prefix(prompts.REQUEST_PROBE, requests)
        self._answer = self._prefix(prompts.ANSWER_PROBE, answers)
        self._amend = self._prefix(prompts.AMEND_PROBE, amends)

    def facts(self, text: str) -> Iterator[Answer]:
        """For every sentence that is no question and no single word ("True."): does it, or a clause of it, tell a
        lasting fact about who says it?"""
        statements = [part for part in sentences(text) if not asks(part) and not _one_word(part)]
        for sentence in statements[:MOST_SENTENCES]:
            if answer := self._surest("fact", self._fact, sentence, _quoted, prompts.FACT_OPTIONS):
                yield answer

    def requests(self, text: str) -> Iterator[Answer]:
        """For every question, and the last sentence: does it ask for what was told before, or to keep something? Of
        the last that is no question, if questions follow it, only the latter: one in ten such statements sounds as if
        it asked, too."""
        parts = sentences(text)
        last = max((at for at, part in enumerate(parts) if not asks(part)), default=-1)
        asking = [(part, asks(part) or part == parts[-1]) for at, part in enumerate(parts) if at == last or asks(part)]
        for sentence, may_ask in asking[:MOST_SENTENCES]:
            if asked := self._ask(self._request, _quoted(sentence), prompts.REQUEST_OPTIONS):
                if may_ask:
                    yield Answer("ask", sentence, asked.likelihood[0], asked.evaluated)
                yield Answer("keep", sentence, asked.likelihood[1], 0 if may_ask else asked.evaluated)

    def answered(self, question: str, note: str) -> Answer | None:
        """Does this note, or a clause of it, tell the answer to the question? None if it is too long to be asked
        about."""
        form = partial(prompts.checked, question)
        return self._surest("answer", self._answer, note, form, prompts.ANSWER_OPTIONS)

    def amends(self, request: str) -> Iterator[Answer]:
        """Does a request want what is noted changed, or forgotten? Nothing if it is too long to be asked about."""
        if asked := self._ask(self._amend, _quoted(request), prompts.AMEND_OPTIONS):
            yield Answer("change", request, asked.likelihood[1], asked.evaluated)
            yield Answer("forget", request, asked.likelihood[2], 0)

    @property
    def prefixes(self) -> tuple[tuple[int, ...], ...]:
        """The instructions and examples that every probe of a kind begins with, as tokens."""
        return self._fact, self._request, self._answer, self._amend

    def _surest(
        self, question: Asked, prefix: tuple[int, ...], text: str, form: Callable[[str], str], options: Sequence[str]
    ) -> Answer | None:
        """How likely the first option is of a text, or of a clause of it that surely is meant: of "I was born in May
        and my boss is Mr. Huber." the model is half as sure of either as of the clause alone."""
        asked = [self._ask(prefix, form(one), options) for one in (text, *clauses(text))]
        sure = [one.likelihood[0] for one in asked if one is not None]
        if not sure:
            return None
        surest = max(sure) if max(sure) >= CLAUSE or asked[0] is None else sure[0]
        return Answer(question, text, surest, sum(one.evaluated for one in asked if one is not None))

    def _prefix(self, instruction: str, examples: Sequence[tuple[str, str]]) -> tuple[int, ...]:
        tokenize = self._model.tokenize
        shown = [(tokenize(asked), tokenize(reply)) for asked, reply in examples]
        return self._model.scaffold.exemplified(tokenize(instruction), shown)

    def _question(self, text: str) -> tuple[int, ...]:
        return self._model.tokenize(text) + self._model.scaffold.user_to_model

    def _ask(self, prefix: tuple[int, ...], text: str, options: Sequence[str]) -> _Asked | None:
        """The probabilities of the options; None where the text is too long for a probe."""
        question = self._question(text)
        if len(prefix) + len(question) > self._model.probe_room:
            return None
        return _Asked(self._model.choose(prefix + question, options), len(question))


@dataclass(frozen=True, slots=True)
class _Asked:
    likelihood: tuple[float, ...]  # one an option
    evaluated: int  # tokens


def _one_word(sentence: str) -> bool:
    """Whether a sentence is a single word, in a script whose letters have case: others may not separate words."""
    return bool(_ONE_WORD.fullmatch(sentence)) and sentence.lower() != sentence.upper()


def _quoted(sentence: str) -> str:
    return f'"{sentence}"'


def asks(sentence: str) -> bool:
    """Whether a sentence ends as a question does, or, in English, begins as one and does not end at all."""
    return sentence.rstrip(_CLOSING).endswith(_QUESTION) or bool(_ASKING.match(sentence))


def sentences(text: str, *, least: int = 4) -> list[str]:
    """The sentences of a text, in order; those of fewer than `least` characters say nothing and are left out."""
    parts = (" ".join(text[start:stop].split()) for start, stop in spans(text))
    return [part for part in parts if len(part) >= least]


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text begin and end."""
    begin = 0
    for end in _END.finditer(text):
        if "\n" in end[0] or _ends(text[begin : end.start()], text[end.end() :][:3]):
            yield begin, end.start()
            begin = end.end()
    yield begin, len(text)


def _ends(sentence: str, following: str) -> bool:
    """Whether what looks like the end of a sentence is one, by what follows."""
    if _ABBREVIATED.search(sentence):
        return False
    return not (_IN_ORDER.search(sentence) and (_OF_NUMBER.search(sentence) or _NUMBERED.match(following)))


def clauses(text: str) -> list[str]:
    """The clauses of a text, each as a sentence, where it says several things of who says it; else none."""
    parts = [part.strip() for part in pieces(text)[::2]]
    return [prompts.sentence(part) for part in parts if part] if len(parts) > 1 else []


def pieces(text: str) -> list[str]:
    """A text as its clauses, at even places, and what stands between them, at odd ones."""
    return _CLAUSE.split(text)


def from_name(sentence: str, names: Collection[str]) -> str:
    """A sentence from one of these words on, in lower case, where it stands behind what may have ended another one: of
    "He fled to Z. Ada went home." the second."""
    words = sentence.split()
    for at in range(1, len(words) - 2):
        if words[at].casefold().startswith(tuple(names)) and _ABBREVIATED.search(words[at - 1]):
            return " ".join(words[at:])
    return sentence


def log_odds(probability: float) -> float:
    """How sure a probability is; 0 at one half."""
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(kept / (1 - kept))
