"""`memos models probe`: which window a model really has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from memos.cli.options import json_option
from memos.printing import Status


@click.command(
    "probe",
    epilog="""\b
Examples:
  memos models probe smollm2-135m
  memos models probe smollm2-135m --context 8192,16384 --methods plain,yarn,ntk
  memos models probe ./some.gguf --text book.txt --json

Every length costs one reading of it for every method: minutes on a CPU. What is
known is kept, and an interrupted probe goes on from there. --rope auto uses it.""",
)
@click.argument("model")
@click.option("--context", help="Lengths in tokens.  [default: the trained window, 1.5 and 2 times that]")
@click.option("--methods", help="Names of --rope, with commas; `all` for every one.  [default: one of each kind]")
@click.option(
    "--text", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A long text in UTF-8; may be .gz."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the place in the text, and the numbers.")
@click.option("--threads", type=int, help="CPU threads.  [default: one a core]")
@click.option("--again", is_flag=True, help="Measure also what is known.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Where the plot goes (PNG).")
@json_option
def command(
    model: str,
    context: str | None,
    methods: str | None,
    text: Path | None,
    seed: int,
    threads: int | None,
    again: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL beyond its trained window: perplexity and retrieval by length, for each way to reach it."""
    from memos.agents.probing import DEFAULT, Measured, measure, named
    from memos.agents.window import verified
    from memos.inference.rope import METHODS
    from memos.settings import home, load

    settings = load(model=model, seed=seed, threads=threads)
    every = [one.name for one in METHODS] if methods == "all" else (methods.split(",") if methods else DEFAULT)
    chosen = named([name.strip() for name in every])
    targets = _lengths(context, settings.model)
    status, rows = Status(quiet=as_json), []
    try:
        for item in measure(settings, targets, chosen, _text(text), again=again):
            if isinstance(item, Measured):
                status.clear()
                rows.append(item.row)
                if not as_json:
                    click.echo(_line(item.row) + ("" if item.new else "  (known)"))
            else:
                share = (item.index + item.done / item.total) / item.rows
                status.show(f"{item.method} at {item.target:,}, {item.index + 1} of {item.rows}", share)
    finally:
        status.clear()
    windows = {one.name: verified(rows, one.name, rows[0]["trained"]) for one in chosen}
    if as_json:
        click.echo(json.dumps({"rows": rows, "verified": windows}))
        return
    longest = max(windows.values())
    by = ", ".join(name for name, window in windows.items() if window == longest)
    click.echo(
        f"\nVerified window: {longest:,} tokens ({by})." if longest else "\nRetrieval works at no length probed."
    )
    from memos.cli.plots import probe_plot

    file = plot or home() / "probes" / f"{Path(model).stem}.png"
    click.echo(f"Plot: {probe_plot(rows, file)}")


def _lengths(context: str | None, model: str) -> list[int]:
    from memos.errors import InputError
    from memos.models.gguf_info import read_gguf
    from memos.models.store import resolve

    if not context:
        trained = read_gguf(resolve(model)).context_length
        return [trained, trained * 3 // 2, trained * 2]
    try:
        lengths = [int(part.replace("_", "")) for part in context.split(",")]
    except ValueError:
        raise InputError(f"--context is lengths in tokens with commas, such as 8192,16384, not {context!r}.") from None
    if min(lengths) < 1024:
        raise InputError("A length of less than 1,024 tokens shows nothing.")
    return lengths


def _text(file: Path | None) -> str:
    """A file's text; without one, English prose that every Python brings: the reference of its language."""
    if file is not None:
        from memos.eval.data import text_of

        return text_of(file)
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def _line(row: dict[str, Any]) -> str:
    cells: Sequence[tuple[str, Any]] = (
        ("perplexity", f"{row['perplexity']:8.2f}"),
        ("passkey", f"{row['passkey']:4.0%}"),
        ("needle", f"{row['needle']:4.0%}"),
        ("pairs", f"{row['pair']:4.0%}"),
        ("", f"{row['seconds']:6.0f} s"),
        ("", f"{row['peak_mb']:6.0f} MB"),
    )
    told = "  ".join(f"{name} {value}".strip() for name, value in cells)
    return f"{row['target']:>7,}  {row['method']:<14}  {told}"
