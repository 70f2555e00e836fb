"""`memos models …`: list, pull, look into and probe models. Words and columns only; the work is `memos.models`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from memos.cli.probe import command as probe
from memos.printing import safe, size

if TYPE_CHECKING:
    from pathlib import Path

    from memos.models.catalogue import Entry
    from memos.models.fetch import Pulled
    from memos.models.gguf_info import GGUFInfo
    from memos.models.progress import Progress
    from memos.models.store import ModelStore

PLAIN_LINE_SECONDS = 5.0


def _store(context: click.Context) -> ModelStore:
    """The store that the caller put into the context, else the user's own."""
    from memos.models.store import ModelStore

    return context.find_object(ModelStore) or ModelStore.default()


def _echo_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


@click.group(
    epilog="""\b
Examples:
  memos models list
  memos models pull                      the default chat and embedding models
  memos models pull qwen2.5-coder-0.5b
  memos models info ~/Downloads/some.gguf
  memos models probe smollm2-135m        how long a window it really has

Models are stored once per user; MEMOS_MODELS names another folder."""
)
def models() -> None:
    """List, pull and look into models."""


# ---------------------------------------------------------------------------------------------- list


@models.command(
    "list",
    epilog="""\b
Examples:
  memos models list
  memos models list --json""",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def list_models(context: click.Context, as_json: bool) -> None:
    """Show the models that memos knows, and which are here."""
    from memos.settings import load

    store, settings = _store(context), load()
    chosen = {settings.model.casefold(), settings.embedding.casefold()}
    rows = [_row(store, entry, chosen) for entry in store.catalogue]
    if as_json:
        _echo_json({"folder": str(store.root), "models": rows})
        return
    words = {"verified": "yes", "unverified": "yes, unverified", "absent": "no"}
    table = [("NAME", "PURPOSE", "SIZE", "LICENCE", "HERE")]
    for row in rows:
        here = words.get(row["presence"], row["presence"])
        table.append((row["name"], _purpose(row), size(row["size"]), row["licence"], here))
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    click.echo(f"\nFolder: {store.root}")


def _purpose(row: dict[str, Any]) -> str:
    """What a model is for, and whether memos takes it unless told otherwise."""
    purpose = "tests only" if row["purpose"] == "test" else row["purpose"]
    if row["default"]:
        return f"{purpose} (default)"
    return f"{purpose} (in settings)" if row["chosen"] else str(purpose)


def _row(store: ModelStore, entry: Entry, chosen: set[str]) -> dict[str, Any]:
    presence = store.presence(entry)
    return {
        "name": entry.name,
        "purpose": entry.purpose.value,
        "default": entry.default,
        "chosen": entry.name in chosen,
        "size": entry.size,
        "licence": entry.licence,
        "presence": presence.value,
        "path": str(store.location(entry)),
    }


# ---------------------------------------------------------------------------------------------- pull


@models.command(
    epilog="""\b
Examples:
  memos models pull
  memos models pull qwen2.5-coder-1.5b all-minilm-l6-v2

An interrupted pull continues where it stopped. What is here already is verified by its SHA-256."""
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON when all are here.")
@click.pass_context
def pull(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Download models and verify them; without a NAME, the default chat and embedding models."""
    from memos.models.catalogue import Purpose, default_name
    from memos.models.fetch import pull as pull_entry

    store = _store(context)
    if not names:
        names = tuple(default_name(purpose, store.catalogue) for purpose in (Purpose.CHAT, Purpose.EMBEDDING))
    entries = [store.entry(name) for name in dict.fromkeys(names)]
    rows = []
    for entry in entries:
        try:
            with _progress(entry) as report:
                pulled = pull_entry(entry, store, report)
        except KeyboardInterrupt:
            click.echo(f"Stopped; `memos models pull {entry.name}` continues from here.", err=True)
            raise
        rows.append(_pulled_row(entry, pulled))
        if not as_json:
            click.echo(_pulled_sentence(entry, pulled))
    if as_json:
        _echo_json(rows)


def _pulled_row(entry: Entry, pulled: Pulled) -> dict[str, Any]:
    return {
        "name": pulled.name,
        "path": str(pulled.path),
        "size": entry.size,
        "already_here": pulled.already_here,
        "source": pulled.source or None,
        "replaced": pulled.replaced or None,
        "seconds": round(pulled.seconds, 1),
    }


def _pulled_sentence(entry: Entry, pulled: Pulled) -> str:
    if pulled.already_here:
        return f"{pulled.name} is already here, and verified: {pulled.path}"
    replaced = f" (replaced: {pulled.replaced})" if pulled.replaced else ""
    took = f"{size(entry.size)} from {pulled.source} in {pulled.seconds:.0f} s, verified"
    return f"{pulled.name} is here: {pulled.path} ({took}){replaced}"


@contextmanager
def _progress(entry: Entry) -> Iterator[Callable[[Progress], None]]:
    """Draw progress on stderr: a bar on a terminal, else a line now and then."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines(entry)
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn(f"{entry.name}"),
        bars.BarColumn(bar_width=None),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(compact=True),
        bars.TextColumn("{task.description}", style="dim"),
    )
    with bars.Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=None, start=False)
        before = -1

        def draw(event: Progress) -> None:
            nonlocal before
            # A new beginning (first report, a resumed pull, verifying) must not count as speed.
            if before < 0 or event.done < before or (before == 0 and event.done > entry.size // 10):
                bar.reset(task, total=event.total, completed=event.done, description=event.label)
            bar.update(task, completed=event.done, description=event.label)
            before = event.done

        yield draw


def _plain_lines(entry: Entry) -> Callable[[Progress], None]:
    import time

    last = time.monotonic()

    def line(event: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PLAIN_LINE_SECONDS:
            return
        last = now
        share = 100 * event.done // max(event.total, 1)
        click.echo(f"{entry.name}: {share}%, {size(event.done)} of {size(event.total)}, {event.label}", err=True)

    return line


# ---------------------------------------------------------------------------------------------- info


@models.command(
    epilog="""\b
Examples:
  memos models info qwen2.5-coder-1.5b
  memos models info ./some-model.gguf --json"""
)
@click.argument("model", metavar="FILE-or-NAME")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, all short metadata included.")
@click.pass_context
def info(context: click.Context, model: str, as_json: bool) -> None:
    """Show what a model says about itself: layers, window, quantisation, memory a token."""
    path = _store(context).resolve(model)
    if path.is_dir():
        facts = _embedding_facts(path)
    else:
        from memos.models.gguf_info import read_gguf

        header = read_gguf(path)
        facts = {**(_json_facts(header) if as_json else _facts(header)), **_beyond(header, as_json=as_json)}
    if as_json:
        _echo_json(facts)
        return
    width = max(len(label) for label in facts)
    for label, value in facts.items():
        click.echo(f"{label.ljust(width)}  {safe(str(value))}")


def _json_facts(header: GGUFInfo) -> dict[str, Any]:
    import dataclasses

    facts = {field.name: getattr(header, field.name) for field in dataclasses.fields(header)}
    return {**facts, "path": str(header.path)}


def _facts(header: GGUFInfo) -> dict[str, str]:
    """What a person wants to know, in words. A number the file does not tell is left out."""
    window = header.context_length
    kv = header.kv_bytes_per_token
    facts = {
        "file": str(header.path),
        "size": size(header.size),
        "name": header.name,
        "architecture": header.architecture,
        "parameters": f"{header.parameters / 1e6:,.0f} million in {header.tensors} tensors",
        "quantisation": header.quantisation,
        "trained window": f"{window:,} tokens" if window else "",
        "layers": f"{header.blocks}" if header.blocks else "",
        "width": f"{header.embedding_length}" if header.embedding_length else "",
        "heads": f"{header.heads} query, {header.kv_heads} key-value" if header.heads else "",
        "sliding window": f"{header.sliding_window:,} tokens" if header.sliding_window else "",
        "rope": ", ".join(f"{key} {value}" for key, value in header.rope.items()),
        "vocabulary": f"{header.vocabulary:,} tokens" if header.vocabulary else "",
        "chat template": "yes" if header.has_chat_template else "no",
        "KV cache at f16": f"{size(kv)} a token, {size(kv * window)} for the trained window" if kv else "",
    }
    return {label: value for label, value in facts.items() if value}


def _beyond(header: GGUFInfo, *, as_json: bool) -> dict[str, Any]:
    """What can be done beyond the trained window, and what was measured there."""
    from memos.agents.window import read_rows, results_file, verified
    from memos.inference.engine import fingerprint
    from memos.inference.rope import Rotary, critical_dimension, reachable
    from memos.settings import home

    rotary = Rotary.read(header.architecture, header.metadata)
    if not rotary.trained:
        return {}
    rows = read_rows(results_file(home(), fingerprint(header.path)))
    windows = {name: verified(rows, name, rotary.trained) for name in dict.fromkeys(row["method"] for row in rows)}
    if as_json:
        return {"scaling_refused": rotary.refusal, "verified": windows}
    if rotary.refusal:
        return {"beyond training": f"no: {rotary.refusal}"}
    told = (
        f"positions can be scaled; base {rotary.base:,.0f} reaches {reachable(rotary, rotary.base):,.0f} tokens "
        f"(critical dimension {critical_dimension(rotary)} of {rotary.dimensions})"
    )
    longest = max(windows.values(), default=0)
    by = ", ".join(name for name, window in windows.items() if window == longest)
    probed = f"{longest:,} tokens ({by})" if longest else "not probed: `memos models probe` measures it"
    return {"beyond training": told, "verified window": probed}


def _embedding_facts(folder: Path) -> dict[str, Any]:
    """The few facts of a sentence-transformers folder, from its own configuration."""
    import json

    from memos.errors import ModelError

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        sentence = folder / "sentence_bert_config.json"
        limits = json.loads(sentence.read_text(encoding="utf-8")) if sentence.is_file() else {}
        return {
            "folder": str(folder),
            "architecture": config.get("model_type", ""),
            "dimension": config.get("hidden_size", 0),
            "layers": config.get("num_hidden_layers", 0),
            "window": limits.get("max_seq_length", config.get("max_position_embeddings", 0)),
            "vocabulary": config.get("vocab_size", 0),
        }
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{folder} is no sentence-transformers model: {error}.") from error


models.add_command(probe)

command = models
