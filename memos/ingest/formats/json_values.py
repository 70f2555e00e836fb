"""JSON and JSON Lines: records with the path to them (`item 2: Verbs > examples`), never a record in two pieces.

Numbers stay as they are written. What does not parse, or is nested beyond reason, is read as text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from memos.ingest.document import CELL, Document, Form, Section
from memos.ingest.formats.tables import table_section
from memos.ingest.markdown import SEPARATOR

_RECORD = 600  # characters up to which a value is written on one line
_LABEL = 60  # characters
_LONGEST_NAMES = 100  # characters; a passage has little room above its rows
_DEEPEST = 100


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value is: the path to it, and the names in that, which say what it is about."""

    path: str = ""
    names: str = ""

    def below(self, step: str, name: str) -> _Place:
        return _Place(_joined(self.path, step), _joined(self.names, name))

    def section(self, section: Section) -> Section:
        """A section here. Its passages begin with the names, which say what the values are of."""
        names = self.names if len(self.names) <= _LONGEST_NAMES else f"…{self.names[1 - _LONGEST_NAMES :]}"
        header = ": ".join(part for part in (" ".join(names.split()), section.header) if part)
        return replace(section, location=self.path, header=header)


def read_json(text: str) -> Document:
    """A section a container; small values within it are its lines."""
    try:
        value = _parsed(text)
        sections: list[Section] = []
        _collect(value, _Place(), sections, _DEEPEST)
    except (ValueError, RecursionError):
        return Document((Section(text, line=1),))
    return Document(tuple(sections) or (Section(text, line=1),))


def read_lines(text: str) -> Document:
    """JSON Lines: a table where all records have the same names, else a line a record."""
    lines = text.split("\n")
    try:
        records = [_parsed(line) for line in lines if line.strip()]
        if len(records) == len(text.rstrip("\n").split("\n")) and (table := _table(records, "line")):
            return Document((table,))
        sections: list[Section] = []
        for number, line in enumerate(lines, start=1):
            if line.strip():
                _collect_line(_parsed(line), number, sections)
    except (ValueError, RecursionError):
        return Document((Section(text, line=1),))
    return Document(tuple(sections) or (Section(text, line=1),))


def _parsed(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number, object_pairs_hook=_merged)


def _merged(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Of a name that it has twice all values count, as those of a list."""
    found = dict(pairs)
    if len(found) < len(pairs):
        lists: dict[str, list[Any]] = {}
        for name, value in pairs:
            lists.setdefault(name, []).append(value)
        found = {name: values if len(values) > 1 else values[0] for name, values in lists.items()}
    return found


def _collect(value: Any, place: _Place, sections: list[Section], depth: int) -> None:
    """Append the sections of a value: runs of what fits on a line each, what does not one by one."""
    if depth == 0:
        raise ValueError("nested beyond reason")
    if not isinstance(value, dict | list):
        _flush([_scalar(value)], place, 0, sections)
        return
    is_list = isinstance(value, list)
    if isinstance(value, list) and (table := _table(value, "item")):
        sections.append(place.section(table))
        return
    lines: list[str] = []
    children = list(enumerate(value, start=1)) if isinstance(value, list) else list(value.items())
    for at, (key, child) in enumerate(children, start=1):
        written = _one_line(child)
        if written is None and (is_list or isinstance(child, dict | list)):  # a long text has lines, which are no items
            _flush(lines, place, at - len(lines) if is_list else 0, sections)
            lines = []
            label = _label(child) if is_list else ""
            step = f"item {at}: {label}".removesuffix(": ") if is_list else str(key)
            _collect(child, place.below(step, label if is_list else step), sections, depth - 1)
        else:
            said = _scalar(child) if written is None else written
            lines.append(said if is_list else f"{key}: {said}")
    _flush(lines, place, len(children) + 1 - len(lines) if is_list else 0, sections)


def _joined(*parts: str) -> str:
    return SEPARATOR.join(part for part in parts if part)


def _label(value: Any) -> str:
    """What a record calls itself: its first short text that is no number."""
    values = value.values() if isinstance(value, dict) else ()
    texts = (" ".join(text.split()) for text in values if isinstance(text, str) and not isinstance(text, _Number))
    return next((text for text in texts if 0 < len(text) <= _LABEL), "")


def _collect_line(value: Any, number: int, sections: list[Section]) -> None:
    written = _one_line(value)
    last = sections[-1] if sections else None
    if written is None:
        inside: list[Section] = []
        _collect(value, _Place(), inside, _DEEPEST)
        sections += [Section(part.text, f"line {number}", part.form, header=part.header) for part in inside]
    elif last and last.line and last.line + last.text.count("\n") + 1 == number and len(last.text) < 100_000:
        sections[-1] = Section(f"{last.text}\n{written}", "", Form.TABLE, last.line)
    elif written.strip():
        sections.append(Section(written, "", Form.TABLE, number))


def _flush(lines: list[str], place: _Place, first: int, sections: list[Section]) -> None:
    text = "\n".join(lines)
    if text.strip():
        sections.append(place.section(Section(text, form=Form.TABLE, line=first, unit="item")))


def _table(value: list[Any], unit: str) -> Section | None:
    """Records of scalars under the same names, as a table."""
    if len(value) < 2 or not isinstance(value[0], dict) or len(value[0]) < 2:
        return None
    names = list(value[0])
    rows = [names]
    for record in value:
        if not isinstance(record, dict) or list(record) != names:
            return None
        cells = [_scalar(cell) for cell in record.values() if not isinstance(cell, dict | list)]
        if len(cells) < len(names):
            return None
        rows.append(cells)
    return table_section(rows, first=0, unit=unit)


def _one_line(value: Any) -> str | None:
    """A value on one line, or None where it is too long for that or nested deeply."""
    parts: list[str] = []
    left = _RECORD
    stack: list[tuple[Any, str, int]] = [(value, "", 0)]
    while stack:
        item, name, depth = stack.pop()
        if isinstance(item, dict | list):
            if depth > 8 or len(item) > left:
                return None
            pairs = item.items() if isinstance(item, dict) else ((name, child) for child in item)
            within = f"{name}." if name and isinstance(item, dict) else ""
            stack += [(child, f"{within}{key}", depth + 1) for key, child in reversed(list(pairs))]
            continue
        said = _scalar(item)
        parts.append(f"{name}: {said}" if name else said)
        left -= len(parts[-1])
        if left < 0:
            return None
    return CELL.join(" ".join(part.split()) for part in parts)


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
    return str(value)
