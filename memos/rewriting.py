"""Rewriting: a question that leans on what was said before, as one that can be understood alone.

"And where did she move?" names nobody whom a search could find, and neither probe nor reader sees what stands above.
Who "she" is a small model says well from the last words between the two (question-in-context rewriting, Elgohary et al.
2019, CANARD), but it rewrites any question; so only one that leans is, and what it is rewritten to counts where its
words, but for one that names nothing, are of the question and of what was said. Two questions in one, of which the
second leans on the first, become two. Owns which questions lean, and how they are rewritten. It does not know where
what was said comes from, nor what becomes of the question.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence

from memos import prompts
from memos.events import Event, Rewritten
from memos.naming import content, exact, stem, stems
from memos.probes import asks, sentences
from memos.protocols import LanguageModel
from memos.reading import Reader

# Words that stand for something, and words with which a question goes on, in five languages. One that only seems to
# lean ("Is it raining?") costs a reading, and stays as it is.
_STANDS_FOR = re.compile(
    r"\b(?:he|him|his|she|her|hers|it|its|they|them|their|theirs|there|that|this|those|these|ones?|"
    r"er|ihn|ihm|(?-i:sie)|ihr|ihnen|ihre[mnrs]?|sein\w*|es|dort|dahin|da(?:von|mit|f[üu]r|bei|zu|ran)|das|"
    r"il|ils|elle|elles|lui|leur|eux|y|sa|ses|[çc]a|cela|"
    r"suo|sua|[ée]l|ella|ellos|ellas|eso|all[íi]|ah[íi]|esso|essa|lei|loro|ci|l[ìi]|quello)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\b(?:and|or|but|what about|how about|same for|und|oder|aber|was ist mit|et|ou|mais|y|o|pero|e|ed|ma)\b",
    re.IGNORECASE,
)
# What such a word may stand for, where it is said before it in the same sentence, and the word is not its last.
_NAMED = re.compile(
    r"\b(?:my|our|your|the|an?|mein\w*|unser\w*|d(?:er|ie|as|en|em)|mon|ma|mes|notre|les?|la|mi|mis|el|los|las|il|lo)"
    r" \w+|(?<=\s)[A-Z]\w+"
)
# "What is it that I wanted?" and "Is there a pharmacy near the station?" lean on nothing.
_CLEFT = re.compile(r"\b(?:(?:is|was) it (?:that|who)|(?:is|are|was|were) there)\b", re.IGNORECASE)
_MAY_BE_NOTHING = re.compile(r"(?:it|there|es|il|ci|y|das)", re.IGNORECASE)  # "Is it raining?"
_OF_US = re.compile(r"\b(?:I|you|we|ich|du|wir|Sie|je|tu|nous|vous)\b")  # "How are you?"
# Two questions in one, of which the second may lean on the first: "What is my sister called, and where does she live?"
_ASKS = r"(?:what|where|when|who|whose|whom|how|which|why)"
_TWO = re.compile(rf"(?P<one>{_ASKS}\b[^,;]+?),? and (?P<other>{_ASKS} \w+ [^,;]+)", re.IGNORECASE)
SHORT = (2, 3)  # words; a question of so many leans on something: "Since when?"
FOREIGN = 1  # words that a rewritten question may have of neither the question nor what was said


def leans(question: str) -> bool:
    """Whether a question may not be understood without what was said before it."""
    return _goes_on(question) or bool(_left_open(question))


def _goes_on(question: str) -> bool:
    """Whether a question only goes on with what was said before it."""
    short = len(question.split()) in SHORT and not (_NAMED.search(question) or _OF_US.search(question))
    return short or bool(_GOES_ON.match(question))


def _left_open(question: str) -> list[str]:
    """The words of a question that stand for something which it does not name."""
    question = _CLEFT.sub("", question)
    return [
        found[0]
        for found in _STANDS_FOR.finditer(question)
        if not _NAMED.search(question[: found.start()]) or not re.search(r"\w", question[found.end() :])
    ]


def _apart(sentence: str) -> list[str]:
    """A sentence, or the two questions in it if the second leans on the first."""
    two = _TWO.fullmatch(sentence)
    if two is None or not _left_open(two["other"]):
        return [sentence]
    return [f"{two['one']}?", two["other"][:1].upper() + two["other"][1:]]


def _surely_leans(question: str) -> bool:
    """Whether it does, and not only with a word that may stand for nothing."""
    left_open = _left_open(question)
    if left_open and not _GOES_ON.match(question):
        return not all(map(_MAY_BE_NOTHING.fullmatch, left_open))
    return _goes_on(question)


class Rewriting:
    """Rewrites questions with one model, beside its resident context.

    Args:
        model: the resident model.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._reader = Reader(model, prompts.REWRITER, prompts.REWRITES, ask=prompts.last_question)

    @property
    def prefix(self) -> tuple[int, ...]:
        """What every prompt that rewrites a question begins with, as tokens."""
        return self._reader.prefix

    def alone(
        self, text: str, said: Sequence[tuple[str, str]], cancelled: Callable[[], bool]
    ) -> Generator[Event, None, str]:
        """Rewrite the questions of a message that lean on what was said before.

        Args:
            text: the message.
            said: what was said before it, who said it and what, the newest last.
            cancelled: asked between tokens.

        Yields:
            Each one as `Rewritten`.

        Returns:
            The message, with these questions.
        """
        whole = sentences(text, least=1)
        parts = [part for one in whole for part in _apart(one)]
        before, changed = list(said), len(parts) > len(whole)
        for at, part in enumerate(parts):
            if before and asks(part) and leans(part):
                # As in the examples, a reply stands behind what is asked: else the model writes both questions again.
                lines = [prompts.spoken(*one) for one in (*before[-2:], *_reply(before[-1]))][-2:]
                new = _as_theirs((yield from self._reader.read(part, lines, cancelled)), lines)
                if cancelled():
                    return text
                if not follows(new, part, lines):
                    theirs = [what for who, what in before if who == "user"]
                    as_it_is = stems(new) == stems(part) and not _GOES_ON.match(part)
                    new = joined(theirs[-1:], part) if _surely_leans(part) and not as_it_is else part
                if new != part:
                    yield Rewritten(part, new)
                    parts[at], changed = new, True
            before.append(("user", parts[at]))
        return "\n".join(parts) if changed else text


def _reply(last: tuple[str, str]) -> list[tuple[str, str]]:
    return [("assistant", prompts.LISTENING)] if last[0] == "user" else []


def _as_theirs(new: str, said: Sequence[str]) -> str:
    """A question that was rewritten, with "my" where the model says "your" of what the person called theirs."""
    owned = {found.casefold() for line in said for found in re.findall(r"\bmy (\w+)", line, re.IGNORECASE)}
    return re.sub(r"\byour (?=(\w+))", lambda found: "my " if found[1].casefold() in owned else found[0], new)


def follows(new: str, question: str, said: Sequence[str]) -> bool:
    """Whether a question that was rewritten is one, and says of what was said what the question left out."""
    known = stems(" ".join(said))
    own = content(_STANDS_FOR.sub("", _GOES_ON.sub("", question, count=1)))
    more = content(new) - stems(question)
    foreign = more - known
    kept = not own or bool(own & stems(new))
    return (
        asks(new)
        and len(sentences(new)) == 1
        and kept
        and bool(more & known)
        and len(foreign) <= FOREIGN
        and not foreign & {stem(word) for word in exact(new)}
    )


def joined(before: Sequence[str], question: str) -> str:
    """A question behind what the user said before it, as one sentence."""
    last = [part for text in before for part in sentences(text)][-1:]
    return f"{last[0].rstrip('.?!… ')}, {question[:1].lower()}{question[1:]}" if last else question
