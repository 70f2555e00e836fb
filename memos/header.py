"""What the keys of a model file's header add up to. Knows neither the format of files nor llama.cpp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def integer(metadata: Mapping[str, Any], key: str) -> int:
    """A whole number, the largest of an array, or 0."""
    value = metadata.get(key, 0)
    values = value if isinstance(value, tuple) else (value,)
    return max((int(number) for number in values if isinstance(number, int)), default=0)


def kv_numbers(architecture: str, metadata: Mapping[str, Any]) -> int:
    """How many numbers the keys and values of one token are, summed over the layers.

    Args:
        architecture: `general.architecture`.
        metadata: the header's keys and values.

    Returns:
        An upper bound, since windowed layers keep fewer tokens; 0 where the header does not tell.
    """
    attention = f"{architecture}.attention"
    blocks, heads = integer(metadata, f"{architecture}.block_count"), integer(metadata, f"{attention}.head_count")
    if not blocks or not heads:
        return 0
    width = integer(metadata, f"{architecture}.embedding_length") // heads
    keys = integer(metadata, f"{attention}.key_length") or width
    values = integer(metadata, f"{attention}.value_length") or width
    by_layer = metadata.get(f"{attention}.head_count_kv")
    if isinstance(by_layer, tuple):
        total = sum(number for number in by_layer if isinstance(number, int))
    else:
        total = (integer(metadata, f"{attention}.head_count_kv") or heads) * blocks
    return total * (keys + values)
