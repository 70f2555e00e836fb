"""Programs are cut where their syntax allows: between definitions, else between statements, else within them.

tree-sitter parses, in time linear in the text. It does not know tokens: it is told what fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_DEEPEST = 150
_WRAPPERS = ("decorated_definition", "export_statement", "ambient_declaration", "template_declaration")
_NAMED_BY_CHILD = ("class_interface", "class_implementation", "method_definition")  # of Objective-C
_DEFINITIONS = ("class", "function", "method", "impl", "module", "struct", "enum", "interface", "trait", "namespace")


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a program that is not cut.

    Args:
        start: its first character.
        end: after its last one.
        within: the names of the definitions around it, outermost first.
        opens: whether a definition that does not fit begins with it.
    """

    start: int
    end: int
    within: tuple[str, ...]
    opens: bool = False


def units(text: str, language: str, fits: Callable[[int, int], bool]) -> list[Unit]:
    """The largest parts that fit, in order; together they are the whole text.

    Args:
        text: the program.
        language: tree-sitter's name of it.
        fits: whether characters `start` to `end` are short enough.

    Returns:
        Units; one that does not fit is a single long token, or nested beyond reason.
    """
    data = text.encode("utf-8", "replace")
    from tree_sitter_language_pack import get_parser

    root = get_parser(language).parse(data).root_node
    found: list[Unit] = []
    cutter = _Cutter(text, data, fits, found)
    end = cutter.cut(root, 0, (), 0)
    if end < len(text):
        cutter.add(end, len(text), ())
    return found


def _characters(text: str, data: bytes) -> Callable[[int], int]:
    """From an offset in bytes to one in characters."""
    if len(text) == len(data):
        return lambda at: at
    import numpy

    begins = (numpy.frombuffer(data, dtype=numpy.uint8) & 0xC0) != 0x80
    before = numpy.concatenate(([0], numpy.cumsum(begins)))
    return lambda at: int(before[at])


class _Cutter:
    def __init__(self, text: str, data: bytes, fits: Callable[[int, int], bool], found: list[Unit]) -> None:
        self._text = text
        self._data = data
        self._character = _characters(text, data)
        self._fits = fits
        self._found = found
        self._opens = False  # the next unit begins a definition

    def cut(self, node: Any, start: int, within: tuple[str, ...], depth: int, wrapped: bool = False) -> int:
        """Append the units of a node and of what stands between `start` and it; return where they end."""
        first, end = self._character(node.start_byte), self._character(node.end_byte)
        if end <= start:
            return start
        if self._fits(start, end):
            return self.add(start, end, within)
        if first > start and self._fits(first, end):  # its comment is too long to go with it
            return self.add(self.add(start, first, within), end, within)
        if node.child_count == 0 or depth == _DEEPEST:
            return self.add(start, end, within)
        wrapper = node.type in _WRAPPERS
        name = "" if wrapped else self._name(node)  # what wraps it has said it
        inside = (*within, name) if name else within
        at = self._opened(start, first, within, inside) if name or (wrapper and not wrapped) else start
        for child in node.children:
            if "comment" not in child.type or not self._fits(at, self._character(child.end_byte)):
                at = self.cut(child, at, inside, depth + 1, wrapper)
        return self.add(at, end, inside) if at < end else at

    def _opened(self, start: int, first: int, within: tuple[str, ...], inside: tuple[str, ...]) -> int:
        """Append what stands between `start` and a definition: its comments open it; return where they end."""
        line, _, comments = self._text[start:first].partition("\n")
        if line.strip() and start and self._text[start - 1] != "\n":  # a comment behind what is before
            start = self.add(start, start + len(line), within)
        else:
            comments = line + comments
        if not comments.strip() and first > start:
            start = self.add(start, first, within)
        self._opens = True
        return self.add(start, first, inside) if first > start else start

    def add(self, start: int, end: int, within: tuple[str, ...]) -> int:
        """Append a unit; return where it ends. White space belongs to what it follows."""
        if self._found and not self._text[start:end].strip():
            within = self._found[-1].within
        self._found.append(Unit(start, end, within, self._opens))
        self._opens = False
        return end

    def _name(self, node: Any) -> str:
        while node.type in _WRAPPERS and node.named_children:
            node = node.named_children[-1]
        if not any(word in node.type for word in _DEFINITIONS):
            return ""
        name = node.child_by_field_name("name")
        if name is None and node.type == "impl_item":  # of Rust
            name = node.child_by_field_name("type")
        if name is None and node.type == "function_definition":
            name = _declared(node)
        if name is None and node.type in _NAMED_BY_CHILD:
            name = next((child for child in node.named_children if child.type == "identifier"), None)
        return self._data[name.start_byte : name.end_byte].decode("utf-8", "replace")[:80] if name else ""


def _declared(node: Any) -> Any | None:
    """What a function of C, C++ or Objective-C is called, behind its stars and before its parameters."""
    found = None
    while node is not None and node.type != "operator_cast":
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in ("reference_declarator", "parenthesized_declarator"):
            inner = next(iter(node.named_children), None)  # these name no fields
        found, node = inner or found, inner
    return found
