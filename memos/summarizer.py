"""Making the summary of what leaves, of what the model says or finds surprising on a fork of the resident context.

It cannot fail: where the model's text is unusable, or there is no room to ask, the summary is made without it. It does
not know when something leaves, what a summary looks like, or where it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence

from memos import prompts, summary
from memos.events import Event, Progress, Step
from memos.generation import Echo, Generated, Reading, Sampling, TextGrammar
from memos.main_context import Entry, MainContext, Tokens
from memos.messages import EvictionSource, Kind, Message
from memos.policy import KernelSettings
from memos.protocols import AgentState, LanguageModel, RecallStorage
from memos.zone import local

PART = 0.4  # of the summary's room, for what leaves at one time


class Summarizer:
    """Makes the next summary of one agent.

    Args:
        model: writes it.
        recall: tells the days of what left long ago.
        state: has the summary so far.
        policy: how long it may be.
        sampling: how its words are chosen.
    """

    def __init__(
        self,
        model: LanguageModel,
        recall: RecallStorage,
        state: AgentState,
        policy: KernelSettings,
        sampling: Sampling,
    ) -> None:
        self._model, self._recall, self._state = model, recall, state
        self._policy, self._sampling = policy, sampling

    def written(
        self,
        context: MainContext,
        leaving: Sequence[Entry],
        messages: Sequence[Message],
        cancelled: Callable[[], bool],
    ) -> Generator[Event, None, tuple[str, EvictionSource]]:
        """The summary from now on.

        Args:
            context: the main context, whose first entries leave.
            leaving: these.
            messages: the same as they are stored.
            cancelled: asked between tokens; the summary is made without the model then.

        Returns:
            Its text, and who wrote it.
        """
        source, newest = self._policy.summaries, ""
        if source == "model":
            newest = yield from self._asked(context, leaving, messages, cancelled)
        elif source == "surprise":
            newest = yield from self._surprising(context, leaving, cancelled)
        if newest and source != "plain":
            return self._joined(newest, messages), source
        return self.plain(messages), "deterministic"

    def plain(self, messages: Sequence[Message]) -> str:
        """The summary without the model."""

        return self._joined(summary.first_words(messages, self._part), messages)

    def fitted(self, text: str) -> str:
        """A summary as it was made, or, if it is of a larger window, as much of it as there is room for."""
        most = self._policy.summary + self._policy.reserve // 4  # the newest part and its pointer may be a bit longer
        return summary.fitted(text, lambda part: len(self._model.tokenize(prompts.summary(part))) <= most)

    def _part(self, text: str) -> bool:
        """Whether a text is short enough for what leaves at one time."""
        return len(self._model.tokenize(text)) <= self._policy.summary * PART

    def _surprising(
        self, context: MainContext, leaving: Sequence[Entry], cancelled: Callable[[], bool]
    ) -> Generator[Event, None, str]:
        """The user's most surprising words in what leaves; empty if there are none, or it was cancelled."""
        spans = [context.span(index) for index, entry in enumerate(leaving) if entry.kind is Kind.USER and entry.tokens]
        if not spans:
            return ""
        start, end, started = spans[0][0], spans[-1][1], time.perf_counter()
        for item in self._model.surprisal(context.tokens[:end], start, cancelled):
            if isinstance(item, Reading):
                yield Progress("summing up", item.done, item.total, "tokens")
            else:
                yield Step("summary", end - start, start, 0, 0, time.perf_counter() - started)
                return summary.surprising_words([item[one - start : two - start] for one, two in spans], self._part)
        return ""

    def _asked(
        self,
        context: MainContext,
        leaving: Sequence[Entry],
        messages: Sequence[Message],
        cancelled: Callable[[], bool],
    ) -> Generator[Event, None, str]:
        """The model's text about what leaves; empty if it is of no use."""
        request = self._model.tokenize(prompts.summary_request(summary.key_words(messages)))
        limit = int(self._policy.summary * PART)
        prompt = _prompt(context, request, len(leaving), context.window - limit)
        if not prompt:
            return ""
        generation = self._model.generate(
            prompt,
            TextGrammar(opening=prompts.SUMMARY_OPENING),
            limit=limit,
            sampling=self._sampling,
            cancelled=cancelled,
            echoes=_seen(context, leaving),
            fork=True,
        )
        text = ""
        for item in generation:
            if isinstance(item, Reading):
                yield Progress("summing up", item.done, item.total, "tokens")
            elif isinstance(item, Generated) and item.finish != "cancelled":
                yield Step("summary", item.evaluated, item.reused, len(item.tokens), item.decodes, item.seconds)
                said = item.text.removeprefix(prompts.SUMMARY_OPENING)
                text = summary.usable(said, cut=item.finish == "length")
        return text

    def _joined(self, newest: str, messages: Sequence[Message]) -> str:
        earlier = self._state.summary()
        quoting = prompts.quotes(earlier) or any(prompts.quotes(message.content) for message in messages)
        span = f"{self._span(messages)}, {prompts.DRAWN}" if quoting else self._span(messages)
        return summary.joined(earlier, newest, span, self._fits)

    def _fits(self, text: str) -> bool:
        return len(self._model.tokenize(prompts.summary(text))) <= self._policy.summary

    def _span(self, messages: Sequence[Message]) -> str:
        """Pointer to everything that has ever left, with its days."""
        earlier = self._state.evictions()
        first = earlier[0].first_id if earlier else messages[0].id
        start = self._recall.get(first) or messages[0]
        days = f"{local(start.created_at):%Y-%m-%d}"
        end = f"{local(messages[-1].created_at):%Y-%m-%d}"
        return f"recall:{first}-{messages[-1].id}, {days if days == end else days + ' to ' + end}"


def _prompt(context: MainContext, request: Tokens, leaving: int, room: int) -> Tokens:
    """The request behind as many of those that leave as there is room for; empty if it would not see most."""
    for count in range(leaving, max(1, leaving // 2) - 1, -1):
        prompt = context.ready(request, upto=count)
        if len(prompt) <= room:
            return prompt
    return ()


def _seen(context: MainContext, leaving: Sequence[Entry]) -> list[Echo]:
    """What a summary should not repeat: the head word for word, and whole phrases of what it sums up."""
    fixed = context.fixed
    head = [Echo(fixed.summary, 1), *(Echo(tokens, 2) for _, tokens in fixed.blocks)]
    return head + [Echo(entry.tokens, 3) for entry in leaving]
