"""Which calls a step admits: the grammar follows from the agent's state.

Labels that exist, the space left in a block, lines that can be replaced, budgets that are spent, and the calls of
this turn that may not be repeated. It does not know how a grammar is compiled or a call is run.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from memos.functions import Tool
from memos.generation import CallGrammar, FunctionSpec, Opening
from memos.messages import Call
from memos.speech import ARGUMENT as SAID
from memos.speech import FUNCTION as SPEECH
from memos.speech import NO_WORD
from memos.working_context import WorkingContext

ARCHIVAL_SEARCH = "archival_memory_search"
SEARCHES = frozenset({"conversation_search", "conversation_search_date", ARCHIVAL_SEARCH})
READS = frozenset({"open_document", "read_page", "search_document"})
REPLACE = "core_memory_replace"
SAVES = frozenset({"core_memory_append", REPLACE, "archival_memory_insert"})
LEAST_SPACE = 10  # tokens; a block with less is full
# A word that is not "I", "I'm" or "My": asked what they said of themselves, a small model says it in their voice. No
# other word with an I either, or it says "Ilive", or "Istanbul".
NOT_THEIR_VOICE = rf"^([^{NO_WORD}IM]|M[^y])"
CHARS_PER_TOKEN = 3  # cautious, for text in Latin script; the block's own limit is checked in tokens


def admit(
    tools: Sequence[Tool],
    working: WorkingContext,
    made: Sequence[Call],
    *,
    hidden: Sequence[int] = (),
    only: Sequence[str] = (),
    without: Collection[str] = (),
    opening: Opening | None = None,
    quotes_them: bool = False,
) -> CallGrammar:
    """The grammar of one step.

    Args:
        tools: the agent's functions.
        working: its blocks.
        made: calls that were made in this turn.
        hidden: ids of messages that can be brought back.
        only: admit these functions alone, as far as the state admits them; empty: all.
        without: do not admit these.
        opening: how speech begins; None: as the model likes.
        quotes_them: speech is from what the user told of themselves, so it does not begin in their voice.

    Returns:
        A grammar that always admits at least speech.
    """
    functions = []
    for tool in tools:
        if tool.name in without or (only and tool.name not in only):
            continue
        if tool.budget is not None and sum(call.name == tool.name for call in made) >= tool.budget:
            continue
        schema = _narrow(tool, working, hidden)
        if schema is not None:
            functions.append(_spec(tool.name, schema, opening, quotes_them))
    if not functions:
        functions = [_spec(tool.name, tool.schema, opening, quotes_them) for tool in tools if tool.name == SPEECH]
    return CallGrammar(tuple(functions), tuple(made))


def _spec(name: str, schema: Mapping[str, Any], opening: Opening | None, quotes_them: bool) -> FunctionSpec:
    if name != SPEECH:
        return FunctionSpec(name, schema)
    if quotes_them:
        said = {**schema["properties"][SAID], "pattern": NOT_THEIR_VOICE}
        schema = {**schema, "properties": {SAID: said}}
    return FunctionSpec(name, schema, prose=True, opening=opening)


def _narrow(tool: Tool, working: WorkingContext, hidden: Sequence[int]) -> Mapping[str, Any] | None:
    """The tool's schema, narrowed to what blocks and queue admit; None where nothing is left to call."""
    if tool.name == "restore_messages":
        if not hidden:
            return None
        schema = copy.deepcopy(tool.schema)
        schema["properties"]["message"] = {"type": "string", "enum": [f"recall:{one}" for one in hidden]}
        return schema
    if tool.name == "core_memory_append":
        space = {b.label: working.left(b.label) for b in working.blocks}
        labels = [label for label, left in space.items() if left >= LEAST_SPACE]
        if not labels:
            return None
        schema = copy.deepcopy(tool.schema)
        schema["properties"]["label"] = {"type": "string", "enum": labels}
        content = schema["properties"]["content"]
        widest = max(space[label] for label in labels) * CHARS_PER_TOKEN
        content["maxLength"] = min(content.get("maxLength", widest), widest)
        return schema
    if tool.name == REPLACE:
        filled = {b.label: working.lines(b.label) for b in working.blocks if working.lines(b.label)}
        if not filled:
            return None
        schema = copy.deepcopy(tool.schema)
        schema["properties"]["label"] = {"type": "string", "enum": list(filled)}
        lines = list(dict.fromkeys(line for some in filled.values() for line in some))
        schema["properties"]["old_content"] = {"type": "string", "enum": lines}
        return schema
    return tool.schema


def told_by(call: Call) -> str:
    """What a call saves of the user, in one line; empty where it saves nothing, or not of them."""
    text = call.arguments.get("new_content") or call.arguments.get("content")
    of_them = call.name in SAVES and call.arguments.get("label", "user") == "user"
    return " ".join(str(text).split()) if of_them and text else ""
