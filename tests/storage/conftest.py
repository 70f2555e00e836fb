from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.storage import AgentStorage, Database

from .helpers import WordHashEmbedder, open_database


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def database(home: Path) -> Iterator[Database]:
    """Without vectors."""
    with open_database(home) as database:
        yield database


@pytest.fixture
def agent(database: Database) -> Iterator[AgentStorage]:
    """Without vectors."""
    with database.agent("sam") as agent:
        yield agent


@pytest.fixture
def embedder() -> WordHashEmbedder:
    return WordHashEmbedder()


@pytest.fixture
def indexed(home: Path, embedder: WordHashEmbedder) -> Iterator[Database]:
    """With vectors."""
    with open_database(home, embedder) as database:
        yield database
