"""Reading apart: what some lines of memory say to a question, with nothing around them.

Within a conversation a small model answers a question as it has answered others, in whole sentences and from whatever
line is nearest; of the lines and the question alone it takes the words that tell it. So lines are read on a fork, which
leaves the conversation as it is, and only what bears the answer need come into view. Owns how lines are read. It does
not know where they come from, nor what becomes of the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from memos import prompts
from memos.events import Event, Judged, Progress, Step
from memos.protocols import Generated, LanguageModel, Reading, Sampling, TextGrammar

LONGEST = 64  # tokens of a reading; one that does not end by then is of no use


class Reader:
    """Reads with one model, beside its resident context.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def read(
        self,
        question: str,
        lines: Iterable[str],
        cancelled: Callable[[], bool],
        *,
        instruction: str = prompts.EXCERPTOR,
        ask: Callable[[str], str] = prompts.asked_of_pages,
        least: float = 0.0,
    ) -> Generator[Event, None, str]:
        """What lines say to a question.

        Args:
            question: what is asked.
            lines: of memory; with the question no longer than the fork has room for, half a window.
            cancelled: asked between tokens.
            instruction: how to read them.
            ask: how the question stands below them.
            least: the model is asked first whether they tell it, and with a probability below this nothing is read;
                0: it is not asked.

        Yields:
            Progress, what the model thinks of the lines as `Judged`, and the cost as a `Step`.

        Returns:
            It, in a few words; empty if there are none, the lines do not tell it, or it was cancelled.
        """
        lines = list(lines)
        if least and (yield from self.told(question, lines, cancelled, instruction=instruction)) < least:
            return ""
        prompt = self._asked(instruction, lines, ask(question))
        generation = self._model.generate(
            prompt, TextGrammar(), limit=LONGEST, sampling=Sampling(), cancelled=cancelled, fork=True
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
        self,
        question: str,
        lines: Iterable[str],
        cancelled: Callable[[], bool],
        *,
        instruction: str = prompts.EXCERPTOR,
    ) -> Generator[Event, None, float]:
        """Whether lines tell the answer to a question. Before `read` of the same lines it costs little more than the
        question, since the fork keeps what it has read.

        Args:
            question: what is asked.
            lines: of memory.
            cancelled: asked before.
            instruction: how they are read.

        Yields:
            What the model thinks of them as `Judged`.

        Returns:
            The probability that they do, by the model; 0 if it was cancelled.
        """
        if cancelled():
            return 0.0
        prompt = self._asked(instruction, lines, prompts.contained(question))
        probability = self._model.choose(prompt, prompts.YES_NO, fork=True)[0]
        yield Judged(question, round(probability, 3), len(prompt))
        return probability

    def _asked(self, instruction: str, lines: Iterable[str], question: str) -> tuple[int, ...]:
        scaffold, tokenize = self._model.scaffold, self._model.tokenize
        head = (*scaffold.instructed(tokenize(instruction)), *tokenize("\n".join(lines)))
        return (*head, *tokenize(question), *scaffold.user_to_model)
