"""A GGUF header is read without loading the model, and nonsense is refused in one sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos.errors import ModelCorrupt, ModelError, ModelNotFound
from memos.header import kv_numbers
from memos.models.gguf_info import read_gguf
from memos.models.gguf_types import BLOCKS, QUANTISATIONS


def test_header_of_a_file_written_by_the_gguf_package(gguf_file: Path) -> None:
    info = read_gguf(gguf_file)
    assert (info.architecture, info.name, info.quantisation) == ("llama", "Small", "Q8_0")
    assert (info.tensors, info.parameters) == (2, 16 * 64 + 8 * 64)
    assert (info.context_length, info.blocks, info.embedding_length) == (2048, 4, 64)
    assert (info.heads, info.kv_heads, info.sliding_window, info.vocabulary) == (8, 2, 512, 2000)
    assert info.rope == {"freq_base": 10000.0, "dimension_count": 8, "dimension_sections": (1, 2, 3)}
    assert info.has_chat_template and info.chat_template == "{{ messages }}"
    assert info.kv_bytes_per_token == 4 * 2 * (8 + 8) * 2
    assert "tokenizer.ggml.tokens" not in info.metadata
    assert info.size == gguf_file.stat().st_size


def test_tables_are_those_of_the_gguf_package() -> None:
    import gguf

    theirs = {int(kind): sizes for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert {kind: sizes for kind, sizes in theirs.items() if kind in BLOCKS} == BLOCKS
    names = {int(kind): kind.name.removeprefix("MOSTLY_").removeprefix("ALL_") for kind in gguf.LlamaFileType}
    assert {kind: name for kind, name in names.items() if kind in QUANTISATIONS} == QUANTISATIONS


def test_kv_heads_that_differ_by_layer_are_summed(tmp_path: Path) -> None:
    import gguf

    path = tmp_path / "layers.gguf"
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_block_count(3)
    writer.add_embedding_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv([1, 2, 1])
    writer.add_key_length(32)
    writer.add_value_length(16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    info = read_gguf(path)
    assert info.kv_bytes_per_token == (1 + 2 + 1) * (32 + 16) * 2
    assert info.kv_heads == 2
    assert info.quantisation == "unknown" and info.context_length == 0 and not info.has_chat_template


@pytest.mark.parametrize(
    ("header", "numbers"),
    [
        ({"x.attention.head_count_kv": 8, "x.attention.key_length": 128, "x.attention.value_length": 128}, 57_344),
        ({"x.attention.head_count_kv": 8}, 28_672),
        ({}, 57_344),
        ({"x.attention.head_count": 0}, 0),
    ],
)
def test_heads_may_be_wider_than_their_share(header: dict[str, int], numbers: int) -> None:
    """The first are the numbers of Qwen3-0.6B."""
    known = {"x.block_count": 28, "x.embedding_length": 1024, "x.attention.head_count": 16}
    assert kv_numbers("x", {**known, **header}) == numbers


def test_truncated_data_is_refused_with_both_sizes(gguf_file: Path) -> None:
    whole = gguf_file.read_bytes()
    gguf_file.write_bytes(whole[:-1000])
    with pytest.raises(ModelCorrupt, match=r"at least .* bytes") as caught:
        read_gguf(gguf_file)
    assert f"{len(whole) - 1000:,} bytes" in str(caught.value)


def test_truncated_header_is_refused(gguf_file: Path) -> None:
    gguf_file.write_bytes(gguf_file.read_bytes()[:700])
    with pytest.raises(ModelCorrupt, match="at least"):
        read_gguf(gguf_file)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"GG", "is no GGUF model: it begins with 47 47"),
        (b"# Read me\n", "is no GGUF model: it begins with 23 20 52 65"),
        (b"GGUF" + struct.pack("<I", 1), "its format version is 1"),
        (b"GGUF" + struct.pack(">I", 3), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "claims .* tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "claims .* keys"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**50), "bytes of a key"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<I", 99), "unknown type 99"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "odd.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=sentence):
        read_gguf(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="cannot be read"):
        read_gguf(tmp_path / "nothing.gguf")


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(at=st.integers(0, 60_000), byte=st.integers(0, 255), cut=st.integers(0, 2000))
def test_damaged_headers_never_raise_anything_else(gguf_file: Path, at: int, byte: int, cut: int) -> None:
    damaged = bytearray(gguf_file.with_suffix(".gguf").read_bytes())
    damaged[at % len(damaged)] = byte
    path = gguf_file.with_name("damaged.gguf")
    path.write_bytes(bytes(damaged[: len(damaged) - cut]))
    try:
        read_gguf(path)
    except ModelError as error:
        assert str(error).startswith(str(path))
