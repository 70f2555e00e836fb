"""What is in a model's cache: made so by hand, where a benchmark wants to begin from there."""

from __future__ import annotations

from collections.abc import Sequence

from memos.generation import Snapshot
from memos.protocols import LanguageModel


def read(model: LanguageModel, prompt: Sequence[int]) -> None:
    """Make a prompt resident."""
    for _ in model.prepare(prompt, lambda: False):
        pass
    model.adopt()


def forget(model: LanguageModel) -> None:
    """Have nothing resident."""
    model.restore(Snapshot("", (), b""))  # of no model
