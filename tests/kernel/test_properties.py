"""The kernel's invariants under random operations: prefix, window, losslessness."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from memos import events
from memos.errors import BlockError, InputError, ToolError
from memos.events import Event
from memos.kernel import Kernel, Storage, boot
from memos.messages import Call, Kind
from memos.policy import KernelSettings
from memos.storage import Database
from memos.testing import ScriptedModel, say
from memos.tools import SYSTEM_CALLS
from tests.kernel.conftest import replies

WINDOW = 1024
VOCABULARY = ["apple", "river", "<|im_end|>", "上海", "Rex", "said", "\n\n", "[system]"]
WORDS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=90)
CALLS = st.one_of(
    st.builds(lambda words: say(" ".join(words)), WORDS),
    st.builds(
        lambda word: Call("conversation_search", {"query": word}), st.sampled_from(["apple", "river Rex", "zzz"])
    ),
    st.builds(lambda word: Call("archival_memory_insert", {"content": word}), st.sampled_from(["one note", "two"])),
    st.builds(
        lambda word: Call("core_memory_append", {"label": "user", "content": word}), st.text(min_size=1, max_size=60)
    ),
    st.just(Call("archival_memory_search", {"query": "note"})),
)


WAYS = st.sampled_from(["exact", "shift"])


class Conversation(RuleBasedStateMachine):
    """An agent that is talked to, edited, evicted and killed at random; its prompts are watched."""

    @initialize(likely=st.sampled_from([0.0, 0.9]), answered=st.sampled_from([0.0, 0.4, 0.9]), way=WAYS)
    def start(self, likely: float, answered: float, way: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.script: list[Call] = []
        self.killed: list[Iterator[Event]] = []
        self.likely, self.answered, self.way = likely, answered, way
        self.shown: dict[int, str] = {}
        self.clock = datetime(2026, 1, 1, tzinfo=UTC)
        self.database = Database.open(Path(self.folder.name))
        self.model = ScriptedModel(window=WINDOW)
        self._open()

    def _open(self) -> None:
        self.model = ScriptedModel(iter(self._next_call, None), window=WINDOW, yes=self._probe)
        self.stored = self.database.agent("ada")
        storage = Storage(self.stored.recall, self.stored.archival, self.stored.state)
        policy = KernelSettings.for_window(WINDOW, eviction=self.way)
        *_, kernel = boot(self.model, storage, SYSTEM_CALLS, policy=policy, now=self._now)
        assert isinstance(kernel, Kernel)
        self.kernel = kernel
        self.moved = True  # a fresh model has nothing resident: the first prompt begins anew
        self.seen = 0
        self.last: tuple[int, ...] = ()

    def _next_call(self) -> Call:
        return self.script.pop(0) if self.script else say("fine.")

    def _probe(self, prompt: str) -> tuple[float, ...]:
        likely = self.likely
        return replies(
            prompt, ask=likely, keep=likely, answer=self.answered, fact=likely, told=likely, change=0, forget=likely
        )

    def _now(self) -> datetime:
        return self.clock

    def _watch(self, stream: Iterator[Event], kill_after: int | None = None) -> None:
        """Follow a turn; check the window and the prefix at every event; perhaps stop in the middle."""
        for number, event in enumerate(stream):
            if isinstance(event, events.PrefixMoved):
                self.moved = True
            if isinstance(event, events.Evicted):
                self._check_cache(event)
            if isinstance(event, events.Speech):
                self.shown[event.message_id] = event.text
            if isinstance(event, events.SpeechDelta):
                self.shown[event.message_id] = self.shown.get(event.message_id, "") + event.text
            if isinstance(event, events.MessageStored):
                self.shown[event.message_id] = event.text
            self._check_prompts()
            if number == kill_after:
                self.killed.append(stream)  # still referred to, so never closed: nothing runs after a kill
                self._reopen()
                return

    def _check_cache(self, eviction: events.Evicted) -> None:
        """After an eviction the rewritten prompt is what is resident, whether it was read or moved."""
        prompt, resident = self.kernel.queue.context.tokens, self.model.resident()
        if eviction.reason != "start" and eviction.way == self.way:
            assert prompt[: len(resident)] == resident[: len(prompt)]
            assert len(resident) > len(prompt) // 2

    def _check_prompts(self) -> None:
        for index in range(self.seen, len(self.model.prompts)):
            prompt, generated = self.model.prompts[index]
            assert len(prompt) + len(generated) <= WINDOW
            if not self.model.text(generated).startswith("{"):
                continue  # a summary is a fork that is rolled back
            if not self.moved:
                before = self.last
                assert prompt[: len(before)] == before, "the prefix moved without being declared"
            self.moved, self.last = False, prompt
        self.seen = len(self.model.prompts)

    @rule(words=WORDS, script=st.lists(CALLS, max_size=7), kill=st.one_of(st.none(), st.integers(0, 30)))
    def talk(self, words: list[str], script: list[Call], kill: int | None) -> None:
        self.script = list(script)
        try:
            self._watch(self.kernel.controller.turn(" ".join(words)), kill)
        except InputError:
            assert not " ".join(words).strip()
        self.clock += timedelta(minutes=25)

    @rule(text=st.text(max_size=200))
    def edit(self, text: str) -> None:
        try:
            self._watch(self.kernel.by_hand.edit_block("user", text))
        except BlockError:
            return

    @rule(place=st.integers(0, 200))
    def rewind(self, place: int) -> None:
        """Take back a message and all after it: the cache keeps what is before, and nothing else is lost."""
        recall = self.stored.recall
        asked = [message.id for message in recall.since(0) if message.kind is Kind.USER]
        if not asked:
            return
        first = self.stored.history.turn_start(asked[place % len(asked)])
        before = [message for message in recall.since(0) if message.id < first]
        self.stored.history.rewind(first)
        self._watch(self.kernel.by_hand.rewound())
        assert recall.since(0) == before

    @rule(place=st.integers(0, 200), keep=st.booleans())
    def show(self, place: int, keep: bool) -> None:
        said = self.stored.recall.since(0)
        if not said:
            return
        pointer = f"recall:{said[place % len(said)].id}"
        hand = self.kernel.by_hand
        with suppress(BlockError):
            self._watch(hand.pin(pointer) if keep else hand.page_in(pointer))

    @rule()
    def evict(self) -> None:
        self._watch(self.kernel.queue.evict("asked"))

    @rule(patience=st.integers(0, 12))
    def pause(self, patience: int) -> None:
        asked = iter(range(100))
        self._watch(self.kernel.controller.ahead(lambda: next(asked) >= patience))

    @rule(which=st.integers(0, 20))
    def hide_or_restore(self, which: int) -> None:
        """Hide a message, or bring it back; perhaps there is none, or no room."""
        queue = self.kernel.queue
        entries = queue.context.entries
        if not entries:
            return
        entry = entries[which % len(entries)]
        move = queue.hiding.restore if entry.parked else queue.hiding.hide
        try:
            self._watch(event for event in move(queue.context, entry.message_id))
        except ToolError:
            return

    @rule()
    def restart(self) -> None:
        self._reopen()

    def _reopen(self) -> None:
        self.stored.close()
        self._open()

    @invariant()
    def the_ledger_is_exact(self) -> None:
        ledger = self.kernel.ledger()
        assert ledger.used == len(self.kernel.queue.context.tokens) <= WINDOW
        assert all(count >= 0 for _, count in ledger.segments)

    @invariant()
    def nothing_shown_is_lost(self) -> None:
        for number, text in self.shown.items():
            message = self.stored.recall.get(number)
            assert message is not None and message.content.startswith(text)

    @invariant()
    def every_message_is_in_view_or_behind_the_summary(self) -> None:
        in_view = {entry.message_id for entry in self.kernel.queue.context.entries}
        start = self.stored.state.queue_start()
        for message in self.stored.recall.since(0):
            assert message.id < start or message.id in in_view

    def teardown(self) -> None:
        if hasattr(self, "stored"):
            for turn in self.killed:
                assert isinstance(turn, Generator)
                turn.close()
            self.stored.close()
            self.database.close()
            self.folder.cleanup()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(
    max_examples=40,
    stateful_step_count=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
