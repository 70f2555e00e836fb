"""Positions beyond the training and adapters, on SmolLM2-135M: what llama.cpp makes of what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter
from numpy.typing import NDArray

from memos.errors import ModelError, WindowError
from memos.inference.engine import LlamaModel
from memos.inference.llama import Llama, LlamaOptions
from memos.inference.probing import Found, probe
from memos.inference.rope import LINEAR, NONE, NTK, YARN, Positions, Rotary, SelfExtend
from memos.models.gguf_info import read_gguf

pytestmark = pytest.mark.smollm

OPTIONS = LlamaOptions(window=1024, batch=64)
TEXT = "The old ferry crossed the river at noon with nine goats and a bishop on board, and nobody asked why. "
PRETENDED = Rotary(trained=256, dimensions=64, base=100_000.0)  # as if it had been trained for no more


@pytest.fixture(scope="module")
def model(smollm: Path) -> Iterator[LlamaModel]:
    opened = LlamaModel(smollm, name="smollm", fingerprint="f", options=OPTIONS)
    yield opened
    opened.close()


def after(model: LlamaModel, tokens: tuple[int, ...]) -> NDArray[np.float32]:
    """What the model expects behind some tokens, read from nothing."""
    model._cache.clear(0)
    for _ in model._cache.read(tokens, lambda: False):
        pass
    return model._llama.logits().copy()


@pytest.mark.parametrize(
    "same",
    [
        Positions(LINEAR, scale=1.0),
        Positions(NONE, base=100_000.0, scale=1.0),
        Positions(YARN, base=100_000.0, scale=1.0, original=8192),
    ],
)
def test_at_the_scale_of_one_every_way_is_the_model_itself(model: LlamaModel, same: Positions) -> None:
    tokens = model.tokenize(TEXT * 4)
    model.reopen(1024, Positions())
    plain = after(model, tokens)
    model.reopen(1024, same)
    assert np.array_equal(after(model, tokens), plain)


def test_the_file_says_what_the_formulas_need(model: LlamaModel, smollm: Path) -> None:
    assert model._llama.rotary == Rotary(trained=8192, dimensions=64, base=100_000.0)
    assert model._llama.kv_bytes(1) == read_gguf(smollm).kv_bytes_per_token


def test_growing_never_mixes_keys_of_two_bases(smollm: Path) -> None:
    """After it, the model says what one says that was opened so from the start."""
    wide = NTK().positions(PRETENDED, 512)
    grown = LlamaModel(
        smollm, name="g", fingerprint="f", options=replace(OPTIONS, window=256), larger=[(512, wide, "ntk")]
    )
    fresh = LlamaModel(smollm, name="f", fingerprint="f", options=replace(OPTIONS, window=512, positions=wide))
    tokens = grown.tokenize(TEXT * 8)
    try:
        before = after(grown, tokens[:200])
        key = grown.snapshot_key
        assert grown.grow() == "ntk" and (grown.window, grown.resident()) == (512, ())
        assert grown.snapshot_key != key, "a snapshot of the former positions is of no use"
        assert np.array_equal(after(grown, tokens[:200]), after(fresh, tokens[:200]))
        assert not np.array_equal(after(grown, tokens[:200]), before)
        assert grown.grow() == ""
    finally:
        grown.close()
        fresh.close()


def test_a_window_for_which_there_is_no_memory_is_not_grown_into(smollm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = LlamaModel(
        smollm,
        name="g",
        fingerprint="f",
        options=OPTIONS,
        larger=[(4096, Positions(), "plain"), (8192, Positions(), "")],
    )
    needed, most = Llama.kv_bytes, small._llama.options.cells
    monkeypatch.setattr(Llama, "kv_bytes", lambda self, cells: needed(self, cells) if cells <= most else 1 << 60)
    try:
        assert small.grow() == "" and small.window == 1024
        assert len(after(small, small.tokenize(TEXT))) == small._llama.vocabulary_size
        assert small.grow() == "", "nor is one that is larger still"
    finally:
        small.close()


def test_self_extend_groups_what_is_far_and_stays_fluent(model: LlamaModel) -> None:
    """Positions end where the formula says; what follows a rollback or a fork is as if it had not been."""
    positions = SelfExtend().positions(PRETENDED, 900)
    assert positions.group == 5
    model.reopen(1024, positions)
    tokens = model.tokenize(TEXT * 60)[:900]
    grouped = after(model, tokens)
    resident = model._cache._sequences[0]
    near = 900 - resident.grouped
    assert resident.grouped % positions.group == 0 and positions.neighbours / 3 <= near <= positions.neighbours
    assert resident.end == resident.grouped // positions.group + near, (
        "no position is left out, and far ones are shared"
    )
    assert model._llama.last_position() == resident.end - 1, "llama.cpp has it so too"
    model._cache.decode(model.tokenize("And then"))
    model._cache.drop(len(model.resident()) - 899, 0)
    model._cache.decode(tokens[-1:])
    assert int(np.argmax(model._llama.logits())) == int(np.argmax(grouped)), "a rollback leaves no trace"
    assert model.shift_refusal and model.snapshot().tokens == ()


def test_a_window_beyond_what_positions_reach_is_refused(smollm: Path) -> None:
    with pytest.raises(WindowError, match="beyond the 300 that this model's positions reach"):
        LlamaModel(smollm, name="x", fingerprint="f", options=replace(OPTIONS, positions=Positions(reach=300)))


@pytest.mark.slow
def test_one_reading_shows_perplexity_and_what_is_found_again(model: LlamaModel) -> None:
    model.reopen(1024, Positions())
    items = list(probe(model, BOOK, 1024, seed=1))
    found = items[-1]
    assert isinstance(found, Found)
    assert 1 < found.perplexity < 200 and found.passkey >= 0.8 and found.needle >= 0.6
    assert found.by_position[-1][0] == 1024
    assert len(found.by_depth) == 19 and found.peak_mb > 100
    model.reopen(1024, Positions(LINEAR, scale=1 / 16))
    broken = list(probe(model, BOOK, 1024, seed=1))[-1]
    assert isinstance(broken, Found)
    assert broken.perplexity > 2 * found.perplexity and broken.passkey < found.passkey


BOOK = " ".join(
    f"In the year {1700 + index} the ferry was painted again, and the {what} of the parish wrote it down in the book."
    for index, what in enumerate(["clerk", "smith", "miller", "priest", "doctor", "baker", "cooper"] * 12)
)


# ------------------------------------------------------------------------------------------------ adapters


def adapter(file: Path, *, width: int = 576, strength: float = 0.0) -> Path:
    """A LoRA adapter of rank 2 for one matrix of SmolLM2."""
    writer = GGUFWriter(file, arch="llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0)
    random = np.random.default_rng(0)
    writer.add_tensor("blk.0.attn_q.weight.lora_a", random.normal(size=(2, width)).astype(np.float32))
    low = random.normal(size=(576, 2)) * strength
    writer.add_tensor("blk.0.attn_q.weight.lora_b", low.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def with_adapter(smollm: Path, file: Path, scale: float) -> tuple[NDArray[np.float32], tuple[str, str]]:
    opened = LlamaModel(smollm, name="l", fingerprint="f", options=replace(OPTIONS, adapters=((file, scale),)))
    try:
        return after(opened, opened.tokenize(TEXT)), (opened.snapshot_key, opened.voice)
    finally:
        opened.close()


def test_an_adapter_is_added_with_its_scale(model: LlamaModel, smollm: Path, tmp_path: Path) -> None:
    model.reopen(1024, Positions())
    plain = after(model, model.tokenize(TEXT))
    file = adapter(tmp_path / "strong.gguf", strength=0.5)
    strong, keys = with_adapter(smollm, file, 1.0)
    weak, others = with_adapter(smollm, file, 0.01)
    none, _ = with_adapter(smollm, adapter(tmp_path / "none.gguf"), 1.0)
    assert np.array_equal(none, plain)
    assert 0 < np.abs(weak - plain).max() < np.abs(strong - plain).max()
    for of_each in zip(keys, others, (model.snapshot_key, model.voice), strict=True):
        assert len(set(of_each)) == 3, "keys and values depend on it, and so do the words"
    voice = model.voice
    model.reopen(1024, Positions(base=20_000.0))
    assert model.voice != voice, "it reads, and says, the same otherwise"


def test_a_missing_or_mismatched_adapter_is_a_clear_error(smollm: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere\.gguf does not exist"):
        with_adapter(smollm, tmp_path / "nowhere.gguf", 1.0)
    with pytest.raises(ModelError, match=r"wide\.gguf is no LoRA adapter for this model"):
        with_adapter(smollm, adapter(tmp_path / "wide.gguf", width=640), 1.0)
    with pytest.raises(ModelError, match="is no LoRA adapter for this model"):
        with_adapter(smollm, smollm, 1.0)
