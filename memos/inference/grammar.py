"""From what the kernel admits to what llguidance compiles: a Lark grammar whose leaves are JSON schemas.

Calls are written `{"function": "NAME", "arguments": {…}}` with one space after colons and commas, as in the
examples that the model reads, so that everything between the free parts is forced. Source of the syntax:
llguidance's docs/syntax.md. This module knows no tokens and no model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from memos.generation import CitedGrammar, FunctionSpec, Grammar, Opening, TextGrammar
from memos.messages import Call

_SPACING = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
_CHARACTER = r'([^"\\\x00-\x1f\x7f]|\\["\\\/bfnrt]|\\u[0-9a-fA-F]{4})'


def lark(grammar: Grammar) -> str:
    """The grammar in llguidance's Lark syntax."""
    if isinstance(grammar, TextGrammar):
        opening = f"{json.dumps(grammar.opening)} " if grammar.opening else ""
        return f"start: {opening}TEXT\nTEXT: /[^{{}}\\[\\]\\n\\x00-\\x1f]{{1,{grammar.max_chars}}}/\n"
    if isinstance(grammar, CitedGrammar):
        pages = " | ".join(json.dumps(f"[{page}]") for page in grammar.pages)
        text = f"/[^\\s\\[\\]\\x00-\\x1f][^\\[\\]\\n\\x00-\\x1f]{{0,{grammar.max_chars - 1}}}/"
        if grammar.numbers is not None:
            text += f" & /{_with_numbers(grammar.numbers)}/"
        return f"start: TEXT PAGE\nTEXT: {text}\nPAGE: {pages}\n"
    rules: list[str] = []
    starts = []
    for index, function in enumerate(grammar.functions):
        refused = [call for call in grammar.refused if call.name == function.name]
        rules.append(f'call{index}: {json.dumps(_head(function))} arguments{index} "}}"')
        rules.append(_arguments(index, function, refused))
        starts.append(f"call{index}")
    return "start: " + " | ".join(starts) + "\n" + "\n".join(rules) + "\n"


def prose_openings(grammar: Grammar) -> tuple[str, ...]:
    """How the texts begin that are prose from there on."""
    if isinstance(grammar, TextGrammar):
        return (grammar.opening,)
    if isinstance(grammar, CitedGrammar):
        return ()  # an answer repeats its page on purpose
    return tuple(_head(function) for function in grammar.functions if function.prose)


def _with_numbers(numbers: Iterable[str]) -> str:
    """A regular expression of texts that have no other numbers, nor two of them written as one (`9` and `1`: `9.1`)."""
    told = "|".join(map(_escape, sorted(numbers)))
    if not told:
        return "[^0-9]*"
    return f"[^0-9]*(({told})([.,:]?[^0-9.,:][^0-9]*))*(({told})[.,:]?)?"


def _head(function: FunctionSpec) -> str:
    """A call up to its arguments."""
    return Call(function.name, {}).text.removesuffix("{}}")


def _arguments(index: int, function: FunctionSpec, refused: list[Call]) -> str:
    if refused and not function.opening:
        pattern = _flat_pattern(function.parameters)
        if pattern is not None:
            repeats = "|".join(_spellings(function.parameters, call) for call in refused)
            return f"arguments{index}: ARGUMENTS{index}\nARGUMENTS{index}: /{pattern}/ & ~/({repeats})/"
        # A schema with nested values has no regular expression; the executor refuses the repetition instead.
    parameters = _opened(function.parameters, function.opening) if function.opening else function.parameters
    schema = {**parameters, "x-guidance": _SPACING}
    return f"arguments{index}: %json {json.dumps(schema)}"


def _opened(parameters: Mapping[str, Any], opening: Opening) -> Mapping[str, Any]:
    """The schema of a function whose first argument begins as given."""
    properties = dict(parameters["properties"])
    first = next(iter(properties))
    rest = "" if opening.whole else r" \S[\s\S]*" if opening.more else r"( [\s\S]*)?"
    properties[first] = {**properties[first], "pattern": f"^{re.escape(opening.text)}{rest}$"}
    return {**parameters, "properties": properties}


def _flat_pattern(schema: Mapping[str, Any]) -> str | None:
    """A regular expression of an object whose properties are strings, numbers, booleans or constants."""
    required = set(schema.get("required", ()))
    pattern, first = "", True
    for name, value in schema.get("properties", {}).items():
        leaf = _leaf_pattern(value)
        if leaf is None or (first and name not in required):
            return None
        part = ("" if first else ", ") + _escape(json.dumps(name)) + ": " + leaf
        pattern += part if name in required else f"({part})?"
        first = False
    return r"\{" + pattern + r"\}"


def _leaf_pattern(value: Mapping[str, Any]) -> str | None:
    if "enum" in value:
        return "(" + "|".join(_escape(json.dumps(item)) for item in value["enum"]) + ")"
    match value.get("type"):
        case "string":
            low, high = value.get("minLength", 0), value.get("maxLength", "")
            return f'"{_CHARACTER}{{{low},{high}}}"'
        case "integer":
            return r"-?(0|[1-9][0-9]{0,8})" if value.get("minimum", -1) < 0 else r"(0|[1-9][0-9]{0,8})"
        case "boolean":
            return "(true|false)"
        case _:
            return None


def _spellings(schema: Mapping[str, Any], call: Call) -> str:
    """Regular expression of a call's arguments, with and without those that have their default."""
    parts: list[str] = []
    for name, value in schema.get("properties", {}).items():
        if name not in call.arguments:
            continue
        text = _escape(("" if not parts else ", ") + json.dumps(name) + ": " + _dumps(call.arguments[name]))
        default = value.get("default", ...)
        parts.append(f"({text})?" if default == call.arguments[name] else text)
    return r"\{" + "".join(parts) + r"\}"


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _escape(text: str) -> str:
    return re.sub(r"([\\.+*?()|\[\]{}^$/&~#\-])", r"\\\1", text)
