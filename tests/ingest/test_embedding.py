"""The embedding model: offline, silent, unit vectors; and what is said where its folder is damaged."""

from __future__ import annotations

import copy
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from memos.errors import MemosError, ModelError, ModelNotFound
from memos.inference.embedding import BATCH_ON_CPU, BATCH_ON_GPU, HUGE_PAGES, SentenceEmbedder
from memos.ingest import PassageSplitter


@pytest.fixture(scope="module")
def folder() -> Path:
    from memos.models import store

    try:
        return store.resolve("all-minilm-l6-v2")
    except MemosError as error:
        pytest.skip(f"the embedding model is not on this machine: {error}")


@pytest.fixture(scope="module")
def embedder(folder: Path) -> SentenceEmbedder:
    return SentenceEmbedder(folder)


def fake_model(folder: Path, weights: bytes) -> Path:
    for name in ("modules.json", "tokenizer.json"):
        (folder / name).write_text("[]", "utf-8")
    (folder / "config.json").write_text(json.dumps({"hidden_size": 4}), "utf-8")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def weights(missing: int = 0) -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [8], "data_offsets": [0, 8]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0" * (8 - missing)


def test_a_folder_without_a_model_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"model\.safetensors missing"):
        SentenceEmbedder(tmp_path)


@pytest.mark.parametrize("data", [b"", b"not weights at all", weights(missing=1)])
def test_damaged_weights_are_refused_before_torch_is_imported(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ModelError, match="damaged"):
        SentenceEmbedder(fake_model(tmp_path, data))


def test_making_an_embedder_is_cheap(tmp_path: Path) -> None:
    fake_model(tmp_path, weights())
    code = (
        "import sys; from pathlib import Path; from memos.inference.embedding import SentenceEmbedder as E\n"
        "import memos.ingest\n"
        f"e = E(Path({str(tmp_path)!r})); assert e.dimension == 4 and e.embed([]) == []\n"
        "heavy = {'torch', 'sentence_transformers', 'markitdown', 'tree_sitter'}\n"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


class Model(torch.nn.Module):
    """What is used of a SentenceTransformer: a vector is its text's length, and calls are noted with their threads."""

    def __init__(self, device: str, calls: SimpleQueue[tuple[int, int, int]]) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.device = SimpleNamespace(type=device)
        self._calls = calls
        self.threads: set[threading.Thread] = set()  # that have ever used it, or a copy

    def __deepcopy__(self, memo: dict[int, object]) -> Model:
        copied = Model(self.device.type, self._calls)
        copied.weight = copy.deepcopy(self.weight, memo)
        copied.threads = self.threads
        return copied

    def get_embedding_dimension(self) -> int:
        return 4

    def encode(self, texts: list[str], *, batch_size: int, **_: object) -> NDArray[np.float32]:
        self._calls.put((batch_size, torch.get_num_threads(), id(self.weight)))
        self.threads.add(threading.current_thread())
        if "bad" in texts:
            raise RuntimeError("bad text")
        return np.array([[len(text)] * 4 for text in texts], np.float32)


def embed(
    folder: Path, patch: pytest.MonkeyPatch, device: str, texts: list[str], batch: int | None = None
) -> tuple[list[list[float]], list[tuple[int, int, int]]]:
    calls: SimpleQueue[tuple[int, int, int]] = SimpleQueue()
    model = Model(device, calls)
    patch.setattr("memos.inference.embedding._load", lambda folder, device: model)
    found = SentenceEmbedder(fake_model(folder, weights()), batch=batch).embed(texts)
    return found, [calls.get() for _ in range(calls.qsize())]


@pytest.mark.parametrize(
    ("device", "batch", "used"), [("cpu", None, BATCH_ON_CPU), ("cuda", None, BATCH_ON_GPU), ("cpu", 5, 5)]
)
def test_as_many_texts_are_read_at_once_as_suit_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, batch: int | None, used: int
) -> None:
    _, calls = embed(tmp_path, monkeypatch, device, ["a", "b"], batch)
    assert [size for size, *_ in calls] == [used]


@pytest.mark.parametrize(("count", "batch", "calls", "threads"), [(13, 4, 4, 1), (9, 4, 3, 2), (5, 5, 1, 6)])
def test_many_texts_on_a_cpu_go_through_streams_that_share_the_weights_and_the_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, batch: int, calls: int, threads: int
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(6)
    try:
        texts = ["x" * (number * 7 % 23) for number in range(count)]
        found, called = embed(tmp_path, monkeypatch, "cpu", texts, batch)
        assert torch.get_num_threads() == 6
    finally:
        torch.set_num_threads(before)
    assert found == [[len(text)] * 4 for text in texts]
    assert [used for _, used, _ in called] == [threads] * calls
    assert len({weight for *_, weight in called}) == 1


@pytest.mark.parametrize(
    ("length", "count", "sizes"),
    [(20_000, 12, [3, 3, 2, 1, 1, 1, 1]), (2_000, 24, [4, 4, 4, 3, 3, 2, 1, 1, 1, 1]), (60, 20, [8, 8, 4])],
)
def test_few_long_texts_are_read_at_once_and_fewer_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, count: int, sizes: list[int]
) -> None:
    """What a thread holds between two layers grows with the texts of a batch and their length; and whoever is done
    waits for the others' last batch. Of short texts a call costs as much as what it reads."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found, called = embed(tmp_path, monkeypatch, "cpu", ["x" * length] * count)
    finally:
        torch.set_num_threads(before)
    assert found == [[min(length, 16_384)] * 4] * count
    assert sorted((size for size, *_ in called), reverse=True) == sizes


def test_streams_keep_their_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new thread would get another part of the heap, which keeps what was freed there."""
    model = Model("cpu", SimpleQueue())
    monkeypatch.setattr("memos.inference.embedding._load", lambda folder, device: model)
    embedder = SentenceEmbedder(fake_model(tmp_path, weights()))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for _ in range(20):
            embedder.embed(["text"] * 4 * BATCH_ON_CPU)
    finally:
        torch.set_num_threads(before)
    assert len(model.threads) <= 2


@pytest.mark.embedding
def test_torch_is_asked_for_huge_pages_unless_the_user_has_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for theirs, expected in (("", "1"), ("0", "0")):
        monkeypatch.setenv(HUGE_PAGES, theirs)
        if not theirs:
            monkeypatch.delenv(HUGE_PAGES)
        SentenceEmbedder(folder).load()
        assert os.environ[HUGE_PAGES] == expected


def test_a_stream_that_fails_is_an_error_and_leaves_torch_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    with pytest.raises(ModelError, match="bad text"):
        embed(tmp_path, monkeypatch, "cpu", ["good", "bad"] * 20)
    assert torch.get_num_threads() == before


def test_a_model_that_cannot_be_copied_for_streams_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("memos.inference.streams._copy", full)
    with pytest.raises(ModelError, match="failed: no room"):
        embed(tmp_path, monkeypatch, "cpu", ["good"] * 20)


def test_nothing_is_read_any_more_when_a_stream_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is still read would use the model beside whoever calls next."""
    model = Model("cpu", SimpleQueue())
    inside: list[int] = []

    def encode(texts: list[str], **_: object) -> NDArray[np.float32]:
        if "a bad text" in texts:  # the longest is read first
            raise RuntimeError("bad text")
        inside.append(1)
        time.sleep(0.2)
        inside.pop()
        return np.zeros((len(texts), 4), np.float32)

    monkeypatch.setattr(Model, "encode", lambda self, texts, **_: encode(texts))
    monkeypatch.setattr("memos.inference.embedding._load", lambda folder, device: model)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ModelError, match="bad text"):
            SentenceEmbedder(fake_model(tmp_path, weights()), batch=1).embed(["a bad text", *["good"] * 20])
        assert not inside
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_is_done_is_told_and_may_be_stopped_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: SimpleQueue[tuple[int, int, int]] = SimpleQueue()
    monkeypatch.setattr("memos.inference.embedding._load", lambda folder, device: Model("cpu", calls))
    embedder = SentenceEmbedder(fake_model(tmp_path, weights()), batch=2)
    told: list[int] = []

    def stop(done: int) -> None:
        told.append(done)
        if done >= 6:
            raise KeyError("enough")

    assert len(embedder.embed(["text"] * 9, told.append)) == 9
    assert told == sorted(told) and told[-1] == 9 and len(told) >= 5
    told.clear()
    before = torch.get_num_threads()
    with pytest.raises(KeyError, match="enough"):  # as it was raised
        embedder.embed(["text"] * 99, stop)
    assert told == [2, 4, 6] and torch.get_num_threads() == before
    assert len(embedder.embed(["text"] * 9)) == 9


def test_few_texts_do_not_wait_for_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search beside an ingest."""
    calls: SimpleQueue[tuple[int, int, int]] = SimpleQueue()
    monkeypatch.setattr("memos.inference.embedding._load", lambda folder, device: Model("cpu", calls))
    embedder = SentenceEmbedder(fake_model(tmp_path, weights()), batch=2)
    found: list[list[list[float]]] = []

    def ask(done: int) -> None:
        if done < 4:
            with ThreadPoolExecutor(1) as other:
                found.append(other.submit(embedder.embed, ["a question"]).result(timeout=30))

    embedder.embed(["text"] * 9, ask)
    assert found == [[[10.0] * 4]]


@pytest.mark.embedding
def test_vectors_have_unit_length_and_meaning(embedder: SentenceEmbedder) -> None:
    texts = ["The cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose.", ""]
    vectors = embedder.embed([*texts, "\ud800 lone surrogate", "long " * 50_000])
    assert {len(vector) for vector in vectors} == {embedder.dimension} == {384}
    assert all(math.isclose(math.hypot(*vector), 1, abs_tol=1e-5) for vector in vectors)
    near, far = (sum(a * b for a, b in zip(vectors[0], vectors[n], strict=True)) for n in (1, 2))
    assert near > 0.5 > 0.2 > far


@pytest.mark.embedding
def test_order_and_batches_change_nothing(embedder: SentenceEmbedder) -> None:
    texts = [f"note {number} " + "and more " * (number % 7) for number in range(40)]
    together = embedder.embed(texts)
    alone = embedder.embed([texts[17]])[0]
    assert together[17] == pytest.approx(alone, abs=1e-5)


@pytest.mark.embedding
def test_threads_may_share_it(embedder: SentenceEmbedder) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: embedder.embed([f"text {n % 3}"])[0], range(12)))
    assert all(found[n] == pytest.approx(found[n % 3], abs=1e-5) for n in range(12))


@pytest.mark.embedding
def test_it_is_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **_: object) -> None:
        raise AssertionError(f"the network was asked for {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(SentenceEmbedder(folder).embed(["hello"])) == 1


@pytest.mark.embedding
def test_it_is_silent(folder: Path) -> None:
    code = (
        "from pathlib import Path; from memos.inference.embedding import SentenceEmbedder\n"
        f"SentenceEmbedder(Path({str(folder)!r})).embed(['hello'] * 100)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.embedding
def test_its_name_is_that_of_its_weights(embedder: SentenceEmbedder, folder: Path) -> None:
    assert embedder.name == f"{folder.name}@53aa51172d14"


@pytest.mark.embedding
def test_a_damaged_folder_is_a_model_error_at_load(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    (copy / "config.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="cannot be loaded"):
        SentenceEmbedder(copy).load()


@pytest.mark.embedding
def test_passages_fit_the_real_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer

    from memos.ingest.readers import Document, Form, Section

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    splitter = PassageSplitter(folder)
    assert splitter.limit == 256
    text = "# Títle\n\n" + "The ferry to Kråkholmen leaves at 06:15. 渡船六点开。 " * 300
    passages = splitter.split(Document((Section(text, "Títle", form=Form.MARKDOWN),)))
    assert max(len(tokenizer.encode(passage).ids) for passage, _ in passages) <= 256 - 32
