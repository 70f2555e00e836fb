"""Reading apart: what some lines of memory say to a question, with nothing around them.

Within a conversation a small model answers a question as it has answered others, in whole sentences and from whatever
line is nearest; of the lines and the question alone it takes the words that tell it. So lines are read on a fork, which
leaves the conversation as it is, and only what bears the answer need come into view. Owns how lines are read. It does
not know where they come from, nor what becomes of the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence

from memos import prompts
from memos.events import Event, Judged, Progress, Step
from memos.generation import Generated, Reading, Sampling, TextGrammar
from memos.protocols import LanguageModel

LONGEST = 64  # tokens of a reading; one that does not end by then is of no use


class Reader:
    """Reads with one model, beside its resident context.

    Args:
        model: the resident model.
        instruction: how lines are read.
        examples: lines, a question and what they say to it; the model keeps them beside its context.
        ask: how a question stands below lines.
    """

    def __init__(
        self,
        model: LanguageModel,
        instruction: str,
        examples: Iterable[tuple[Sequence[str], str, str]] = (),
        *,
        ask: Callable[[str], str] = prompts.asked_of_pages,
    ) -> None:
        self._model, self._ask = model, ask
        examples = tuple(examples)
        self._keeps = bool(examples)  # beside the context, since they are worth it
        tokenize = model.tokenize
        shown = [(self._below(lines, ask(question)), tokenize(says)) for lines, question, says in examples]
        self._head = model.scaffold.exemplified(tokenize(instruction), shown)

    @property
    def prefix(self) -> tuple[int, ...]:
        """The instruction and examples that every prompt begins with, as tokens."""
        return self._head

    def read(
        self,
        question: str,
        lines: Sequence[str],
        cancelled: Callable[[], bool],
        *,
        ask: Callable[[str], str] | None = None,
    ) -> Generator[Event, None, str]:
        """What lines say to a question.

        Args:
            question: what is asked.
            lines: of memory; with the question no longer than the fork has room for, half a window.
            cancelled: asked between tokens.
            ask: how the question stands below them; None: as in the examples.

        Yields:
            Progress, and the cost as a `Step`.

        Returns:
            It, in a few words; empty if there are none, or it was cancelled.
        """
        if self._keeps:
            for reading in self._model.keep(self._head, cancelled):
                yield Progress("remembering", reading.done, reading.total, "tokens")
        generation = self._model.generate(
            self._asked(lines, (ask or self._ask)(question)),
            TextGrammar(),
            limit=LONGEST,
            sampling=Sampling(),
            cancelled=cancelled,
            fork=True,
        )
        for item in generation:
            if isinstance(item, Reading):
                yield Progress("remembering", item.done, item.total, "tokens")
            elif isinstance(item, Generated):
                yield Step("reading", item.evaluated, item.reused, len(item.tokens), item.decodes, item.seconds)
                if item.finish not in ("cancelled", "length"):
                    return " ".join(item.text.split()).rstrip(".")
        return ""

    def told(
        self, question: str, lines: Sequence[str], cancelled: Callable[[], bool], sources: Iterable[str] = ()
    ) -> Generator[Event, None, float]:
        """Whether lines tell the answer to a question. Before `read` of the same lines it costs little more than the
        question, since what was read of the lines is kept.

        Args:
            question: what is asked.
            lines: of memory.
            cancelled: asked before.
            sources: ids of what the lines are of, for whoever observes.

        Yields:
            What the model thinks of them as `Judged`.

        Returns:
            The probability that they do, by the model; 0 if it was cancelled.
        """
        if cancelled():
            return 0.0
        prompt = self._asked(lines, prompts.contained(question))
        beside = self._keeps and len(prompt) <= self._model.probe_room
        probability = self._model.choose(prompt, prompts.YES_NO, fork=not beside)[0]
        yield Judged(question, round(probability, 3), len(prompt), tuple(sources))
        return probability

    def likelier(self, line: str, one: str, other: str, cancelled: Callable[[], bool]) -> Generator[Event, None, float]:
        """By how much more a line makes one question likely than another, in nats: what it answers is asked of it.

        The likelihood of a question given a text is what Sachan et al. rank texts by (2022, arXiv 2204.07496).

        Args:
            line: of memory.
            one: a question.
            other: another, of nearly the same words.
            cancelled: asked between tokens.

        Yields:
            Progress.

        Returns:
            The difference; 0 if it was cancelled.
        """
        model = self._model
        head = model.scaffold.instructed(model.tokenize(prompts.ASKER)) + model.tokenize(line)
        head += model.scaffold.user_to_model
        nats = []
        for question in (other, one):
            for item in model.surprisal(head + model.tokenize(question), len(head), cancelled):
                if isinstance(item, Reading):
                    yield Progress("remembering", item.done, item.total, "tokens")
                else:
                    nats.append(sum(token.nats for token in item))
        return nats[0] - nats[1] if len(nats) == 2 else 0.0

    def _asked(self, lines: Sequence[str], question: str) -> tuple[int, ...]:
        return (*self._head, *self._below(lines, question), *self._model.scaffold.user_to_model)

    def _below(self, lines: Sequence[str], question: str) -> tuple[int, ...]:
        return (*self._model.tokenize("\n".join(lines)), *self._model.tokenize(question))
