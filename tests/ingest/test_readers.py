"""Formats become sections with their places."""

from __future__ import annotations

import bz2
import re
from collections.abc import Callable, Sequence

import pytest

from memos.errors import IngestError
from memos.ingest.blocks import markdown_blocks
from memos.ingest.decoding import NothingToRead
from memos.ingest.markdown import fenced, heading_sections
from memos.ingest.readers import read_document

MakePdf = Callable[[Sequence[str]], bytes]


def test_markdown_sections_carry_their_heading_path() -> None:
    text = "Intro.\n\n# Setup\n\n## Linux\n\nUse apt.\n\n## *macOS* [brew](http://x) {#mac}\n\nUse brew.\n\n"
    text += "# Use\nRun."
    assert list(heading_sections(text)) == [
        ("", "Intro.\n"),
        ("Setup > Linux", "# Setup\n\n## Linux\n\nUse apt.\n"),
        ("Setup > macOS brew", "## *macOS* [brew](http://x) {#mac}\n\nUse brew.\n"),
        ("Use", "# Use\nRun."),
    ]


def test_what_only_looks_like_a_heading_is_none() -> None:
    text = "---\ntitle: x\n---\n```\n# a comment\n```\n#hashtag\n    # code\n- item\n---\ntwo\nlines\n---\nend"
    assert list(heading_sections(text)) == [("", text)]


FENCED = [
    ("```pip install x``` installs it.", None),
    ("~~~ of ``` ticks\n# a\n~~~", 3),
    ("```py\nx\n```sql\n# a\n```", 5),
    ("   ````\n```\n~~~~\n`````  \nb", 4),
    ("```\n    ```\n``` \t", 3),
    ("    ```\na", None),
    ("``` never closed\n# a", 2),
]


@pytest.mark.parametrize(("text", "after"), FENCED)
def test_fences_are_those_of_commonmark(text: str, after: int | None) -> None:
    found = fenced(text.split("\n"), 0)
    assert (found[0] if found else None) == after
    head = list(heading_sections(f"{text}\n# Next"))
    unclosed = after is not None and "never" in text
    assert [path for path, _ in head] == ([""] if unclosed else ["", "Next"])
    assert any(block.rows for block in markdown_blocks(text)) == (after is not None)


@pytest.mark.parametrize("above", ["---\ntitle: x\n---", "```\ncode\n```", "# Another"])
def test_a_title_may_stand_directly_under_what_is_no_paragraph(above: str) -> None:
    assert [path.split(" > ")[-1] for path, _ in heading_sections(f"{above}\nTitle\n-----\nText.")][-1] == "Title"


def test_underlined_titles_are_headings() -> None:
    found = list(heading_sections("Setup\n=====\n\nLinux\n-----\n\nUse apt.\n"))
    assert found == [("Setup > Linux", "# Setup\n\n\n## Linux\n\n\nUse apt.\n")]


def test_a_paragraph_over_a_rule_is_a_heading_of_which_nothing_is_lost() -> None:
    said = "The **lamp** is in the pantry, behind the [jam](http://x), and the key to it hangs at the door of the shed."
    ((path, part),) = heading_sections(f"{said}\n---\n")
    assert path.startswith("The lamp is in the pantry, behind the jam") and path.endswith("…")
    assert part == f"## {said}\n\n"


def test_a_heading_with_nothing_under_it_stays_in_the_text() -> None:
    assert list(heading_sections("# A\n# B\n\n## C\n")) == [("A", "# A"), ("B > C", "# B\n\n## C\n")]
    assert list(heading_sections("# A\n\n### B\nb\n## C\nc\n# D")) == [
        ("A > B", "# A\n\n### B\nb"),
        ("A > C", "## C\nc"),
        ("D", "# D"),
    ]
    title = "A title that goes on and on, so that a path has room for its beginning alone, says zeppelin"
    ((path, part),) = heading_sections(f"# {title}\n## Costs\n100 EUR")
    assert path.endswith("… > Costs") and part == f"# {title}\n## Costs\n100 EUR"


def test_markdown_headings_are_scanned_in_linear_time() -> None:
    hostile = "\n".join(["# " + "[" * 5000, "# " + "<" * 5000, "# " + "*_" * 5000] * 20)
    assert len(list(heading_sections(hostile))) == 60


def test_pdf_sections_are_pages(make_pdf: MakePdf) -> None:
    document = read_document(make_pdf(["The spare key", "", "Blue tin"]), "a.pdf")
    assert [(s.text.strip(), s.location) for s in document.sections] == [
        ("The spare key", "page 1"),
        ("Blue tin", "page 3"),
    ]


def test_a_pdf_is_known_by_its_content(make_pdf: MakePdf) -> None:
    assert read_document(make_pdf(["Key"]), "no ending").sections[0].location == "page 1"


def test_a_pdf_behind_something_else_is_one_and_a_text_about_them_is_none(make_pdf: MakePdf) -> None:
    pdf = make_pdf(["Key"])
    for before in (b"\n \n", b"HTTP/1.1 200 OK\r\n\r\n"):
        assert read_document(before + pdf, "a.pdf").sections[0].location == "page 1"
    for text in ("A PDF begins with %PDF-1.4.\n", "%PDF- is what a PDF begins with, and %%EOF what it ends with"):
        assert read_document(text.encode(), "a.txt").sections[0].text == text


def test_a_damaged_page_does_not_cost_the_others(make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch) -> None:
    from memos.ingest.formats import pdf as module

    real = module._page
    monkeypatch.setattr(module, "_page", lambda pdf, index: None if index == 1 else real(pdf, index))
    document = read_document(make_pdf(["One", "Two", "Three"]), "a.pdf")
    assert [section.location for section in document.sections] == ["page 1", "page 3"]
    assert document.note == "Pages that could not be read: 2."


def test_a_pdf_without_text_is_skipped(make_pdf: MakePdf) -> None:
    with pytest.raises(NothingToRead, match="no text in the PDF's 2 pages"):
        read_document(make_pdf(["", ""]), "scan.pdf")


def test_a_truncated_pdf_is_damaged(make_pdf: MakePdf) -> None:
    with pytest.raises(IngestError, match="damaged") as caught:
        read_document(make_pdf(["One"])[:60], "a.pdf")
    assert not isinstance(caught.value, NothingToRead)


def test_text_that_is_named_like_a_binary_format_is_read_and_said_to_be_text() -> None:
    document = read_document(b"hello", "a.pdf")
    assert document.sections[0].text == "hello"
    assert document.note == "The file is named .pdf, but is text, and was read as that."


def test_html_becomes_headed_text_in_its_own_encoding() -> None:
    html = (
        '<html><head><meta charset="windows-1252"><title>x</title><script>var secret=1</script></head>'
        '<body><h1>Menú</h1><p>Comí <a href="http://x/y">ñoquis</a>.</p></body></html>'
    ).encode("cp1252")
    (section,) = read_document(html, "menu.HTML").sections
    assert section.location == "Menú"
    assert "Comí ñoquis." in section.text
    assert "secret" not in section.text and "http" not in section.text


def test_html_nested_beyond_reason_is_still_text() -> None:
    document = read_document(b"<div>" * 3000 + b"the lamp" + b"</div>" * 3000, "deep.html")
    assert "the lamp" in document.sections[0].text


def test_html_without_text_is_skipped() -> None:
    with pytest.raises(NothingToRead, match="no text in the HTML"):
        read_document(b"<html><body><script>1</script></body></html>", "a.html")


def test_archives_and_images_are_named_in_the_reason() -> None:
    with pytest.raises(NothingToRead, match="ZIP"):
        read_document(b"PK\x03\x04" + b"\x00" * 50, "a.docx")
    with pytest.raises(NothingToRead, match="PNG"):
        read_document(b"\x89PNG\r\n\x1a\n", "a.txt")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"GGUF\x03\x00\x00\x00\x24\x01\x00\x00", "a GGUF model"),
        (b"ID3\x04\x00\x00\x00\x00\x02\x23TSSE", "sound"),
        (b"RIFF\x24\x08\x20\x01WAVEfmt \x10\x00\x00\x00", "sound, a film or a picture"),
        (b"RIFF\x24\x08\x20\x01WEBPVP8 \x98\x10\x20\x01\x30\x02\x00\x9d", "sound, a film or a picture"),
        (bz2.compress(b"the lamp"), "a bzip2 archive"),
        (bz2.compress(b""), "a bzip2 archive"),
        (b"OggS\x00\x02", "sound or a film"),
        (b"fLaC\x00\x00\x00\x22", "sound"),
        (b"GIF89a\x10\x02\x20\x03\xf7\x00\x00", "a GIF image"),
        (b"{\\rtf1\\ansi", "rich text"),
    ],
)
def test_what_begins_with_letters_is_told_from_text(data: bytes, what: str) -> None:
    with pytest.raises(NothingToRead, match=f"^The file is {what}"):
        read_document(data, "a.txt")
    letters = re.match(rb"[{A-Za-z0-9]+", data)
    assert letters is not None
    said = f"{letters[0].decode()} is what such a file begins with"
    assert read_document(said.encode(), "a.txt").sections[0].text == said


def test_other_text_is_one_section_with_lines() -> None:
    (section,) = read_document(b"a,b\n1,2\n", "notes.log").sections
    assert (section.text, section.location, section.line) == ("a,b\n1,2\n", "", 1)


def test_what_is_damaged_in_a_text_is_noted() -> None:
    document = read_document("Jürgen\n".encode() * 3 + b"\xff", "a.log")
    assert document.note == "1 character could not be read."
    assert read_document("<html><p>Jürgen".encode() + b"\xff", "a.html").note == "1 character could not be read."


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"\x1b[1;31mred\x1b[0m\x1b[2K, \x1bc\tand\x0con\n", "a.log", "red, c\tand on\n"),
        ("a\x9b2J b\x85c".encode(), "a.txt", "a2J b c"),
        (b'"\\u001b]0;title\\u0007 a\\r\\nb\\rc"', "a.json", "]0;title a\nb\nc"),
        (b"<html><body><p>a&#27;[31m b&#7;</p></body></html>", "a.html", "a b"),
    ],
)
def test_no_passage_commands_a_terminal(data: bytes, name: str, said: str) -> None:
    (section,) = read_document(data, name).sections
    assert section.text == said


def test_places_command_no_terminal_either() -> None:
    data = b'{"a\\u001b[2J": ["' + b"long " * 200 + b'"]}'
    assert read_document(data, "a.json").sections[0].location == "a > item 1"
