"""PDFs: whole words, headings of the outline, tables that are drawn, pages that are counted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memos.ingest.document import Form
from memos.ingest.formats import pdf_tables
from memos.ingest.formats.pdf import _Page, _sections, plain
from memos.ingest.readers import read_document

MakePdf = Callable[..., bytes]


def places(data: bytes) -> list[tuple[str, str]]:
    return [(section.location, " ".join(section.text.split())) for section in read_document(data, "a.pdf").sections]


def grid(rows: list[list[str]], *, wide: float = 120.0) -> str:
    """A page that draws rows in boxes, with a line of words above and below them."""
    parts = ["% drawn\nBT /F1 12 Tf 72 740 Td (Prices of 2024) Tj ET"]
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            x, y = 72 + wide * column, 700 - 20 * number
            parts.append(f"{x} {y} {wide} 20 re S BT /F1 10 Tf {x + 4} {y + 6} Td ({cell}) Tj ET")
    return "\n".join([*parts, "BT /F1 12 Tf 72 500 Td (Without tax.) Tj ET"])


def test_words_that_stand_close_together_stay_apart(make_pdf: MakePdf) -> None:
    """Justified lines narrow the space to less than guesses of layout allow for, and glue what they take for one."""
    tight = "% tight\nBT /F1 10 Tf 72 720 Td [(the) -180 (mobile) -180 (profile) -180 (stores) -180 (locally)] TJ ET"
    assert places(make_pdf([tight])) == [("page 1", "the mobile profile stores locally")]


def test_a_page_of_two_columns_is_read_column_by_column(make_pdf: MakePdf) -> None:
    left, right = ["Goats browse on", "leaves of trees."], ["Sheep graze on", "grass of meadows."]
    drawn = [
        f"BT /F1 10 Tf {x} {700 - 14 * at} Td ({words}) Tj ET"
        for x, column in ((72, left), (320, right))
        for at, words in enumerate(column)
    ]
    page = "\n".join(["% columns", *drawn])
    assert places(make_pdf([page])) == [("page 1", "Goats browse on leaves of trees. Sheep graze on grass of meadows.")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Soft\ufffeware im Haupt\x02server", "Software im Hauptserver"),
        ("Home\ufffeVerzeichnis, 2\ufffe3", "Home-Verzeichnis, 2-3"),
        ("пред\ufffeложение", "предложение"),
        ("le microphone `a condensateur int´egr´e", "le microphone à condensateur intégré"),
        ("run `a` and ``b''", "run `a` and ``b''"),
        ("\x10 a bullet\r\n\tand a tab", "  a bullet\n\tand a tab"),
    ],
)
def test_what_only_a_page_needs_goes(text: str, wanted: str) -> None:
    assert plain(text) == wanted


ROWS = [["Tea", "Price"], ["Lapsang", "7.50"], ["Assam", "6.20"]]


class TestTables:
    def test_a_drawn_one_is_rows_between_the_words_around_it(self, make_pdf: MakePdf) -> None:
        (section,) = read_document(make_pdf([grid(ROWS)]), "a.pdf").sections
        assert section.form is Form.MARKDOWN
        assert [line for line in section.text.split("\n") if line.strip()] == [
            "Prices of 2024",
            "| Tea | Price |",
            "| --- | --- |",
            "| Lapsang | 7.50 |",
            "| Assam | 6.20 |",
            "Without tax.",
        ]

    @pytest.mark.parametrize(
        "rows",
        [
            [["One", ""], ["", "Two"], ["Three", ""]],  # no two of them stand side by side
            [["Only one"], ["column of"], ["frames"]],
        ],
    )
    def test_frames_are_none(self, make_pdf: MakePdf, rows: list[list[str]]) -> None:
        (section,) = read_document(make_pdf([grid(rows)]), "a.pdf").sections
        assert section.form is Form.TEXT and "|" not in section.text
        assert all(cell in section.text for row in rows for cell in row)

    def test_where_they_cannot_be_found_the_words_are_read(
        self, make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pdfplumber

        monkeypatch.setattr(pdfplumber, "open", lambda *_: 1 / 0)
        (section,) = read_document(make_pdf([grid(ROWS)]), "a.pdf").sections
        assert section.form is Form.TEXT and "Lapsang" in section.text and "Without tax." in section.text

    def test_pages_with_few_lines_are_not_searched_for_them(
        self, make_pdf: MakePdf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It takes a tenth of a second a page, and most pages draw a rule at most."""
        import pdfplumber

        monkeypatch.setattr(pdfplumber, "open", lambda *_: pytest.fail("searched"))
        rule = "% ruled\n72 700 m 500 700 l S BT /F1 12 Tf 72 720 Td (A heading) Tj ET"
        assert places(make_pdf([rule])) == [("page 1", "A heading")]
        assert pdf_tables.FEWEST_LINES > 1


class TestHeadings:
    def test_sections_are_cut_at_the_headings_of_the_outline(self, make_pdf: MakePdf) -> None:
        pages = [
            "1 Setup\nUnpack the box.\n1.1 Linux\nRun make.",
            "It takes long.\nUse of a long heading that goes\non here\nEnjoy it. See Setup.",
        ]
        outline = [("Setup", 1), ("Linux", 1), ("Use of a long heading that goes on here", 2)]
        assert places(make_pdf(pages, outline)) == [
            ("Setup, page 1", "1 Setup Unpack the box."),
            ("Linux, page 1", "1.1 Linux Run make."),
            ("Linux, page 2", "It takes long."),
            ("Use of a long heading that goes on here, page 2", " ".join(pages[1].split("\n")[1:])),
        ]

    def test_those_below_another_have_its_name_before_theirs(self) -> None:
        pages = [
            _Page(1, "Setup\nUnpack.\nLinux\nRun make.\nWindows\nRun nmake.", Form.TEXT),
            _Page(3, "Play.", Form.TEXT),
        ]
        outline = {1: [(0, "Setup"), (1, "Linux"), (1, "Windows")], 2: [(0, "Use")]}
        found = [section.location for section in _sections(pages, outline)]
        assert found == ["Setup, page 1", "Setup > Linux, page 1", "Setup > Windows, page 1", "Use, page 3"]

    def test_a_heading_alone_stays_with_what_is_below_it(self, make_pdf: MakePdf) -> None:
        pages = ["Part I\nSetup\nUnpack the box."]
        assert places(make_pdf(pages, [("Part I", 1), ("Setup", 1)])) == [
            ("Setup, page 1", "Part I Setup Unpack the box.")
        ]

    def test_one_that_a_page_does_not_spell_counts_from_there_on(self, make_pdf: MakePdf) -> None:
        pages = ["Unpack the box.", "", "Run make."]
        assert places(make_pdf(pages, [("Cover", 1), ("Blank", 2)])) == [
            ("Cover, page 1", "Unpack the box."),
            ("Blank, page 3", "Run make."),
        ]


class TestPagesThatAreCounted:
    def test_lines_that_count_them_go(self, make_pdf: MakePdf) -> None:
        pages = [
            f"The Handbook {number + 9} / 98\nWords of page {word}.\n- {number + 9} -"
            for number, word in enumerate("abcd")
        ]
        assert [text for _, text in places(make_pdf(pages))] == [f"Words of page {word}." for word in "abcd"]

    def test_a_page_of_nothing_else_has_no_text(self, make_pdf: MakePdf) -> None:
        pages = ["Words\n1", "Words\n2", "3", "Words\n4"]
        assert [place for place, _ in places(make_pdf(pages))] == ["page 1", "page 2", "page 4"]

    def test_the_number_below_is_not_taken_from_the_heading_above(self, make_pdf: MakePdf) -> None:
        pages = ["1 Introduction\nGoats.\n1", "2 Methods\nSheep.\n2", "More of them.\n3"]
        assert [text for _, text in places(make_pdf(pages))] == [
            "1 Introduction Goats.",
            "2 Methods Sheep.",
            "More of them.",
        ]

    def test_other_numbers_stay(self, make_pdf: MakePdf) -> None:
        pages = [f"Tea | Price\nLapsang\nTotal {total}" for total in (7, 19, 3, 40)]
        assert [text for _, text in places(make_pdf(pages))] == [" ".join(page.split()) for page in pages]
        assert [text for _, text in places(make_pdf(["1 apple", "2 pears"]))] == ["1 apple", "2 pears"]
