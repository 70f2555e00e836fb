"""The kernel's policy as one frozen value: sizes, thresholds, and which help the kernel gives a small model.

This module knows nothing else of ours but the errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from memos.errors import WindowError

SMALLEST_WINDOW = 1024


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """The kernel's policy. Sizes are tokens, shares are of the usable window.

    Args:
        reserve: kept free for the reply, and for a summary.
        summary: the longest recursive summary.
        block: the limit of each of the two default blocks.
        page: the most that the kernel pages in of one note; where several tell it, or what was read apart, a result.
        result: the longest result of a function.
        reading: tokens of earlier messages that are read together to find an answer, at most a result's; see
            docs/prompts.md.
        warning: pressure at which the model is told that the queue is filling up.
        eviction: `exact` (what stays is read again behind the summary) or `shift` (its keys are moved, which is
            approximate); see docs/decisions/0009-eviction.md.
        summaries: who makes the summary of what leaves: `model`, `surprise` (the user's most surprising words, as the
            model reads them) or `plain` (speakers and first words); see docs/decisions/0007-summary.md.
        hide_results: hide long results of earlier turns before anything is evicted.
        ahead: evict and read between turns, while nobody waits.
        evict_to: how full the queue's room is after an eviction; see docs/decisions/0003-eviction-target.md.
        max_steps: calls in one turn, the closing speech included.
        prefetch: page in, note, correct and forget what a message wants, before it is answered; without it, the model
            does all of that by its own calls, and what it says is not held to what was told.
        prefetch_threshold: probability that a message asks something of memory, from which memory is searched.
        memory_threshold: the same from which the model may search by itself, and the probability that a message
            asks to keep something from which it may save, and what is noted is corrected for it, or noted if the
            message asks something besides; 0: it may do all of that by itself, always.
        answer_margin: how far a note that answers must stand out among the candidates, in log-odds.
        note_facts: keep what the user tells in passing and the model does not save.
        fact_threshold: probability of a fact from which a sentence is kept.
    """

    reserve: int
    summary: int
    block: int
    page: int
    result: int
    reading: int = 180
    eviction: Literal["exact", "shift"] = "exact"
    summaries: Literal["model", "surprise", "plain"] = "model"
    hide_results: bool = True
    ahead: bool = True
    warning: float = 0.70
    evict_to: float = 0.50
    max_steps: int = 6
    prefetch: bool = True
    prefetch_threshold: float = 0.3
    memory_threshold: float = 0.7
    answer_margin: float = 0.6
    note_facts: bool = True
    fact_threshold: float = 0.43

    @property
    def step_room(self) -> int:
        """Tokens that must be free before a call that does not speak is admitted: the rest of the reserve then
        holds its result and the speech that ends the turn."""
        return self.reserve * 5 // 8

    @classmethod
    def for_window(cls, window: int, **given: Any) -> KernelSettings:
        """Defaults in proportion to a window.

        Args:
            window: tokens of the model's context.
            given: fields that are given rather than derived.

        Raises:
            WindowError: the window is too small to hold instructions, blocks and a conversation.
        """
        if window < SMALLEST_WINDOW:
            raise WindowError(f"A window of {window:,} tokens is too small; memos needs at least {SMALLEST_WINDOW:,}.")
        share = min(window, 16384)
        derived = {
            "reserve": min(share // 8, 1024),
            "summary": share // 14,
            "block": share // 10,
            "page": share // 14,
            "result": share // 7,
        }
        return cls(**{**derived, **given})
