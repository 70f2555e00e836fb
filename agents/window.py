"""Which window an agent gets on a model: how its positions are scaled, from what was measured on it, and what to say.

Keeps what `memos models probe` found, a file a model. It knows methods and results; it does not know how a model is
loaded, or how anything is measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memos.errors import InputError, StorageError, WindowError
from memos.inference.rope import KNOWN_ORDER, METHODS, Method, Plain, Positions, Rotary, bucket, method

WORKS = 0.9  # share of the passkeys that are found where retrieval still works
WEAK = 0.5  # of a model that finds less inside its trained window, what it finds there, but no less than this
AUTO = "auto"
NO_AGENT = ("sinks",)  # an agent's own eviction does this by messages, and keeps what was said in recall


@dataclass(frozen=True, slots=True)
class Stage:
    """A window that is opened, or grown into.

    Args:
        window: tokens.
        method: the name of how it is reached.
        positions: the same for llama.cpp.
    """

    window: int
    method: str
    positions: Positions


@dataclass(frozen=True, slots=True)
class Plan:
    """What an agent gets.

    Args:
        stages: the first is opened; the agent grows into the others as it needs them.
        notes: sentences for the user.
    """

    stages: tuple[Stage, ...]
    notes: tuple[str, ...] = ()


def plan(rotary: Rotary, context: int, rope: str, rows: Sequence[dict[str, Any]]) -> Plan:
    """The window for a model.

    Args:
        rotary: what the model says of its positions.
        context: tokens that the user asks for.
        rope: `auto`, or the name of a method.
        rows: what was measured on this model; see `read_rows`.

    Raises:
        InputError: there is no such method, or it is not for an agent.
        WindowError: the window is beyond the training of a model whose positions cannot be scaled.
    """
    trained = rotary.trained or context
    if rope != AUTO and (method(rope) is None or rope in NO_AGENT):
        names = ", ".join([AUTO, *(one.name for one in METHODS if one.name not in NO_AGENT)])
        raise InputError(f"rope is one of {names}, not {rope!r}.")
    if context <= trained:
        return Plan((Stage(context, Plain().name, Positions()),))
    if rotary.refusal:
        raise WindowError(
            f"A window of {context:,} tokens is beyond the {trained:,} that this model was trained for, and its "
            f"positions cannot be scaled: {rotary.refusal}. Ask for --context {trained} or less."
        )
    if rope == AUTO:
        return _chosen(rotary, context, rows)
    chosen = method(rope)
    assert chosen is not None
    known = verified(rows, rope, trained)
    probed = any(row["method"] == rope and row["target"] > trained for row in rows)
    note = f"; retrieval was seen to work up to {known:,} tokens" if probed else ", which was not probed on this model"
    told = f"The window of {context:,} tokens is beyond the trained {trained:,}, by {rope}{note}."
    return Plan(_stages(rotary, chosen, context), (told,) if not probed or context > known else ())


def _chosen(rotary: Rotary, context: int, rows: Sequence[dict[str, Any]]) -> Plan:
    """What was best on this model, as far as it was seen to work; else the first of the known order."""
    chosen = best(rows, context)
    if chosen is None:
        first = next(one for name in KNOWN_ORDER if (one := method(name)) is not None)
        told = (
            f"The window of {context:,} tokens is beyond the trained {rotary.trained:,}; {first.name} is used from "
            "there on, as the best known where nothing was measured. `memos models probe` measures this model."
        )
        return Plan(_stages(rotary, first, context), (told,))
    known = verified(rows, chosen.name, rotary.trained)
    window = min(context, max(known, rotary.trained))
    told = (
        f"Beyond the trained {rotary.trained:,} tokens {chosen.name} is used, the best that was probed on this model."
    )
    if window < context:
        told = (
            f"The window is {window:,} tokens, not {context:,}: retrieval was seen to work up to there on this model"
            + (f", by {chosen.name}" if window > rotary.trained else "")
            + ". A --rope METHOD takes the whole all the same."
        )
    return Plan(_stages(rotary, chosen, window), (told,))


def _stages(rotary: Rotary, chosen: Method, context: int) -> tuple[Stage, ...]:
    """The trained window as it is, and then by doublings up to what is asked for."""
    ends = [rotary.trained]
    while ends[-1] < context:
        ends.append(min(context, bucket(rotary.trained, ends[-1] + 1)))
    stages = [Stage(min(context, ends[0]), Plain().name, Positions())]
    return (*stages, *(Stage(end, chosen.name, chosen.positions(rotary, end)) for end in ends[1:]))


def best(rows: Iterable[dict[str, Any]], context: int) -> Method | None:
    """The method that was best at the smallest probed length that holds a window, or else at the largest beyond the
    training; plain positions compete. None where nothing was probed there."""
    beyond = (row for row in whole(rows) if row["target"] > row["trained"])
    candidates = [row for row in beyond if row["method"] not in NO_AGENT]
    if not candidates:
        return None
    holds = [row["target"] for row in candidates if row["target"] >= context]
    target = min(holds) if holds else max(row["target"] for row in candidates)
    there = [row for row in candidates if row["target"] == target]
    first = max(there, key=lambda row: (row["passkey"] >= WORKS, row["passkey"] + row["needle"], -row["perplexity"]))
    return method(first["method"])


def whole(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows for which the whole length was read."""
    return (row for row in rows if row.get("read", row["target"]) == row["target"])


def verified(rows: Iterable[dict[str, Any]], name: str, trained: int) -> int:
    """The longest probed length up to which retrieval works: by a method beyond the training, by plain positions
    inside. 0 where none does, or none was probed."""
    longest = 0
    mine = [row for row in whole(rows) if row["method"] == (name if row["target"] > trained else Plain().name)]
    mine.sort(key=lambda row: int(row["target"]))
    inside = [row["passkey"] for row in mine if row["target"] <= trained]
    works = min(WORKS, max(WEAK, inside[-1])) if inside else WORKS
    for row in mine:
        if row["passkey"] < works:
            break
        longest = int(row["target"])
    return longest


# ------------------------------------------------------------------------------------------------ results


def results_file(folder: Path, fingerprint: str) -> Path:
    """Where a model's results are kept.

    Args:
        folder: the data folder.
        fingerprint: of the model's file.
    """
    return folder / "probes" / f"{fingerprint}.json"


def read_rows(file: Path) -> list[dict[str, Any]]:
    """What was measured on a model; empty where nothing was, or the file is damaged."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        return [row for row in rows if {"method", "target", "trained", "passkey", "needle", "perplexity"} <= set(row)]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Keep results; the file is replaced as a whole.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
        fresh.chmod(0o600)
        fresh.replace(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}.") from error
