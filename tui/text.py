"""Small texts of the shell: what an event or a moment looks like. No widgets."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from memos import events
from memos.messages import Kind, Message
from memos.tui.plain import describe

_MARKUP = re.compile(r"[`*_#|~\[\]<>]|^\s*(?:[-+]|\d+[.)])\s|\n\s*\n|https?:", re.M)


def has_markup(text: str) -> bool:
    """Whether a text looks otherwise as Markdown than as it stands."""
    return _MARKUP.search(text) is not None


def one_line(text: str, most: int = 200) -> str:
    """A text in one line, its beginning."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def speaker(message: Message, agent: str) -> str:
    """Who said a message: `you`, the agent, or a name where the message has one."""
    return message.speaker or {Kind.USER: "you", Kind.SPEECH: agent}.get(message.kind, str(message.kind))


def right_to_left(text: str) -> bool:
    """Whether the first letter that has a direction is written from right to left (Unicode UAX 9, P2)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def moment(when: datetime, now: datetime | None = None) -> str:
    """Time of today, or date and time."""
    local = when.astimezone()
    today = (now or datetime.now().astimezone()).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"


def paging_line(event: events.Event, segment: str = "") -> tuple[str, int] | None:
    """A line of the paging timeline, and the message that it is about (0: none).

    Args:
        event: what happened.
        segment: where in the prompt, if the prefix moved.

    Returns:
        None for what is no paging. The sign in front says what it is: ← out, → in, ↑ a larger
        window, ~ prefix, # block, ? probe, × not said.
    """
    match event:
        case events.Evicted(first_id=first, last_id=last, tokens=tokens, way=way, reason=reason):
            return f"← out recall:{first}-{last}, {tokens} tokens ({reason}, {way})", first
        case events.Grown(before=before, window=window, method=method):
            return f"↑ window {before:,} → {window:,} tokens ({method})", 0
        case events.PagedIn(message_id=number, sources=sources, tokens=tokens):
            return f"→ in {', '.join(sources) or f'recall:{number}'}, {tokens} tokens", _first(sources) or number
        case events.Hidden(message_id=number, tokens=tokens):
            return f"← hidden recall:{number}, {tokens} tokens", number
        case events.Restored(message_id=number, tokens=tokens):
            return f"→ restored recall:{number}, {tokens} tokens", number
        case events.PrefixMoved(reason=reason, kept=kept):
            return f"~ prefix moved at {segment or 'its end'} ({reason}); {kept:,} kept", 0
        case events.BlockEdited(label=label, by=by):
            return f"# block {label} edited by {by}", 0
        case events.Probed(noted_in=where, sentence=sentence) if where:
            return f"# noted in {where}: {one_line(sentence, 60)}", 0
        case events.Probed(question="change" | "forget", led_to=where, sentence=sentence) if where:
            return f"# {describe(event)}: {one_line(sentence, 60)}", 0
        case events.Probed(question=question, probability=probability, led_to=where) if where:
            return f"? {question} {probability:.2f} → {where}", 0
        case events.Judged(probability=probability, sources=sources):
            return f"? {', '.join(sources) or 'what was read'} tell it: {probability:.2f}", _first(sources)
        case events.Rewritten(alone=alone):
            return f"? {one_line(alone, 60)}", 0
        case events.TakenApart(first=first, rest=rest):
            return f"? {one_line(first, 60)} Then: {one_line(rest, 60)}", 0
        case events.Unsaid(words=words):
            return f"× not said: {one_line(', '.join(words), 60)}", 0
        case events.PressureWarning(pressure=pressure):
            return f"! the window is {pressure:.0%} full", 0
        case events.Resumed(tokens=tokens, sequence=0):
            return f"→ {tokens:,} tokens came back from disk", 0
        case events.Step(purpose=purpose, evaluated=evaluated, reused=reused) if purpose != "call":
            return f"· {purpose}: {evaluated:,} read, {reused:,} reused", 0
        case _:
            return None


def _first(sources: tuple[str, ...]) -> int:
    """The first message among pointers; 0 where there is none."""
    return next((int(one.removeprefix("recall:")) for one in sources if one.startswith("recall:")), 0)


def note_line(event: events.Event) -> str:
    """What is told in the conversation itself; empty for what the timeline tells."""
    match event:
        case events.Repaired(what=text) | events.Notice(text=text):
            return text
        case events.Evicted() | events.Grown() | events.CallInvalid() | events.Hidden() | events.Restored():
            return describe(event)
        case events.BlockEdited(label=label, by=by) if by != "kernel":  # it says what it noted, and where
            return f"block {label} edited by {by}"
        case events.Probed(noted_in=where) if where:
            return f"noted in {where}"
        case events.Probed(question="change" | "forget", led_to=where) if where:
            return describe(event)
        case _:
            return ""
