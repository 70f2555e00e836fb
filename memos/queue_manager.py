"""The FIFO queue: what is in it, how full it is, and what leaves.

Owns the way of a message: first into recall storage, then into the main context; and the way out: a summary with
pointers takes the place of what leaves, and nothing is lost. Pressure is known before a call is made. It does not
know what a turn is for, which functions exist, or how memory is searched.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from memos import prompts
from memos.errors import InputError, WindowError
from memos.events import Event, Evicted, Grown, Moved, PrefixMoved, PressureWarning, Progress, Repaired, Step, Way
from memos.generation import Reading, shared_prefix
from memos.hiding import Hiding
from memos.main_context import Entry, Fixed, MainContext, Tokens
from memos.messages import Block, Call, Eviction, EvictionReason, EvictionSource, Kind, Message, State
from memos.policy import KernelSettings
from memos.protocols import AgentState, LanguageModel, RecallStorage
from memos.speech import ARGUMENT, FUNCTION
from memos.summarizer import Summarizer
from memos.working_context import WorkingContext

SHORTEST_RUN = 8  # tokens for which a second splice is worth its cost
INTERRUPTED = "interrupted: the program ended before this function returned."
PIECE = 64  # tokens that are read at a time where nobody waits: a second on a slow machine


class QueueManager:
    """The queue of one agent.

    Args:
        model: for tokens and summaries.
        recall: where every message goes first.
        state: where the queue's start and the summary are kept.
        working: the blocks, for the prompt's head.
        policy: sizes and marks.
        summarizer: writes what stands for those that leave.
        hiding: what of the queue is hidden.
        instructions: the fixed text of the prompt's head.

    Raises:
        WindowError: the head does not leave room for a conversation.
        InputError: evictions by shift are asked for, and the model cannot be shifted.
    """

    def __init__(
        self,
        model: LanguageModel,
        recall: RecallStorage,
        state: AgentState,
        working: WorkingContext,
        policy: KernelSettings,
        summarizer: Summarizer,
        hiding: Hiding,
        instructions: str,
    ) -> None:
        if policy.eviction == "shift" and model.shift_refusal:
            raise InputError(f'{model.name} cannot evict by shift: {model.shift_refusal}. Use eviction = "exact".')
        self._model, self._recall, self._state, self._working = model, recall, state, working
        self._policy, self._summarizer, self.hiding = policy, summarizer, hiding
        self._instructions = model.tokenize(instructions)
        self._warned = False
        self.context = MainContext(model, self._as_it_was(), policy.reserve)
        self._check_room()

    # ------------------------------------------------------------------------------------------- head

    def head(self, text: str) -> Fixed:
        """The prompt's head from the blocks as they are now and a summary's text: what a write-back installs."""
        return self._head(text, self._working.blocks)

    def _head(self, text: str, blocks: Iterable[Block]) -> Fixed:
        tokenize = self._model.tokenize
        laid_out = tuple((block.label, tokenize(prompts.block(block))) for block in blocks)
        return Fixed(self._instructions, laid_out, tokenize(prompts.summary(text)) if text else ())

    def _as_it_was(self) -> Fixed:
        """The head as of the last write-back: what was edited since stands in the queue."""
        return self._head(self._summary, self._state.written_back() or self._working.blocks)

    @property
    def _summary(self) -> str:
        """The summary, as much of it as there is room for: it may be of a larger window."""
        return self._summarizer.fitted(self._state.summary())

    def write_back(self) -> Iterator[Event]:
        """Refresh the blocks' copies in the head, where nothing is lost by it: at a start that reads all anew."""
        blocks = self._working.blocks
        if tuple(self._state.written_back()) == blocks:
            return
        self._state.record_write_back(blocks)
        size = self.context.used
        kept = self.context.rewrite(self.head(self._summary), self.context.entries)
        if kept < size:
            yield PrefixMoved("start", kept)

    @property
    def _largest_head(self) -> int:
        """Tokens of everything but the queue when blocks and summary are full."""
        grown = sum(block.limit - len(self._model.tokenize(block.text)) for block in self._working.blocks)
        return self.context.size_of(self.head(""), ()) + max(0, grown) + self._policy.summary

    @property
    def spare(self) -> int:
        """Tokens that another block may have."""
        return self.context.usable - self._largest_head - self._policy.reserve

    def _check_room(self) -> None:
        largest = self._largest_head
        if self.context.usable - largest < self._policy.reserve:
            raise WindowError(
                f"A window of {self.context.window:,} tokens is too small for this agent: instructions, blocks "
                f"and summary may take {largest:,}, and the reply {self._policy.reserve:,}. "
                f"Ask for --context {largest + 3 * self._policy.reserve} or more."
            )

    @property
    def longest_message(self) -> int:
        """Tokens that a message of the user may have: what fits when the queue is empty, a step included."""
        fixed = self.context.size_of(self.head(""), ()) + self._policy.summary
        return self.context.usable - fixed - self._policy.reserve

    def check_message(self, text: str) -> None:
        """Refuse a message that cannot be in view as a whole, before anything is stored.

        Raises:
            InputError: it is empty, or longer than the window can hold.
        """
        if not text.strip():
            raise InputError("The message is empty.")
        size = len(self._model.tokenize(text))
        if size > self.longest_message:
            raise InputError(
                f"The message has {size:,} tokens; at most {self.longest_message:,} fit into this window. "
                "Save it to a file and read that with `memos ingest FILE`, or open a larger --context."
            )

    # ---------------------------------------------------------------------------------------- way in

    def append(
        self, kind: Kind, content: str, *, turn: int, token_ids: Tokens = (), state: State = State.DONE
    ) -> Message:
        """Store a message, then put it into the main context."""
        model = self._model.fingerprint if token_ids else ""
        message = self._recall.append(kind, content, turn=turn, state=state, token_ids=token_ids, model=model)
        self.admit(message)
        return message

    def admit(self, message: Message) -> None:
        """Put a stored message into the main context; room must have been made."""
        self.context.append(self.entry(message))

    def take_in(
        self,
        messages: Sequence[Message],
        *,
        tell: Sequence[Event] = (),
        more: int = 0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[Event]:
        """Make room for messages that are stored, and put them into the main context.

        They come into view though it is cancelled, or whoever listens leaves, meanwhile: room is made at once then.

        Args:
            messages: in their order.
            tell: events to begin with.
            more: tokens that are to be free behind them.
            cancelled: asked between tokens.
        """
        needed = sum(self.cost(message.kind, message.content) for message in messages) + more
        try:
            yield from tell
            yield from self.make_room(needed, cancelled=cancelled)
        finally:
            at_once = list(self.make_room(needed, with_model=False))
            for message in messages:
                self.admit(message)
        yield from at_once

    def entry(self, message: Message) -> Entry:
        """A message as the queue holds it: with its exact tokens where the model generated them."""
        if message.token_ids and message.model == self._model.fingerprint:
            tokens = message.token_ids
        else:
            tokens = self._model.tokenize(queue_text(message))
        return Entry(message.id, message.kind, message.turn, tokens)

    def cost(self, kind: Kind, text: str) -> int:
        """Tokens that a text would add to the prompt."""
        return self.context.cost(kind, self._model.tokenize(text))

    @property
    def first_id(self) -> int:
        """Id of the oldest message in view; larger than any where the queue is empty."""
        entries = self.context.entries
        return entries[0].message_id if entries else 2**62

    def pages(self, turn: int) -> list[Message]:
        """The pages in view that came with a turn."""
        return self._stored([one for one in self.context.entries if one.kind is Kind.PAGE and one.turn == turn])

    def said(self) -> list[str]:
        """What the user has said that is in view."""
        users = [one for one in self.context.entries if one.kind is Kind.USER]
        return [message.content for message in self._stored(users)]

    def find(self, words: str) -> int | None:
        """Id of the longest message in view, of a turn that is over, that has all of some words."""
        wanted, last = words.casefold().split(), self._recall.last_turn()
        shown = [entry for entry in self.context.entries if entry.tokens and entry.turn != last]
        for entry in sorted(shown, key=lambda entry: -len(entry.tokens)):
            message = self._recall.get(entry.message_id)
            if wanted and message and all(word in message.content.casefold() for word in wanted):
                return entry.message_id
        return None

    def redact(self, message_ids: Collection[int], *, blocks_differ: bool) -> Iterator[Event]:
        """The words of stored messages are not what they were: bring those in view in line.

        Args:
            message_ids: of these messages.
            blocks_differ: the blocks have lost words, too, which their copies in the head may have, and what told of
                them in the queue may be gone.
        """
        size, entries = self.context.used, list(self.context.entries)
        for index, entry in enumerate(entries):
            message = self._recall.get(entry.message_id) if entry.message_id in message_ids else None
            if message is not None:
                entries[index] = self.entry(message).hidden() if entry.parked else self.entry(message)
        if blocks_differ:
            self._state.record_write_back(self._working.blocks)
        # From storage: the copies of blocks may have lost words that the blocks have no more.
        kept = self.context.rewrite(self._as_it_was(), entries)
        if kept < size:
            yield PrefixMoved("forget", kept)
        yield from self.make_room(0)

    def reload(self, reason: Moved) -> Iterator[Event]:
        """Lay the prompt out anew from storage, where history was changed. What both begin with stays resident.

        Args:
            reason: for the event that says so.
        """
        before = self.context.tokens
        messages = self._recall.since(self._state.queue_start())
        yield from self._restore(self.hiding.as_it_was([self.entry(message) for message in messages]), messages)
        self._warned = False
        kept = shared_prefix(before, self.context.tokens)
        if kept < len(before):
            yield PrefixMoved(reason, kept)

    # --------------------------------------------------------------------------------------- pressure

    def warn(self, turn: int) -> Iterator[Event]:
        """Once between evictions, when pressure passes the warning mark: tell the observers, and the model if it is
        left to save by itself. A small model would answer the warning instead of the user."""
        context = self.context
        pressure = context.used / context.usable
        if self._warned or pressure < self._policy.warning:
            return
        text = prompts.pressure()
        if self.cost(Kind.ALERT, text) > context.free:
            return  # the flush is here already
        self._warned = True
        if not self._policy.note_facts:
            self.append(Kind.ALERT, text, turn=turn)
        yield PressureWarning(round(pressure, 4), context.used, context.usable)

    def make_room(
        self,
        needed: int,
        *,
        keep_turn: int | None = None,
        reason: EvictionReason = "flush",
        cancelled: Callable[[], bool] = lambda: False,
        with_model: bool = True,
    ) -> Iterator[Event]:
        """Flush if fewer than `needed` tokens are free. Messages of `keep_turn` stay.

        Long results of turns that are over are hidden first: that reads nothing again. Then a larger window is taken
        where the model has one. The rest is as `evict` says.
        """
        if self.context.free < needed and self._policy.hide_results:
            yield from self.hiding.hide_long_results(self.context, keep_turn)
        yield from self._grow(self.context.used + needed)
        if self.context.free < needed:
            yield from self.evict(
                reason, needed=needed, keep_turn=keep_turn, cancelled=cancelled, with_model=with_model
            )

    def _grow(self, size: int) -> Iterator[Event]:
        """Take larger windows until a prompt of `size` tokens fits, as far as there are any."""
        while size > self.context.usable:
            before = self.context.window
            # Another agent on the same model may have let it grow already.
            method = self._model.grow() if self._model.window == before else "shared"
            if not method:
                return
            self.context.window = self._model.window
            self._warned = False
            yield Grown(before, self.context.window, method)
            yield PrefixMoved("grown", 0)

    def evict(
        self,
        reason: EvictionReason,
        *,
        needed: int = 0,
        keep_turn: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        with_model: bool = True,
    ) -> Generator[Event, None, None]:
        """Page the oldest turns out until the queue's room is at the policy's mark and `needed` fits.

        It cannot fail for want of a summary: if the model's is unusable, a deterministic one stands in.
        Nothing happens where nothing may leave, or where it is cancelled before the page-out is recorded.

        Args:
            reason: for the event that says so.
            needed: tokens.
            keep_turn: the turn whose messages stay; None: all may leave.
            cancelled: asked between tokens.
            with_model: whether the model sums up, and reads what stays beside what is there; without, it is done at
                once, and what stays is read with the next step.
        """
        cut = self._cut(needed, keep_turn)
        if cut == 0:
            return
        leaving, remaining = self.context.entries[:cut], self.context.entries[cut:]
        messages = self._stored(leaving)
        if with_model:
            text, source = yield from self._summarizer.written(self.context, leaving, messages, cancelled)
        else:
            text, source = self._summarizer.plain(messages), "deterministic"
        if with_model and self._policy.eviction == "exact" and not cancelled():
            yield from self._prepare(self.context.laid_out(self.head(text), remaining), cancelled)
        if not cancelled():
            yield from self._page_out(leaving, remaining, text, source, reason)

    def evict_ahead(self, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
        """Between turns: page out now what the next turn would have to, while nobody waits.

        That is, if a turn as long as the longest in view, and a step, would not fit. The step's room is for the reply;
        a result is foreseen with as much at most, since a page of a document is read in few turns. The turn that was
        just answered stays, even where both are too long to stand in view together: the next message is often about it.
        """
        step, turns, entries = self._policy.step_room, Counter[int](), self.context.entries
        for entry in entries:
            size = len(entry.tokens)
            if entry.kind is not Kind.SPEECH:
                turns[entry.turn] += size if entry.kind in (Kind.USER, Kind.CALL) else min(size, step)
        foreseen = step + max(turns.values(), default=0)
        newest = entries[-1].turn if entries else None
        yield from self.make_room(foreseen, keep_turn=newest, reason="ahead", cancelled=cancelled)

    @property
    def resident(self) -> int:
        """How many tokens of the prompt, from its start, are in the model's cache."""
        return shared_prefix(self._model.resident(), self.context.tokens)

    def read_ahead(self, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
        """Between turns: read what of the prompt is not resident, in pieces of which each stays."""
        prompt, started = self.context.tokens, time.perf_counter()
        before = here = self.resident
        while here < len(prompt) and not cancelled():
            for _ in self._model.prepare(prompt[: here + PIECE], cancelled):
                pass
            self._model.adopt()
            if self.resident <= here:
                break  # there is no room to read it beside what is resident
            here = self.resident
        if here > before:
            yield Step("ahead", here - before, before, 0, 0, time.perf_counter() - started)

    def _prepare(self, prompt: Tokens, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Read the prompt as it will be beside the one that is, so that nothing is lost if it is cancelled."""
        started = time.perf_counter()
        for item in self._model.prepare(prompt, cancelled):
            if isinstance(item, Reading):
                yield Progress("reading", item.done, item.total, "tokens")
            elif not cancelled():
                yield Step("eviction", item, len(prompt) - item, 0, 0, time.perf_counter() - started)

    def _page_out(
        self,
        leaving: Sequence[Entry],
        remaining: Sequence[Entry],
        text: str,
        source: EvictionSource,
        reason: EvictionReason,
    ) -> Iterator[Event]:
        """Record that entries leave, and rewrite the main context with this summary in their place."""
        before, after = self.context.tokens, self.head(text)
        former = self.context.size_of(self.context.fixed, [*leaving, *remaining])
        freed = former - self.context.size_of(after, remaining)
        eviction = Eviction(
            first_id=leaving[0].message_id,
            last_id=leaving[-1].message_id,
            messages=len(leaving),
            tokens=freed,
            summary=text,
            source=source,
            reason=reason,
        )
        start = remaining[0].message_id if remaining else leaving[-1].message_id + 1
        self._state.record_eviction(eviction, queue_start=start, blocks=self._working.blocks)
        kept = self.context.rewrite(after, remaining)
        self._warned = False
        way = yield from self._move(before, kept)
        yield Evicted(eviction.first_id, eviction.last_id, len(leaving), freed, text, source, reason, way)
        yield PrefixMoved("eviction", kept)

    def _move(self, before: Tokens, kept: int) -> Generator[Event, None, Way]:
        """Bring the cache to the rewritten prompt, by the policy's way; returns the way that was possible."""
        if self._policy.eviction == "exact":
            self._model.adopt()
            return "exact"
        now = self.context.tokens
        stays = min(shared_prefix(before[::-1], now[::-1]), len(before) - kept, len(now) - kept)
        stop = len(before) - stays
        if not stays or shared_prefix(self._model.resident(), before) <= stop:
            return "exact"  # nothing of what stays is in the cache, so there is nothing to move
        started = time.perf_counter()
        evaluated = sum(self._model.splice(*edit) for edit in _edits(before, now, kept, stays))
        yield Step("eviction", evaluated, len(now) - evaluated, 0, 0, time.perf_counter() - started)
        return "shift"

    @property
    def leaving_next(self) -> int:
        """How many entries, from the oldest, leave at the next eviction."""
        return self._cut(self._policy.step_room, None)

    def _cut(self, needed: int, keep_turn: int | None) -> int:
        """How many entries leave: whole turns, as few as reach the target."""
        entries = self.context.entries
        head = self.head("")
        fixed = self.context.size_of(head, ()) + self._policy.summary
        target = fixed + self._policy.evict_to * (self.context.usable - fixed)
        starts = [index for index, entry in enumerate(entries) if index and entry.turn != entries[index - 1].turn]
        last = next((i for i, entry in enumerate(entries) if entry.turn == keep_turn), len(entries))
        candidates = [index for index in starts if index <= last]
        if last not in candidates and last > 0:
            candidates.append(last)
        for cut in candidates:
            size = self.context.size_of(head, entries[cut:]) + self._policy.summary
            if size + needed <= self.context.usable and size <= max(target, self._least(head, entries, last)):
                return cut
        return candidates[-1] if candidates else 0

    def _least(self, head: Fixed, entries: Sequence[Entry], last: int) -> int:
        """The smallest size that can be reached: with only the messages that must stay."""
        return self.context.size_of(head, entries[last:]) + self._policy.summary

    # ------------------------------------------------------------------------------------------ start

    def load(self) -> Iterator[Event]:
        """Read the queue from storage at start and put right what a killed process left undone."""
        messages = []
        for message in self._recall.since(self._state.queue_start()):
            repaired, event = self._repair(message)
            if event:
                yield event
            if repaired is not None:
                messages.append(repaired)
        yield from self._complete(messages)
        entries = self.hiding.as_it_was([self.entry(message) for message in messages])
        yield from self._restore(entries, messages)

    def _repair(self, message: Message) -> tuple[Message | None, Event | None]:
        if message.state is not State.DRAFT:
            return message, None
        if not message.content:
            self._recall.discard(message.id)
            return None, None
        cut = self._recall.amend(message.id, content=message.content, state=State.CUT)
        return cut, Repaired(f"recall:{message.id}: the reply was cut off and is kept as far as it was shown.")

    def _complete(self, messages: list[Message]) -> Iterator[Event]:
        """Answer what was left open: a call without its result, a message without a reply."""
        if not messages:
            return
        last = messages[-1]
        if last.kind is Kind.CALL:
            result = self._recall.append(Kind.RESULT, prompts.result(INTERRUPTED), turn=last.turn)
            messages.append(result)
            name = json.loads(last.content).get("function", "?")
            yield Repaired(f"recall:{last.id}: the call of {name} was interrupted; the model is told so.")
        asked = [message for message in messages if message.turn == last.turn and message.kind is Kind.USER]
        answered = any(message.turn == last.turn and message.kind is Kind.SPEECH for message in messages)
        if asked and not answered:
            yield Repaired(f"recall:{asked[0].id}: your last message was stored but never answered.")

    def _restore(self, entries: list[Entry], messages: list[Message]) -> Iterator[Event]:
        """Install the queue; page out without the model whatever does not fit (a smaller window, say)."""
        head = self._as_it_was()
        yield from self._grow(self.context.size_of(head, entries))
        if not entries or self.context.size_of(head, entries) <= self.context.usable:
            self.context.rewrite(head, entries)
            return
        room = self.context.usable - self.context.size_of(self.head(""), ()) - self._policy.summary
        count = len(entries)
        starts = [index for index in range(1, count) if entries[index].turn != entries[index - 1].turn]
        index = next((start for start in starts if self._size(entries[start:]) <= room), count)
        leaving = entries[:index]
        text = self._summarizer.plain([m for m in messages if m.id <= leaving[-1].message_id])
        self.context.rewrite(head, ())
        yield from self._page_out(leaving, entries[index:], text, "deterministic", "start")

    def _size(self, entries: Sequence[Entry]) -> int:
        """Tokens of entries behind a head, scaffold included."""
        bare = self.head("")
        return self.context.size_of(bare, entries) - self.context.size_of(bare, ())

    def _stored(self, entries: Sequence[Entry]) -> list[Message]:
        found = (self._recall.get(entry.message_id) for entry in entries)
        return [message for message in found if message is not None]


def _edits(before: Tokens, now: Tokens, kept: int, stays: int) -> list[tuple[int, int, Tokens]]:
    """What to splice to make one prompt of another, last first, so that the places in front stay as they are.

    Args:
        before: the prompt that is resident.
        now: the one that is wanted.
        kept: how many tokens both begin with.
        stays: how many both end with.
    """
    stop, end = len(before) - stays, len(now) - stays
    # Of the earlier summary, all but the oldest sentences stays: the longest run that both have.
    old, new = before[kept:stop], now[kept:end]
    run = SequenceMatcher(None, old, new, autojunk=False).find_longest_match()
    if run.size < SHORTEST_RUN:
        return [(kept, stop, new)]
    return [(kept + run.a + run.size, stop, new[run.b + run.size :]), (kept, kept + run.a, new[: run.b])]


def queue_text(message: Message) -> str:
    """A message's text as the model reads it; for speech, the call that said it."""
    if message.kind is Kind.SPEECH:
        return Call(FUNCTION, {ARGUMENT: message.content}).text
    return message.content
