"""How far a pull got: the one value that sources report and the command line draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One report.

    Args:
        label: what is being done, e.g. `"part 3 of 22"`, `"verifying"`.
        done: bytes of the model so far; begins again at 0 when it is verified.
        total: bytes of the model.
    """

    label: str
    done: int
    total: int


Report = Callable[[Progress], None]


class SourceError(Exception):
    """A source could not deliver; its text is a clause without a full stop, for `DownloadFailed`."""
