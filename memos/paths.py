"""Paths as a user writes them. What a path means among stored documents is `memos.agents.paths`."""

from __future__ import annotations

from pathlib import Path

from memos.errors import InputError


def expanded(name: str) -> Path:
    """A name that the user wrote as a path, `~` as the home folder.

    Raises:
        InputError: there is no such user.
    """
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise InputError(f"{name} names the home folder of a user that is not there; write the whole path.") from error
