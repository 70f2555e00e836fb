"""How a window is drawn, and small texts: functions without a screen."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos import events
from memos.context_map import ContextMap, Segment
from memos.messages import Kind, Message
from memos.printing import safe
from memos.tui.attachments import plan
from memos.tui.help import table
from memos.tui.panel import LOOKS, cells, legend, strip
from memos.tui.status import Turn, bar
from memos.tui.text import has_markup, note_line, one_line, paging_line, right_to_left, speaker

VIEW = ContextMap(
    window=1000,
    reserved=100,
    warning=630,
    segments=(
        Segment("instructions", 0, 300),
        Segment("block user", 300, 50),
        Segment("summary", 350, 50),
        Segment("user", 400, 60, 1, leaves=True),
        Segment("page", 460, 4, 2),
        Segment("speech", 464, 36, 3),
    ),
)


def test_the_map_is_to_scale() -> None:
    drawn = cells(VIEW, 100)
    assert drawn.count("instructions") == 30 and drawn.count("block") == 5 and drawn.count("summary") == 5
    assert drawn.count("leaves") == 6 and drawn.count("reserve") == 9
    assert drawn.index("warning") == 63 and drawn.index("flush") == 90


def test_what_is_smaller_than_a_cell_is_seen_all_the_same() -> None:
    assert "page" in cells(VIEW, 100) and "page" in cells(VIEW, 40)


@pytest.mark.parametrize("width", [1, 8, 33, 80, 250, 2000])
def test_the_map_has_the_width_it_was_given(width: int) -> None:
    assert len(cells(VIEW, width)) == width and strip(cells(VIEW, width)).cell_length == width


def test_every_segment_has_a_glyph_of_its_own() -> None:
    glyphs = [glyph for glyph, _, _ in LOOKS.values()]
    assert len({*glyphs, "·", "░", "!", "‖"}) == len(glyphs) + 4
    assert "leaves next" in legend(VIEW).plain


def test_pressure_is_told_without_colour() -> None:
    assert bar(0.2, 0.7).count("━") == 2 and "!" not in bar(0.2, 0.7) and bar(0.8, 0.7).endswith("!")
    assert len(bar(5.0, 0.7)) <= 11


def test_a_turn_adds_up() -> None:
    turn = Turn()
    turn.add(events.MessageStored(1, 1, "x"), 10.0)
    turn.add(events.Step("eviction", 100, 900, 0, 0, 1.0), 11.0)
    for second in (20.0, 20.1, 20.2):
        turn.add(events.SpeechDelta(2, "word "), second)
    turn.add(events.Step("call", 50, 1000, 30, 20, 3.0), 25.0)
    assert (turn.evaluated, turn.reused, round(turn.speed)) == (150, 1000, 10)
    turn.add(events.MessageStored(2, 2, "y"), 30.0)
    assert (turn.evaluated, turn.speed) == (0, 0.0)


def test_a_paging_line_names_segment_and_reason() -> None:
    line = paging_line(events.PrefixMoved("eviction", 320), "block user")
    assert line is not None and "block user" in line[0] and "eviction" in line[0]
    assert paging_line(events.PagedIn(9, ("archival:3", "recall:7"), 40)) == (
        "→ in archival:3, recall:7, 40 tokens",
        7,
    )
    assert paging_line(events.Judged("Who?", 0.2, 40, ("recall:7", "recall:9"))) == (
        "? recall:7, recall:9 tell it: 0.20",
        7,
    )
    assert paging_line(events.Rewritten("And since when?", "Since when does my boss live there?")) == (
        "? Since when does my boss live there?",
        0,
    )
    assert paging_line(events.TakenApart("Where does my boss live?", "Who is my boss?", "Where does _ live?")) == (
        "? Who is my boss? Then: Where does _ live?",
        0,
    )
    assert paging_line(events.Unsaid(("novel", "salinger"))) == (
        "× not said: novel, salinger",
        0,
    )
    assert paging_line(events.SpeechDelta(1, "x")) is None


def test_what_the_kernel_notes_is_told_once() -> None:
    assert note_line(events.BlockEdited("user", "", "I bake.", "user")) == "block user edited by user"
    assert note_line(events.BlockEdited("user", "", "I bake.", "kernel")) == ""
    asked: tuple[events.Asked, ...] = ("fact", "keep")
    for one in asked:
        assert note_line(events.Probed(one, "I bake.", 0.9, 8, "block user and archival:3")).endswith("archival:3")
    assert not note_line(events.Probed("keep", "I bake.", 0.9, 8, "saving"))


def test_text_is_safe_and_its_direction_known() -> None:
    assert safe("a\x1b[31mb\u202ec\nd\te\x9b") == "a[31mbc\nd\te"
    assert (
        right_to_left("שלום")
        and right_to_left("123 مرحبا")
        and not right_to_left("Hi שלום")
        and not right_to_left("12")
    )
    assert has_markup("a **b**") and has_markup("x\n- y") and not has_markup("Plain words, 3.5 of them.")
    assert one_line("a\n b " * 200, 10) == "a b a b a…"


def test_who_speaks_has_a_name() -> None:
    when = datetime(2026, 1, 1, tzinfo=UTC)
    said = [
        Message(1, Kind.USER, "", when, 1),
        Message(2, Kind.SPEECH, "", when, 1),
        Message(3, Kind.USER, "", when, 1, speaker="Bea"),
        Message(4, Kind.RESULT, "", when, 1),
    ]
    assert [speaker(one, "ada") for one in said] == ["you", "ada", "Bea", "result"]


def test_an_at_sign_is_not_always_a_file() -> None:
    assert plan("ask @ada about it") == plan("ask @ada about it")
    assert plan("ask @ada about it").missing == ()
    assert plan("see @notes/x.md").missing == ("notes/x.md",)


@pytest.mark.parametrize("width", [30, 36, 70, 120])
def test_a_table_wraps_within_its_last_column(width: int) -> None:
    rows = [
        ("F1", "/help", "Keys."),
        ("", "/rewind [NUMBER]", "Take the last message back, or another and all after it."),
    ]
    lines = table(rows, width).splitlines()
    assert max(map(len, lines)) <= width
    assert "".join(table(rows, width).split()) == "".join("".join(cell for row in rows for cell in row).split())
    if width >= 70:
        column = lines[0].index("Keys.")
        assert {len(line) - len(line.lstrip()) for line in lines[2:]} <= {column}, "below where it began"
    else:
        assert lines[:2] == ["F1  /help", "    Keys."], "there is no room beside"
