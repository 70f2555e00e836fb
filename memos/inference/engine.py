"""The decode loop: one resident context, prompts by token ids, calls by grammar.

Owns the model as the kernel sees it, and that it is not freed in the middle of a step. What is resident where is
`cache`'s, how the next token comes about is `generation`'s. It does not know what a message, a block or an eviction is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from memos.errors import ModelError, WindowError
from memos.generation import Echo, Generated, Grammar, Parked, Piece, Reading, Sampling, Scaffold, Snapshot, Surprise
from memos.inference.cache import Cache
from memos.inference.generation import Choice, Guide, Run
from memos.inference.llama import FORK, MAIN, SIDE_ROOM, Llama, LlamaOptions
from memos.inference.lookup import Lookup
from memos.inference.rope import Positions
from memos.inference.surprisal import surprisals
from memos.inference.template import scaffold_text
from memos.tenancy import Tenancy

Arguments = ParamSpec("Arguments")
Item = TypeVar("Item")


def _used(
    method: Callable[Concatenate[LlamaModel, Arguments], Item],
) -> Callable[Concatenate[LlamaModel, Arguments], Item]:
    """The model is not freed while the method runs; after that it is refused with a `ModelError`."""

    @wraps(method)
    def used(model: LlamaModel, /, *arguments: Arguments.args, **options: Arguments.kwargs) -> Item:
        with model._llama.uses.one():
            return method(model, *arguments, **options)

    return used


def _used_by_steps(
    method: Callable[Concatenate[LlamaModel, Arguments], Generator[Item, None, None]],
) -> Callable[Concatenate[LlamaModel, Arguments], Iterator[Item]]:
    """As `_used`, for every step of a generator: between two of them, anything may take any time."""

    @wraps(method)
    def used(model: LlamaModel, /, *arguments: Arguments.args, **options: Arguments.kwargs) -> Iterator[Item]:
        return model._llama.uses.each(method(model, *arguments, **options))

    return used


class LlamaModel:
    """`memos.protocols.LanguageModel` on llama.cpp.

    Args:
        path: a GGUF file.
        name: what the user calls it.
        fingerprint: SHA-256 of the weights, or another string that changes with them.
        options: window, offloading, threads.
        larger: windows to grow into, smallest first, each with its positions and their method's name.
        notes: what the user should know of this choice.
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
        larger: Sequence[tuple[int, Positions, str]] = (),
        notes: Sequence[str] = (),
        progress: Callable[[float], None] | None = None,
    ) -> None:
        self._llama = Llama(path, options, progress)
        self._cache = Cache(self._llama)
        self._name = name
        self._larger = list(larger)
        self._tenancy = Tenancy()
        self._scaffold, note = self._read_template()
        self._notes = (*notes, *([note] if note else []))
        self._fingerprint = fingerprint
        self._guide = Guide(self._llama)
        self.lookup: Callable[[Sequence[int]], Lookup] = partial(
            Lookup, most=options.speculation if self._llama.rolls_back else 0
        )

    @property
    def name(self) -> str:
        """What the user calls the model."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Token ids are valid under one fingerprint only."""
        return self._fingerprint

    @property
    def voice(self) -> str:
        """What it says is kept under this; see `LanguageModel.voice`."""
        return f"{self._fingerprint}/{self._llama.voice}"

    @property
    def window(self) -> int:
        """Tokens that prompt and reply together may have."""
        return self._llama.options.window

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of how it was opened."""
        return self._notes

    @_used
    def grow(self) -> str:
        """Take the next larger window; see `LanguageModel.grow`. One for which there is no memory is not taken."""
        if not self._larger:
            return ""
        window, positions, method = self._larger.pop(0)
        former = self._llama.options
        try:
            self.reopen(window, positions)
        except WindowError:
            self._larger.clear()
            self.reopen(former.window, former.positions)
            return ""
        return method

    @_used
    def reopen(self, window: int, positions: Positions) -> None:
        """Begin anew on the same weights; nothing is resident afterwards.

        Args:
            window: tokens.
            positions: how they are reached.

        Raises:
            WindowError: there is no memory for it, and no context now.
        """
        self._llama.reopen(replace(self._llama.options, window=window, positions=positions))
        self._cache = Cache(self._llama)

    @property
    def probe_room(self) -> int:
        """Tokens that a prompt of `choose` may have."""
        return SIDE_ROOM

    @property
    def scaffold(self) -> Scaffold:
        """The chat template's own tokens."""
        return self._scaffold

    @property
    def snapshot_key(self) -> str:
        """Snapshots with another key are of no use."""
        return f"{self._fingerprint}/{self._llama.state_key}"

    @property
    def sequences(self) -> int:
        """How many sequences can be taken and restored."""
        return self._cache.kept

    def resident(self, sequence: int = MAIN) -> tuple[int, ...]:
        """The tokens whose keys and values are in the cache."""
        return self._cache.resident(sequence)

    @_used
    def snapshot(self, sequence: int = MAIN, upto: int | None = None) -> Snapshot:
        """A copy of what is resident, or of its first `upto` tokens."""
        tokens = self.resident(sequence)[:upto][: self._cache.whole(sequence)]
        return Snapshot(self.snapshot_key, tokens, self._cache.state(sequence, len(tokens)))

    @_used
    def restore(self, snapshot: Snapshot, sequence: int = MAIN) -> bool:
        """Make a snapshot resident; see `LanguageModel.restore`."""
        if snapshot.key != self.snapshot_key:
            self._cache.clear(sequence)
            return False
        return self._cache.restore(snapshot.tokens, snapshot.state, sequence)

    @property
    @_used
    def shift_refusal(self) -> str:
        """Why `splice` would be wrong with this model; empty where it may be used."""
        return self._llama.shift_refusal

    @_used
    def splice(self, start: int, stop: int, tokens: Sequence[int]) -> int:
        """Replace resident tokens and move what follows; see `LanguageModel.splice`."""
        return self._cache.splice(start, stop, tokens)

    @_used
    def park(self, start: int, stop: int) -> Parked | None:
        """Take resident tokens out; see `LanguageModel.park`."""
        return self._cache.park(start, stop)

    @_used
    def unpark(self, parked: Parked) -> bool:
        """Put them back; see `LanguageModel.unpark`."""
        return self._cache.unpark(parked)

    @_used_by_steps
    def prepare(self, prompt: Sequence[int], cancelled: Callable[[], bool]) -> Generator[Reading | int, None, None]:
        """Read a prompt ahead of time; see `LanguageModel.prepare`."""
        yield from self._cache.prepare(prompt, cancelled)

    @_used_by_steps
    def surprisal(
        self, prompt: Sequence[int], start: int, cancelled: Callable[[], bool]
    ) -> Generator[Reading | tuple[Surprise, ...], None, None]:
        """How surprising the tokens from `start` on are; see `LanguageModel.surprisal`."""
        for item in surprisals(self._llama, self._cache, prompt, start, cancelled):
            if isinstance(item, Reading):
                yield item
            else:
                spelled = map(self._llama.token_bytes, prompt[start:])
                yield tuple(Surprise(text, nats) for text, nats in zip(spelled, item, strict=True))

    @_used
    def adopt(self) -> None:
        """Make what was prepared the resident context."""
        self._cache.adopt()

    def claim(self, release: Callable[[], None]) -> bool:
        """Take the resident context over; see `LanguageModel.claim`."""
        return self._tenancy.claim(release)

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

    @_used
    def tokenize(self, text: str) -> tuple[int, ...]:
        """Token ids of content; the names of control tokens stay text."""
        return self._llama.tokenize(text, special=False)

    def close(self) -> None:
        """Free the model, when no step of anything that uses it is being done any more; what comes after that is a
        `ModelError`. Twice is fine."""
        self._llama.close()

    @_used
    def choose(self, prompt: Sequence[int], options: Sequence[str], *, fork: bool = False) -> tuple[float, ...]:
        """Probabilities of `options`, each by its first token; see `LanguageModel.choose`."""
        _check_fits(prompt, self.window if fork else SIDE_ROOM)
        sequence = self._cache.fork(prompt) if fork else self._cache.side(prompt)
        for _ in self._cache.read(prompt, lambda: False, sequence):
            pass
        logits = self._llama.logits()
        if fork and len(prompt) > self._cache.beside:
            self._cache.clear(FORK)  # it took of the room of the others
        first = [self._llama.tokenize(option, special=False)[0] for option in options]
        scores = np.array([logits[token] for token in first], dtype=np.float64)
        likelihood = np.exp(scores - scores.max())
        return tuple(float(share) for share in likelihood / likelihood.sum())

    @_used_by_steps
    def keep(self, head: Sequence[int], cancelled: Callable[[], bool]) -> Generator[Reading, None, None]:
        """Have the beginning of prompts beside what is resident; see `LanguageModel.keep`."""
        _check_fits(head, SIDE_ROOM)
        side = self._cache.side(head)
        if self.resident(side)[: len(head)] != tuple(head):
            yield from (item for item in self._cache.read(head, cancelled, side) if isinstance(item, Reading))

    # ------------------------------------------------------------------------------------- generation

    @_used_by_steps
    def generate(
        self,
        prompt: Sequence[int],
        grammar: Grammar,
        *,
        limit: int,
        sampling: Sampling,
        cancelled: Callable[[], bool],
        echoes: Sequence[Echo] = (),
        fork: bool = False,
    ) -> Generator[Reading | Piece | Generated, None, None]:
        """Continue `prompt` by at most `limit` tokens; see `memos.protocols.LanguageModel.generate`."""
        if len(prompt) + limit > self.window:
            raise WindowError(f"{len(prompt):,} tokens and a reply of {limit:,} exceed the window of {self.window:,}.")
        choice = Choice(self._guide, grammar, sampling, echoes)
        if not fork:
            yield from self._continue(choice, prompt, limit, cancelled, MAIN)
            return
        try:
            yield from self._continue(choice, prompt, limit, cancelled, self._cache.fork(prompt))
        finally:
            self._cache.clear(FORK)

    def _continue(
        self, choice: Choice, prompt: Sequence[int], limit: int, cancelled: Callable[[], bool], sequence: int
    ) -> Iterator[Reading | Piece | Generated]:
        started = time.perf_counter()
        evaluated = 0
        for item in self._cache.read(prompt, cancelled, sequence):
            if isinstance(item, Reading):
                yield item
            else:
                evaluated = item
        run = Run(self._cache, choice, self.lookup(prompt), limit, cancelled, sequence)
        if len(self.resident(sequence)) == len(prompt):
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
            drafted=run.drafted,
            accepted=run.accepted,
            seconds=time.perf_counter() - started,
        )


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


def _check_fits(probe: Sequence[int], room: int) -> None:
    if len(probe) > room:
        raise WindowError(f"A probe has at most {room:,} tokens, not {len(probe):,}.")
