"""What every test shares: a data folder of its own, and real models where the tier has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's data folder, or reads the user's settings."""
    import os

    for name in [name for name in os.environ if name.startswith("MEMOS_") and name != "MEMOS_MODELS"]:
        monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("MEMOS_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def smollm() -> Iterator[Path]:
    """The file of SmolLM2-135M, or a skip that says how to get it."""
    from memos.errors import ModelNotFound
    from memos.models.store import resolve

    try:
        yield resolve("smollm2-135m")
    except ModelNotFound as error:
        pytest.skip(str(error))
