"""What the documents say of the Python API is there."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from functools import reduce
from pathlib import Path

import pytest

from memos import Agent, events
from memos.testing import ScriptedModel

ROOT = Path(__file__).parents[2]
API = (ROOT / "docs" / "api.md").read_text("utf-8")


def test_every_event_is_listed_with_its_fields() -> None:
    classes = [one for _, one in inspect.getmembers(events, inspect.isclass) if issubclass(one, events.Event)]
    there = {
        one.__name__: [field.name for field in dataclasses.fields(one)] for one in classes if one is not events.Event
    }
    listed = re.findall(r"^\| `(\w+)` \| (.*?) \|", API.partition("## Events")[2], re.MULTILINE)
    assert {name: re.findall(r"`(\w+)`", fields) for name, fields in listed} == there


def test_what_an_agent_can_do_is_there() -> None:
    named = set(re.findall(r"\bagent\.([a-z_]+(?:\.[a-z_]+)*)", API))
    assert len(named) > 10
    with Agent.open("ada", model=ScriptedModel(), embedding="none") as agent:
        for path in named:
            assert reduce(getattr, path.split("."), agent) is not None, path


@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_examples_in_python_are_python(page: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        ast.parse(block)
