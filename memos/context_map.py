"""The context map: the window segment by segment, to the token, in the order in which the model reads it.

What a shell draws. Owns which segment stands where, which of them leaves at the next eviction, and where the marks
are. It does not know how a map is drawn, or why something is in view.
"""

from __future__ import annotations

from dataclasses import dataclass

from memos.policy import KernelSettings
from memos.queue_manager import QueueManager

INSTRUCTIONS, SUMMARY = "instructions", "summary"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the prompt, with the template's tokens in front of it.

    Args:
        name: `instructions`, `block LABEL`, `summary`, or the kind of a message.
        start: its first token, counted from 0.
        tokens: how many.
        message_id: of a message; 0 for the head's segments.
        leaves: whether it is paged out at the next eviction.
        hidden: tokens that it would have if it were not hidden.
    """

    name: str
    start: int
    tokens: int
    message_id: int = 0
    leaves: bool = False
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class ContextMap:
    """The window.

    Args:
        window: tokens of the model's context.
        reserved: of these, kept free for the reply; what is before them is usable, and full is the flush mark.
        warning: tokens in use at which the model is warned.
        segments: in the prompt's order, without gaps.
    """

    window: int
    reserved: int
    warning: int
    segments: tuple[Segment, ...]

    @property
    def usable(self) -> int:
        """Tokens that the prompt may have."""
        return self.window - self.reserved

    @property
    def used(self) -> int:
        """Tokens in the prompt."""
        return self.segments[-1].start + self.segments[-1].tokens if self.segments else 0

    @property
    def pressure(self) -> float:
        """Used over usable."""
        return self.used / self.usable

    def at(self, token: int) -> Segment | None:
        """The segment in which a token of the prompt stands."""
        return next((one for one in self.segments if one.start <= token < one.start + one.tokens), None)


def context_map(queue: QueueManager, policy: KernelSettings) -> ContextMap:
    """The map of a queue's main context as it is now."""
    context = queue.context
    opening = context.fixed_cost - len(context.fixed.tokens)
    parts = [(INSTRUCTIONS, opening + len(context.fixed.instructions))]
    parts += [(f"block {label}", len(tokens)) for label, tokens in context.fixed.blocks]
    parts.append((SUMMARY, len(context.fixed.summary)))
    segments, start = [], 0
    for name, tokens in parts:
        segments.append(Segment(name, start, tokens))
        start += tokens
    leaving = queue.leaving_next
    for index, (entry, stop) in enumerate(zip(context.entries, context.ends(), strict=True)):
        segments.append(
            Segment(str(entry.kind), start, stop - start, entry.message_id, index < leaving, len(entry.parked))
        )
        start = stop
    return ContextMap(context.window, context.reserve, round(policy.warning * context.usable), tuple(segments))
