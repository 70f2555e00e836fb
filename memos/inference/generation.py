"""One generation: which token comes next, and which are evaluated before it is known that they come.

Owns the way from a grammar and logits to tokens, and their text. It does not know where the prompt came from, or how it
became resident.
"""

from __future__ import annotations

import codecs
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import llguidance
import llguidance.llamacpp
import llguidance.numpy
import numpy as np
from numpy.typing import NDArray

from memos.errors import ModelError
from memos.generation import Echo, Grammar, Piece, Sampling, shared_prefix
from memos.inference.cache import Cache
from memos.inference.grammar import lark, prose_openings
from memos.inference.llama import Llama
from memos.inference.lookup import Lookup
from memos.inference.sampler import Repetition, Sampler, Vocabulary


class Guide:
    """The model's tokens as a grammar sees them.

    Args:
        llama: has the vocabulary, and the logits.
    """

    def __init__(self, llama: Llama) -> None:
        self.llama = llama
        with warnings.catch_warnings():
            # llguidance calls a function by the name it had before llama.cpp renamed it.
            warnings.filterwarnings("ignore", message="llama_token_get_attr", category=DeprecationWarning)
            self._tokenizer = llguidance.llamacpp.lltokenizer_from_vocab(llama.vocab)
        self._mask = llguidance.numpy.allocate_token_bitmask(1, self._tokenizer.vocab_size)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens as parts of words. Made (in most of a second) when prose is first generated."""
        return Vocabulary([self.llama.token_bytes(token) for token in range(self.llama.vocabulary_size)])

    def matcher(self, grammar: Grammar) -> llguidance.LLMatcher:
        """Follows a grammar from its start.

        Raises:
            ModelError: it does not compile.
        """
        matcher = llguidance.LLMatcher(self._tokenizer, lark(grammar))
        if matcher.is_error():
            raise ModelError(f"The grammar of the functions does not compile: {matcher.get_error()}")
        return matcher

    def allowed(self, matcher: llguidance.LLMatcher) -> NDArray[np.bool_]:
        """Which tokens may come next, by id."""
        llguidance.numpy.fill_next_token_bitmask(matcher, self._mask)
        if matcher.is_error():
            raise ModelError(f"The grammar broke off: {matcher.get_error()}")
        bits = np.unpackbits(self._mask.view(np.uint8)[0], bitorder="little")
        return bits[: self.llama.vocabulary_size].astype(bool)


class Choice:
    """Which tokens come next: those that the grammar forces, else the one that is sampled."""

    def __init__(self, guide: Guide, grammar: Grammar, sampling: Sampling, echoes: Sequence[Echo]) -> None:
        self._guide, self.llama = guide, guide.llama
        self._matcher = guide.matcher(grammar)
        self._prose, self._strict = Sampler(sampling), Sampler(Sampling())
        self._sampling, self._echoes = sampling, echoes
        self._openings = prose_openings(grammar)
        self._words_from: int | None = None  # the first token that was not forced

    @cached_property
    def _repetition(self) -> Repetition:
        return Repetition(self._sampling, self._echoes, self._guide.vocabulary)

    @property
    def ended(self) -> bool:
        """Whether the grammar is satisfied."""
        return bool(self._matcher.is_stopped())

    def admitted(self, tokens: list[int]) -> list[int]:
        """The first of some tokens, as far as the grammar admits them."""
        return tokens[: self._matcher.validate_tokens(tokens)] if tokens else tokens

    def next(self, generated: Sequence[int], text: str, behind: int) -> list[int]:
        """The next tokens after `generated`, whose text is `text`; empty where the model ends.

        Args:
            behind: how many tokens were evaluated behind them.
        """
        forced: list[int] = self._matcher.compute_ff_tokens()[: self.llama.options.batch]
        if forced:
            consumed = self._matcher.try_consume_tokens(forced)
            if consumed:
                return forced[:consumed]
        allowed = self._guide.allowed(self._matcher)
        logits = self.llama.logits(behind)
        if text.startswith(self._openings):
            # The head of a call is the same in all of them: counted into a run, it would forbid every first word.
            self._words_from = len(generated) if self._words_from is None else self._words_from
            lowered = self._repetition.penalise(logits, generated[self._words_from :])
            token = self._prose.sample(lowered, allowed)
        else:
            token = self._strict.sample(logits, allowed)
        if self.llama.is_end(token):
            return []
        self._matcher.consume_token(token)
        return [token]


class Run:
    """One generation in progress: which tokens came, their text so far, and which were drafted."""

    def __init__(
        self,
        cache: Cache,
        choice: Choice,
        lookup: Lookup,
        limit: int,
        cancelled: Callable[[], bool],
        sequence: int,
    ) -> None:
        self._cache, self._choice, self._lookup = cache, choice, lookup
        self._llama, self._sequence = choice.llama, sequence
        self._limit, self._cancelled = limit, cancelled
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ahead: list[int] = []  # drafted and evaluated, and not yet chosen
        self.tokens: list[int] = []
        self.text = ""
        self.decodes = self.drafted = self.accepted = 0
        self.finish = "stop"

    def pieces(self) -> Iterator[Piece]:
        """Generate until the grammar is satisfied, the limit is reached or the user cancels."""
        try:
            while not self._choice.ended:
                if self._cancelled():
                    self.finish = "cancelled"
                    return
                tokens = self._choice.next(self.tokens, self.text, len(self._ahead))
                if not tokens:
                    return
                if len(tokens) > self._limit - len(self.tokens):
                    self.finish = "length"
                    return
                yield from self._take(tokens)
        finally:
            self._cache.drop(len(self._ahead), self._sequence)

    def _take(self, tokens: list[int]) -> Iterator[Piece]:
        self.tokens.extend(tokens)
        self._lookup.extend(tokens)
        data = b"".join(self._llama.token_bytes(token) for token in tokens)
        text = self._decoder.decode(data)
        self.text += text
        agreed = shared_prefix(tokens, self._ahead)
        self.accepted += agreed
        self._ahead = self._ahead[agreed:]
        # The last tokens are evaluated with whatever comes next: a call that is complete needs no logits.
        if agreed < len(tokens) and not self._choice.ended and len(self.tokens) < self._limit:
            self._evaluate(tokens[agreed:])
        if text:
            yield Piece(text)

    def _evaluate(self, tokens: list[int]) -> None:
        """Evaluate tokens, and with them those that may come next."""
        self._cache.drop(len(self._ahead), self._sequence)
        room = min(self._limit - len(self.tokens), self._llama.options.batch - len(tokens))
        self._ahead = []
        draft = self._choice.admitted(self._lookup.draft()[:room])
        self._cache.decode(tokens + draft, self._sequence, outputs=1 + len(draft))
        self._ahead = draft
        self.decodes += 1
        self.drafted += len(draft)
