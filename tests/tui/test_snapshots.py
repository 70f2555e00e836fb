"""The screens that matter, as pictures: each with what it is to show.

`pytest tests/tui --snapshot-update` takes them anew. What changes from run to run (times, speeds) is fixed first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from memos.agents import Sessions
from memos.errors import ModelNotFound
from memos.messages import Call
from memos.testing import ScriptedModel, say
from memos.tui import blocks, memory, panel, status, transcript
from memos.tui.app import Shell

LONG = "word " * 120
STILL = 4  # looks at the same picture, 0.05 s apart, on a machine that may be busy
Steps = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """One moment for all times, no speed, and a cursor that does not blink."""
    for module in (transcript, panel, memory, blocks):
        monkeypatch.setattr(module, "moment", lambda *_: "12:00")
    monkeypatch.setattr(status.Turn, "speed", 0.0)
    monkeypatch.setattr(transcript, "LONG_CALL", float("inf"))


def shell(script: list[Call], *, window: int = 2048, **settings: Any) -> Shell:
    given = {"embedding": "none", "ahead": False, "theme": "textual-dark", **settings}
    return Shell("ada", lambda: Sessions(model=ScriptedModel(script, window=window), **given))


def hold_still(opened: App[None]) -> None:
    """Let no cursor blink."""
    for typed in opened.screen.query("TextArea, Input"):
        assert isinstance(typed, TextArea | Input)
        typed.cursor_blink = False


async def idle(pilot: Pilot[None]) -> None:
    """Until the agent waits."""
    opened = pilot.app
    assert isinstance(opened, Shell)
    while opened.session.busy or opened.status._doing:
        await pilot.pause()
    await pilot.pause()


def talk(*said: str, then: Steps | None = None) -> Steps:
    """Say some things, then do something else."""

    async def steps(pilot: Pilot[None]) -> None:
        opened = pilot.app
        assert isinstance(opened, Shell)
        while opened.session.agent is None:
            await pilot.pause()
        await idle(pilot)
        for one in said:
            opened.prompt.put(one)
            await pilot.press("enter")
            await idle(pilot)
        if then is not None:
            await then(pilot)
        else:
            await settled(pilot)  # what is laid out only now would push the end out of the picture again
            opened.transcript.follow()  # on a busy machine the picture was taken a message too early
        hold_still(opened)
        await settled(pilot)

    return steps


async def settled(pilot: Pilot[None]) -> None:
    """Until the picture has stayed the same for a while: scrollbars follow, and code is coloured late."""
    same, before = 0, ""
    while same < STILL:
        pilot.app.screen.refresh(layout=True)
        await pilot.pause(0.05)
        now = pilot.app.export_screenshot()
        same, before = (same + 1 if now == before else 0), now


def press(*keys: str) -> Steps:
    """Press keys."""

    async def steps(pilot: Pilot[None]) -> None:
        await pilot.press(*keys)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()

    return steps


MARKDOWN = say("**Here** is how:\n\n1. one\n2. two\n\n```python\nprint('hi')\n```\n\nThat is all.")


def test_a_conversation(snap_compare: Any) -> None:
    """Formatted speech with code, a collapsed call, and the status line with pressure and cost."""
    script = [MARKDOWN, Call("archival_memory_search", {"query": "dog"}), say("I do not know your dog.")]
    steps = talk("How?", "What is my dog called?")
    assert snap_compare(shell(script, memory_threshold=0.0), run_before=steps, terminal_size=(100, 30))


def test_an_eviction_on_the_map(snap_compare: Any) -> None:
    """Every glyph of the map and its legend; the timeline says what left and which segment moved the prefix."""
    steps = talk(*(f"{number} {LONG}" for number in range(5)))
    assert snap_compare(shell([], window=1024), run_before=steps, terminal_size=(130, 36))


def test_eighty_columns(snap_compare: Any) -> None:
    """In 80 by 24 everything has its place: the map is one line, the footer is whole."""
    steps = talk(*(f"{number} {LONG}" for number in range(3)))
    assert snap_compare(shell([], window=1024), run_before=steps, terminal_size=(80, 24))


def test_sixteen_colours(snap_compare: Any) -> None:
    """The theme of a terminal with sixteen colours: nothing is told by colour alone."""
    steps = talk(*(f"{number} {LONG}" for number in range(3)), then=press("f2"))
    assert snap_compare(shell([], window=1024, theme="ansi-dark"), run_before=steps, terminal_size=(80, 24))


def test_wide_and_right_to_left(snap_compare: Any) -> None:
    """Chinese, emoji and Arabic keep the columns: borders stay straight, and Arabic stands on the right."""
    script = [say("你好，世界 👩‍🔬 これは広い文字です。"), say("مرحبا بالعالم")]
    steps = talk("上海 is wide 🎉", "قل مرحبا")
    assert snap_compare(shell(script), run_before=steps, terminal_size=(120, 24))


def test_the_block_editor(snap_compare: Any) -> None:
    """A block with its limit, what is not saved yet, and its history."""

    async def edit(pilot: Pilot[None]) -> None:
        await pilot.press("f3")
        await pilot.pause()
        for value in ("Name is Ada", "Name is Ada\nHas a dog"):
            pilot.app.screen.query_one("#text", TextArea).text = value
            await pilot.press("ctrl+s")
            await idle(pilot)
        pilot.app.screen.query_one("#text", TextArea).text += ", Rex"
        pilot.app.clear_notifications()

    assert snap_compare(shell([]), run_before=talk(then=edit), terminal_size=(100, 30))


def test_the_memory_browser(snap_compare: Any) -> None:
    """Hits with scores, dates and speakers, and the whole of the first below."""
    script = [say("What a name."), say("Tea it is.")]
    steps = talk("My dog is called Rex.", "I like tea.", then=press("f4", *"rex"))
    assert snap_compare(shell(script), run_before=steps, terminal_size=(100, 30))


def test_help(snap_compare: Any) -> None:
    """Every command with its keys, in columns."""
    assert snap_compare(shell([]), run_before=talk(then=press("f1")), terminal_size=(120, 40))


def test_a_model_that_does_not_load(snap_compare: Any) -> None:
    """A sentence, a way on, and the input still there."""

    class Broken(Sessions):
        def open(self, name: str, **options: Any) -> Any:
            raise ModelNotFound("There is no model nonsense here; `memos models pull` gets one.")

    async def failed(pilot: Pilot[None]) -> None:
        while "no agent is open" not in str(pilot.app.query_one("#status").render()):
            await pilot.pause()
        hold_still(pilot.app)
        await pilot.pause()

    broken = Shell("ada", lambda: Broken(embedding="none", theme="textual-dark"))
    assert snap_compare(broken, run_before=failed, terminal_size=(80, 24))


def test_a_window_that_is_too_small(snap_compare: Any) -> None:
    """A sentence instead of a broken layout."""
    assert snap_compare(shell([]), run_before=talk(), terminal_size=(36, 9))
