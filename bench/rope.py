"""How far models go beyond their trained window, by every method: perplexity along a book, and what they find again.

    python -m bench.rope [--model NAME] [--context 8192,16384] [--methods plain,ntk,…] [--data FILE]

The same measurement as `memos models probe`, which keeps its rows by model: an interrupted run goes on from there, and
rows of earlier runs stay in the result beside new ones.
Each method is also read a short way with the positions of the longest length: what it costs inside the trained window.
The book is Great Expectations; the passkeys and needles planted in it are those of `memos.inference.probing`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, describe, write
from memos.agents.probing import DEFAULT, KEY, Measured, measure, named
from memos.agents.window import whole
from memos.cli.plots import probe_plot
from memos.settings import load

DATA = Path("../shared/data/haystack/great_expectations.txt.gz")
FILE = RESULTS / "rope.json"
PLOTS = Path(__file__).parent.parent / "docs" / "images"


def main() -> None:
    """Measure one model, and put its rows beside those of others."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--context", default="8192,12288,16384")
    parser.add_argument("--methods", default=",".join(DEFAULT))
    parser.add_argument("--data", type=Path, default=DATA, help="a long text, gzip")
    parser.add_argument("--inside", type=int, default=2048, help="tokens of a reading with the longest's positions")
    parser.add_argument("--only-inside", action="store_true", help="nothing but that reading")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: one a core")
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"There is no {options.data}; name a long text, gzip, with --data.")
    text = gzip.decompress(options.data.read_bytes()).decode()
    settings = load(model=options.model, seed=options.seed, threads=options.threads)
    targets = [int(target) for target in options.context.split(",")]
    rows: list[dict[str, Any]] = []
    methods = named(options.methods.split(","))
    inside = measure(settings, [max(targets)], methods, text, read=options.inside) if options.inside else ()
    reach = () if options.only_inside else measure(settings, targets, methods, text)
    for item in chain(inside, reach):
        if isinstance(item, Measured):
            print(json.dumps({key: value for key, value in item.row.items() if not key.startswith("by_")}), flush=True)
            rows.append(item.row)
    command = (
        f"python -m bench.rope --model {options.model} --context {options.context} --methods {options.methods} "
        f"--inside {options.inside}{' --only-inside' if options.only_inside else ''} --seed {options.seed} "
        f"--threads {options.threads}"
    )
    former: dict[str, Any] = {"rows": [], "command": ""}
    if FILE.exists():
        former = json.loads(FILE.read_text(encoding="utf-8"))
    commands = [*filter(None, former["command"].split("; ")), command]
    rows += [row for row in former["rows"] if not any(_same(row, new) for new in rows)]
    rows.sort(key=lambda row: (row["model"], row["read"] != row["target"], row["target"], row["method"]))
    mine = [row for row in whole(rows) if row["model"] == options.model]
    if mine:
        print(f"plot: {probe_plot(mine, PLOTS / f'window-{options.model}.png')}")
    about = describe("; ".join(dict.fromkeys(commands)))
    print(f"written to {write('rope', {**about, 'seed': options.seed, 'rows': rows})}")


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    """Whether two rows are of the same measurement."""
    return all(one[key] == two[key] for key in ("model", *KEY))


if __name__ == "__main__":
    main()
