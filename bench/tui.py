"""How fast the shell is there, and how it bears a long history; writes bench/results/tui.json.

    python -m bench.tui

`first_paint_s` is the time from the start of the process `memos chat` until its terminal shows the input, `empty_app_s`
the same for a Textual application with one line of text, side by side in turns. `scroll_10k_ms` is a page up in an
agent of 10,000 messages until it is drawn, `search_10k_ms` a search in the memory browser from the key to the drawn
results, `loop_blocked_ms` the longest that the event loop was held up while both went on, and `reply_blocked_ms` the
same while a formatted reply grows word by word behind them (`REPLIES` of them; the median of their longest).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pty
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.machine import describe, write

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from memos.tui.app import Shell

RUNS = 7
MESSAGES = 10_000
REPLIES = 5
REPLY = "Some words, **bold** ones too.\n\n- and a list\n\n```python\nprint('x')\n```\n\n" * 3
A_WORD = 0.02  # seconds
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App[None]):
    def compose(self):
        yield Static("Say something.")
Empty().run()
"""
CHAT = "import sys; sys.argv = ['memos', 'chat', 'bench']; from memos.cli import main; main()"


def first_paint(code: str, home: str) -> float:
    """Seconds from a process's start until its terminal shows the words `Say something`."""
    started = time.perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        os.environ |= {"MEMOS_HOME": home, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        os.execv(sys.executable, [sys.executable, "-c", code])
    seen, taken = b"", 0.0
    deadline = started + 30
    while time.perf_counter() < deadline:
        if select.select([terminal], [], [], 0.01)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
            # Escape codes may stand between the letters of the placeholder, since the cursor is on the first.
            if b"ay something" in seen:
                taken = time.perf_counter() - started
                break
    os.kill(process, 9)
    os.waitpid(process, 0)
    os.close(terminal)
    if not taken:
        raise SystemExit(f"Nothing was painted; the terminal has: {seen[-500:]!r}")
    return taken


def painted() -> dict[str, object]:
    """First paints of both, in turns."""
    with tempfile.TemporaryDirectory() as home:
        pairs = [(first_paint(CHAT, home), first_paint(EMPTY, home)) for _ in range(RUNS)]
    chat, empty = [sorted(one) for one in zip(*pairs, strict=True)]
    return {
        "first_paint_s": round(statistics.median(chat), 3),
        "first_paint_best_s": round(chat[0], 3),
        "empty_app_s": round(statistics.median(empty), 3),
        "empty_app_best_s": round(empty[0], 3),
        "runs": RUNS,
    }


def fill(home: str) -> None:
    """An agent with many messages."""
    from datetime import UTC, datetime

    from memos.messages import Eviction, Kind, Told
    from memos.storage.database import Database

    words = ["garden", "river", "bicycle", "letter", "kitchen", "window", "music", "winter", "holiday", "tea"]
    past = []
    for number in range(MESSAGES):
        text = f"Message {number} about the {words[number % 10]} and the {words[number * 7 % 10]}."
        if number % 10 == 1:
            text += "\n\n- one **thing**\n- another\n\n```python\nprint('hello')\n```"
        past.append(Told(Kind.USER if number % 2 == 0 else Kind.SPEECH, text, datetime(2026, 1, 1, tzinfo=UTC), ""))
    with Database.open(Path(home)) as database, database.agent("bench") as stored:
        stored.recall.import_past(past)
        eviction = Eviction(1, MESSAGES - 6, MESSAGES - 6, 0, "[recall:1] Much was said.", "deterministic", "asked")
        stored.state.record_eviction(eviction, queue_start=MESSAGES - 5, blocks=stored.state.blocks())


async def long_history(home: str) -> dict[str, object]:
    """Scroll and search in it."""
    from textual.widgets import Input, OptionList

    from memos.agents import Sessions
    from memos.generation import Generated, Piece, Reading
    from memos.testing import ScriptedModel, say
    from memos.tui.app import Shell
    from memos.tui.memory import MemoryBrowser
    from memos.tui.transcript import Transcript

    class Talking(ScriptedModel):
        """A model that takes its time for every word."""

        def generate(self, *arguments: Any, **options: Any) -> Iterator[Reading | Piece | Generated]:
            for item in super().generate(*arguments, **options):
                if isinstance(item, Piece):
                    time.sleep(A_WORD)
                yield item

    model = Talking([say(REPLY)] * (REPLIES + 1))
    shell = Shell("bench", lambda: Sessions(model=model, folder=home, embedding="none", ahead=False))
    pauses: list[float] = []
    async with shell.run_test(size=(120, 40)) as pilot:
        while shell.session.agent is None or shell.session.busy or not shell.query_one(Transcript).children:
            await asyncio.sleep(0.02)
        await pilot.pause()
        watching = asyncio.create_task(watch(pauses))
        transcript, scrolls = shell.query_one(Transcript), []
        transcript.focus()
        for _ in range(60):
            started = time.perf_counter()
            await pilot.press("pageup")
            await pilot.pause()
            scrolls.append(1000 * (time.perf_counter() - started))
        reached = transcript.oldest
        await pilot.press("f4")
        await pilot.pause()
        searches = []
        for word in ("garden", "river", "bicycle", "window", "message 4711"):
            shell.screen.query_one("#query", Input).value = ""
            await shell.workers.wait_for_complete()
            started = time.perf_counter()
            shell.screen.query_one("#query", Input).value = word
            await pilot.pause()
            await shell.workers.wait_for_complete()
            await pilot.pause()
            searches.append(1000 * (time.perf_counter() - started))
            assert isinstance(shell.screen, MemoryBrowser)
            assert shell.screen.query_one("#hits", OptionList).option_count, word
        watching.cancel()
        await pilot.press("escape")
        await shell.to_newest()
        replies = [await held_up_by_a_reply(shell, pilot) for _ in range(REPLIES + 1)][1:]  # the first one imports
    return {
        "messages": MESSAGES,
        "scroll_10k_ms": round(statistics.median(scrolls), 1),
        "scroll_10k_worst_ms": round(max(scrolls), 1),
        "scrolled_back_messages": MESSAGES - reached,
        "search_10k_ms": round(statistics.median(searches), 1),
        "loop_blocked_ms": round(1000 * max(pauses), 1),
        "reply_blocked_ms": round(1000 * statistics.median(replies), 1),
    }


async def held_up_by_a_reply(shell: Shell, pilot: Pilot[None]) -> float:
    """The longest that the event loop was held up while the agent replies, in seconds."""
    pauses: list[float] = []
    newest = shell.transcript.newest
    shell.prompt.focus()
    shell.prompt.put("Tell me more.")
    watching = asyncio.create_task(watch(pauses))
    await pilot.press("enter")
    while shell.session.busy or shell.transcript.newest < newest + 2:  # the message and its reply, both in sight
        await asyncio.sleep(0.02)
    watching.cancel()
    await pilot.pause()
    return max(pauses)


async def watch(pauses: list[float]) -> None:
    """How much later than asked for the event loop comes back."""
    while True:
        started = time.perf_counter()
        await asyncio.sleep(0.005)
        pauses.append(time.perf_counter() - started - 0.005)


def main() -> None:
    """Measure, and write the result."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    results = painted()
    with tempfile.TemporaryDirectory() as home:
        fill(home)
        results |= asyncio.run(long_history(home))
    results |= describe("python -m bench.tui")
    write("tui", results)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
