"""Consent: which calls the user must allow first, because documents speak in the model's view.

A page of a document is a quotation, and a small model may obey it all the same. So where one is in view, or is what
the summary was made from, a call that acts outside of memory waits for the user; so does one that keeps in memory
what the user did not say, since a block is read with every turn (docs/decisions/0015-consent.md). Owns that rule. It
does not know how the user is asked, nor what becomes of the call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memos import prompts
from memos.functions import Tool
from memos.main_context import MainContext
from memos.messages import Call, Kind
from memos.protocols import AgentState, ArchivalStorage, RecallStorage

BRINGS = (Kind.PAGE, Kind.RESULT)  # kinds of messages that can hold a page of a document
STEM = 4  # letters by which two forms of a word are one: "live", "lives"
# What a note says of the user without taking it from anywhere.
OF_NOTES = frozenset(
    {"a", "an", "and", "are", "as", "has", "have", "in", "is", "of", "on", "the", "to", "user", "with"}
)
SHOWN = 3  # documents that are named
_POINTER = re.compile(r"archival:(\d+)")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """A call that waits for the user.

    Args:
        name: of the function.
        arguments: as the model gave them.
        sources: documents that are quoted in view; none where only the summary draws on them.
    """

    name: str
    arguments: Mapping[str, Any]
    sources: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What the user is asked."""
        given = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in self.arguments.items())
        named = ", ".join(self.sources[:SHOWN]) or "documents"
        more = f" and {len(self.sources) - SHOWN} more" if len(self.sources) > SHOWN else ""
        return f"Allow {self.name}({given})? The assistant has read {named}{more}, and may act on what stands there."


Consent = Callable[[ConsentRequest], bool]


def refuse(_request: ConsentRequest) -> bool:
    """Allow nothing: what holds where nobody can be asked."""
    return False


def allow(_request: ConsentRequest) -> bool:
    """Allow everything, unasked."""
    return True


class Guard:
    """Says which calls of one agent wait for the user.

    Args:
        tools: what may be called.
        context: what is in view.
        recall: the text of what is in view.
        state: the summary.
        archival: which document a passage is of.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        context: MainContext,
        recall: RecallStorage,
        state: AgentState,
        archival: ArchivalStorage,
    ) -> None:
        self._tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self._context, self._recall, self._state, self._archival = context, recall, state, archival

    def request(self, call: Call, turn: int) -> ConsentRequest | None:
        """What the user is to be asked before a call runs; None where it may run at once.

        Args:
            call: the call.
            turn: in which it is made.
        """
        tool = self._tools.get(call.name)
        if tool is None or not (tool.side_effects or tool.keeps):
            return None
        quoting = [text for text in self._texts(BRINGS) if prompts.quotes(text)]
        if not quoting and not prompts.quotes(self._state.summary()):
            return None
        if not tool.side_effects and self._says_only_what_the_user_said(call, turn):
            return None
        return ConsentRequest(call.name, call.arguments, self._sources(quoting))

    def _texts(self, kinds: Sequence[Kind], turn: int | None = None) -> Iterator[str]:
        """The messages in the queue, hidden ones too: what followed a page may have come of it."""
        for entry in self._context.entries:
            if entry.kind in kinds and turn in (None, entry.turn):
                message = self._recall.get(entry.message_id)
                if message is not None:
                    yield message.content

    def _says_only_what_the_user_said(self, call: Call, turn: int) -> bool:
        """Whether every word that a call keeps, small ones aside, begins as one of the user's message does: then a page
        cannot have put it there."""
        said = {word[:STEM] for text in self._texts((Kind.USER,), turn) for word in _words(text)}
        kept = {word for name, value in call.arguments.items() if name != "label" for word in _words(str(value))}
        return all(word[:STEM] in said for word in kept - OF_NOTES)

    def _sources(self, texts: Sequence[str]) -> tuple[str, ...]:
        numbers = dict.fromkeys(int(found) for text in texts for found in _POINTER.findall(text))
        passages = (self._archival.get(number) for number in numbers)
        return tuple(dict.fromkeys(one.source for one in passages if one is not None and one.source))


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
