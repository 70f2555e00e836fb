"""Archival storage and the vector index: whatever happens to the index, search finds what SQL holds."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from memos.errors import ModelError, ModelNotFound, StorageError
from memos.messages import SPOKEN, Kind, Origin, State, Told
from memos.storage import AgentStorage, Archival, Database, documents
from memos.storage.text import text_terms
from memos.storage.vectors import INDEXED, Scope, Vector, Vectors

from .helpers import WordHashEmbedder, open_database


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def texts(archival: Archival, query: str) -> list[str]:
    return [passage.text for passage in archival.search(query, limit=100).items]


# ------------------------------------------------------------------------------------- passages


def test_a_note_comes_back_as_it_was_and_is_found_at_once(indexed: Database) -> None:
    with indexed.agent("sam") as agent:
        note = agent.archival.insert("The boat is blue")
        assert agent.archival.get(note.id) == note
        assert indexed.index.pending() == 1
        assert texts(agent.archival, "boats") == ["The boat is blue"]
        assert indexed.index.pending() == 0
        assert (agent.archival.get(99), agent.archival.count()) == (None, 1)


def test_a_document_is_replaced_as_a_whole(indexed: Database) -> None:
    with indexed.agent("sam") as agent:
        archival = agent.archival
        assert archival.store_document("/a.md", "1" * 64, [("old tea", "p. 1"), ("old rice", "p. 2")]) == 2
        assert archival.index_pending() == 2
        assert archival.store_document("/a.md", "2" * 64, [("new tea", "p. 1")]) == 1
        assert archival.stored_files()["/a.md"].sha256 == "2" * 64
        found = archival.search("tea rice")
        assert [(p.text, p.source, p.location) for p in found.items] == [("new tea", "/a.md", "p. 1")]
        assert indexed.index._vectors.count("passages") == 1
        assert archival.read_document("/a.md").items == found.items
        assert [document.passages for document in archival.documents()] == [1]
        assert archival.remove_document("/a.md")
        assert not archival.remove_document("/a.md")
        assert (archival.count(), archival.search("tea").total) == (0, 0)
        assert archival.read_document("/a.md").total == 0


def test_others_may_write_while_passages_are_made_ready(indexed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ingest that held the database meanwhile starved its own index, and every chat, on a folder of 100 MB."""

    def meanwhile(text: str, said_at: datetime, heading: str) -> bytes:
        indexed.library().note_job("/other", "skipped", text)  # waits for ten seconds and fails if nobody else may
        return text_terms(text, said_at, heading)

    monkeypatch.setattr(documents, "text_terms", meanwhile)
    assert indexed.library().store_document("/a.md", "1" * 64, [("tea", ""), ("rice", "")]) == 2
    assert {job.reason for job in indexed.library().jobs(source="/other")} == {"tea", "rice"}


def test_a_document_that_cannot_be_stored_leaves_the_former_one(indexed: Database) -> None:
    archival = indexed.library()
    archival.store_document("/a.md", "1" * 64, [("old tea", "")])

    def passages() -> Any:
        yield ("new tea", "")
        raise Killed

    with pytest.raises(Killed):
        archival.store_document("/a.md", "2" * 64, passages())
    assert archival.stored_files()["/a.md"].sha256 == "1" * 64
    assert texts(archival, "tea") == ["old tea"]


def test_an_agent_sees_its_own_and_what_is_shared(indexed: Database) -> None:
    with indexed.agent("sam") as sam, indexed.agent("eve") as eve:
        mine = sam.archival.insert("tea of sam")
        eve.archival.insert("tea of eve")
        eve.archival.store_document("/x", "1" * 64, [("tea in eve's document", "")])
        indexed.library().store_document("/x", "2" * 64, [("tea for all", "")])
        assert set(texts(sam.archival, "tea")) == {"tea of sam", "tea for all"}
        assert set(texts(eve.archival, "tea")) == {"tea of eve", "tea in eve's document", "tea for all"}
        assert texts(indexed.library(), "tea") == ["tea for all"]
        assert set(texts(sam.archival, "")) == {"tea of sam", "tea for all"}
        assert "/x" not in sam.archival.stored_files()
        assert eve.archival.get(mine.id) is None
        assert [p.text for p in eve.archival.search("tea", source="/x").items if "eve" in p.text]
        assert sam.archival.search("tea", source="/x").total == 1
        assert [d.shared for d in sam.archival.documents()] == [True]
        assert (sam.archival.count(), eve.archival.count()) == (2, 3)


def test_within_a_document_or_of_a_speaker_all_is_found_by_meaning(
    indexed: Database, embedder: WordHashEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though of everything, others have more that is nearer than a search looks at."""
    monkeypatch.setattr(embedder, "_vector", lambda text: [0.8, 0.6] if "kettle" in text else [1.0, 0.0])
    embedder.dimension = 2
    said = [Told(Kind.USER, "Tea again.", datetime(2025, 1, 1), "Ann")] * 250
    kettle = Told(Kind.USER, "The kettle whistles.", datetime(2025, 1, 1), "Bob")
    with indexed.agent("sam") as agent:
        archival, recall = agent.archival, agent.recall
        archival.store_document("/others", "1" * 64, [("Tea again.", "")] * 250)
        archival.store_document("/docs/a", "2" * 64, [("The kettle whistles.", "")])
        recall.import_past([*said, kettle])
        archival.index_pending()
        for source in ("/docs/a", "/docs"):
            assert [one.text for one in archival.search("tea", source=source).items] == [kettle.content]
        assert [one.content for one in recall.search("tea", speaker="Bob").items] == [kettle.content]
        assert not recall.search("tea", speaker="Cleo").items and not indexed.take_notices()


@pytest.mark.parametrize("many", Origin)
def test_notes_or_documents_alone_are_found_whatever_the_others_are(
    indexed: Database, embedder: WordHashEmbedder, monkeypatch: pytest.MonkeyPatch, many: Origin
) -> None:
    """By words, by meaning, the newest, to the letter; there are more of the others than a search looks at."""
    monkeypatch.setattr(embedder, "_vector", lambda text: [0.8, 0.6] if "kettle" in text else [1.0, 0.0])
    embedder.dimension = 2
    kettle, tea = "The kettle whistles :-).", "Tea again :-)."
    (other,) = set(Origin) - {many}
    texts = {many: [tea] * 250, other: [kettle]}
    with indexed.agent("sam") as agent:
        archival = agent.archival
        archival.store_document("/a", "1" * 64, [(text, "") for text in texts[Origin.DOCUMENT]])
        for text in texts[Origin.NOTE]:
            archival.insert(text)
        archival.index_pending()
        for query in ("tea", "tea whistles", "", ":-)"):
            found = archival.search(query, limit=300, origin=other)
            assert ([one.text for one in found.items], found.total) == ([kettle], 1), query
        assert {one.text for one in archival.search("kettle", limit=300, origin=many).items} == {tea}
        of_document = archival.search("tea", source="/a", origin=Origin.NOTE)
        assert not of_document.total and not indexed.take_notices()


def test_jobs_are_noted(indexed: Database) -> None:
    library = indexed.library()
    library.note_job("/a.md", "stored", passages=3)
    library.note_job("/b.bin", "skipped", "not text")
    with indexed.agent("sam") as sam:
        sam.archival.note_job("/c", "failed", "unreadable")
        assert [(job.source, job.outcome) for job in sam.archival.jobs()] == [
            ("/c", "failed"),
            ("/b.bin", "skipped"),
            ("/a.md", "stored"),
        ]
    assert len(library.jobs()) == 2


# ------------------------------------------------------------------------------------- the index


def fill(database: Database) -> None:
    with database.agent("sam") as agent:
        agent.archival.insert("a note on tea")
        agent.recall.append(Kind.USER, "I drink tea", turn=1)
    database.index.index_pending()


def check(database: Database) -> None:
    with database.agent("sam") as agent:
        assert texts(agent.archival, "tea") == ["a note on tea"]
        assert [message.content for message in agent.recall.search("tea").items] == ["I drink tea"]
    database.index.index_pending()
    vectors = database.index._vectors
    assert (vectors.count("messages"), vectors.count("passages")) == (1, 1)


def damage_data(index: Path) -> None:
    for file in index.glob("*/data/*"):
        file.unlink()


def damage_versions(index: Path) -> None:
    for file in index.glob("*/_versions/*"):
        file.write_bytes(b"nonsense")


def damage_one_table(index: Path) -> None:
    shutil.rmtree(index / "messages.lance")


def damage_all(index: Path) -> None:
    shutil.rmtree(index)


def damage_folder(index: Path) -> None:
    shutil.rmtree(index)
    index.mkdir()


@pytest.mark.parametrize("damage", [damage_data, damage_versions, damage_one_table, damage_all, damage_folder])
@pytest.mark.parametrize("while_open", [True, False])
def test_a_damaged_index_is_noticed_and_made_anew(home: Path, damage: Any, while_open: bool) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database:
        fill(database)
        if while_open:
            damage(home / "index")
            check(database)
            assert "made anew from the database" in "".join(database.take_notices())
    if not while_open:
        damage(home / "index")
        with open_database(home, embedder) as database:
            check(database)
            (notice,) = database.take_notices()
            assert "made anew from the database" in notice
            assert database.take_notices() == []


def test_a_new_index_says_nothing(indexed: Database) -> None:
    fill(indexed)
    check(indexed)
    assert indexed.take_notices() == []


def test_another_embedder_makes_the_index_anew(home: Path) -> None:
    with open_database(home, WordHashEmbedder("one", 64)) as database:
        fill(database)
    other = WordHashEmbedder("two", 32)
    with open_database(home, other) as database:
        check(database)
        (notice,) = database.take_notices()
        assert notice == (
            "The search index was made by the embedding model one, and now it is two; "
            "it is made anew from the database (2 texts)."
        )
        assert other.embedded >= 2


def test_what_another_process_made_anew_with_another_embedder_is_left_alone(home: Path) -> None:
    """Vectors of two models may be of one length; both would make the index anew in turns."""
    one = WordHashEmbedder("one")
    with open_database(home, one) as first, open_database(home, WordHashEmbedder("two")) as second:
        fill(first)
        check(second)
        second.take_notices()
        embedded = one.embedded
        with first.agent("sam") as agent:
            agent.archival.insert("more on tea")
            assert set(texts(agent.archival, "tea")) == {"a note on tea", "more on tea"}
        (notice,) = first.take_notices()
        assert notice.startswith("Searching by words only. Another program has made the search index anew")
        assert "embedding model two, and here it is one" in notice and one.embedded == embedded
        with pytest.raises(StorageError, match="start this one again"):
            first.index.index_pending()
        assert (second.index.index_pending(), second.index._vectors.count("passages")) == (1, 2)
        assert second.take_notices() == []


def test_an_index_that_lags_behind_an_older_database_is_noticed(home: Path) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database:
        fill(database)
    backup = home / "memos.sqlite.bak"
    shutil.copy(home / "memos.sqlite", backup)
    with open_database(home, embedder) as database:
        with database.agent("sam") as agent:
            agent.archival.insert("more tea")
        database.index.index_pending()
    backup.replace(home / "memos.sqlite")
    with open_database(home, embedder) as database:
        check(database)
        assert "does not match the database" in "".join(database.take_notices())


def put_away(_: Database, agent: AgentStorage) -> None:
    agent.archival.put_away([1], by=2)


def take_back(_: Database, agent: AgentStorage) -> None:
    agent.history.rewind(2)


def forget(_: Database, agent: AgentStorage) -> None:
    agent.history.forget_message(1)


def copy(database: Database, _: AgentStorage) -> None:
    database.fork_agent("sam", "eve")


def copy_the_first(database: Database, _: AgentStorage) -> None:
    database.fork_agent("sam", "eve", before_id=2)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ([put_away], (3, 0)),
        ([put_away, copy], (6, 0)),
        ([put_away, take_back], (1, 1)),
        ([take_back], (1, 1)),
        ([take_back, copy], (2, 2)),
        ([copy_the_first], (4, 2)),
        ([forget], (2, 1)),
        ([forget, copy], (4, 2)),
    ],
)
def test_the_index_has_what_a_search_may_find(home: Path, changes: Sequence[Any], left: tuple[int, int]) -> None:
    """Else it does not match the database when it is opened, and all of it is made anew."""
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database, database.agent("sam") as agent:
        agent.archival.insert("I live in Graz.")
        for turn, text in enumerate(("We live in Graz.", "No, in Linz.", "I like tea."), start=1):
            agent.recall.append(Kind.USER, text, turn=turn)
        database.index.index_pending()
        for change in changes:
            change(database, agent)
        database.index.index_pending()
        vectors = database.index._vectors
        assert (vectors.count("messages"), vectors.count("passages")) == left
    before = embedder.embedded
    with open_database(home, embedder) as database:
        database.index.index_pending()
        assert (database.take_notices(), embedder.embedded) == ([], before)


def test_what_was_taken_back_is_no_context_of_what_is_said_then(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder, seen = WordHashEmbedder(), set[str]()

    def vector(text: str) -> list[float]:
        seen.add(text)
        return [1.0] * 64

    monkeypatch.setattr(embedder, "_vector", vector)
    with open_database(home, embedder) as database, database.agent("sam") as agent:
        agent.recall.append(Kind.USER, "I like tea.", turn=1)
        agent.history.rewind(agent.recall.append(Kind.USER, "And coffee.", turn=2).id)
        agent.recall.append(Kind.USER, "And milk.", turn=2)
        database.index.index_pending()
    assert seen == {"I like tea.", "And milk.", "I like tea.\nAnd milk."}


def test_reindex_starts_from_sql_and_tells_its_progress(indexed: Database) -> None:
    fill(indexed)
    told: list[tuple[int, int]] = []
    assert indexed.reindex(lambda done, of: told.append((done, of))) == 2
    assert told == [(1, 2), (2, 2), (2, 2)], "as it is embedded, and when it is written"
    check(indexed)


def test_without_an_embedder_there_is_no_index(database: Database, home: Path) -> None:
    with database.agent("sam") as agent:
        agent.archival.insert("tea")
        assert texts(agent.archival, "tea") == ["tea"]
    assert database.index.index_pending() == 0
    assert not (home / "index").exists()
    with pytest.raises(StorageError, match="no embedding model"):
        database.reindex()


def test_an_embedder_that_cannot_be_made_leaves_search_by_words(home: Path) -> None:
    def missing() -> WordHashEmbedder:
        raise ModelNotFound("There is no model all-minilm here: run `memos pull`.")

    with Database.open(home, embedder=missing) as database, database.agent("sam") as agent:
        agent.archival.insert("tea")
        assert texts(agent.archival, "tea") == ["tea"]
        assert texts(agent.archival, "tea") == ["tea"]
        (notice,) = database.take_notices()
        assert notice.startswith("Searching by words only. There is no model")
        with pytest.raises(ModelNotFound):
            database.index.index_pending()


def test_a_search_does_not_wait_for_a_long_queue(home: Path) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database:
        library = database.library()
        library.store_document("/x", "1" * 64, [(f"tea {number}", "") for number in range(300)])
        assert library.search("tea 299", limit=1).items[0].text == "tea 299"
        assert 200 <= database.index.pending() < 300
        assert library.index_pending() == database.library().count() - 64
        assert library.search("tea", limit=1).total >= 200


@pytest.mark.parametrize("step", ["embed", "upsert", "upsert done", "acknowledge", "clear", "create"])
def test_a_kill_between_any_two_steps_loses_nothing(home: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    with open_database(home, WordHashEmbedder()) as database:
        fill(database)
        with database.agent("sam") as agent:
            agent.archival.insert("second note")
        kill_at(monkeypatch, database, step)
        with pytest.raises(Killed):
            database.reindex()
    monkeypatch.undo()
    with open_database(home, WordHashEmbedder()) as database:
        assert database.index.index_pending() >= 0
        with database.agent("sam") as agent:
            assert texts(agent.archival, "second note")[0] == "second note"
        vectors = database.index._vectors
        assert (vectors.count("messages"), vectors.count("passages")) == (1, 2)
        assert database.index.pending() == 0


def kill_at(patch: pytest.MonkeyPatch, database: Database, step: str) -> None:
    """From now on, die at this step of indexing."""
    index, vectors = database.index, database.index._vectors

    def killed(*args: Any) -> Any:
        raise Killed

    def upsert_and_die(name: str, rows: Sequence[Any]) -> None:
        type(vectors).upsert(vectors, name, rows)
        raise Killed

    owner, name = {
        "embed": (index, "_embed_all"),
        "upsert": (vectors, "upsert"),
        "upsert done": (vectors, "upsert"),
        "acknowledge": (index, "_acknowledge"),
        "clear": (vectors, "clear"),
        "create": (vectors, "create"),
    }[step]
    patch.setattr(owner, name, upsert_and_die if step == "upsert done" else killed)


def test_an_outgrown_table_gets_an_index_and_small_files_are_gathered(
    indexed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memos.storage.vectors.FLAT_UP_TO", 256)
    monkeypatch.setattr("memos.storage.vectors.WRITES_BETWEEN_COMPACTIONS", 2)
    library = indexed.library()
    library.store_document("/x", "1" * 64, [(f"tea number {number} {number * 7}", "") for number in range(400)])
    assert library.index_pending() == 400
    indices = indexed.index._vectors._table("passages").list_indices()
    assert {column for index in indices for column in index.columns} == set(INDEXED)
    assert library.search("tea number 399", limit=1).items[0].text.startswith("tea number 399")
    library.insert("a thing apart")
    assert texts(library, "thing apart")[0] == "a thing apart"


@pytest.mark.parametrize("dimension", [60, 384])
def test_with_an_index_the_nearest_are_those_that_comparing_with_all_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dimension: int
) -> None:
    monkeypatch.setattr("memos.storage.vectors.FLAT_UP_TO", 256)
    random = np.random.default_rng(0)
    topics = random.normal(size=(20, dimension))
    all_vectors = (topics[np.arange(2000) % 20] + random.normal(size=(2000, dimension))).astype(np.float32)
    all_vectors /= np.linalg.norm(all_vectors, axis=1, keepdims=True)
    made = Vectors(tmp_path / "index")
    made.create("test", dimension)
    made.upsert("passages", [Vector(at, 0, "passage", at, vector) for at, vector in enumerate(all_vectors)])
    made.maintain()
    assert "vector" in {one for index in made._table("passages").list_indices() for one in index.columns}
    shares, errors = [], []
    for query in all_vectors[:20]:
        exact = all_vectors @ query
        nearest = np.argsort(-exact)[:20]
        found = made.nearest("passages", query.tolist(), Scope((0,)), 50)
        shares.append(np.isin(nearest, list(found)).mean())
        errors += [abs(found[item].whole - exact[item]) for item in found]
    assert np.mean(shares) > 0.95, "a bit a dimension finds fewer"
    assert max(errors) < 0.03


def test_an_index_of_bits_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lancedb.index import IvfRq

    monkeypatch.setattr("memos.storage.vectors.FLAT_UP_TO", 256)
    made = Vectors(tmp_path / "index")
    made.create("test", 32)
    random = np.random.default_rng(0).normal(size=(400, 32)).astype(np.float32)
    made.upsert("passages", [Vector(at, 0, "passage", at, vector) for at, vector in enumerate(random)])
    made._table("passages").create_index("vector", config=IvfRq(distance_type="cosine"))
    made.maintain()
    kinds = {index.index_type for index in made._table("passages").list_indices() if index.columns == ["vector"]}
    assert kinds == {"IvfSq"}


def rows(ids: Sequence[int]) -> list[Vector]:
    return [Vector(one, 0, "passage", one, [float(one), 1.0] * 4) for one in ids]


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    made = Vectors(tmp_path / "index")
    made.create("test", 8)
    return made


def files(vectors: Vectors) -> int:
    return int(vectors._table("passages").stats()["fragment_stats"]["num_fragments"])


def test_large_writes_are_gathered_at_the_end_and_small_ones_when_there_are_many(
    vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gathering rewrites the whole table: after every 64 writes of a long ingest, memory grew with the corpus."""
    for name, value in (("SMALL_WRITE", 8), ("WRITES_BETWEEN_COMPACTIONS", 4), ("LARGE_WRITES_KEPT", 2)):
        monkeypatch.setattr(f"memos.storage.vectors.{name}", value)
    for start in range(1, 60, 10):
        vectors.upsert("passages", rows(range(start, start + 10)))
        vectors.maintain(build=False)
    assert files(vectors) == 6
    vectors.maintain()
    assert files(vectors) == 1
    for one in range(101, 105):
        assert files(vectors) == one - 100
        vectors.upsert("passages", rows([one]))
        vectors.maintain(build=False)
    assert (files(vectors), vectors.count("passages")) == (1, 64)


def test_what_another_process_wrote_is_replaced_and_not_doubled(vectors: Vectors) -> None:
    """It was killed before it could say in SQL what it had done."""
    vectors.upsert("passages", rows([1, 2, 3]))
    other = Vectors(vectors.folder)
    assert other.open("test", 8) == ""
    other.upsert("passages", rows([7, 8]))
    vectors.upsert("passages", rows([8, 9]))
    vectors.upsert("passages", rows([7]))
    vectors.upsert("passages", rows([5, 9]))
    vectors.delete("passages", [9])
    vectors.upsert("passages", rows([10]))
    vectors.upsert("passages", rows([9]))
    found = vectors.nearest("passages", [1.0] * 8, Scope((0,)), 100)
    assert (sorted(found), vectors.count("passages")) == ([1, 2, 3, 5, 7, 8, 9, 10], 8)


def test_an_index_of_an_earlier_version_is_made_anew_and_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr("memos.storage.vectors.LAYOUT", "by letter")
        with open_database(home, WordHashEmbedder()) as database, database.agent("sam") as agent:
            agent.recall.append(Kind.USER, "Good to hear from you all. We keep bees.", turn=1)
            agent.archival.insert("The boat is blue")
            assert agent.archival.index_pending() == 2
    with open_database(home, WordHashEmbedder()) as database, database.agent("sam") as agent:
        assert [one.content for one in agent.recall.search("bees?").items] == [
            "Good to hear from you all. We keep bees."
        ]
        assert texts(agent.archival, "boats") == ["The boat is blue"]
        [notice] = database.index.take_notices()
        assert notice == "The search index is of an earlier memos; it is made anew from the database (2 texts)."
        assert (database.index._vectors.count("messages"), database.index.pending()) == (1, 0)


def test_what_embedding_frees_goes_back_as_it_goes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real model's batches are of many lengths, and the heap keeps what none of the later ones fits."""
    embedder = WordHashEmbedder()
    given_back: list[int] = []
    monkeypatch.setattr("memos.storage.index.give_back", lambda: given_back.append(embedder.embedded))
    with open_database(home, embedder) as database:
        library = database.library()
        library.store_document("/x", "1" * 64, [(f"tea {number}", "") for number in range(600)])
        library.index_pending()
        with database.agent("sam") as agent:
            agent.archival.insert("The boat is blue")
            assert agent.archival.index_pending() == 1
    assert given_back == [64 * slices for slices in range(1, 10)]  # not behind the last few, nor for a message


def test_what_is_embedded_is_written_as_it_goes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill costs the embedding of few texts, and whoever searches meanwhile finds the others."""
    embedder = WordHashEmbedder()
    embed = embedder.embed

    def fail_at_last(texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        if embedder.embedded >= 512:
            raise ModelError("It is gone.")
        return embed(texts, done)

    monkeypatch.setattr(embedder, "embed", fail_at_last)
    with open_database(home, embedder) as database:
        library = database.library()
        library.store_document("/x", "1" * 64, [(f"tea {number}", "") for number in range(600)])
        with pytest.raises(ModelError):
            library.index_pending()
        assert database.index.pending() == 600 - 512


def test_what_is_embedded_is_told_and_may_be_stopped_text_by_text(home: Path) -> None:
    embedder = WordHashEmbedder()

    def stop(done: int, of: int) -> None:
        if done == 3:
            raise Killed(of)

    with open_database(home, embedder) as database, database.agent("sam") as agent:
        for number in range(5):
            agent.recall.append(Kind.USER, f"The boat is {number}. The house is white.", turn=number)
        with pytest.raises(Killed, match="5"):
            agent.archival.index_pending(stop)
        assert embedder.embedded < 5 * 3 and database.index.pending() == 5
        assert agent.archival.index_pending() == 5


def test_only_messages_are_embedded_by_sentence(home: Path) -> None:
    embedder = WordHashEmbedder()
    with open_database(home, embedder) as database, database.agent("sam") as agent:
        agent.archival.insert("The boat is blue. The house is white.")
        agent.archival.index_pending()
        assert embedder.embedded == 1
        agent.recall.append(Kind.USER, "We keep bees.", turn=1)
        agent.archival.index_pending()
        assert embedder.embedded == 2, "a message of one sentence is embedded once"
        agent.recall.append(Kind.USER, "The boat is blue. The house is white.", turn=2)
        agent.archival.index_pending()
        assert embedder.embedded == 6, "alone, behind what was said before, and by sentence"


# ------------------------------------------------------------------------------------- any order

WORDS = ("tea", "boat", "上海", "rice")
STEPS = ("embed", "upsert", "upsert done", "acknowledge", "clear", "create")


class AnyOrder(RuleBasedStateMachine):
    """After any interleaving of writing, indexing, kills and damage, search finds what SQL holds."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.home = Path(self.folder.name) / "home"
        self.embedder = WordHashEmbedder()
        self.notes: dict[int, str] = {}
        self.messages: dict[int, str] = {}
        self.document: list[str] = []
        self.turn = 0
        self._open()

    def _open(self) -> None:
        self.database = open_database(self.home, self.embedder)
        self.agent = self.database.agent("sam")

    def _close(self) -> None:
        self.agent.close()
        self.database.close()

    @rule(word=st.sampled_from(WORDS))
    def insert(self, word: str) -> None:
        note = self.agent.archival.insert(f"note {len(self.notes)} on {word}")
        self.notes[note.id] = note.text

    @rule(word=st.sampled_from(WORDS), size=st.integers(0, 3))
    def store(self, word: str, size: int) -> None:
        self.document = [f"{word} page {page}" for page in range(size)]
        self.database.library().store_document("/x", "0" * 64, [(text, "") for text in self.document])

    @rule(word=st.sampled_from(WORDS), draft=st.sampled_from(["no", "done", "discarded"]))
    def say(self, word: str, draft: str) -> None:
        self.turn += 1
        state = State.DONE if draft == "no" else State.DRAFT
        message = self.agent.recall.append(Kind.USER, f"saying {word}", turn=self.turn, state=state)
        if draft == "discarded":
            self.agent.recall.discard(message.id)
            return
        if draft == "done":
            self.agent.recall.amend(message.id, content=f"saying {word} indeed", state=State.DONE)
        self.messages[message.id] = word

    @rule()
    def index(self) -> None:
        self.database.index.index_pending()

    @rule()
    def reindex(self) -> None:
        self.database.reindex()

    @rule(step=st.sampled_from(STEPS), again=st.booleans())
    def die(self, step: str, again: bool) -> None:
        with pytest.MonkeyPatch.context() as patch:
            kill_at(patch, self.database, step)
            with contextlib.suppress(Killed):
                self.database.reindex() if again else self.database.index.index_pending()
        self._close()
        self._open()

    @precondition(lambda self: (self.home / "index").exists())
    @rule(damage=st.sampled_from([damage_data, damage_versions, damage_all]))
    def damage(self, damage: Any) -> None:
        damage(self.home / "index")

    @invariant()
    def search_finds_what_sql_holds(self) -> None:
        archival, recall = self.agent.archival, self.agent.recall
        everything = sorted([*self.notes.values(), *self.document])
        assert sorted(p.text for p in archival.search("", limit=1000).items) == everything
        for word in WORDS[:2]:
            found = {p.text for p in archival.search(word, limit=1000).items}
            assert {text for text in everything if word in text} <= found <= set(everything)
            ids = {m.id for m in recall.search(word, limit=1000).items}
            assert {i for i, said in self.messages.items() if said == word} <= ids <= set(self.messages)
        assert {m.id for m in recall.search("", kinds=SPOKEN, limit=1000).items} == set(self.messages)

    def teardown(self) -> None:
        self.database.index.index_pending()
        vectors = self.database.index._vectors
        counts = (vectors.count("messages"), vectors.count("passages"))
        self._close()
        self.folder.cleanup()
        assert counts == (len(self.messages), len(self.notes) + len(self.document))


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=8, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
