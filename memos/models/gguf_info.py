"""What a GGUF file says about itself: its header, read without loading a model.

The file is somebody else's bytes: every length is checked before it is believed. This module knows the
format and nothing of llama.cpp, names or downloads.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memos.errors import ModelCorrupt, ModelError, ModelNotFound
from memos.header import integer, kv_numbers
from memos.models.gguf_types import BLOCKS, QUANTISATIONS

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_KEYS = 100_000
MAX_TENSORS = 1_000_000
MAX_NAME = 65_535
MAX_STRING = 64 << 20
MAX_DIMENSIONS = 8
MAX_NESTING = 4
KEPT_ARRAY = 1024  # longer arrays (the vocabulary) are counted and skipped
MAX_ALIGNMENT = 1 << 20
BYTES_AT_F16 = 2

STRING, ARRAY, BOOL = 8, 9, 7
NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class GGUFInfo:
    """The header of a GGUF file. A number that the file does not tell is 0.

    Args:
        path: the file.
        version: of the format.
        size: of the file, in bytes.
        architecture: e.g. `"qwen2"`.
        name: what its author called it; may be empty.
        quantisation: e.g. `"Q4_K_M"`; `"unknown"` where the file does not tell.
        tensors: how many.
        parameters: how many weights all tensors have together.
        context_length: the window that it was trained for, in tokens.
        blocks: layers.
        embedding_length: width of the residual stream.
        heads: query heads a layer.
        kv_heads: key-value heads a layer; the largest where layers differ.
        sliding_window: tokens that a sliding layer sees; 0: no sliding layers.
        vocabulary: how many tokens.
        rope: keys under `<architecture>.rope.`, without that prefix.
        has_chat_template: whether it brings one.
        kv_bytes_per_token: bytes of the key-value cache a token at f16, all layers; 0 where unknown.
        metadata: every key with one value, and short arrays of numbers or strings.
    """

    path: Path
    version: int
    size: int
    architecture: str
    name: str
    quantisation: str
    tensors: int
    parameters: int
    context_length: int
    blocks: int
    embedding_length: int
    heads: int
    kv_heads: int
    sliding_window: int
    vocabulary: int
    rope: Mapping[str, Value]
    has_chat_template: bool
    kv_bytes_per_token: int
    metadata: Mapping[str, Value] = field(repr=False)

    @property
    def chat_template(self) -> str:
        """The Jinja source of its chat template, or `""`."""
        return str(self.metadata.get("tokenizer.chat_template", ""))


class _MalformedError(Exception):
    """The bytes make no sense; the sentence says where."""


class _TruncatedError(Exception):
    """The file ends before its header says so."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


class _Cursor:
    """Reads little-endian values one after the other and never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0
        self.end = len(data)

    def skip(self, count: int) -> int:
        """Move on by `count` bytes; return where they begin."""
        start = self.at
        if count > self.end - start:
            raise _TruncatedError(start + count)
        self.at = start + count
        return start

    def number(self, form: str) -> Any:
        return struct.unpack_from(form, self.data, self.skip(struct.calcsize(form)))[0]

    def count(self, what: str, most: int) -> int:
        value = int(self.number("<Q"))
        if value > most:
            raise _MalformedError(f"it claims {value:,} {what}, and {most:,} is the most that makes sense")
        return value

    def text(self, what: str, most: int = MAX_STRING) -> str:
        length = self.count(f"bytes of {what}", most)
        start = self.skip(length)
        return self.data[start : start + length].decode("utf-8", errors="replace")


def _skip_array(cursor: _Cursor, kind: int, length: int, nesting: int) -> None:
    if kind in NUMBERS:
        cursor.skip(struct.calcsize(NUMBERS[kind]) * length)
    elif kind == STRING:
        # The vocabulary: some 300,000 strings, so this loop makes no calls but one.
        unpack, data, at, last = struct.Struct("<Q").unpack_from, cursor.data, cursor.at, cursor.end - 8
        for _ in range(length):
            if at > last:
                raise _TruncatedError(at + 8)
            at += 8 + unpack(data, at)[0]
        cursor.skip(at - cursor.at)
    else:
        for _ in range(length):
            _value(cursor, kind, "array", nesting + 1)


def _value(cursor: _Cursor, kind: int, key: str, nesting: int = 0) -> tuple[Value | None, int]:
    """A value, or None for an array that is skipped; and how many elements it has."""
    if kind in NUMBERS:
        return cursor.number(NUMBERS[kind]), 1
    if kind == STRING:
        return cursor.text(key), 1
    if kind != ARRAY or nesting > MAX_NESTING:
        raise _MalformedError(f"{key} has the unknown type {kind}")
    element, length = int(cursor.number("<I")), int(cursor.number("<Q"))
    if length > cursor.end - cursor.at:  # an element has at least one byte
        raise _TruncatedError(cursor.at + length)
    if length > KEPT_ARRAY or element == ARRAY:
        _skip_array(cursor, element, length, nesting)
        return None, length
    values = [_value(cursor, element, key, nesting + 1)[0] for _ in range(length)]
    return tuple(value for value in values if value is not None and not isinstance(value, tuple)), length


def _keys(cursor: _Cursor, count: int) -> tuple[dict[str, Value], dict[str, int]]:
    """All key-values that are kept, and the length of each array."""
    metadata: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(count):
        key = cursor.text("a key", MAX_NAME)
        kind = int(cursor.number("<I"))
        value, length = _value(cursor, kind, key)
        if kind == ARRAY:
            lengths[key] = length
        if value is not None:
            metadata[key] = value
    return metadata, lengths


def _tensors(cursor: _Cursor, count: int) -> Iterator[tuple[int, int]]:
    """For each tensor its number of weights, and where its data ends, relative to the data's start."""
    for _ in range(count):
        name = cursor.text("a tensor's name", MAX_NAME)
        dimensions = int(cursor.number("<I"))
        if dimensions > MAX_DIMENSIONS:
            raise _MalformedError(f"tensor {name} has {dimensions} dimensions")
        weights = 1
        for _ in range(dimensions):
            weights *= int(cursor.number("<Q"))
        kind, offset = int(cursor.number("<I")), int(cursor.number("<Q"))
        # A type newer than this table has an unknown size: then only its start is checked.
        per_block, block_bytes = BLOCKS.get(kind, (1, 0))
        yield weights, offset + weights // per_block * block_bytes


def _quantisation(metadata: Mapping[str, Value]) -> str:
    kind = metadata.get("general.file_type")
    return QUANTISATIONS.get(kind, f"type {kind}") if isinstance(kind, int) else "unknown"


def _info(
    path: Path, data: mmap.mmap, version: int, metadata: dict[str, Value], lengths: dict[str, int],
    tensors: int, parameters: int,
) -> GGUFInfo:  # fmt: skip
    arch = str(metadata.get("general.architecture", ""))
    rope = f"{arch}.rope."
    return GGUFInfo(
        path=path,
        version=version,
        size=len(data),
        architecture=arch,
        name=str(metadata.get("general.name", "")),
        quantisation=_quantisation(metadata),
        tensors=tensors,
        parameters=parameters,
        context_length=integer(metadata, f"{arch}.context_length"),
        blocks=integer(metadata, f"{arch}.block_count"),
        embedding_length=integer(metadata, f"{arch}.embedding_length"),
        heads=integer(metadata, f"{arch}.attention.head_count"),
        kv_heads=integer(metadata, f"{arch}.attention.head_count_kv")
        or integer(metadata, f"{arch}.attention.head_count"),
        sliding_window=integer(metadata, f"{arch}.attention.sliding_window"),
        vocabulary=lengths.get("tokenizer.ggml.tokens", 0) or integer(metadata, f"{arch}.vocab_size"),
        rope={key.removeprefix(rope): value for key, value in metadata.items() if key.startswith(rope)},
        has_chat_template=bool(metadata.get("tokenizer.chat_template")),
        kv_bytes_per_token=kv_numbers(arch, metadata) * BYTES_AT_F16,
        metadata=metadata,
    )


def _alignment(metadata: Mapping[str, Value]) -> int:
    value = metadata.get("general.alignment", 32)
    if not isinstance(value, int) or not 0 < value <= MAX_ALIGNMENT or value & (value - 1):
        raise _MalformedError(f"general.alignment is {value}, which is no power of two")
    return value


def _parse(path: Path, data: mmap.mmap) -> GGUFInfo:
    cursor = _Cursor(data)
    cursor.skip(len(MAGIC))
    version = int(cursor.number("<I"))
    if version not in VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "big"), "little")
        why = "it is for big-endian machines" if swapped in VERSIONS else f"its format version is {version}"
        raise _MalformedError(f"{why}, and memos reads little-endian versions 2 and 3")
    tensors = cursor.count("tensors", MAX_TENSORS)
    metadata, lengths = _keys(cursor, cursor.count("keys", MAX_KEYS))
    parameters = end = 0
    for weights, data_end in _tensors(cursor, tensors):
        parameters += weights
        end = max(end, data_end)
    alignment = _alignment(metadata)
    start = -(-cursor.at // alignment) * alignment
    if tensors and start + end > len(data):
        raise _TruncatedError(start + end)
    return _info(path, data, version, metadata, lengths, tensors, parameters)


def _check_magic(path: Path, size: int, magic: bytes) -> None:
    if size == 0:
        raise ModelError(f"{path} is empty: give the path of a model in GGUF format.")
    if magic != MAGIC:
        shown = " ".join(f"{byte:02x}" for byte in magic)
        raise ModelError(f"{path} is no GGUF model: it begins with {shown}, not with the letters GGUF.")


def read_gguf(path: Path) -> GGUFInfo:
    """Read a GGUF file's header and check that the file holds all that the header promises.

    Args:
        path: the file.

    Returns:
        What the header says. Takes milliseconds, whatever the file's size.

    Raises:
        ModelNotFound: there is no such file, or it may not be read.
        ModelCorrupt: the file is shorter than its header says.
        ModelError: it is empty, no GGUF file, or its header makes no sense.
    """
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(0)
            _check_magic(path, size, stream.read(len(MAGIC)))
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(path, data)
    except OSError as error:
        raise ModelNotFound(f"{path} cannot be read: {error.strerror or error}.") from error
    except _TruncatedError as error:
        raise ModelCorrupt(str(path), f"at least {error.needed:,} bytes", f"{size:,} bytes") from error
    except _MalformedError as error:
        raise ModelError(f"{path} is no model that memos can read: {error}.") from error


def check_gguf(path: Path) -> None:
    """Refuse a file that is no complete GGUF model; raises what `read_gguf` raises."""
    read_gguf(path)
