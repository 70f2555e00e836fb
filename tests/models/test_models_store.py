"""A name or path becomes a file that was checked, and a check is not repeated without need."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from memos.errors import InputError, ModelCorrupt, ModelNotFound
from memos.models import verification
from memos.models.catalogue import CATALOGUE, Entry, Purpose
from memos.models.store import ModelStore, Presence, default_root
from tests.models.tiny_models import WHEELS, WHOLE, file_of, tiny_entry


@pytest.fixture
def filled(store: ModelStore) -> ModelStore:
    """A store whose only model is here, not yet verified."""
    store.root.mkdir()
    (store.root / "tiny.gguf").write_bytes(WHOLE)
    return store


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Which files were hashed, in order."""
    seen: list[Path] = []
    real = verification.sha256_of

    def spy(path: Path, advance: object = None) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(verification, "sha256_of", spy)
    return seen


def test_the_folder_is_the_users_unless_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MEMOS_MODELS", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("MEMOS_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("MEMOS_HOME", "/elsewhere")
    assert default_root().name == "models"
    assert "elsewhere" not in str(default_root())


def test_a_name_is_hashed_once_and_then_trusted(filled: ModelStore, hashed: list[Path]) -> None:
    assert filled.presence(filled.catalogue[0]) is Presence.UNVERIFIED
    path = filled.resolve("tiny")
    assert path == filled.root / "tiny.gguf"
    assert filled.presence(filled.catalogue[0]) is Presence.VERIFIED
    assert filled.resolve("Tiny") == path
    assert len(hashed) == 1
    stamp = filled.stamp_file(filled.catalogue[0])
    assert stat.S_IMODE(stamp.stat().st_mode) == 0o600


def test_a_full_verification_hashes_again(filled: ModelStore, hashed: list[Path]) -> None:
    filled.resolve("tiny")
    filled.verify(filled.catalogue[0], full=True)
    assert len(hashed) == 2


def test_a_changed_file_is_hashed_again_and_refused_with_both_hashes(filled: ModelStore) -> None:
    path = filled.resolve("tiny")
    wrong = WHOLE[:-1] + b"!"
    path.write_bytes(wrong)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelCorrupt) as caught:
        filled.resolve("tiny")
    assert caught.value.expected == file_of("", WHOLE).sha256
    assert caught.value.found == file_of("", wrong).sha256
    for part in (str(path), caught.value.expected, caught.value.found, "memos models pull tiny"):
        assert part in str(caught.value)
    assert not filled.stamp_file(filled.catalogue[0]).exists()


def test_another_file_in_its_place_is_hashed_again(filled: ModelStore, hashed: list[Path]) -> None:
    """Same size and time, other inode: what `cp -p` or `rsync -t` of another file leaves."""
    path = filled.resolve("tiny")
    before = path.stat()
    other = path.with_name("other")
    other.write_bytes(WHOLE)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    filled.resolve("tiny")
    assert len(hashed) == 2


def test_an_unreadable_stamp_costs_a_hash_and_nothing_else(filled: ModelStore, hashed: list[Path]) -> None:
    filled.resolve("tiny")
    for nonsense in ("{", "[]", '{"tiny.gguf": 7}'):
        filled.stamp_file(filled.catalogue[0]).write_text(nonsense)
        filled.resolve("tiny")
    assert len(hashed) == 4


def test_a_truncated_file_is_refused_with_sizes_and_hashes(filled: ModelStore) -> None:
    path = filled.resolve("tiny")
    path.write_bytes(WHOLE[:100])
    assert filled.presence(filled.catalogue[0]) is Presence.DAMAGED
    with pytest.raises(ModelCorrupt, match=rf"\(100 of {len(WHOLE):,} bytes\)") as caught:
        filled.resolve("tiny")
    assert caught.value.found == file_of("", WHOLE[:100]).sha256


def test_a_folder_of_files_is_verified_file_by_file(tmp_path: Path) -> None:
    files = (file_of("a/config.json", b"{}"), file_of("weights", b"1234"))
    entry = Entry("folder", Purpose.EMBEDDING, "CC0-1.0", files, (WHEELS,), folder="folder")
    store = ModelStore(tmp_path, (entry,))
    (tmp_path / "folder" / "a").mkdir(parents=True)
    (tmp_path / "folder" / "weights").write_bytes(b"1234")
    with pytest.raises(ModelCorrupt, match=r"config\.json is corrupt: .* found no such file"):
        store.resolve("folder")
    (tmp_path / "folder" / "a" / "config.json").write_bytes(b"{}")
    assert store.resolve("folder") == tmp_path / "folder"
    assert store.presence(entry) is Presence.VERIFIED
    (tmp_path / "folder" / "a" / "config.json").write_bytes(b"[]")
    with pytest.raises(ModelCorrupt, match=r"config\.json"):
        store.resolve("folder")


def test_a_path_that_cannot_be_looked_at_is_refused(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot be looked at: File name too long"):
        store.resolve("x" * 5000)

    def denied(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", denied)
    with pytest.raises(InputError, match=r"theirs\.gguf cannot be looked at: Permission denied\.$"):
        store.resolve(tmp_path / "theirs.gguf")


def test_a_model_that_is_not_here_names_the_command(store: ModelStore) -> None:
    with pytest.raises(ModelNotFound, match="not here yet: run `memos models pull tiny`"):
        store.resolve("tiny")
    entry = store.catalogue[0]
    store.partial(entry).mkdir(parents=True)
    (store.partial(entry) / "tiny.gguf").write_bytes(b"GG")
    with pytest.raises(ModelNotFound, match="only partly here"):
        store.resolve("tiny")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("qwen2.5-coder-1.5", "did you mean qwen2.5-coder-1.5b"),
        ("smollm", r"did you mean smollm2-135m\?"),
        ("minilm", r"did you mean all-minilm-l6-v2\?"),
        ("zzz", "There is no model 'zzz'; `memos models list` shows the names"),
        ("./zzz.gguf", r"There is no file './zzz\.gguf'"),
    ],
)
def test_an_unknown_name_gets_the_nearest(tmp_path: Path, name: str, sentence: str) -> None:
    store = ModelStore(tmp_path, CATALOGUE)
    with pytest.raises(ModelNotFound, match=sentence):
        store.resolve(name)


def test_an_empty_name_is_refused(store: ModelStore) -> None:
    with pytest.raises(InputError, match="memos models list"):
        store.resolve(" ")


def test_any_gguf_file_works_by_its_path(store: ModelStore, gguf_file: Path) -> None:
    assert store.resolve(gguf_file) == gguf_file
    assert store.resolve(str(gguf_file)) == gguf_file


def test_a_folder_works_if_it_is_an_embedding_model(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="is a folder without a model"):
        store.resolve(tmp_path)
    (tmp_path / "modules.json").write_text("[]")
    assert store.resolve(tmp_path) == tmp_path


def test_unknown_entry(store: ModelStore) -> None:
    assert store.entry("TINY") == tiny_entry(WHEELS)
    with pytest.raises(ModelNotFound, match="in the catalogue"):
        store.entry("huge")
