"""A document becomes passages that the embedding model can read whole.

Owns passage length, by the embedding model's own tokenizer, and the cut at meaningful boundaries
(semantic-text-splitter). It does not know files, storage, or the model's weights.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from memos.errors import InputError, ModelError, ModelNotFound
from memos.ingest.readers import Document, Section

_SPECIAL = 2  # [CLS] and [SEP], which the model adds
_LOCATION = 32  # tokens kept free, so that a passage and its location can be embedded together
_SMALLEST = 16
_LONGEST_TOKEN = 8  # characters a token, for text that the tokenizer takes for one unknown word
_WINDOW = 262_144  # characters split in one call, which cannot be interrupted
_LONGEST_LOCATION = 200  # characters
# Quotes in quotes in quotes: the Markdown parser takes quadratic time over them.
_DEEP = re.compile(r"(?m)^(?:[ \t]*>){32}")


class Splitter(Protocol):
    """Cuts documents to passages."""

    def split(self, document: Document) -> list[tuple[str, str]]:
        """Passages `(text, location)` in reading order."""


class PassageSplitter:
    """Cuts documents to passages that fit an embedding model.

    Args:
        folder: the embedding model's folder; only `tokenizer.json` and the maximum length are read from it.
        limit: the most tokens of a passage together with its location; None: what the model can read.

    Raises:
        ModelNotFound: the folder has no `tokenizer.json`.
        ModelError: the tokenizer cannot be used.
        InputError: `limit` is too small.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        from semantic_text_splitter import MarkdownSplitter, TextSplitter
        from tokenizers import Tokenizer

        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelNotFound(f"There is no embedding model in {folder}: tokenizer.json is missing.")
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises a bare Exception
            raise ModelError(f"The tokenizer {file} cannot be read: {error}.") from error
        tokenizer.no_truncation()  # the file's own settings cap every count at 128
        tokenizer.no_padding()
        self.limit = limit if limit is not None else _longest_input(folder)
        capacity = self.limit - _SPECIAL - _LOCATION
        if capacity < _SMALLEST:
            raise InputError(f"A passage needs at least {_SMALLEST + _SPECIAL + _LOCATION} tokens.")
        self._longest = capacity * _LONGEST_TOKEN
        self._text: Any = TextSplitter.from_huggingface_tokenizer(tokenizer, capacity)
        self._markdown: Any = MarkdownSplitter.from_huggingface_tokenizer(tokenizer, capacity)
        self._characters: Any = TextSplitter(self._longest)

    def split(self, document: Document) -> list[tuple[str, str]]:
        """Passages `(text, location)` in reading order, none of them blank.

        The location is the section's; passages of a text that has none get their lines, `lines 12-40`.
        """
        passages = [passage for section in document.sections for passage in self._split(section)]
        if len(passages) == 1 and document.sections[0].line:
            return [(passages[0][0], "")]  # the whole of a file: its lines would say nothing
        return passages

    def _split(self, section: Section) -> Iterator[tuple[str, str]]:
        splitter = self._markdown if section.markdown and not _DEEP.search(section.text) else self._text
        breaks = [match.start() for match in re.finditer("\n", section.text)] if section.line else []
        for base, window in _windows(section.text):
            for start, text in self._chunks(splitter, window):
                if section.line:
                    first = section.line + bisect_right(breaks, base + start - 1)
                    yield text, _lines(first, first + text.count("\n"))
                else:
                    yield text, _cut(section.location)

    def _chunks(self, splitter: Any, text: str) -> Iterator[tuple[int, str]]:
        for start, chunk in splitter.chunk_indices(text):
            whole = len(chunk) <= self._longest
            pieces = [(0, chunk)] if whole else self._characters.chunk_indices(chunk)
            yield from ((start + offset, piece) for offset, piece in pieces if piece.strip())


def _longest_input(folder: Path) -> int:
    try:
        settings = json.loads((folder / "sentence_bert_config.json").read_text("utf-8"))
        return int(settings["max_seq_length"])
    except (OSError, ValueError, KeyError, TypeError):
        return 256  # of all-MiniLM-L6-v2, and no more than other models read


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """`(offset, part)` of a long text, cut at a blank line, a line end or a space where there is one."""
    start = 0
    while len(text) - start > _WINDOW:
        cuts = (text.rfind(mark, start + _WINDOW // 2, start + _WINDOW) for mark in ("\n\n", "\n", " "))
        cut = next((found for found in cuts if found > 0), start + _WINDOW)
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first}-{last}"


def _cut(location: str) -> str:
    # The end of a heading path says most.
    return location if len(location) <= _LONGEST_LOCATION else "…" + location[1 - _LONGEST_LOCATION :]
