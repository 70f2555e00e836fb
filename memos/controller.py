"""The controller: the loop of one turn.

Owns control flow: a search or an edit returns control to the model, only speaking ends the turn; steps and tokens
are bounded, and the last permitted step admits only speech. It does not know how tokens are evaluated, how the
queue is kept or what a function does.
"""

from __future__ import annotations

import json
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from memos import events, prompts
from memos.admission import admit, told_by
from memos.consent import Consent, Guard
from memos.errors import ModelError
from memos.events import Event
from memos.function_executor import FunctionExecutor, Outcome
from memos.functions import Tool
from memos.generation import CallGrammar, Echo, Generated, Opening, Reading, Sampling
from memos.grounding import Gate, Ground, Kept
from memos.messages import Call, Kind, Message, State
from memos.noting import Noting
from memos.pager import LONGEST, Pager
from memos.policy import KernelSettings
from memos.presenting import Remembered
from memos.protocols import LanguageModel, RecallStorage
from memos.queue_manager import INTERRUPTED, QueueManager
from memos.remembering import Remembering
from memos.speech import FUNCTION as SPEECH
from memos.speech import SpeechReader
from memos.working_context import WorkingContext

# Tokens in a row, more (or fewer) than of its own words, that a reply may repeat of what this turn brought.
QUOTES = {Kind.USER: -1, Kind.PAGE: 6, Kind.RESULT: 6}
CLOCK_PAUSE = timedelta(hours=1)
CLOSING = 8  # tokens that close a call which was cut off, and by which tokenising it anew may differ


@dataclass(slots=True)
class _Turn:
    """What one turn has done so far."""

    number: int
    sampling: Sampling
    cancelled: Callable[[], bool]
    made: list[Call] = field(default_factory=list)
    remembered: Remembered = field(default_factory=Remembered)
    refused: set[str] = field(default_factory=set)
    saved: str = ""  # what the last call saved of the user, if it did
    steps: int = 0
    text: str = ""
    reason: str = ""


class Controller:
    """Runs turns for one agent; made by `memos.kernel.boot`.

    Args:
        model: the resident model.
        queue: the FIFO queue and the main context.
        working: the blocks.
        pager: cuts what is too long.
        remembering: pages memory in before the answer.
        noting: keeps facts after it.
        recall: message history.
        executor: runs calls.
        guard: says which calls the user must allow.
        consent: asks the user.
        tools: what may be called.
        policy: bounds and marks.
        sampling: how tokens are chosen.
        pending: takes the events of edits that happen while a function runs.
        now: the clock, in the user's own time zone.
    """

    def __init__(
        self,
        *,
        model: LanguageModel,
        queue: QueueManager,
        working: WorkingContext,
        pager: Pager,
        remembering: Remembering,
        noting: Noting,
        recall: RecallStorage,
        executor: FunctionExecutor,
        guard: Guard,
        consent: Consent,
        tools: Sequence[Tool],
        policy: KernelSettings,
        sampling: Sampling,
        pending: list[Event],
        now: Callable[[], datetime],
    ) -> None:
        self._model, self._queue, self._working = model, queue, working
        self._pager, self._remembering, self._noting = pager, remembering, noting
        self._recall, self._executor = recall, executor
        self._guard, self._consent = guard, consent
        self._tools, self._policy, self._sampling = tuple(tools), policy, sampling
        self._pending, self._now = pending, now
        # One for every turn that is asked for and not over; a turn that never begins is forgotten with its generator.
        self._cancels: weakref.WeakSet[threading.Event] = weakref.WeakSet()
        self._cancelling = threading.Lock()

    def cancel(self) -> None:
        """End the running turn between two tokens, or one that is about to begin; what was said is kept. So it ends
        paging out by hand. From any thread."""
        with self._cancelling:
            for cancel in self._cancels:
                cancel.set()

    def turn(self, text: str, sampling: Sampling | None = None) -> Generator[Event, None, None]:
        """Answer one message of the user. Closing the generator ends the turn; what was said is kept.

        From this call on the turn can be cancelled, though it begins with the first event that is asked for.

        Args:
            text: the message.
            sampling: how tokens are chosen in this turn; None: as always.

        Raises:
            InputError: the message is empty or too long; nothing was stored.
        """
        return self._turn(text, sampling or self._sampling, self._cancellable())

    def evict(self) -> Generator[Event, None, None]:
        """Page the oldest turns out now, rather than at the next flush. From this call on it can be cancelled: all is
        where it was then."""
        return self._evict(self._cancellable())

    def _evict(self, cancel: threading.Event) -> Generator[Event, None, None]:
        left = False
        for event in self._queue.evict("asked", cancelled=cancel.is_set):
            left = left or isinstance(event, events.Evicted)
            yield event
        if not left:
            stopped = "Paging out was stopped, and all is where it was."
            yield events.Notice(stopped if cancel.is_set() else "There is nothing to page out.")

    def _cancellable(self) -> threading.Event:
        """What `cancel` sets from now on, for as long as somebody has it."""
        cancel = threading.Event()
        with self._cancelling:
            self._cancels.add(cancel)
        return cancel

    def _turn(self, text: str, sampling: Sampling, cancel: threading.Event) -> Generator[Event, None, None]:
        self._queue.check_message(text)
        started = time.perf_counter()
        turn = _Turn(self._recall.last_turn() + 1, sampling, cancel.is_set)
        yield from self._take(text, turn)
        while not turn.reason:
            yield from self._step(turn)
        yield from self._note(turn.cancelled)
        context = self._queue.context
        yield events.TurnFinished(
            turn=turn.number,
            text=turn.text,
            reason=turn.reason,
            steps=turn.steps,
            used=context.used,
            usable=context.usable,
            seconds=time.perf_counter() - started,
        )

    def ahead(self, cancelled: Callable[[], bool]) -> Generator[Event, None, None]:
        """Between turns: do what a turn has left undone, and what the next would have to do before it can answer.

        Args:
            cancelled: ends it at once; what is recorded by then stays, the rest is as if it had not begun.
        """
        if self._policy.ahead:
            yield from self._note(cancelled)
            yield from self._queue.evict_ahead(cancelled)
            yield from self._queue.read_ahead(cancelled)

    def _note(self, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Keep what the user told, in this turn and in those that were cancelled or left before it came to that."""
        if self._policy.note_facts:
            for event in self._noting.keep(cancelled):
                yield event
                yield from self._drain()

    # ----------------------------------------------------------------------------------- the message

    def _take(self, text: str, turn: _Turn) -> Iterator[Event]:
        """Store the message, make room, put it into view, and page in what goes with it."""
        clock = self._clock_text(self._recall.last_spoken())
        stored = [self._recall.append(Kind.ALERT, clock, turn=turn.number)] if clock else []
        message = self._recall.append(Kind.USER, text, turn=turn.number)
        stored.append(message)
        if self._policy.note_facts:
            self._noting.owe(message)
        told = events.MessageStored(message.id, turn.number, text)
        yield from self._queue.take_in(stored, tell=[told], more=self._policy.step_room, cancelled=turn.cancelled)
        if not turn.cancelled():
            turn.remembered = yield from self._remembering.page_in(message, turn.cancelled)
            yield from self._drain()
        yield from self._queue.warn(turn.number)

    def _clock_text(self, newest: Message | None) -> str:
        now = self._now()
        if newest is not None:
            same_day = newest.created_at.astimezone(now.tzinfo).date() == now.date()
            if same_day and now - newest.created_at < CLOCK_PAUSE:
                return ""
        return prompts.clock(now)

    # --------------------------------------------------------------------------------------- one step

    def _step(self, turn: _Turn) -> Iterator[Event]:
        last = turn.steps + 1 >= self._policy.max_steps
        if not last:
            needed = self._policy.step_room
            yield from self._queue.make_room(needed, keep_turn=turn.number, cancelled=turn.cancelled)
            last = self._queue.context.free < needed
        if turn.cancelled():
            turn.reason = "cancelled"
            return
        opening = turn.remembered.opening
        only = (SPEECH,) if last or (opening and opening.whole) else ()
        grammar = admit(
            self._tools,
            self._working,
            turn.made,
            hidden=self._queue.context.hidden_ids,
            only=only,
            without=turn.remembered.withheld | turn.refused,
            opening=opening,
            quotes_them=turn.remembered.quotes_them,
        )
        turn.steps += 1
        yield from self._generate(turn, grammar)

    def _generate(self, turn: _Turn, grammar: CallGrammar) -> Iterator[Event]:
        """Decode one call, showing its words as they come, and act on it."""
        context = self._queue.context
        prompt = context.ready()
        limit = min(context.reserve, context.window - len(prompt) - CLOSING)
        ground = self._ground(turn)
        speech = _Speech(self._recall, turn.number, ground)
        items = self._model.generate(
            prompt,
            grammar,
            limit=limit,
            sampling=turn.sampling,
            cancelled=lambda: turn.cancelled() or bool(speech.adds),
            echoes=self._echoes(turn),
        )
        end: Generated | None = None
        try:
            for item in items:
                if isinstance(item, Reading):
                    yield events.Progress("reading", item.done, item.total, "tokens")
                elif isinstance(item, Generated):
                    end = item
                    if end.finish != "cancelled":
                        yield from speech.close()
                else:
                    yield from speech.feed(item.text)
        except BaseException:  # whoever listens has left (GeneratorExit), or the model failed
            if speech.message is not None:
                self._queue.admit(speech.finish(State.CUT, (), ""))
            raise
        if end is None:
            raise ModelError("The model ended without a result.")
        spoke = self._speak(turn, speech, end) if speech.message is not None else None
        yield events.Step("call", end.evaluated, end.reused, len(end.tokens), end.decodes, end.seconds)
        if speech.adds:
            yield events.Unsaid(speech.adds)
        if spoke is not None:
            yield spoke
        elif ground and speech.adds:
            turn.remembered = replace(turn.remembered, opening=Opening(ground.instead, whole=True))
        elif end.finish == "cancelled":
            turn.reason = "cancelled"
        else:
            yield from self._call(turn, end)

    def _ground(self, turn: _Turn) -> Ground | Kept | None:
        """What speech may say now: what was saved, as its teller; what tells the answer; or what the model likes, since
        what a function has told may be said, too."""
        opening = turn.remembered.opening
        if opening and opening.whole:  # word for word
            return None
        if turn.saved and self._policy.prefetch and self._policy.memory_threshold:  # it was asked to, and nothing else
            return Kept(prompts.quoted(self._pager.cut(turn.saved, LONGEST), surely=True))
        return None if turn.made else turn.remembered.ground

    def _echoes(self, turn: _Turn) -> list[Echo]:
        """What speech should not repeat: earlier speech in view, and whole sentences of what it answers."""
        own = turn.sampling.dry_allowed_length
        entries = self._queue.context.entries
        said = [Echo(entry.tokens, own) for entry in entries if entry.kind is Kind.SPEECH]
        said.append(Echo(self._queue.context.fixed.summary, own + QUOTES[Kind.PAGE]))
        brought = [entry for entry in entries if entry.turn == turn.number and entry.kind in QUOTES]
        return said + [Echo(entry.tokens, own + QUOTES[entry.kind]) for entry in brought]

    def _speak(self, turn: _Turn, speech: _Speech, end: Generated) -> Event:
        """Put what was said into view; returns what tells of it."""
        ended = bool(speech.adds)  # before a sentence that is not to be said
        as_made = end.finish == "stop" and not ended  # else the text is tokenised anew
        whole = as_made or ended
        message = speech.finish(
            State.DONE if whole else State.CUT,
            end.tokens if as_made else (),
            self._model.fingerprint if as_made else "",
        )
        self._queue.admit(message)
        turn.text = message.content
        turn.reason = "cancelled" if end.finish == "cancelled" and not ended else "spoke"
        return events.Speech(message.id, message.content, cut=not whole)

    def _call(self, turn: _Turn, end: Generated) -> Iterator[Event]:
        try:
            data = json.loads(end.text)
            call = Call(data["function"], data["arguments"])
        except (ValueError, KeyError, TypeError):
            reason = "too long" if end.finish == "length" else "no call"
            yield events.CallInvalid(end.text, reason)
            self._queue.append(Kind.ALERT, prompts.cut_off(), turn=turn.number)
            if turn.steps >= self._policy.max_steps:
                turn.reason = "failed"
            return
        if call.name == SPEECH:  # an empty message: nothing was shown, nothing is said
            turn.reason = "spoke"
            return
        message = self._queue.append(Kind.CALL, call.text, turn=turn.number, token_ids=end.tokens)
        turn.made.append(call)
        interrupted = outcome = Outcome(INTERRUPTED, False, 0.0)
        try:
            yield events.CallStarted(message.id, call.name, call.arguments)
            outcome = Outcome(prompts.refused(call.name), False, 0.0)  # unless it is allowed
            if (yield from self._allowed(message, call, turn)):
                outcome = interrupted
                outcome = self._executor.run(call)
            yield from self._drain()
        finally:  # whoever listens may have left: the call has its result all the same
            result = self._finish(message, call, outcome)
        turn.saved = told_by(call) if outcome.ok else ""
        yield events.CallFinished(message.id, call.name, outcome.ok, result.content, outcome.seconds)

    def _allowed(self, message: Message, call: Call, turn: _Turn) -> Generator[Event, None, bool]:
        """Whether a call may run; the user is asked if they must allow it."""
        request = self._guard.request(call, turn.number)
        if request is None:
            return True
        yield events.ConsentAsked(message.id, call.name, call.arguments, request.sources)
        allowed = not turn.cancelled() and self._consent(request) and not turn.cancelled()
        yield events.ConsentGiven(message.id, call.name, allowed)
        if not allowed:
            turn.refused.add(call.name)  # nobody is asked the same thing twice
        return allowed

    def _finish(self, message: Message, call: Call, outcome: Outcome) -> Message:
        result = self._queue.append(Kind.RESULT, self._fitted(prompts.result(outcome.text)), turn=message.turn)
        self._recall.record_call(message.id, result.id, call, ok=outcome.ok, seconds=outcome.seconds)
        return result

    def _fitted(self, text: str) -> str:
        """A result cut to the room that is left before the closing speech's share of the reserve."""
        context = self._queue.context
        speech = context.reserve - self._policy.step_room + len(context.ready()) - context.used
        room = context.window - context.used - speech - 16
        return self._pager.cut(text, max(8, min(self._policy.result, room)))

    def _drain(self) -> Iterator[Event]:
        while self._pending:
            yield self._pending.pop(0)


class _Speech:
    """A message that grows in recall storage while it is said: words are committed before they are shown. What may say
    only what was told is shown a sentence at a time."""

    def __init__(self, recall: RecallStorage, turn: int, ground: Ground | Kept | None) -> None:
        self._recall, self._turn = recall, turn
        self._reader = SpeechReader()
        self._gate = Gate(ground) if ground else None
        self._said = ""
        self.message: Message | None = None

    @property
    def adds(self) -> tuple[str, ...]:
        """The words by which the model said more than it may, where it did."""
        return self._gate.adds if self._gate else ()

    def feed(self, piece: str) -> Iterator[Event]:
        words = self._reader.feed(piece)
        yield from self._say(self._gate.feed(words) if self._gate else words)

    def close(self) -> Iterator[Event]:
        """Nothing more comes."""
        if self._gate:
            yield from self._say(self._gate.close())

    def _say(self, words: str) -> Iterator[Event]:
        if not words:
            return
        self._said += words
        if self.message is None:
            self.message = self._recall.append(Kind.SPEECH, self._said, turn=self._turn, state=State.DRAFT)
        else:
            self.message = self._recall.amend(self.message.id, content=self._said, state=State.DRAFT)
        yield events.SpeechDelta(self.message.id, words)

    def finish(self, state: State, tokens: Sequence[int], model: str) -> Message:
        assert self.message is not None
        return self._recall.amend(self.message.id, content=self._said, state=state, token_ids=tokens, model=model)


def local_now() -> datetime:
    """The time, in the machine's own zone."""
    return datetime.now(UTC).astimezone()
