"""Folders become stored passages, whatever lies in them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from memos import ingest as package
from memos.errors import InputError, StorageError
from memos.ingest import (
    Embedded,
    FileCopied,
    FileFailed,
    FileRead,
    FilesFound,
    FileSkipped,
    FileUnchanged,
    IngestEvent,
    IngestFinished,
    Options,
    PassageSplitter,
    ingest,
)
from memos.ingest.embedding import SWITCH_SECONDS, Embedding


def files(events: Sequence[IngestEvent]) -> dict[str, IngestEvent]:
    kinds = (FileRead, FileCopied, FileUnchanged, FileSkipped, FileFailed)
    return {event.path.name: event for event in events if isinstance(event, kinds)}


def test_a_folder_is_read_in_order_and_embedded(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.txt", "b/y.txt", "a.md"):
        (tmp_path / name).write_text(f"the lamp is in the pantry {name}", "utf-8")
    events = list(ingest([tmp_path], indexer, splitter))
    read = [event for event in events if isinstance(event, FileRead)]
    assert read == [FileRead(tmp_path / name, 1) for name in ("a.md", "z.txt", "b/y.txt")]
    assert events[0] == FilesFound(3)
    assert [event for event in events if isinstance(event, Embedded)][-1].done == 3
    assert events[-1] == IngestFinished(read=3, unchanged=0, skipped=0, failed=0, passages=3, embedded=3)


def test_awkward_files_stop_nothing(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter, make_pdf: Callable[[Sequence[str]], bytes]
) -> None:
    pdf = make_pdf(["The key is under the mat."])
    contents = {
        "bad.json": b'{"mail": "x@example.com"',
        "binary.txt": os.urandom(4096),
        "empty.txt": b"",
        "zero.pdf": b"",
        "cut.pdf": pdf[:60],
        "good.pdf": pdf,
        "utf16.txt": "the lamp".encode("utf-16"),
        "latin.txt": "Schöne Grüße aus der Küche".encode("latin-1"),
        "gb.txt": "备用钥匙放在厨房的蓝色罐子里。".encode("gb18030"),
        "a\nb.txt": b"newline in the name",
        "-dash.txt": b"dash",
        ".hidden.txt": b"hidden",
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling.txt").symlink_to("nowhere")
    (tmp_path / "folder.txt").mkdir()
    found = files(list(ingest([tmp_path], indexer, splitter)))
    assert {name: type(event).__name__ for name, event in found.items()} == {
        "bad.json": "FileRead",
        "binary.txt": "FileSkipped",
        "empty.txt": "FileSkipped",
        "zero.pdf": "FileSkipped",
        "cut.pdf": "FileFailed",
        "good.pdf": "FileRead",
        "utf16.txt": "FileRead",
        "latin.txt": "FileRead",
        "gb.txt": "FileRead",
        "a\nb.txt": "FileRead",
        "-dash.txt": "FileRead",
        "fifo": "FileSkipped",
        "loop": "FileSkipped",
        "dangling.txt": "FileSkipped",
    }
    assert all(event.reason.endswith(".") for event in found.values() if hasattr(event, "reason"))
    assert indexer.text(tmp_path / "latin.txt") == "Schöne Grüße aus der Küche"
    assert "蓝色罐子" in indexer.text(tmp_path / "gb.txt")


def test_only_a_changed_file_is_read_again(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    (tmp_path / "same.txt").write_text("same", "utf-8")
    (tmp_path / "other.txt").write_text("old", "utf-8")
    list(ingest([tmp_path], indexer, splitter))
    (tmp_path / "other.txt").write_text("new", "utf-8")
    found = files(list(ingest([tmp_path], indexer, splitter)))
    assert found["same.txt"] == FileUnchanged(tmp_path / "same.txt")
    assert found["other.txt"] == FileRead(tmp_path / "other.txt", 1)
    assert indexer.text(tmp_path / "other.txt") == "new"


def test_a_changed_file_that_cannot_be_read_keeps_its_stored_version(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("good", "utf-8")
    list(ingest([file], indexer, splitter))
    file.write_bytes(b"%PDF-1.4 and no more")
    assert isinstance(files(list(ingest([file], indexer, splitter)))["a.txt"], FileFailed)
    assert indexer.text(file) == "good"


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    for name in "abcd":
        (tmp_path / f"{name}.txt").write_text(name, "utf-8")
    indexer.fail_at = 2
    with pytest.raises(KeyboardInterrupt):
        list(ingest([tmp_path], indexer, splitter))
    indexer.fail_at = None
    events = list(ingest([tmp_path], indexer, splitter))
    kinds = {name: type(event) for name, event in files(events).items()}
    assert kinds == {"a.txt": FileUnchanged, "b.txt": FileUnchanged, "c.txt": FileRead, "d.txt": FileRead}
    finished = events[-1]
    assert isinstance(finished, IngestFinished)
    assert (finished.read, finished.unchanged, finished.passages, indexer.pending) == (2, 2, 2, 0)


def test_closing_the_iterator_stops_the_embedding(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    (tmp_path / "a.txt").write_text("\n".join("word " * 39 for _ in range(500)), "utf-8")
    gate = threading.Semaphore(1)
    real = indexer.index_pending

    def slow(progress: Callable[[int, int], None], *, follow: Callable[[], bool]) -> int:
        def gated(done: int, total: int) -> None:
            gate.acquire(timeout=0.2)
            progress(done, total)

        return int(real(gated, follow=follow))

    indexer.index_pending = slow
    events = ingest([tmp_path], indexer, splitter)
    assert any(isinstance(event, Embedded) for event in iter(lambda: next(events), None))
    events.close()
    assert indexer.pending > 400
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("memos-index")]


def test_embedding_goes_on_as_soon_as_something_is_stored(indexer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memos.ingest.embedding.POLL_SECONDS", 60)
    looks: SimpleQueue[None] = SimpleQueue()

    def look(progress: object, *, follow: Callable[[], bool]) -> int:
        while follow():
            looks.put(None)
        return 0

    indexer.index_pending = look
    with Embedding(indexer) as embedding:
        for _ in range(3):
            embedding.stored()
            looks.get(timeout=20)
        assert list(embedding.finish()) == []


def test_threads_take_turns_more_often_only_while_embedding(indexer: Any) -> None:
    before = sys.getswitchinterval()
    meanwhile: list[float] = []

    def look(progress: object, *, follow: Callable[[], bool]) -> int:
        meanwhile.append(sys.getswitchinterval())
        return 0

    indexer.index_pending = look
    with pytest.raises(ValueError, match="stored"), Embedding(indexer):
        raise ValueError("nothing is stored")
    assert meanwhile == [pytest.approx(SWITCH_SECONDS)]
    assert sys.getswitchinterval() == before


def test_an_indexer_that_fails_is_no_bad_file(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise StorageError("The disk is full.")

    (tmp_path / "a.txt").write_text("a", "utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(indexer, "store_document", full)
        with pytest.raises(StorageError, match="full"):
            list(ingest([tmp_path], indexer, splitter))
    monkeypatch.setattr(indexer, "index_pending", full)
    with pytest.raises(StorageError, match="full"):
        list(ingest([tmp_path], indexer, splitter))


def test_a_missing_path_is_refused_before_anything_is_read(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter
) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    with pytest.raises(InputError, match="no file or folder"):
        ingest([tmp_path / "a.txt", tmp_path / "missing"], indexer, splitter)
    with pytest.raises(InputError, match="at least one"):
        ingest([], indexer, splitter)
    with pytest.raises(InputError, match="cannot be opened"):
        ingest(["a\0b"], indexer, splitter)
    assert not indexer.documents


def test_a_document_is_the_same_from_any_working_directory(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.txt").write_text("a", "utf-8")
    monkeypatch.chdir(tmp_path)
    list(ingest(["a.txt", ".", tmp_path / "a.txt"], indexer, splitter))
    monkeypatch.chdir(tmp_path / "inner")
    events = list(ingest(["../a.txt"], indexer, splitter))
    assert events[1] == FileUnchanged(tmp_path.resolve() / "a.txt")
    assert list(indexer.documents) == [str(tmp_path / "a.txt")]


def test_a_link_given_by_name_is_followed(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("a", "utf-8")
    (tmp_path / "link").symlink_to("real")
    list(ingest([tmp_path / "link"], indexer, splitter))
    assert list(indexer.documents) == [str(tmp_path / "link" / "a.txt")]


def test_a_file_over_the_limit_is_skipped(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    (tmp_path / "big.txt").write_text("x" * 2000, "utf-8")
    event = files(list(ingest([tmp_path], indexer, splitter, options=Options(largest=1000))))["big.txt"]
    assert event == FileSkipped(tmp_path / "big.txt", "The file has 2,000 bytes; the limit is 1,000.")


@pytest.mark.parametrize("again", [False, True])
def test_of_a_file_that_grew_over_the_limit_the_former_version_is_said_to_stay(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter, again: bool
) -> None:
    file = tmp_path / "log.txt"
    file.write_text("the lamp", "utf-8")
    list(ingest([file], indexer, splitter))
    file.write_text("x" * 2000, "utf-8")
    event = files(list(ingest([file], indexer, splitter, options=Options(largest=1000, again=again))))["log.txt"]
    reason = "The file has 2,000 bytes; the limit is 1,000. What was stored of it before stays."
    assert event == FileSkipped(file, reason) and indexer.text(file) == "the lamp"


def test_what_may_not_be_read_fails_alone(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")
    (tmp_path / "secret.txt").write_text("s", "utf-8")
    (tmp_path / "secret.txt").chmod(0)
    (tmp_path / "closed").mkdir(mode=0)
    if os.access(tmp_path / "secret.txt", os.R_OK):
        pytest.skip("this user may read everything (root)")
    found = files(list(ingest([tmp_path], indexer, splitter)))
    (tmp_path / "closed").chmod(0o700)
    assert found["secret.txt"] == FileFailed(tmp_path / "secret.txt", "Permission denied.")
    assert found["closed"] == FileFailed(tmp_path / "closed", "Permission denied.")
    assert isinstance(found["a.txt"], FileRead)


def test_errors_of_opening_become_reasons(
    tmp_path: Path, indexer: Any, splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("a", "utf-8")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("memos.ingest.walking.os.open", refuse)
        events = list(ingest([tmp_path], indexer, splitter))
    assert events[1] == FileFailed(tmp_path / "a.txt", "Permission denied.")


def test_a_name_that_is_no_unicode_is_skipped(tmp_path: Path, indexer: Any, splitter: PassageSplitter) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x", "utf-8")
    except OSError:
        pytest.skip("this file system takes only Unicode names")
    events = list(ingest([tmp_path], indexer, splitter))
    assert isinstance(events[1], FileSkipped)
    assert "Unicode" in events[1].reason


def test_all_is_what_is_visible() -> None:
    assert all(hasattr(package, name) for name in package.__all__)
