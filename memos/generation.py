"""What goes to a language model and comes back from it, as values.

Owns how a token is chosen, what a grammar admits, how a chat template wraps contents, and what generating tells on its
way. It knows neither who generates (`memos.protocols.LanguageModel`), nor what a prompt says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memos.messages import Call


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen among those the grammar admits.

    It holds for prose, i.e. what is said to a person; everything else in a call is decoded greedily.

    Args:
        temperature: 0 is greedy.
        top_k: keep the k likeliest tokens; 0 keeps all.
        top_p: keep the likeliest tokens that together have this probability (nucleus sampling).
        min_p: drop tokens less likely than this share of the likeliest.
        seed: of the random generator; the same seed, prompt and model give the same words.
        dry_multiplier: how strongly prose is kept from repeating what was said (DRY sampling); 0: not at all.
        dry_base: by what factor the penalty grows with every token of a repeated run.
        dry_allowed_length: runs of up to this many tokens may be repeated.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int = 0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2


@dataclass(frozen=True, slots=True)
class Echo:
    """A text in view that prose should not repeat.

    Args:
        tokens: the text.
        allowed: runs of up to this many tokens may be repeated.
    """

    tokens: tuple[int, ...]
    allowed: int


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The token ids that a chat template puts around contents; the only source of control tokens.

    Args:
        open: before the system text (begin-of-text included).
        system_to_user: between the system text and the first text of the user's side.
        user_to_model: ends a text of the user's side and opens the model's, ready to generate.
        model_to_user: ends the model's text and opens the user's side.
        join: between two texts of the same side.
    """

    open: tuple[int, ...]
    system_to_user: tuple[int, ...]
    user_to_model: tuple[int, ...]
    model_to_user: tuple[int, ...]
    join: tuple[int, ...]

    def instructed(self, instruction: tuple[int, ...]) -> tuple[int, ...]:
        """The start of a prompt with an instruction and nothing else in its head, up to the first text of the user's
        side."""
        return self.open + instruction + self.system_to_user

    def exemplified(
        self, instruction: tuple[int, ...], examples: Iterable[tuple[tuple[int, ...], tuple[int, ...]]]
    ) -> tuple[int, ...]:
        """The same, with examples of what is asked and how it is answered."""
        tokens = self.instructed(instruction)
        for asked, reply in examples:
            tokens += asked + self.user_to_model + reply + self.model_to_user
        return tokens


@dataclass(frozen=True, slots=True)
class Opening:
    """How a text begins.

    Args:
        text: word for word.
        whole: whether it ends there; else it ends there or goes on behind a space.
        more: whether it has to go on.
    """

    text: str
    whole: bool = False
    more: bool = False


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """What the model may call in this step, narrowed to the agent's state.

    Args:
        name: the function's name.
        parameters: JSON schema (an object) of its arguments.
        prose: whether its arguments are said to a person rather than read by a program.
        opening: how its first argument, a string, begins; None: as the model likes.
    """

    name: str
    parameters: Mapping[str, Any]
    prose: bool = False
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class CallGrammar:
    """Admits exactly one call, `{"function": NAME, "arguments": {…}}`, and nothing else.

    Args:
        functions: those that may be called.
        refused: calls that may not be repeated word for word.
    """

    functions: tuple[FunctionSpec, ...]
    refused: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class TextGrammar:
    """Admits one paragraph of plain text without braces (no call) and brackets (no note of the system's).

    Args:
        opening: how it begins, word for word.
        max_chars: the most characters that may follow.
    """

    opening: str = ""
    max_chars: int = 2000


@dataclass(frozen=True, slots=True)
class CitedGrammar:
    """Admits one line of text and the number of a page, `TEXT [2]`.

    Args:
        pages: the numbers of the pages in view; no other can be named.
        numbers: those that the text may have, as `10` or `9.1`; None: any.
        max_chars: the most characters of the text.
    """

    pages: tuple[int, ...]
    numbers: tuple[str, ...] | None = None
    max_chars: int = 400


Grammar = CallGrammar | TextGrammar | CitedGrammar


@dataclass(frozen=True, slots=True)
class Reading:
    """The model is evaluating a prompt: `done` of `total` new tokens."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more generated text. A character that spans tokens comes whole, with its last one."""

    text: str


@dataclass(frozen=True, slots=True)
class Generated:
    """The end of a generation.

    Args:
        tokens: the ids that were generated, exactly.
        text: their text.
        finish: `"stop"` (the grammar is satisfied), `"length"` or `"cancelled"`.
        evaluated: prompt tokens that had to be evaluated.
        reused: prompt tokens that were resident in the key-value cache.
        decodes: calls of the decoder for the generated tokens; fewer than tokens where some were forced.
        seconds: wall time of the whole.
        drafted: tokens that were evaluated before they were chosen.
        accepted: how many of these were chosen then; the others were evaluated in vain.
    """

    tokens: tuple[int, ...]
    text: str
    finish: str
    evaluated: int
    reused: int
    decodes: int
    seconds: float
    drafted: int = 0
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Surprise:
    """A token as it is spelled, and how little the model expected it, in nats."""

    text: bytes
    nats: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The keys and values of a prompt, outside the cache.

    Args:
        key: what they depend on, i.e. weights, positions, types and library; good under an equal key only.
        tokens: the prompt.
        state: bytes that only the model understands.
    """

    key: str
    tokens: tuple[int, ...]
    state: bytes


@dataclass(frozen=True, slots=True)
class Parked:
    """Tokens that were taken out of the resident context, with their keys and values.

    Args:
        number: of the gap that it left.
        tokens: what was taken out.
        state: bytes that only the model understands.
    """

    number: int
    tokens: tuple[int, ...]
    state: bytes


def shared_prefix(one: Sequence[int], two: Sequence[int]) -> int:
    """How many tokens two prompts have in common from the start: what need not be read twice."""
    length = min(len(one), len(two))
    for index in range(length):
        if one[index] != two[index]:
            return index
    return length
