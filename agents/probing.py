"""Measuring which window a model really has: every method at every length, one row each, kept as soon as it is known.

Owns the order of the work, and that none is done twice. What is measured is `inference.probing`'s, what follows from it
is `agents.window`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from memos.agents.window import read_rows, results_file, write_rows
from memos.errors import InputError, WindowError
from memos.inference.rope import METHODS, Method, Rotary, method
from memos.settings import Settings, home

DEFAULT = ("plain", "linear", "ntk", "dynamic-ntk", "yarn", "abf", "self-extend", "sinks")
KEY = ("method", "target", "read", "seed", "text")  # what makes two rows the same measurement


@dataclass(frozen=True, slots=True)
class Measuring:
    """Work in progress: `done` of `total` tokens of row `index` of `rows`."""

    method: str
    target: int
    done: int
    total: int
    index: int
    rows: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One row, as it is kept; `new` unless it was known before."""

    row: dict[str, Any]
    new: bool


def named(names: Sequence[str]) -> list[Method]:
    """Methods by their names.

    Raises:
        InputError: there is no such method.
    """
    found = [(name, method(name)) for name in names]
    for name, one in found:
        if one is None:
            raise InputError(f"There is no method {name!r}; there are {', '.join(each.name for each in METHODS)}.")
    return [one for _, one in found if one is not None]


def measure(
    settings: Settings,
    targets: Sequence[int],
    methods: Sequence[Method],
    text: str,
    *,
    read: int = 0,
    again: bool = False,
) -> Iterator[Measuring | Measured]:
    """Measure a model.

    Args:
        settings: name the model, threads, GPU layers, and the seed.
        targets: lengths in tokens.
        methods: what is compared.
        text: what is read; long enough for the longest target.
        read: read no more than so many tokens, with positions for the target: what a method costs inside the trained
            window. 0 reads it all.
        again: also what was measured before with the same text and seed.

    Raises:
        ModelError: the model is missing or damaged.
        WindowError: its positions cannot be scaled, or a length does not fit into memory.
        InputError: the text is too short.
    """
    from memos.inference.engine import LlamaModel, fingerprint
    from memos.inference.llama import LlamaOptions
    from memos.models.gguf_info import read_gguf
    from memos.models.store import resolve

    path = resolve(settings.model)
    header = read_gguf(path)
    rotary = Rotary.read(header.architecture, header.metadata)
    if rotary.refusal and max(targets) > rotary.trained:
        raise WindowError(f"The positions of {settings.model} cannot be scaled: {rotary.refusal}.")
    file = results_file(home(), fingerprint(path))
    identity = {"seed": settings.seed, "text": sha256(text.encode()).hexdigest()[:12]}
    options = LlamaOptions(
        window=min(*targets, rotary.trained),  # as loaded; each row opens its own
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
        batch=settings.batch,
        kv_type=settings.kv_type,
        flash_attention=settings.flash_attention,
    )
    model = LlamaModel(path, name=settings.model, fingerprint="", options=options)
    try:
        work = [(target, read or target, one) for target in sorted(targets) for one in methods]
        yield from _rows(model, rotary, work, text, identity, file, again)
    finally:
        model.close()


def _rows(
    model: Any,
    rotary: Rotary,
    work: Sequence[tuple[int, int, Method]],
    text: str,
    identity: dict[str, Any],
    file: Path,
    again: bool,
) -> Iterator[Measuring | Measured]:
    from memos.inference.probing import probe

    seen: dict[tuple[Any, ...], dict[str, Any]] = {}
    for index, (target, length, one) in enumerate(work):
        positions = one.positions(rotary, target)
        base = {
            "model": model.name,
            "method": one.name,
            "trained": rotary.trained,
            "target": target,
            "read": length,
            **identity,
        }
        known = next((row for row in read_rows(file) if all(row.get(key) == base[key] for key in KEY)), None)
        same = (target, length, positions.turns(rotary))  # it may be another name for what was measured already
        row = seen.get(same) if again or known is None else known
        new = row is None or row is not known
        if row is None:
            model.reopen(window=length, positions=positions)
            for item in probe(model, text, length, seed=identity["seed"]):
                if hasattr(item, "perplexity"):
                    row = asdict(item)
                else:
                    yield Measuring(one.name, target, item.done, item.total, index, len(work))
        row = {**(row or {}), **base}
        seen[same] = row
        if new:
            kept = [each for each in read_rows(file) if any(each.get(key) != base[key] for key in KEY)]
            write_rows(file, [*kept, row])
        yield Measured(row, new)
