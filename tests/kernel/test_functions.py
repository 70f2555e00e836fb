"""`@tool`: types become signature, schema and validation."""

from __future__ import annotations

from typing import Literal

import pytest

from memos import InputError, ToolError, tool
from memos.functions import Memory
from memos.tools import SYSTEM_CALLS


@tool
def convert(amount: float, unit: Literal["km", "mi"], exact: bool = False) -> str:
    """Convert a distance.

    More for people.
    """
    return f"{amount} {unit} {exact}"


def test_a_tool_is_its_signature_schema_and_function() -> None:
    assert convert.signature == "convert(amount, unit, exact=False)"
    assert convert.description == "Convert a distance."
    assert convert.schema["required"] == ["amount", "unit"]
    assert convert.schema["additionalProperties"] is False
    assert convert.schema["properties"]["unit"]["enum"] == ["km", "mi"]
    assert convert.function(1.0, "km") == "1.0 km False"


def test_arguments_become_the_functions_own_types() -> None:
    assert convert.validate({"amount": 3, "unit": "mi"}) == {"amount": 3.0, "unit": "mi", "exact": False}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"unit": "km"}, "amount: Field required"),
        ({"amount": 1, "unit": "league"}, "unit: "),
        ({"amount": 1, "unit": "km", "colour": "red"}, "colour: Extra inputs"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(ToolError, match=says):
        convert.validate(arguments)


def test_the_memory_parameter_is_not_shown_to_the_model() -> None:
    @tool
    def peek(memory: Memory, label: str) -> str:
        """Look."""
        return label

    assert peek.wants_memory and peek.signature == "peek(label)"
    assert "memory" not in peek.schema["properties"]


def test_what_cannot_be_a_tool_is_refused_with_the_reason() -> None:
    def silent(a: int) -> int:
        return a

    def untyped(a) -> int:  # type: ignore[no-untyped-def]
        """Has no type."""
        return 1

    def spread(*many: int) -> int:
        """Takes many."""
        return 1

    with pytest.raises(InputError, match="docstring"):
        tool(silent)
    with pytest.raises(InputError, match="no type annotation"):
        tool(untyped)
    with pytest.raises(InputError, match="plain named parameters"):
        tool(spread)
    with pytest.raises(InputError, match="no name for a tool"):
        tool(name="Bad-Name")(silent)


def test_the_system_calls_have_memgpts_names_and_arguments() -> None:
    assert [call.signature for call in SYSTEM_CALLS] == [
        "send_message(message)",
        "core_memory_append(label, content)",
        "core_memory_replace(label, old_content, new_content)",
        "conversation_search(query, page=0)",
        "conversation_search_date(start_date, end_date, page=0)",
        "archival_memory_insert(content)",
        "archival_memory_search(query, page=0)",
    ]
