"""A document becomes passages that the embedding model can read whole.

Owns passage length, by the embedding model's own tokenizer, and what is never cut where it fits: a row of a table,
a definition of a program, a sentence. It does not know files, storage, or the model's weights.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile, zip_longest
from pathlib import Path
from typing import Protocol

from memos.errors import InputError
from memos.ingest import syntax
from memos.ingest.blocks import Block, markdown_blocks
from memos.ingest.document import CELL, Document, Form, Section, place
from memos.ingest.formats.source_code import grammar_of
from memos.ingest.markdown import SEPARATOR
from memos.ingest.prose import parts
from memos.ingest.tokens import TokenIndex, counts, load_tokenizer

_SPECIAL = 2  # [CLS] and [SEP], which the model adds
_LOCATION = 32  # tokens kept free, so that a passage and its location can be embedded together
_SMALLEST = 16
_LONGEST_INPUT = 256  # of all-MiniLM-L6-v2, and no more than other models read
_LONGEST_TOKEN = 8  # characters a token, for text that the tokenizer takes for one unknown word
_WINDOW = 262_144  # characters split in one call, which cannot be interrupted
_LONGEST_LOCATION = 200  # characters
_ROWS = 2000  # rows of a table counted in one call


class Splitter(Protocol):
    """Cuts documents to passages."""

    def split(self, document: Document) -> list[tuple[str, str]]:
        """Passages `(text, location)` in reading order."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A passage to be: a part of a text, and what is written above it.

    `within`: definitions around it. `opens`: a long definition begins with it. `written`: its words in another
    form, where it is not written as it stands.
    """

    start: int
    end: int
    header: str = ""
    within: tuple[str, ...] = ()
    opens: bool = False
    written: str = ""


class PassageSplitter:
    """Cuts documents to passages that fit an embedding model.

    Args:
        folder: the embedding model's folder; only `tokenizer.json` and the maximum length are read from it. None: there
            is no model, and passages are about as long as for the default one.
        limit: the most tokens of a passage together with its location; None: what the model can read.

    Raises:
        ModelNotFound: the folder has no `tokenizer.json`.
        ModelError: the tokenizer cannot be used.
        InputError: `limit` is too small.
    """

    def __init__(self, folder: Path | None, limit: int | None = None) -> None:
        self._tokenizer = load_tokenizer(folder)
        self.limit = limit if limit is not None else _longest_input(folder)
        self._capacity = self.limit - _SPECIAL - _LOCATION
        if self._capacity < _SMALLEST:
            raise InputError(f"A passage needs at least {_SMALLEST + _SPECIAL + _LOCATION} tokens.")
        self._longest = self._capacity * _LONGEST_TOKEN

    def split(self, document: Document) -> list[tuple[str, str]]:
        """Passages `(text, location)` in reading order, none of them blank.

        A location is the section's, with the lines or rows of the passage where the section counts them:
        `sheet Sales, rows 12-40`. A table's passages each begin with its column names.
        """
        passages = [passage for section in document.sections for passage in self._split(section)]
        only = document.sections[0]
        if len(passages) == 1 and only.line and not only.location:
            return [(passages[0][0], "")]  # the whole of a file: its lines would say nothing
        return passages

    def _split(self, section: Section) -> Iterator[tuple[str, str]]:
        breaks = [found.start() for found in re.finditer("\n", section.text)] if section.line else []
        table = section.form is Form.TABLE
        for offset, text in [(0, section.text)] if table else _windows(section.text):
            spans = self._table(text, section.header) if table else self._spans(text, section)
            for span in spans:
                # What is written in another form is a part of one line; only its number matters.
                said = text[span.start : span.end] if not span.written else ""
                first = offset + span.start + len(said) - len(said.lstrip())
                last = offset + span.start + len(said.rstrip())
                if first >= last and not span.written:
                    continue
                numbers = ""
                if section.line:
                    counted = (section.line + bisect_left(breaks, at) for at in (first, last))
                    numbers = _numbers(section.unit, *counted)
                location = place(section.location, SEPARATOR.join(span.within), numbers)
                written = span.written or (_dedented(said) if section.form is Form.CODE else said.strip())
                yield f"{span.header}\n{written}" if span.header else written, _cut(location)

    # ------------------------------------------------------------------------------------- prose and programs

    def _spans(self, text: str, section: Section) -> Iterator[_Span]:
        index = TokenIndex(self._tokenizer, text)
        if self._fits(index, 0, len(text)):
            return iter((_Span(0, len(text)),))
        everything = Block(0, len(text), rows=section.form is Form.CODE, language=section.language)
        blocks = markdown_blocks(text) if section.form is Form.MARKDOWN else [everything]
        spans = (span for block in blocks for span in self._block(text, block, index))
        return self._packed(spans, index)

    def _fits(self, index: TokenIndex, start: int, end: int) -> bool:
        return end - start <= self._longest and index.count(start, end) <= self._capacity

    def _block(self, text: str, block: Block, index: TokenIndex) -> Iterator[_Span]:
        if not block.rows:
            return self._prose(text, block, index)
        if self._fits(index, block.start, block.end):
            return iter((_Span(block.start, block.end),))
        if grammar := grammar_of(block.language):
            return self._program(text, block, grammar, index)
        return self._lines(text, block, index)

    def _prose(self, text: str, block: Block, index: TokenIndex) -> Iterator[_Span]:
        """Paragraphs, lines, sentences, words, as many as fit; a word that is too long by its characters."""
        source, base = text[block.start : block.end], block.start
        found = parts(source, lambda a, b: self._fits(index, base + a, base + b), self._longest)
        return self._packed((_Span(base + start, base + end) for start, end in found), index)

    def _lines(self, text: str, block: Block, index: TokenIndex) -> Iterator[_Span]:
        """Whole lines, as many as fit; one that does not fit is prose. A table's later parts repeat its header."""
        header = block.header if self._repeatable(block.header) else ""
        reserved = index.count(block.start, block.start + len(header))
        start = at = block.start
        while at < block.end:
            after = text.find("\n", max(at, block.body - 1), block.end) + 1 or block.end
            above = header if start > block.start else ""
            tokens = index.count(start, after) + (reserved if above else 0)
            if tokens > self._capacity or after - start + len(above) > self._longest:
                if start < at:
                    yield _Span(start, at, above)
                start = at
                if index.count(at, after) + reserved > self._capacity or after - at + len(header) > self._longest:
                    yield from self._prose(text, Block(at, after), index)
                    start = after
            at = after
        if start < block.end:
            yield _Span(start, block.end, header if start > block.start else "")

    def _program(self, text: str, block: Block, grammar: str, index: TokenIndex) -> Iterator[_Span]:
        """Definitions and statements, as many as fit."""
        base = block.start
        source = text[base : block.end]
        for unit in syntax.units(source, grammar, lambda a, b: self._fits(index, base + a, base + b)):
            part = Block(base + unit.start, base + unit.end, rows=True)
            for span in self._block(text, part, index):
                yield replace(span, within=unit.within, opens=unit.opens and span.start == part.start)

    def _packed(self, spans: Iterable[_Span], index: TokenIndex) -> Iterator[_Span]:
        """Neighbours together where they fit, so that no passage is a scrap."""
        held: _Span | None = None
        for span in spans:
            if held and not span.header and not span.opens:
                reserved = counts(self._tokenizer, [held.header])[0] if held.header else 0
                length = span.end - held.start + len(held.header)
                if index.count(held.start, span.end) + reserved <= self._capacity and length <= self._longest:
                    held = replace(held, end=span.end, within=_common(held.within, span.within))
                    continue
            if held:
                yield held
            held = span
        if held:
            yield held

    # ------------------------------------------------------------------------------------- tables

    def _repeatable(self, header: str) -> bool:
        """A header longer than half a passage is not repeated: it would leave no room for rows."""
        short = len(header) <= self._longest // 2
        return bool(header) and short and counts(self._tokenizer, [header])[0] <= self._capacity // 2

    def _table(self, text: str, header: str) -> Iterator[_Span]:
        """Whole rows under the header, as many as fit; a row that does not fit as `name: value` of each cell."""
        above = header if self._repeatable(header) else ""
        room = self._capacity - (counts(self._tokenizer, [above])[0] if above else 0)
        longest = self._longest - len(above)
        tight = above != header  # the names of the columns are too long to stand above the rows
        held = _Span(0, 0, above)
        tokens = 0
        for start, end, size in self._rows(text):
            if not tight and size <= room and end - start <= longest:
                if tokens + size <= room and end - held.start <= longest:
                    held, tokens = replace(held, end=end), tokens + size
                    continue
                yield held
                held, tokens = _Span(start, end, above), size
                continue
            yield held
            columns = header.split(CELL) if header else []
            yield from (_Span(start, end, written=said) for said in self._cells(text[start:end], columns))
            held, tokens = _Span(end, end, above), 0
        yield held

    def _rows(self, text: str) -> Iterator[tuple[int, int, int]]:
        """`(start, end, tokens)` of each line."""
        batch: list[tuple[int, int]] = []
        length = start = 0
        while start <= len(text):
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            batch.append((start, end))
            length += end - start
            start = end + 1
            if len(batch) == _ROWS or length > _WINDOW or start > len(text):
                sizes = self._sizes([text[a:b] for a, b in batch])
                yield from ((a, b, size) for (a, b), size in zip(batch, sizes, strict=True))
                batch, length = [], 0

    def _cells(self, row: str, names: list[str]) -> Iterator[str]:
        """A row that fits in no passage: its cells, each with its column's name where it has one."""
        pairs = [
            f"{name}: {cell}" if name else cell for name, cell in zip_longest(names, row.split(CELL), fillvalue="")
        ]
        held: list[str] = []
        tokens = length = 0
        for at in range(0, len(pairs), _ROWS):
            batch = pairs[at : at + _ROWS]
            for pair, size in zip(batch, self._sizes(batch), strict=True):
                if held and (tokens + size + 1 > self._capacity or length + len(pair) > self._longest):
                    yield CELL.join(held)
                    held, tokens, length = [], 0, 0
                if size > self._capacity or len(pair) > self._longest:
                    yield from self._long_cell(pair)
                    continue
                held.append(pair)
                tokens += size + 1
                length += len(pair) + len(CELL)
        if held:
            yield CELL.join(held)

    def _sizes(self, texts: list[str]) -> list[int]:
        """Tokens of each; 0 of one that is too long by its characters, which is not worth counting."""
        return counts(self._tokenizer, [text if len(text) <= self._longest else "" for text in texts])

    def _long_cell(self, cell: str) -> Iterator[str]:
        for _, window in _windows(cell):
            index = TokenIndex(self._tokenizer, window)
            for span in self._prose(window, Block(0, len(window)), index):
                yield window[span.start : span.end].strip()


def _longest_input(folder: Path | None) -> int:
    if folder is None:
        return _LONGEST_INPUT
    try:
        settings = json.loads((folder / "sentence_bert_config.json").read_text("utf-8"))
        return int(settings["max_seq_length"])
    except (OSError, ValueError, KeyError, TypeError):
        return _LONGEST_INPUT


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """`(offset, part)` of a long text, cut at a blank line, a line end or a space where there is one."""
    start = 0
    while len(text) - start > _WINDOW:
        cuts = (text.rfind(mark, start + _WINDOW // 2, start + _WINDOW) for mark in ("\n\n", "\n", " "))
        cut = next((found for found in cuts if found > 0), start + _WINDOW)
        yield start, text[start:cut]
        start = cut
    yield start, text[start:]


def _numbers(unit: str, first: int, last: int) -> str:
    return f"{unit} {first}" if first == last else f"{unit}s {first}-{last}"


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _dedented(code: str) -> str:
    """Code from the start of its first line: the indent of that line says where it belongs."""
    return code.rstrip().lstrip("\n")


def _cut(location: str) -> str:
    # The end of a heading path says most.
    return location if len(location) <= _LONGEST_LOCATION else "…" + location[1 - _LONGEST_LOCATION :]
