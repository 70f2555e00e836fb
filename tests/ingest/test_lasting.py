"""The pipeline with real storage and real children: limits, kills, copies, deleted files, a hostile file system."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest

from memos.errors import IngestError, InputError, ModelError, StorageError
from memos.ingest import (
    FileCopied,
    FileFailed,
    FileGone,
    FileRead,
    FileSkipped,
    FileUnchanged,
    IngestFinished,
    Limits,
    Options,
    ParserProcesses,
    PassageSplitter,
    Selection,
    ingest,
    parsing,
    watching,
    worker,
)
from memos.ingest.decoding import NothingToRead
from memos.storage import Archival, Database
from tests.storage.helpers import WordHashEmbedder, open_database

from .test_pipeline import files

NASTY = Path("/work/shared/data/tools/gen_runtime_nasty.py")

# A reader that does what the file says: stands in for a format library that a hostile file has got hold of.
WICKED = """
import os, time
from memos.ingest import readers, worker
from memos.errors import IngestError
real = readers.read_document
def read_document(data, name):
    if data.startswith(b"hang"):
        while True: pass
    if data.startswith(b"crash"):
        os.abort()
    if data.startswith(b"exit"):
        os._exit(3)
    if data.startswith(b"print"):
        os.write(1, b"17\\\\n{}")
    if data.startswith(b"grow"):
        kept = []
        while True: kept.append(bytearray(10_000_000))
    return real(data, name)
worker.read_document = read_document
worker.main()
"""


@pytest.fixture
def wicked(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("wicked")
    (folder / "wicked_worker.py").write_text(WICKED, "utf-8")
    monkeypatch.setattr(parsing, "WORKER", "wicked_worker")
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with open_database(tmp_path_factory.mktemp("data") / "home", WordHashEmbedder()) as database:
        yield database


@pytest.fixture
def archive(database: Database) -> Archival:
    return database.library()


def stored(archive: Archival, path: Path) -> list[str]:
    return [passage.text for passage in archive.read_document(str(path), limit=1000).items]


def finished(events: Sequence[Any]) -> IngestFinished:
    assert isinstance(events[-1], IngestFinished)
    return events[-1]


# ------------------------------------------------------------------------------------------ children


def test_children_read_what_this_process_reads(tokenizer_folder: Path, splitter: PassageSplitter) -> None:
    text = "# Setup\n\n" + "The lamp is in the pantry. " * 60
    with ParserProcesses(tokenizer_folder, workers=1) as parser:
        first, second = (parser.parse(text.encode(), "a.md") for _ in range(2))
        assert first == second == parsing.InProcess(splitter).parse(text.encode(), "a.md")
        assert len(first.passages) > 3
        with pytest.raises(NothingToRead, match="empty"):
            parser.parse(b"", "a.md")
        with pytest.raises(IngestError, match="The PDF is damaged"):
            parser.parse(b"%PDF-1.4 and no more", "a.pdf")


@pytest.mark.usefixtures("wicked")
def test_a_file_that_takes_a_child_with_it_is_reported_and_the_next_is_read(tokenizer_folder: Path) -> None:
    limits = Limits(seconds=6, memory=600 << 20)
    with ParserProcesses(tokenizer_folder, workers=1, limits=limits) as parser:
        for data, says in (
            (b"hang", "took longer than 6 seconds"),
            (b"crash", "more than 600 MiB"),
            (b"exit", "exit status 3"),
            (b"grow", "more than 600 MiB"),
        ):
            with pytest.raises(IngestError, match=says):
                parser.parse(data, "bad.txt")
            assert parser.parse(b"the lamp", "good.txt").passages == [("the lamp", "")]
        assert parser.parse(b"print me", "p.txt").passages == [("print me", "")]  # what is printed is no answer


@pytest.mark.skipif(not hasattr(os, "nice"), reason="processes are not nice here")
def test_a_child_gives_way_to_the_embedding_and_is_spared_ctrl_c(tokenizer_folder: Path) -> None:
    """Linux weighs processes within a session: nice in a session of its own, it would take half of the machine."""
    with ParserProcesses(tokenizer_folder, workers=1) as parser:
        parser.parse(b"the lamp", "a.txt")
        child = parser._idle.queue[0]
        assert child is not None
        process = child._process.pid
        assert os.getsid(process) == os.getsid(0)
        assert os.getpgid(process) != os.getpgid(0)
        assert os.getpriority(os.PRIO_PROCESS, process) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + worker.NICE)


def test_the_children_are_gone_while_what_they_read_is_embedded(tmp_path: Path, tokenizer_folder: Path) -> None:
    """They hold some eighty megabytes each, and embedding goes on for long after the last file was read."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (docs / name).write_text(f"the lamp of {name}", "utf-8")
    children: set[Any] = set()
    alive: list[bool] = []

    class Looking(WordHashEmbedder):
        def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
            alive.append(any(child.alive for child in children))
            return super().embed(texts, done)

    with (
        open_database(tmp_path / "home", Looking()) as database,
        ParserProcesses(tokenizer_folder, workers=2) as parser,
    ):
        events = []
        for event in ingest([docs], database.library(), parser):
            children |= {child for child in [*parser._busy, *parser._idle.queue] if child is not None}
            events.append(event)
        assert finished(events).embedded == 4
        assert len(children) == 2 and alive and not any(alive)
        assert parser.parse(b"the bucket", "e.txt").passages == [("the bucket", "")]


def test_a_child_without_a_tokenizer_says_so(tmp_path: Path) -> None:
    with ParserProcesses(tmp_path, workers=1) as parser, pytest.raises(ModelError, match=r"tokenizer\.json"):
        parser.parse(b"x", "a.txt")


def test_a_childs_answer_is_checked() -> None:
    for answer in (
        {},
        {"passages": "x", "note": ""},
        {"passages": [["a"]], "note": ""},
        {"passages": [[1, 2]], "note": ""},
    ):
        with pytest.raises(IngestError, match="wrong answer"):
            parsing._checked(answer)


def close_before_a_hang(folder: Path, archive: Archival, parser: ParserProcesses, begun: threading.Event) -> None:
    """Read a file, and close while or before the next one hangs, which must not be waited for."""
    (folder / "a.txt").write_text("fine", "utf-8")
    (folder / "b.txt").write_text("hang", "utf-8")
    events = ingest([folder], archive, parser)
    assert isinstance(next(event for event in events if isinstance(event, FileRead)), FileRead)
    assert begun.wait(20)
    started = time.monotonic()
    events.close()
    assert time.monotonic() - started < 20


@pytest.mark.usefixtures("wicked")
def test_stopping_reaches_a_file_that_is_given_to_a_child_only_then(
    tmp_path: Path, tokenizer_folder: Path, archive: Archival
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    class Late(ParserProcesses):
        def parse(self, data: bytes, name: str) -> Any:
            if data == b"hang":
                begun.set()
                assert stopped.wait(20)
            return super().parse(data, name)

        def stop(self) -> None:
            super().stop()
            stopped.set()

    with Late(tokenizer_folder, workers=1) as parser:
        close_before_a_hang(tmp_path, archive, parser, begun)


@pytest.mark.usefixtures("wicked")
def test_stopping_does_not_wait_for_a_file_that_hangs(
    tmp_path: Path, tokenizer_folder: Path, archive: Archival
) -> None:
    at_once = threading.Event()
    at_once.set()
    with ParserProcesses(tokenizer_folder, workers=1) as parser:
        close_before_a_hang(tmp_path, archive, parser, at_once)
    assert [document.source for document in archive.documents()] == [str(tmp_path / "a.txt")]


# ------------------------------------------------------------------------------------------ what changed


def test_an_untouched_file_is_not_opened_and_a_touched_one_is_compared(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("the lamp", "utf-8")
    os.utime(file, (1_000_000_000, 1_000_000_000))
    assert finished(list(ingest([file], archive, splitter))).read == 1
    os.utime(file, (1_100_000_000, 1_100_000_000))
    assert finished(list(ingest([file], archive, splitter))).unchanged == 1  # by its bytes
    monkeypatch.setattr("memos.ingest.pipeline.read_at_rest", lambda *_: pytest.fail("it was opened"))
    assert finished(list(ingest([file], archive, splitter))).unchanged == 1  # by its times


def test_a_file_written_just_now_is_compared_although_its_time_is_the_same(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    file = tmp_path / "a.txt"
    file.write_text("one", "utf-8")
    status = file.stat()
    list(ingest([file], archive, splitter))
    file.write_text("two", "utf-8")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert finished(list(ingest([file], archive, splitter))).read == 1
    assert stored(archive, file) == ["two"]


def test_the_same_bytes_are_stored_once_and_known_by_both_paths(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    one, two, other = (tmp_path / name for name in ("a.txt", "b.txt", "c.md"))
    for file in (one, two, other):
        file.write_text("the lamp is in the pantry", "utf-8")
    found = files(list(ingest([tmp_path], archive, splitter)))
    assert found["b.txt"] == FileCopied(two, one)
    assert isinstance(found["c.md"], FileRead)  # read in another way
    assert [(d.source, d.copies) for d in archive.documents()] == [(str(one), (str(two),)), (str(other), ())]
    assert archive.count() == 2
    assert stored(archive, two) == stored(archive, one)
    assert finished(list(ingest([tmp_path], archive, splitter))).unchanged == 3
    one.write_text("the lamp is gone", "utf-8")
    list(ingest([tmp_path], archive, splitter))
    assert stored(archive, one) == ["the lamp is gone"]
    assert stored(archive, two) == ["the lamp is in the pantry"]
    assert archive.remove_document(str(two)) and not archive.remove_document(str(two))
    assert archive.count() == 2


def test_what_is_gone_is_reported_and_pruned_only_if_asked(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    inside, outside = tmp_path / "in" / "a.txt", tmp_path / "out.txt"
    inside.parent.mkdir()
    inside.write_text("inside", "utf-8")
    outside.write_text("outside", "utf-8")
    list(ingest([inside.parent, outside], archive, splitter))
    inside.unlink()
    outside.unlink()
    events = list(ingest([inside.parent], archive, splitter))
    assert FileGone(inside, removed=False) in events
    assert stored(archive, inside) == ["inside"]
    events = list(ingest([inside.parent], archive, splitter, options=Options(prune=True)))
    assert FileGone(inside, removed=True) in events and finished(events).removed == 1
    assert stored(archive, inside) == [] and stored(archive, outside) == ["outside"]
    assert archive.jobs(source=str(inside))[0].outcome == "removed"


def test_a_file_in_whose_place_there_is_a_folder_is_gone(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    file = tmp_path / "in" / "a.txt"
    file.parent.mkdir()
    file.write_text("the lamp", "utf-8")
    list(ingest([tmp_path], archive, splitter))
    file.unlink()
    file.mkdir()
    (file / "b.txt").write_text("the key", "utf-8")
    for root in (tmp_path, file):
        assert FileGone(file, removed=False) in list(ingest([root], archive, splitter))
    assert FileGone(file, removed=True) in list(ingest([file], archive, splitter, options=Options(prune=True)))
    assert stored(archive, file) == [] and stored(archive, file / "b.txt") == ["the key"]


def test_a_path_that_is_gone_itself_is_reported_where_that_is_no_mistake(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    inside, alone, kept = tmp_path / "in" / "a.txt", tmp_path / "b.txt", tmp_path / "c.txt"
    inside.parent.mkdir()
    roots = [inside.parent, alone, kept]
    for path in (inside, alone, kept):
        path.write_text(f"the lamp of {path.name}", "utf-8")
    list(ingest(roots, archive, splitter))
    inside.unlink()
    inside.parent.rmdir()
    alone.unlink()
    with pytest.raises(InputError, match="no file or folder"):
        ingest(roots, archive, splitter)
    events = list(ingest(roots, archive, splitter, options=Options(prune=True, may_be_gone=True)))
    assert [one for one in events if isinstance(one, FileGone)] == [FileGone(alone, True), FileGone(inside, True)]
    assert finished(events).failed == 0 and [stored(archive, path) for path in (inside, alone)] == [[], []]
    assert stored(archive, kept) == ["the lamp of c.txt"]


def test_what_a_file_said_before_it_was_emptied_is_forgotten(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    emptied, copy, other = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.txt"
    for file, text in ((emptied, "the lamp"), (copy, "the lamp"), (other, "the key")):
        file.write_text(text, "utf-8")
    list(ingest([tmp_path], archive, splitter))
    for file in (emptied, other):
        file.write_bytes(b"")
    events = list(ingest([tmp_path], archive, splitter))
    told = files(events)[emptied.name]
    assert isinstance(told, FileSkipped) and told.removed and finished(events).removed == 2
    assert stored(archive, emptied) == stored(archive, other) == [] and stored(archive, copy) == ["the lamp"]
    assert [job.outcome for job in archive.jobs(source=str(other))] == ["skipped", "removed", "stored"]
    events = list(ingest([tmp_path], archive, splitter))
    assert finished(events).skipped == 2 and not finished(events).removed


def test_read_again_reads_what_has_not_changed(tmp_path: Path, archive: Archival, splitter: PassageSplitter) -> None:
    (tmp_path / "a.txt").write_text("the lamp", "utf-8")
    list(ingest([tmp_path], archive, splitter))
    assert finished(list(ingest([tmp_path], archive, splitter, options=Options(again=True)))).read == 1
    assert archive.count() == 1


@pytest.mark.parametrize("names", [("a.txt", "b.txt"), ("a.txt", *(f"n{at}.txt" for at in range(9)), "z.txt")])
def test_files_with_the_same_bytes_stay_one_document_that_is_read_again_once(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter, names: Sequence[str]
) -> None:
    """Whether the second is met while the first is being read, or long after."""
    for name in names:
        (tmp_path / name).write_text(name if name.startswith("n") else "the lamp", "utf-8")
    first, last = tmp_path / names[0], tmp_path / names[-1]
    list(ingest([tmp_path], archive, splitter))
    sha256 = archive.stored_files()[str(first)].sha256
    archive.store_document(str(first), sha256, [("as another version read it", "")])
    events = list(ingest([tmp_path], archive, splitter, options=Options(again=True)))
    assert finished(events).read == len(names) - 1 and files(events)[last.name] == FileCopied(last, first)
    assert stored(archive, first) == stored(archive, last) == ["the lamp"]
    assert [d.copies for d in archive.documents() if d.source == str(first)] == [(str(last),)]
    assert len(archive.documents()) == archive.count() == len(names) - 1


def test_a_copy_alone_read_again_renews_the_document(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter
) -> None:
    one, two = tmp_path / "a.txt", tmp_path / "b.txt"
    for file in (one, two):
        file.write_text("the lamp", "utf-8")
    list(ingest([tmp_path], archive, splitter))
    assert finished(list(ingest([two], archive, splitter, options=Options(again=True)))).read == 1
    assert [(d.source, d.copies) for d in archive.documents()] == [(str(one), (str(two),))]
    assert stored(archive, one) == stored(archive, two) == ["the lamp"] and archive.count() == 1


def test_patterns_choose_files(tmp_path: Path, archive: Archival, splitter: PassageSplitter) -> None:
    for name in ("a.md", "b.txt", "drafts/c.md", "old/deep/d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, "utf-8")
    selection = Selection(only=("*.md",), without=("drafts", "old/deep"))
    list(ingest([tmp_path], archive, splitter, options=Options(selection=selection)))
    assert [document.source for document in archive.documents()] == [str(tmp_path / "a.md")]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("**/*.md", "a.md", True),
        ("**/*.md", "x/y/a.md", True),
        ("**/*.md", "a.txt", False),
        ("docs/**/a.md", "docs/a.md", True),
        ("docs/**/a.md", "docs/x/y/a.md", True),
        ("docs/**/x/**/a.md", "docs/x/y/a.md", True),
        ("docs/**", "docs/x/a.md", True),
        ("./drafts", "drafts", True),
        ("./drafts/", "drafts", True),
        ("./*.md", "a.md", True),
        ("a[.]md", "x/a.md", True),
        ("a.md", "xa.md", False),
    ],
)
def test_patterns_are_read_as_users_mean_them(pattern: str, path: str, matches: bool) -> None:
    assert Selection(only=(pattern,)).takes(Path(path)) is matches
    assert Selection(without=(pattern,)).excludes(Path(path)) is matches


def test_jobs_tell_what_was_done_once_each(tmp_path: Path, archive: Archival, splitter: PassageSplitter) -> None:
    (tmp_path / "a.txt").write_text("the lamp", "utf-8")
    (tmp_path / "empty.txt").write_bytes(b"")
    for _ in range(3):
        list(ingest([tmp_path], archive, splitter))
    jobs = {(Path(job.source).name, job.outcome, job.reason): job.passages for job in archive.jobs()}
    assert jobs == {("a.txt", "stored", ""): 1, ("empty.txt", "skipped", "The file is empty (0 bytes)."): 0}
    assert len(archive.jobs()) == 2


# ------------------------------------------------------------------------------------------ the file system


def test_a_file_that_changes_while_it_is_read_is_read_again_and_then_reported(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.txt"
    file.write_text("line\n", "utf-8")
    real, times = os.fdopen, iter(range(100))

    def growing(most: int) -> Any:
        def opened(descriptor: int, mode: str) -> Any:
            handle = real(descriptor, mode)
            if next(times) < most:
                read = handle.read

                class Reader:
                    def __enter__(self) -> Any:
                        return self

                    def __exit__(self, *_: object) -> None:
                        handle.close()

                    def read(self, count: int) -> bytes:
                        data: bytes = read(count)
                        with file.open("a") as more:
                            more.write("another line\n")
                        return data

                return Reader()
            return handle

        return opened

    monkeypatch.setattr(os, "fdopen", growing(2))
    event = files(list(ingest([file], archive, splitter)))["log.txt"]
    assert isinstance(event, FileFailed) and "changed while it was read" in event.reason
    assert archive.count() == 0
    times = iter(range(100))
    monkeypatch.setattr(os, "fdopen", growing(1))
    assert isinstance(files(list(ingest([file], archive, splitter)))["log.txt"], FileRead)
    assert stored(archive, file)[0].count("another line") == 3


def test_links_are_told_apart(tmp_path: Path, archive: Archival, splitter: PassageSplitter) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("secret", "utf-8")
    (root / "a.txt").write_text("a", "utf-8")
    for name, target in (
        ("out", "../outside.txt"),
        ("in", "a.txt"),
        ("self", "."),
        ("x", "y"),
        ("y", "x"),
        ("no", "z"),
    ):
        (root / name).symlink_to(target)
    found = files(list(ingest([root], archive, splitter)))
    reasons = {name: event.reason for name, event in found.items() if isinstance(event, FileSkipped)}
    for name, says in (("out", "out of the folder"), ("in", "own place"), ("self", "it is in"), ("no", "to nothing")):
        assert says in reasons[name]
    assert "circle" in reasons["x"] and "circle" in reasons["y"]
    assert archive.count() == 1


def test_a_full_disk_stops_in_one_sentence_and_keeps_what_was_stored(
    tmp_path: Path, archive: Archival, splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(name, "utf-8")
    real = archive.store_document

    def full(source: str, *arguments: Any, **more: Any) -> int:
        if source.endswith("b.txt"):
            raise StorageError("The disk is full: memos.sqlite could not be written.")
        return real(source, *arguments, **more)

    monkeypatch.setattr(archive, "store_document", full)
    with pytest.raises(StorageError, match="disk is full"):
        list(ingest([tmp_path], archive, splitter))
    assert [document.source for document in archive.documents()] == [str(tmp_path / "a.txt")]
    monkeypatch.undo()
    assert finished(list(ingest([tmp_path], archive, splitter))).read == 2


@pytest.mark.skipif(not NASTY.is_file(), reason="the evaluation data is not on this machine")
def test_every_awkward_file_is_told_by_name_and_the_rest_is_read(
    tmp_path: Path, archive: Archival, tokenizer_folder: Path
) -> None:
    subprocess.run([sys.executable, str(NASTY), str(tmp_path / "nasty")], check=True, capture_output=True)
    root = tmp_path / "nasty"
    for note in sorted((root / "many_small").iterdir())[100:]:
        note.unlink()
    with ParserProcesses(tokenizer_folder, workers=1) as parser:
        found = files(list(ingest([root], archive, parser, options=Options(largest=1_000_000))))
    assert sum(isinstance(event, FileRead) for event in found.values()) >= 100 + 5
    for name in ("a", "b", "self", "dangling.txt", "fifo", "single_line_5mb.txt"):
        event = found[name]
        assert isinstance(event, FileSkipped) and event.reason.endswith(".")
    assert isinstance(found["name\nnewline.txt"], FileRead) and "folder.txt" not in found
    assert not isinstance(found["growing_zip.zip"], FileRead)
    assert archive.search("Note 42 shelf").total


# ------------------------------------------------------------------------------------------ kills

KILLED = """
import sys
from pathlib import Path
from memos.ingest import ParserProcesses, ingest
from tests.storage.helpers import WordHashEmbedder, open_database
home, folder, docs = map(Path, sys.argv[1:])
with open_database(home, WordHashEmbedder()) as database, ParserProcesses(folder, workers=1) as parser:
    for event in ingest([docs], database.library(), parser):
        print(type(event).__name__, flush=True)
"""


def test_kill_9_and_resume_gives_the_same_passages_none_twice(tmp_path: Path, tokenizer_folder: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(30):
        text = " ".join(f"word{number}x{word}" for word in range(100))
        (docs / f"{number:02}.txt").write_text(text, "utf-8")

    def passages(home: Path) -> list[tuple[str, str]]:
        with open_database(home, WordHashEmbedder()) as database:
            archive = database.library()
            archive.index_pending()
            assert database.index.pending() == 0
            assert database.index._vectors.count("passages") == archive.count()
            return sorted(
                (document.source, passage.text)
                for document in archive.documents()
                for passage in archive.read_document(document.source, limit=1000).items
            )

    command = [sys.executable, "-c", KILLED]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run([*command, str(whole), str(tokenizer_folder), str(docs)], check=True, capture_output=True)
    for lines in (2, 14, 31):
        process = subprocess.Popen(
            [*command, str(killed), str(tokenizer_folder), str(docs)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    subprocess.run([*command, str(killed), str(tokenizer_folder), str(docs)], check=True, capture_output=True)
    assert passages(killed) == passages(whole)
    assert len({source for source, _ in passages(whole)}) == 30 and len(set(passages(whole))) >= 90


# ------------------------------------------------------------------------------------------ watching


class Watching:
    """Follows paths on a thread, from when it is made until it is stopped."""

    def __init__(self, *paths: Path) -> None:
        self._stop, self._told = Event(), SimpleQueue[frozenset[Path]]()
        self._thread = Thread(target=self._follow, args=(paths,), daemon=True)
        self._thread.start()
        assert self._told.get(timeout=30) == frozenset()

    def _follow(self, paths: Sequence[Path]) -> None:
        for found in watching.changes(paths, self._stop):
            self._told.put(found)

    def sees(self, path: Path) -> frozenset[Path]:
        """Wait until a path is told of; what else was."""
        told: frozenset[Path] = frozenset()
        while path not in told:
            told |= self._told.get(timeout=30)
        return told

    def sees_written(self, path: Path) -> None:
        """Write a file until it is told of: where its folder is new, it may only be told that that is there."""
        told: frozenset[Path] = frozenset()
        for at in range(30):
            path.write_text(f"{at}", "utf-8")
            with suppress(Empty):
                while path not in told:
                    told = self._told.get(timeout=1)
                return
        raise AssertionError(f"{path} is not watched")

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watching]]:
    monkeypatch.setattr(watching, "DEBOUNCE", 100)
    monkeypatch.setattr(watching, "TICK", 50)
    made: list[Watching] = []

    def make(*paths: Path) -> Watching:
        made.append(Watching(*paths))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def test_watching_tells_of_what_the_walk_may_read(tmp_path: Path, follow: Callable[..., Watching]) -> None:
    for name in ("node_modules", ".git"):
        (tmp_path / name).mkdir()
    watched = follow(tmp_path)
    (tmp_path / "a.txt").write_text("a", "utf-8")
    watched.sees(tmp_path / "a.txt")
    (tmp_path / ".git" / "index").write_text("x", "utf-8")
    (tmp_path / "node_modules" / "readme.md").write_text("x", "utf-8")
    told = watched.sees(tmp_path / "node_modules" / "readme.md")
    assert not [path for path in told if ".git" in path.parts]


def test_a_file_is_watched_though_others_take_its_place(tmp_path: Path, follow: Callable[..., Watching]) -> None:
    file, link = tmp_path / "in" / "a.txt", tmp_path / "link.txt"
    file.parent.mkdir()
    file.write_text("0", "utf-8")
    link.symlink_to(file)
    watched = follow(link)
    for text in "123":
        (file.parent / "new").write_text(text, "utf-8")
        (file.parent / "new").replace(file)
        assert file.parent / "new" not in watched.sees(file)
    file.write_text("4", "utf-8")
    watched.sees(file)


def test_what_goes_is_told_of_and_watched_again_when_it_is_back(
    tmp_path: Path, follow: Callable[..., Watching]
) -> None:
    folder, file = tmp_path / "docs", tmp_path / "in" / "b.txt"
    file.parent.mkdir()
    watched = follow(folder, file)  # neither is there
    for _ in range(2):
        folder.mkdir()
        watched.sees_written(folder / "a.txt")
        watched.sees_written(file)
        shutil.rmtree(folder)
        watched.sees(folder)
        shutil.rmtree(file.parent)
        watched.sees(file.parent)
        file.parent.mkdir()
        watched.sees_written(file)


def test_what_cannot_be_watched_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __iter__(self) -> Iterator[object]:
            raise OSError('OS file watch limit reached. about ["/docs"] (Error { kind: MaxFilesWatch })')

    monkeypatch.setattr("watchfiles.watch", Refusing)
    with pytest.raises(IngestError, match=r"no more watches; raise fs\.inotify\.max_user_watches\.$"):
        next(watching.changes([tmp_path]))


def test_a_folder_that_may_not_be_read_does_not_end_watching(tmp_path: Path, follow: Callable[..., Watching]) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    watched = follow(tmp_path)
    (tmp_path / "a.txt").write_text("a", "utf-8")
    watched.sees(tmp_path / "a.txt")


def test_an_unchanged_run_says_so(tmp_path: Path, archive: Archival, splitter: PassageSplitter) -> None:
    (tmp_path / "a.txt").write_text("the lamp", "utf-8")
    list(ingest([tmp_path], archive, splitter))
    assert files(list(ingest([tmp_path], archive, splitter)))["a.txt"] == FileUnchanged(tmp_path / "a.txt")
