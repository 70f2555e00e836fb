"""`@tool`: a typed Python function becomes something that the model may call.

Types and docstring become the signature that the model reads, the JSON schema that the grammar is built
from, and the validation of what arrives. This module owns that translation; it does not know who calls
the function, when, or what becomes of the result.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from memos.errors import InputError, ToolError

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")


class Memory(Protocol):
    """What a system call sees of the agent that runs it. The kernel implements it; tools only use it.

    A tool's first parameter, if annotated `Memory`, receives it and is not shown to the model.
    """

    def append_block(self, label: str, content: str) -> str: ...
    def replace_block(self, label: str, old: str, new: str) -> str: ...
    def search_recall(self, query: str, page: int) -> str: ...
    def search_recall_by_date(self, start: str, end: str, page: int) -> str: ...
    def insert_archival(self, content: str) -> str: ...
    def search_archival(self, query: str, page: int) -> str: ...
    def read_document(self, document: str, page: int) -> str: ...
    def search_document(self, document: str, query: str) -> str: ...
    def hide(self, words: str) -> str: ...
    def restore(self, message: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call.

    Args:
        name: what the model calls it by.
        description: one line for the model, from the docstring's first line.
        function: the Python function.
        arguments: pydantic model of its arguments; unknown arguments are refused.
        wants_memory: whether the function's first parameter receives the agent's `Memory`.
        time_limit: seconds after which a call is given up.
        budget: how often it may be called in one turn; None: no limit but the turn's own.
        side_effects: whether it acts outside of the agent's memory. With pages of documents in view, the user is
            asked before it runs.
        quotes: whether its result is text of others (a document, a web page, an e-mail), shown as a quotation.
        keeps: whether what it is given stays in memory. With pages of documents in view, the user is asked before
            it keeps what they did not say themselves.
    """

    name: str
    description: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    wants_memory: bool = False
    time_limit: float = 10.0
    budget: int | None = None
    side_effects: bool = False
    quotes: bool = False
    keeps: bool = False
    _schema: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments: an object that admits nothing else."""
        return self._schema

    @property
    def signature(self) -> str:
        """The call as the model reads it, e.g. `conversation_search(query, page=0)`."""
        parts = []
        for name, info in self.arguments.model_fields.items():
            parts.append(name if info.is_required() else f"{name}={info.default!r}")
        return f"{self.name}({', '.join(parts)})"

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments as the function's own types.

        Raises:
            ToolError: an argument is missing, unknown or of the wrong type; the sentence says which.
        """
        try:
            parsed = self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "arguments"
            raise ToolError(f"{self.name}: {where}: {first['msg']}.") from error
        return {name: getattr(parsed, name) for name in self.arguments.model_fields}


def _arguments_model(function: Callable[..., Any], skip_first: bool) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for index, (name, parameter) in enumerate(inspect.signature(function).parameters.items()):
        if index == 0 and skip_first:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise InputError(f"A tool needs plain named parameters; {function.__name__} has {parameter}.")
        if name not in hints:
            raise InputError(f"Parameter {name} of tool {function.__name__} has no type annotation.")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[name] = (hints[name], Field(default))
    return create_model(f"{function.__name__}_arguments", __config__=ConfigDict(extra="forbid"), **fields)


def _wants_memory(function: Callable[..., Any]) -> bool:
    parameters = list(inspect.signature(function).parameters)
    return bool(parameters) and get_type_hints(function).get(parameters[0]) is Memory


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    time_limit: float = 10.0,
    budget: int | None = None,
    side_effects: bool = False,
    quotes: bool = False,
    keeps: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    time_limit: float = 10.0,
    budget: int | None = None,
    side_effects: bool = False,
    quotes: bool = False,
    keeps: bool = False,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a function callable by the model.

    Args:
        function: a function with type annotations and a docstring; its first line is what the model reads.
        name: another name than the function's own; lower case letters, digits and `_`.
        time_limit: seconds after which a call is given up and the model is told so.
        budget: how often it may be called in one turn.
        side_effects: it acts outside of the agent's memory (sends, deletes, pays …): with pages of documents in
            view, the user is asked before it runs (`Agent.open(consent=…)`).
        quotes: its result is text of others, such as a web page or an e-mail, and is treated as a document's.
        keeps: what it is given stays in memory; asked about as `side_effects`, unless it is in the user's own words.

    Returns:
        The `Tool`; pass it to `Agent.open(tools=[…])`. `tool.function` is the function itself.

    Raises:
        InputError: no docstring, a parameter without a type, or a name that is not admissible.

    Example:
        >>> @tool
        ... def add(a: int, b: int) -> int:
        ...     "Add two numbers."
        ...     return a + b
        >>> add.signature
        'add(a, b)'
    """
    given: dict[str, Any] = {"time_limit": time_limit, "budget": budget}
    given |= {"side_effects": side_effects, "quotes": quotes, "keeps": keeps}
    if function is None:
        return lambda wrapped: _make(wrapped, name, given)
    return _make(function, name, given)


def _make(function: Callable[..., Any], name: str | None, given: Mapping[str, Any]) -> Tool:
    chosen = name or function.__name__
    if not NAME.fullmatch(chosen):
        raise InputError(f"{chosen!r} is no name for a tool: use lower case letters, digits and _.")
    description = (inspect.getdoc(function) or "").strip().split("\n")[0].strip()
    if not description:
        raise InputError(f"Tool {chosen} needs a docstring: its first line is what the model reads.")
    wants_memory = _wants_memory(function)
    arguments = _arguments_model(function, wants_memory)
    try:
        schema = arguments.model_json_schema()
    except Exception as error:  # pydantic raises several kinds for types without a schema
        raise InputError(f"Tool {chosen} has a parameter without a JSON schema: {error}.") from error
    return Tool(chosen, description, function, arguments, wants_memory, **given, _schema=schema)
