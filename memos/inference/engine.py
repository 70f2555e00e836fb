"""The decode loop: one resident context, prompts by token ids, calls by grammar.

Owns which tokens are resident in the key-value cache. Every prompt is compared with them, the shared prefix is
kept and only the rest is evaluated; so a rollback, a fork for a probe and a summary in place are all nothing
but asking with another prompt. It does not know what a message, a block or an eviction is.
"""

from __future__ import annotations

import codecs
import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import llguidance
import llguidance.llamacpp
import llguidance.numpy
import numpy as np
from numpy.typing import NDArray

from memos.errors import InputError, ModelError, WindowError
from memos.inference.grammar import lark, prose_openings
from memos.inference.llama import MAIN, SIDE_ROOM, SIDES, Llama, LlamaOptions
from memos.inference.sampler import Repetition, Sampler, Vocabulary
from memos.inference.template import scaffold_text
from memos.protocols import Echo, Generated, Grammar, Piece, Reading, Sampling, Scaffold, Snapshot, shared_prefix

LEAST_PROGRESS = 32  # tokens; fewer are read in a moment, and their progress is not told


class LlamaModel:
    """`memos.protocols.LanguageModel` on llama.cpp.

    Args:
        path: a GGUF file.
        name: what the user calls it.
        fingerprint: SHA-256 of the weights, or another string that changes with them.
        options: window, offloading, threads.
        progress: called with a share from 0 to 1 while the weights are read.

    Raises:
        ModelError: the file cannot be loaded.
        WindowError: the window does not fit.
    """

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        fingerprint: str,
        options: LlamaOptions,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self._llama = Llama(path, options, progress)
        self._name = name
        self._window = options.window
        # The tokens whose keys and values are in the cache, by sequence.
        self._sequences: dict[int, list[int]] = {MAIN: [], **{side: [] for side in SIDES}}
        self._sides = list(SIDES)  # least recently used first
        self._release: Callable[[], None] | None = None
        self._generating = False
        self._scaffold, self.template_note = self._read_template()
        self._fingerprint = fingerprint
        with warnings.catch_warnings():
            # llguidance calls a function by the name it had before llama.cpp renamed it.
            warnings.filterwarnings("ignore", message="llama_token_get_attr", category=DeprecationWarning)
            self._guide = llguidance.llamacpp.lltokenizer_from_vocab(self._llama.vocab)
        self._mask = llguidance.numpy.allocate_token_bitmask(1, self._guide.vocab_size)

    @property
    def name(self) -> str:
        """What the user calls the model."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Token ids are valid under one fingerprint only."""
        return self._fingerprint

    @property
    def window(self) -> int:
        """Tokens that prompt and reply together may have."""
        return self._window

    @property
    def probe_room(self) -> int:
        """Tokens that a prompt of `choose` may have."""
        return SIDE_ROOM

    @property
    def trained_window(self) -> int:
        """Tokens that the model was trained for."""
        return self._llama.trained_window

    @property
    def scaffold(self) -> Scaffold:
        """The chat template's own tokens."""
        return self._scaffold

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokens as parts of words. Made (in most of a second) when prose is first generated."""
        return Vocabulary([self._llama.token_bytes(token) for token in range(self._llama.vocabulary_size)])

    @property
    def snapshot_key(self) -> str:
        """Snapshots with another key are of no use."""
        return f"{self._fingerprint}/{self._llama.state_key}"

    @property
    def sequences(self) -> int:
        """How many sequences can be taken and restored."""
        return len(self._sequences)

    def resident(self, sequence: int = MAIN) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache."""
        return tuple(self._sequences[sequence])

    def snapshot(self, sequence: int = MAIN, upto: int | None = None) -> Snapshot:
        """A copy of what is resident, or of its first `upto` tokens."""
        tokens = self.resident(sequence)[:upto]
        return Snapshot(self.snapshot_key, tokens, self._llama.state(sequence, len(tokens)))

    def restore(self, snapshot: Snapshot, sequence: int = MAIN) -> bool:
        """Make a snapshot resident; see `LanguageModel.restore`."""
        room = self._window if sequence == MAIN else SIDE_ROOM
        self._sequences[sequence].clear()
        if snapshot.key != self.snapshot_key or len(snapshot.tokens) > room:
            self._llama.truncate(0, sequence)
            return False
        if not self._llama.set_state(sequence, snapshot.state):
            return False
        self._sequences[sequence].extend(snapshot.tokens)
        return True

    def claim(self, release: Callable[[], None]) -> bool:
        """Take the resident context over; see `LanguageModel.claim`."""
        before = self._release
        if before == release:
            return False
        if self._generating:
            raise InputError("The model is in the middle of another agent's reply.")
        self._release = release
        if before is not None:
            before()
        return True

    def _read_template(self) -> tuple[Scaffold, str]:
        llama = self._llama
        text, note = scaffold_text(llama.chat_template, llama.token_name(llama.begin), llama.end_name)
        begin = () if llama.begin < 0 else (llama.begin,)
        opening = llama.tokenize(text.open, special=True)
        if opening[: len(begin)] != begin:  # some templates print begin-of-text themselves
            opening = begin + opening
        scaffold = Scaffold(
            open=opening,
            system_to_user=llama.tokenize(text.system_to_user, special=True),
            user_to_model=llama.tokenize(text.user_to_model, special=True),
            model_to_user=llama.tokenize(text.model_to_user, special=True),
            join=llama.tokenize("\n\n", special=False),
        )
        return scaffold, note

    def tokenize(self, text: str) -> tuple[int, ...]:
        """Token ids of content; the names of control tokens stay text."""
        return self._llama.tokenize(text, special=False)

    def close(self) -> None:
        """Free the model."""
        for resident in self._sequences.values():
            resident.clear()
        self._llama.close()

    # ---------------------------------------------------------------------------------------- prompts

    def _read(
        self, prompt: Sequence[int], cancelled: Callable[[], bool], sequence: int = MAIN
    ) -> Iterator[Reading | int]:
        """Make `prompt` resident; yields progress, and at the end how many tokens were evaluated."""
        keep = self._keep(prompt, sequence)
        total = len(prompt) - keep
        step = self._llama.options.batch
        for start in range(keep, len(prompt), step):
            if total > LEAST_PROGRESS:
                yield Reading(start - keep, total)
            if cancelled():
                break
            self._decode(prompt[start : start + step], sequence)
        yield len(self._sequences[sequence]) - keep

    def _keep(self, prompt: Sequence[int], sequence: int) -> int:
        """Roll a sequence back to what it shares with `prompt`; returns how many tokens that is."""
        if not prompt:
            raise ModelError("A prompt has at least one token.")
        resident = self._sequences[sequence]
        # The last token is evaluated again in any case, for its logits.
        keep = min(shared_prefix(resident, prompt), len(prompt) - 1)
        if keep < len(resident):
            if not self._llama.truncate(keep, sequence):
                keep = 0
            del resident[keep:]
        return keep

    def _decode(self, tokens: Sequence[int], sequence: int = MAIN) -> None:
        resident = self._sequences[sequence]
        try:
            self._llama.decode(tokens, len(resident), sequence)
        except BaseException:  # an interrupt, too: the cache may hold what `resident` does not name
            if not self._llama.truncate(len(resident), sequence):
                resident.clear()
            raise
        resident.extend(tokens)

    def choose(self, prompt: Sequence[int], options: Sequence[str]) -> tuple[float, ...]:
        """Probabilities of `options`, each by its first token; see `LanguageModel.choose`."""
        if len(prompt) > SIDE_ROOM:
            raise WindowError(f"A probe has at most {SIDE_ROOM} tokens, not {len(prompt):,}.")
        side = self._side(prompt)
        for _ in self._read(prompt, lambda: False, side):
            pass
        logits = self._llama.logits()
        first = [self._llama.tokenize(option, special=False)[0] for option in options]
        scores = np.array([logits[token] for token in first], dtype=np.float64)
        likelihood = np.exp(scores - scores.max())
        return tuple(float(share) for share in likelihood / likelihood.sum())

    def _side(self, prompt: Sequence[int]) -> int:
        """The sequence that has most of a prompt; for one that is new to all, that which was not used for longest.

        Any two prompts share the template's first tokens, so only a large part of one is worth keeping the rest out.
        """
        shared = {side: shared_prefix(self._sequences[side], prompt) for side in self._sides}
        best = max(self._sides, key=shared.__getitem__)
        if shared[best] < len(prompt) // 2:
            best = self._sides[0]
        self._sides.remove(best)
        self._sides.append(best)
        return best

    # ------------------------------------------------------------------------------------- generation

    def generate(
        self,
        prompt: Sequence[int],
        grammar: Grammar,
        *,
        limit: int,
        sampling: Sampling,
        cancelled: Callable[[], bool],
        echoes: Sequence[Echo] = (),
    ) -> Iterator[Reading | Piece | Generated]:
        """Continue `prompt` by at most `limit` tokens; see `memos.protocols.LanguageModel.generate`."""
        if len(prompt) + limit > self._window:
            raise WindowError(f"{len(prompt):,} tokens and a reply of {limit:,} exceed the window of {self._window:,}.")
        with self._busy():
            yield from self._continue(_Choice(self, grammar, sampling, echoes), prompt, limit, cancelled)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        self._generating = True
        try:
            yield
        finally:
            self._generating = False

    def _continue(
        self, choice: _Choice, prompt: Sequence[int], limit: int, cancelled: Callable[[], bool]
    ) -> Iterator[Reading | Piece | Generated]:
        started = time.perf_counter()
        evaluated = 0
        for item in self._read(prompt, cancelled):
            if isinstance(item, Reading):
                yield item
            else:
                evaluated = item
        run = _Run(self, choice, limit, cancelled)
        if len(self._sequences[MAIN]) == len(prompt):
            yield from run.pieces()
        else:
            run.finish = "cancelled"
        yield Generated(
            tokens=tuple(run.tokens),
            text=run.text,
            finish=run.finish,
            evaluated=evaluated,
            reused=len(prompt) - evaluated if run.finish != "cancelled" or run.tokens else 0,
            decodes=run.decodes,
            seconds=time.perf_counter() - started,
        )

    def _allowed(self, matcher: llguidance.LLMatcher) -> NDArray[np.bool_]:
        llguidance.numpy.fill_next_token_bitmask(matcher, self._mask)
        bits = np.unpackbits(self._mask.view(np.uint8)[0], bitorder="little")
        return bits[: self._llama.vocabulary_size].astype(bool)


class _Choice:
    """Which tokens come next: those that the grammar forces, else the one that is sampled."""

    def __init__(self, model: LlamaModel, grammar: Grammar, sampling: Sampling, echoes: Sequence[Echo]) -> None:
        self._model = model
        self._matcher = llguidance.LLMatcher(model._guide, lark(grammar))
        if self._matcher.is_error():
            raise ModelError(f"The grammar of the functions does not compile: {self._matcher.get_error()}")
        self._prose, self._strict = Sampler(sampling), Sampler(Sampling())
        self._sampling, self._echoes = sampling, echoes
        self._openings = prose_openings(grammar)
        self._words_from: int | None = None  # the first token that was not forced

    @cached_property
    def _repetition(self) -> Repetition:
        return Repetition(self._sampling, self._echoes, self._model.vocabulary)

    @property
    def ended(self) -> bool:
        """Whether the grammar is satisfied."""
        return bool(self._matcher.is_stopped())

    def next(self, generated: Sequence[int], text: str) -> list[int]:
        """The next tokens after `generated`, whose text is `text`; empty where the model ends."""
        forced: list[int] = self._matcher.compute_ff_tokens()
        if forced:
            consumed = self._matcher.try_consume_tokens(forced)
            if consumed:
                return forced[:consumed]
        allowed = self._model._allowed(self._matcher)
        if self._matcher.is_error():
            raise ModelError(f"The grammar broke off: {self._matcher.get_error()}")
        logits = self._model._llama.logits()
        if text.startswith(self._openings):
            # The head of a call is the same in all of them: counted into a run, it would forbid every first word.
            self._words_from = len(generated) if self._words_from is None else self._words_from
            lowered = self._repetition.penalise(logits, generated[self._words_from :])
            token = self._prose.sample(lowered, allowed)
        else:
            token = self._strict.sample(logits, allowed)
        if self._model._llama.is_end(token):
            return []
        self._matcher.consume_token(token)
        return [token]


class _Run:
    """One generation in progress: which tokens came, and their text so far."""

    def __init__(self, model: LlamaModel, choice: _Choice, limit: int, cancelled: Callable[[], bool]) -> None:
        self._model, self._choice = model, choice
        self._limit, self._cancelled = limit, cancelled
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.tokens: list[int] = []
        self.text = ""
        self.decodes = 0
        self.finish = "stop"

    def pieces(self) -> Iterator[Piece]:
        """Generate until the grammar is satisfied, the limit is reached or the user cancels."""
        while not self._choice.ended:
            if self._cancelled():
                self.finish = "cancelled"
                return
            tokens = self._choice.next(self.tokens, self.text)
            if not tokens:
                return
            room = self._limit - len(self.tokens)
            if len(tokens) > room:
                self.finish = "length"
                return
            yield from self._take(tokens)

    def _take(self, tokens: list[int]) -> Iterator[Piece]:
        self.tokens.extend(tokens)
        data = b"".join(self._model._llama.token_bytes(token) for token in tokens)
        text = self._decoder.decode(data)
        self.text += text
        # The last tokens are evaluated with whatever comes next: a call that is complete needs no logits.
        if not self._choice.ended and len(self.tokens) < self._limit:
            self._model._decode(tokens)
            self.decodes += 1
        if text:
            yield Piece(text)


def fingerprint(path: Path) -> str:
    """A short name for a GGUF file's content, made in milliseconds.

    SHA-256 over the size, the first 16 MiB (header, vocabulary, template) and the last MiB. It tells models
    apart; whether a file is intact is the model store's question.

    Raises:
        ModelError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            digest.update(str(size).encode())
            digest.update(file.read(16 << 20))
            file.seek(max(0, size - (1 << 20)))
            digest.update(file.read())
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from error
    return digest.hexdigest()[:16]
