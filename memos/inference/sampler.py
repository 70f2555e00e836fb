"""Choosing the next token from logits and a mask. Knows no model, no grammar and no text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memos.generation import Echo, Sampling

_NO_SCRIPT, _LATIN = 0, 1
CODE = 16  # tokens in which a code has its first digit
_CODE = re.compile(r"\d(?:[\w:/-]|\.(?=\w))*$", re.ASCII)


class Repetition:
    """DRY ("don't repeat yourself") sampling: a token that would go on with a run said before gets less likely.

    A run of `n` tokens, where `allowed` may be repeated, costs its next token `multiplier * base ** (n - allowed)`
    in its logit. Source: text-generation-webui, pull request 5677; llama.cpp has it as `llama_sampler_init_dry`.
    Ours differs in three points. It looks at the texts it is given, each with its own allowed length, rather than at
    the last tokens, so that names and facts in memory can be quoted. It acts where a word begins, on all spellings of
    that word, on whatever would glue on to the last one, and on words in scripts that none of the texts is in, so that
    it leads to another word, and not to a misspelled one, or to the same in Chinese, which a Qwen says next. And it
    leaves numbers and codes alone: another word may do as well, another digit is wrong.

    Args:
        sampling: multiplier, base, and the length allowed within what is being generated.
        echoes: what was said before.
        vocabulary: the tokens as words.
    """

    def __init__(self, sampling: Sampling, echoes: Sequence[Echo], vocabulary: Vocabulary) -> None:
        self._sampling = sampling
        self._vocabulary = vocabulary
        self._places: dict[int, list[tuple[Echo, int]]] = {}
        for echo in echoes:
            for place, token in enumerate(echo.tokens[:-1]):
                self._places.setdefault(token, []).append((echo, place))
        self._unwanted = vocabulary.continues | vocabulary.foreign([token for echo in echoes for token in echo.tokens])

    def penalise(self, logits: NDArray[np.float32], generated: Sequence[int]) -> NDArray[np.float32]:
        """`logits`, lower where a run would be repeated; the argument is not changed."""
        penalties = self.penalties(generated)
        if not penalties:
            return logits
        lowered = logits.copy()
        lowered[self._unwanted] -= max(penalties.values())
        for token, penalty in penalties.items():
            lowered[self._vocabulary.spellings(token)] -= penalty
        return lowered

    def penalties(self, generated: Sequence[int]) -> dict[int, float]:
        """By how much the logit of each token is lowered after `generated`; tokens that are not are left out."""
        sampling = self._sampling
        if not generated or sampling.dry_multiplier <= 0 or self._vocabulary.in_code(generated):
            return {}
        own = Echo(tuple(generated), sampling.dry_allowed_length)
        places = self._places.get(generated[-1], [])
        places = places + [(own, place) for place, token in enumerate(generated[:-1]) if token == generated[-1]]
        found: dict[int, float] = {}
        for echo, place in places:
            token = echo.tokens[place + 1]
            excess = _run(echo.tokens, place, generated) - echo.allowed
            if excess >= 0 and self._vocabulary.begins_word(token):
                # Beyond sixty tokens the penalty forbids anyway, and the power would overflow.
                penalty = sampling.dry_multiplier * sampling.dry_base ** min(excess, 60)
                found[token] = max(penalty, found.get(token, 0.0))
        return found


def _run(said: Sequence[int], place: int, generated: Sequence[int]) -> int:
    """How many tokens up to and with `said[place]` are the last ones of `generated`."""
    longest = min(place + 1, len(generated))
    length = 0
    while length < longest and said[place - length] == generated[-1 - length]:
        length += 1
    return length


class Vocabulary:
    """The tokens as parts of words.

    Args:
        pieces: the bytes of every token, by id.

    Attributes:
        continues: whether a token goes on with the word before it, by id. In a script that puts no space
            between words every token begins one.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        texts = [piece.decode("utf-8", "ignore") for piece in pieces]
        self.continues = np.array([_continues(text) for text in texts], dtype=np.bool_)
        self._words = [text.casefold() for text in texts]
        known = {"": _NO_SCRIPT, "LATIN": _LATIN}
        self._scripts = np.array([known.setdefault(_script(text), len(known)) for text in texts], dtype=np.int16)
        self._spellings: dict[str, list[int]] = {}
        for token, word in enumerate(self._words):
            self._spellings.setdefault(word, []).append(token)

    def begins_word(self, token: int) -> bool:
        """Whether a token begins a word, or is a mark; a digit is neither."""
        return not self.continues[token] and not self._words[token].lstrip()[:1].isdigit()

    def in_code(self, tokens: Sequence[int]) -> bool:
        """Whether what comes next may go on with a number or a code, such as `2d26-4f`, at the end of some tokens."""
        return bool(_CODE.search("".join(self._words[token] for token in tokens[-CODE:])))

    def spellings(self, token: int) -> list[int]:
        """The tokens of the same word, in capitals or not."""
        return self._spellings[self._words[token]]

    def foreign(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """Which tokens are words in a script that none of some others is in; Latin is no foreign one, since what is
        written in any other has names in it."""
        known = {_NO_SCRIPT, _LATIN, *self._scripts[list(tokens)].tolist()}
        return np.isin(self._scripts, list(known), invert=True)


def _continues(text: str) -> bool:
    return text[:1].isalpha() and unicodedata.category(text[0]) != "Lo"


def _script(text: str) -> str:
    """The script of a text's first letter; empty if it begins otherwise. Those without capitals count as one: Japanese
    is written in three of them."""
    letter = text.lstrip()[:1]
    if not letter.isalpha():
        return ""
    return unicodedata.name(letter, "").partition(" ")[0] if unicodedata.category(letter) != "Lo" else "no capitals"


class Sampler:
    """A seeded sampler: temperature, top-k, min-p and top-p, in this order, as llama.cpp chains them.

    Args:
        sampling: the settings; temperature 0 takes the likeliest token and draws nothing.
    """

    def __init__(self, sampling: Sampling) -> None:
        self.sampling = sampling
        self._random = np.random.default_rng(sampling.seed)

    def sample(self, logits: NDArray[np.float32], allowed: NDArray[np.bool_] | None) -> int:
        """The next token's id.

        Args:
            logits: one a token of the vocabulary; not changed.
            allowed: which tokens the grammar admits; None admits all. At least one must be admitted.
        """
        candidates = np.arange(logits.size) if allowed is None else np.flatnonzero(allowed[: logits.size])
        scores = logits[candidates]
        if self.sampling.temperature <= 0:
            return int(candidates[int(np.argmax(scores))])
        if 0 < self.sampling.top_k < scores.size:
            kept = np.argpartition(scores, -self.sampling.top_k)[-self.sampling.top_k :]
            candidates, scores = candidates[kept], scores[kept]
        order = np.argsort(-scores, kind="stable")
        return int(candidates[order][self._draw(scores[order].astype(np.float64))])

    def _draw(self, scores: NDArray[np.float64]) -> int:
        """Index into `scores`, which descend."""
        likelihood = np.exp(scores - scores[0])
        keep = likelihood >= self.sampling.min_p
        share = likelihood / likelihood.sum()
        keep &= np.cumsum(share) - share < self.sampling.top_p  # the first token that crosses top_p stays
        heated = np.where(keep, np.exp((scores - scores[0]) / self.sampling.temperature), 0.0)
        return int(self._random.choice(scores.size, p=heated / heated.sum()))
