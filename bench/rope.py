"""How far models go beyond their trained window, by every method: perplexity along a book, and what they find again.

    python -m bench.rope [--model NAME] [--context 8192,16384] [--methods plain,ntk,…] [--data FILE]

The same measurement as `memos models probe`, which keeps its rows by model: an interrupted run goes on from there.
Each method is also read a short way with the positions of the longest length: what it costs inside the trained window.
The book is Great Expectations; the passkeys and needles planted in it are those of `memos.inference.probing`.
"""

from __future__ import annotations

import argparse
import gzip
import json
from itertools import chain
from pathlib import Path

from bench.machine import RESULTS, describe, write
from memos.agents.probing import DEFAULT, Measured, measure, named
from memos.agents.window import whole
from memos.cli.plots import probe_plot
from memos.settings import load

DATA = Path("../shared/data/haystack/great_expectations.txt.gz")
PLOTS = Path(__file__).parent.parent / "docs" / "images"


def main() -> None:
    """Measure one model, and put its rows beside those of others."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--context", default="8192,12288,16384")
    parser.add_argument("--methods", default=",".join(DEFAULT))
    parser.add_argument("--data", type=Path, default=DATA, help="a long text, gzip")
    parser.add_argument("--inside", type=int, default=2048, help="tokens of a reading with the longest's positions")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: one a core")
    options = parser.parse_args()
    text = gzip.decompress(options.data.read_bytes()).decode()
    settings = load(model=options.model, seed=options.seed, threads=options.threads)
    targets = [int(target) for target in options.context.split(",")]
    rows = []
    methods = named(options.methods.split(","))
    inside = measure(settings, [max(targets)], methods, text, read=options.inside) if options.inside else ()
    for item in chain(inside, measure(settings, targets, methods, text)):
        if isinstance(item, Measured):
            print(json.dumps({key: value for key, value in item.row.items() if not key.startswith("by_")}), flush=True)
            rows.append(item.row)
    command = (
        f"python -m bench.rope --model {options.model} --context {options.context} --methods {options.methods} "
        f"--inside {options.inside} --seed {options.seed} --threads {options.threads}"
    )
    print(f"plot: {probe_plot(list(whole(rows)), PLOTS / f'window-{options.model}.png')}")
    print(f"written to {write('rope', {**describe(command), 'seed': options.seed, 'rows': _others(options) + rows})}")


def _others(options: argparse.Namespace) -> list[dict[str, object]]:
    """Rows of other models from earlier runs."""
    file = RESULTS / "rope.json"
    known = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    return [row for row in known if row["model"] != options.model]


if __name__ == "__main__":
    main()
