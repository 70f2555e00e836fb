"""Booting a kernel: one model, one agent's storage and its functions become a controller.

The one place that knows all parts of the kernel's policy; it still sees drivers through their Protocols only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from memos import prompts
from memos.amending import Amending
from memos.by_hand import ByHand
from memos.consent import Consent, Guard, refuse
from memos.context_map import ContextMap, context_map
from memos.controller import Controller, local_now
from memos.errors import InputError
from memos.events import Event
from memos.function_executor import FunctionExecutor
from memos.functions import Tool
from memos.generation import Sampling
from memos.hiding import Hiding
from memos.keeping import Keeping
from memos.main_context import Ledger
from memos.memory import KernelMemory
from memos.messages import Block
from memos.noting import Noting
from memos.pager import Pager
from memos.policy import KernelSettings
from memos.presenting import Presenting
from memos.protocols import AgentState, ArchivalStorage, LanguageModel, RecallStorage
from memos.queue_manager import QueueManager
from memos.readers import Readers
from memos.reading import Reader
from memos.remembering import Remembering
from memos.showing import Showing
from memos.speech import FUNCTION as SPEECH
from memos.summarizer import Summarizer
from memos.working_context import WorkingContext
from memos.zone import aware


@dataclass(frozen=True, slots=True)
class Storage:
    """The three stores of one agent."""

    recall: RecallStorage
    archival: ArchivalStorage
    state: AgentState


@dataclass(frozen=True, slots=True)
class Kernel:
    """A running agent: its loop and the parts that a shell may look at.

    Args:
        controller: runs turns.
        queue: the queue and the main context.
        working: the blocks.
        remembering: prefetch.
        by_hand: what the user does to memory.
        policy: sizes and marks.
        common: beginnings of prompts that all agents of this kind share: of the main context, of the probes, and of
            reading talk.
    """

    controller: Controller
    queue: QueueManager
    working: WorkingContext
    remembering: Remembering
    by_hand: ByHand
    policy: KernelSettings
    common: tuple[tuple[int, ...], ...]

    def ledger(self) -> Ledger:
        """Tokens by segment."""
        return self.queue.context.ledger()

    def map(self) -> ContextMap:
        """The window, segment by segment."""
        return context_map(self.queue, self.policy)


def boot(
    model: LanguageModel,
    storage: Storage,
    tools: Sequence[Tool],
    *,
    policy: KernelSettings | None = None,
    sampling: Sampling | None = None,
    now: Callable[[], datetime] = local_now,
    consent: Consent = refuse,
) -> Iterator[Event | Kernel]:
    """Start an agent: repair what a killed process left, load the queue, and be ready for a turn.

    Args:
        model: the resident model.
        storage: the agent's stores.
        tools: what the model may call; `send_message` must be among them.
        policy: sizes and marks; by default in proportion to the model's window.
        sampling: how tokens are chosen; greedy by default.
        now: the clock; a time without a zone is the machine's.
        consent: asks the user before a call that documents may have caused; by default nothing is allowed.

    Yields:
        What was repaired, as events; the last item is the `Kernel`.

    Raises:
        WindowError: the window is too small for the agent.
        InputError: two tools have one name, or none speaks; or evictions by shift are asked for, and the model cannot
            be shifted.
    """
    names = [tool.name for tool in tools]
    if SPEECH not in names or len(set(names)) < len(names):
        raise InputError(f"Tools need different names, and {SPEECH} among them; got {', '.join(names)}.")
    policy, sampling = policy or KernelSettings.for_window(model.window), sampling or Sampling()
    now = aware(now)
    pending: list[Event] = []

    def count(text: str) -> int:
        return len(model.tokenize(text))

    _create_blocks(storage.state, policy)
    working = WorkingContext(storage.state, count, pending.append)
    text = prompts.instructions(tools, facts_are_noted=policy.note_facts)
    summarizer = Summarizer(model, storage.recall, storage.state, policy, sampling)
    hiding = Hiding(model, storage.state)
    queue = QueueManager(model, storage.recall, storage.state, working, policy, summarizer, hiding, text)
    pager = Pager(storage.recall, storage.archival, count, now)
    page = policy.result - 8 - count(prompts.QUOTATION)
    memory = KernelMemory(working, pager, storage.archival, queue, pending.append, page, now)
    readers = Readers.of(model, pager, working, storage.archival, count)
    amender = Reader(model, prompts.AMENDER, prompts.AMENDMENTS, ask=prompts.requested)
    amending = Amending(readers.prober, amender, storage.archival, working)
    others = any(not tool.wants_memory and tool.name != SPEECH for tool in tools)
    keeping = Keeping(readers.prober, amending, pager, working, storage.archival, policy, count)
    showing = Showing(queue, policy)
    remembering = Remembering(
        readers,
        keeping,
        pager,
        queue,
        showing,
        Presenting(pager, queue, showing, working, policy),
        working,
        storage.archival,
        policy,
        others=others,
    )
    controller = Controller(
        model=model,
        queue=queue,
        working=working,
        pager=pager,
        remembering=remembering,
        noting=Noting(keeping, storage.recall, storage.archival, storage.state),
        recall=storage.recall,
        executor=FunctionExecutor(tools, memory),
        guard=Guard(tools, queue.context, storage.recall, storage.state, storage.archival),
        consent=consent,
        tools=tools,
        policy=policy,
        sampling=sampling,
        pending=pending,
        now=now,
    )
    yield from queue.load()
    head = model.scaffold.open + queue.context.fixed.instructions
    by_hand = ByHand(queue, working, pager, storage.recall, storage.archival, policy, pending)
    yield Kernel(controller, queue, working, remembering, by_hand, policy, (head, *readers.prefixes))


def _create_blocks(state: AgentState, policy: KernelSettings) -> None:
    """A new agent has two blocks; an old one keeps what it has."""
    if state.blocks():
        return
    user = Block("user", "", policy.block, "facts about the user")
    assistant = Block("assistant", prompts.PERSONA, policy.block, "who you are")
    for block in (user, assistant):
        state.save_block(block, by="kernel")
