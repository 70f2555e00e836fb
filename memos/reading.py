"""Reading apart: what some lines of memory say to a question, with nothing around them.

Within a conversation a small model answers a question as it has answered others, in whole sentences and from whatever
line is nearest; of the lines and the question alone it takes the words that tell it. So lines are read on a fork, which
leaves the conversation as it is, and only what bears the answer need come into view. Owns how lines are read. It does
not know where they come from, nor what becomes of the reading.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from memos import prompts
from memos.events import Event, Progress, Step
from memos.protocols import Generated, LanguageModel, Reading, Sampling, TextGrammar

LONGEST = 64  # tokens of a reading; one that does not end by then is of no use


class Reader:
    """Reads with one model, beside its resident context.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def read(self, question: str, lines: Iterable[str], cancelled: Callable[[], bool]) -> Generator[Event, None, str]:
        """What lines say to a question.

        Args:
            question: what is asked.
            lines: of memory; with the question no longer than the fork has room for, half a window.
            cancelled: asked between tokens.

        Yields:
            Progress, and the cost as a `Step`.

        Returns:
            It, in a few words; empty if there are none, or it was cancelled.
        """
        scaffold, tokenize = self._model.scaffold, self._model.tokenize
        prompt = scaffold.instructed(tokenize(prompts.EXCERPTOR))
        prompt += tokenize("\n".join(lines)) + tokenize(prompts.asked_of_pages(question)) + scaffold.user_to_model
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
