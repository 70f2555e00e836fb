"""What every test shares: a data folder of its own, and real models where the tier has them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's data folder, reads the user's settings, or has days other than those of UTC."""
    import os

    _move(monkeypatch, "UTC")
    for name in [name for name in os.environ if name.startswith("MEMOS_") and name != "MEMOS_MODELS"]:
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MEMOS_HOME", str(folder))
    return folder


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts the machine into a time zone, for the time of a test."""
    if not hasattr(time, "tzset"):
        pytest.skip("This system has no tzset.")
    yield lambda name: _move(monkeypatch, name)
    _move(monkeypatch, "UTC")


def _move(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture(scope="session")
def smollm() -> Iterator[Path]:
    """The file of SmolLM2-135M, or a skip that says how to get it."""
    from memos.errors import ModelNotFound
    from memos.models.store import resolve

    try:
        yield resolve("smollm2-135m")
    except ModelNotFound as error:
        pytest.skip(str(error))
