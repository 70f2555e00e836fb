"""Plots as PNG files. Knows matplotlib, which is imported when a plot is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def probe_plot(rows: Sequence[dict[str, Any]], file: Path) -> Path:
    """Perplexity along the longest length, and the passkeys found by length.

    Args:
        rows: as `memos models probe` keeps them.
        file: where it goes.

    Returns:
        The file.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    longest = max(row["target"] for row in rows)
    trained = rows[0]["trained"]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    marks = "osv^Dx+*<>p"
    for number, (name, mark) in enumerate(zip(methods, marks, strict=False)):
        drawn = {"marker": mark, "color": f"C{number}", "label": name}  # the same in both, whatever was measured
        mine = sorted((row for row in rows if row["method"] == name), key=lambda row: int(row["target"]))
        along: Sequence[tuple[int, float]] = next((row["by_position"] for row in mine if row["target"] == longest), [])
        if along:
            left.plot(*zip(*along, strict=True), **drawn)
        right.plot([row["target"] for row in mine], [row["passkey"] for row in mine], **drawn)
    left.set(title=f"{rows[0]['model']}: {longest:,} tokens", xlabel="position", ylabel="perplexity", yscale="log")
    right.set(title="passkeys found", xlabel="length", ylim=(-0.05, 1.05))
    for axes in (left, right):
        axes.axvline(trained, color="grey", linestyle=":", label=f"trained: {trained:,}")
        axes.legend(fontsize="small")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
    return file
