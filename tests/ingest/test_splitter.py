"""Passages fit the embedding model and say where they are from."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memos.errors import InputError, ModelError, ModelNotFound
from memos.ingest import PassageSplitter
from memos.ingest import splitter as module
from memos.ingest.readers import Document, Form, Section, read_document


def test_a_passage_and_its_location_fit_the_model(splitter: PassageSplitter) -> None:
    assert splitter.limit == 74
    text = " ".join(f"word{number}" for number in range(500))
    passages = splitter.split(Document((Section(text, "page 3"),)))
    assert [location for _, location in passages] == ["page 3"] * 13
    assert max(len(passage.split()) for passage, _ in passages) == 40
    assert " ".join(passage for passage, _ in passages) == text


@pytest.mark.parametrize("words", ["the lamp, an electrical one. ", "台灯在储藏室里。", "A"])
def test_without_an_embedding_model_passages_have_about_the_same_length(words: str) -> None:
    text = words * (6000 // len(words))
    passages = [passage for passage, _ in PassageSplitter(None).split(Document((Section(text, "page 3"),)))]
    longest = 222 if words > "z" else 222 * 6
    assert longest / 2 < max(map(len, passages)) <= longest
    assert "".join(passages).replace(" ", "") == text.replace(" ", "")


def test_plain_text_is_located_by_lines(splitter: PassageSplitter) -> None:
    text = "\n".join(f"línea 行 {number} " + "x " * 15 for number in range(1, 31))
    passages = splitter.split(read_document(text.encode(), "log.txt"))
    for passage, location in passages:
        first, last = (int(part) for part in location.removeprefix("lines ").split("-"))
        assert passage.startswith(f"línea 行 {first} ")
        assert f"línea 行 {last} " in passage


def test_a_text_of_one_passage_needs_no_lines(splitter: PassageSplitter) -> None:
    assert splitter.split(read_document(b"one\ntwo\n", "a.txt")) == [("one\ntwo", "")]


def test_sections_do_not_run_together(splitter: PassageSplitter) -> None:
    passages = splitter.split(read_document(b"# A\none\n## B\ntwo\n", "a.md"))
    assert passages == [("# A\none", "A"), ("## B\ntwo", "A > B")]


def test_one_endless_word_is_cut_by_characters(splitter: PassageSplitter) -> None:
    passages = splitter.split(Document((Section("A" * 5000, "blob"),)))
    assert max(len(text) for text, _ in passages) <= 40 * 8
    assert sum(len(text) for text, _ in passages) == 5000


def test_text_longer_than_a_window_loses_nothing(splitter: PassageSplitter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WINDOW", 1000)
    text = "\n".join(f"line {number}" for number in range(1, 1001))
    passages = splitter.split(Document((Section(text, line=1),)))
    assert "\n".join(passage for passage, _ in passages) == text
    assert passages[-1][1].endswith("-1000")


def test_quotes_nested_beyond_reason_do_not_hang(splitter: PassageSplitter) -> None:
    assert splitter.split(Document((Section("> " * 50_000 + "end", form=Form.MARKDOWN),)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from("ab \n\t#>`-=|é行🙂"), max_size=600))
def test_no_character_but_white_space_is_lost(splitter: PassageSplitter, text: str) -> None:
    for form in (Form.TEXT, Form.MARKDOWN):
        passages = splitter.split(Document((Section(text, form=form),)))
        assert all(passage.strip() for passage, _ in passages)
        assert "".join("".join(passage for passage, _ in passages).split()) == "".join(text.split())


def test_long_heading_paths_keep_their_end(splitter: PassageSplitter) -> None:
    ((_, location),) = splitter.split(Document((Section("x", "A > " * 80 + "End"),)))
    assert len(location) == 200
    assert location.endswith("> End")


def test_a_folder_without_a_usable_tokenizer_is_refused(tmp_path: Path, tokenizer_folder: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"tokenizer\.json"):
        PassageSplitter(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(ModelError, match="cannot be read"):
        PassageSplitter(tmp_path)
    with pytest.raises(InputError, match="at least 50 tokens"):
        PassageSplitter(tokenizer_folder, limit=49)


# ----------------------------------------------------------------------------------------------- never cut

WORDS = st.sampled_from(["river", "copper", "lamp", "tin", "pantry", "key", "shelf", "bird", "7", "green"])
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=38), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sentences=SENTENCES, width=st.sampled_from([60, 80, 10_000]), form=st.sampled_from([Form.TEXT, Form.MARKDOWN]))
def test_a_sentence_that_fits_is_never_cut(
    splitter: PassageSplitter, sentences: list[list[str]], width: int, form: Form
) -> None:
    """Wrapped at any width: a line end within a paragraph is no better place than any other."""
    said = [f"S{number} {' '.join(words)} end{number}." for number, words in enumerate(sentences)]
    text = "\n".join(textwrap.wrap(" ".join(said), width))
    flat = [" ".join(passage.split()) for passage, _ in splitter.split(Document((Section(text, form=form),)))]
    assert " ".join(flat) == " ".join(said)
    for sentence in said:
        assert any(sentence in passage for passage in flat), sentence


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(WORDS, min_size=3, max_size=3), min_size=2, max_size=60))
def test_a_row_that_fits_is_never_cut_and_is_under_its_column_names(
    splitter: PassageSplitter, rows: list[list[str]]
) -> None:
    lines = [" | ".join([f"row{number}", *cells]) for number, cells in enumerate(rows)]
    table = Section("\n".join(lines), "sheet A", Form.TABLE, 2, "row", "id | a | b | c")
    passages = splitter.split(Document((table,)))
    assert {passage.split("\n")[0] for passage, _ in passages} == {"id | a | b | c"}
    assert [line for passage, _ in passages for line in passage.split("\n")[1:]] == lines
    assert all(len(passage.split()) <= 40 for passage, _ in passages)
    first, last = passages[0][1].split("rows ")[1].split("-")
    assert (first, int(last)) == ("2", passages[0][0].count("\n") + 1)


def test_a_markdown_table_repeats_its_column_names(splitter: PassageSplitter) -> None:
    rows = "\n".join(f"| duck{number} | green |" for number in range(30))
    passages = splitter.split(read_document(f"Before.\n\n| bird | colour |\n| --- | --- |\n{rows}\n".encode(), "a.md"))
    held = [passage for passage, _ in passages if "duck" in passage]
    assert len(held) > 3 and all("| bird | colour |" in passage for passage in held)
    assert sum(passage.count("duck") for passage in held) == 30


@pytest.mark.parametrize("heads", [True, False])
def test_a_table_of_html_repeats_its_column_names_where_it_does_not_call_them_so(
    splitter: PassageSplitter, heads: bool
) -> None:
    kind = "th" if heads else "td"
    rows = "".join(f"<tr><td>duck{number}</td><td>{number}</td></tr>" for number in range(40))
    data = f"<html><body><table><tr><{kind}>bird</{kind}><{kind}>2024</{kind}></tr>{rows}</table></body></html>"
    passages = [passage for passage, _ in splitter.split(read_document(data.encode(), "a.html"))]
    assert len(passages) > 3 and all(passage.count("| bird | 2024 |") == 1 for passage in passages)
    assert sum(passage.count("duck") for passage in passages) == 40


def test_a_table_whose_first_row_names_nothing_repeats_nothing(splitter: PassageSplitter) -> None:
    rows = "\n".join(f"| duck{number} | {number} |" for number in range(40))
    passages = splitter.split(read_document(f"|  |  |\n| --- | --- |\n{rows}\n".encode(), "a.md"))
    assert len(passages) > 3 and "".join(passage for passage, _ in passages).count("duck0 ") == 1


def test_a_row_that_fits_nowhere_names_each_of_its_cells(splitter: PassageSplitter) -> None:
    names = [f"column{number}" for number in range(100)]
    wide = ",".join(names) + "\n" + ",".join(str(number * 7) for number in range(100)) + "\n"
    passages = splitter.split(read_document(wide.encode(), "a.csv"))
    pairs = [pair for passage, _ in passages for pair in passage.split(" | ")]
    assert pairs == [f"column{number}: {number * 7}" for number in range(100)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), method=st.booleans())
def test_a_function_that_fits_is_never_cut(splitter: PassageSplitter, sizes: list[int], method: bool) -> None:
    functions = [
        "\n".join([f"def f{number}(x):", *(f"    x = {step} + x" for step in range(size)), f"    return x{number}"])
        for number, size in enumerate(sizes)
    ]
    text = "import os\n\n\n" + "\n\n\n".join(functions) + "\n"
    if method:
        text = "class Duck:\n" + textwrap.indent(text, "    ")
        functions = [textwrap.indent(function, "    ") for function in functions]
    passages = splitter.split(read_document(text.encode(), "a.py"))
    assert " ".join(" ".join(passage.split()) for passage, _ in passages) == " ".join(text.split())
    fitting = [function for function in functions if len(function.split()) <= 38]
    for function in fitting:
        assert any(function.strip() in passage for passage, _ in passages), function


def test_a_method_says_which_class_it_is_of(splitter: PassageSplitter) -> None:
    body = "".join(f"    def m{number}(self):\n        return {'1 + ' * 12}{number}\n\n" for number in range(6))
    passages = splitter.split(read_document(f"@final\nclass Duck:\n{body}".encode(), "a.py"))
    assert passages[0][0].startswith("@final\nclass Duck:")
    assert [location.split(",")[0] for _, location in passages[1:]] == ["Duck"] * (len(passages) - 1)


LONG = "\n".join(f"    a = b + c + d + e{number};" for number in range(12))


@pytest.mark.parametrize(
    ("name", "code", "places"),
    [
        ("a.c", "static char *name(int a) {{\n{long}\n}}", "name"),
        ("a.c", "int (*chosen(int a))(int) {{\n{long}\n}}", "chosen"),
        ("a.cpp", "bool Duck::quack() const {{\n{long}\n}}", "Duck::quack"),
        ("a.cpp", "class Duck {{\n  Duck &self() {{\n{long}\n  }}\n}};", "Duck > self"),
        ("a.cpp", "template <class T> T most(T a) {{\n{long}\n}}", "most"),
        ("a.cpp", "Duck::operator bool() const {{\n{long}\n}}", "Duck::operator bool() const"),
        ("a.mm", "@implementation Duck\n- (int)quackAt:(int)x {{\n{long}\n}}\n@end", "Duck > quackAt"),
        ("a.rs", "impl Show for Duck {{\nfn quack() {{\n{long}\n}}\n}}", "Duck > quack"),
        ("a.ts", "export abstract class Duck {{\nquack(): number {{\n{long}\n}}\n}}", "Duck > quack"),
    ],
)
def test_a_long_function_is_placed_by_its_name(splitter: PassageSplitter, name: str, code: str, places: str) -> None:
    passages = splitter.split(read_document(code.format(long=LONG).encode(), name))
    found = {re.sub(r"(, )?lines? [\d-]+$", "", location) for _, location in passages}
    assert places in found and all(map(places.startswith, found))


@pytest.mark.parametrize(
    ("name", "before", "head"),
    [
        ("a.py", "x = 1  # of x\n\n", "# counts ducks\n\n# slowly\ndef count():"),
        ("a.py", "", "# counts ducks\ndef count():"),
        ("a.py", "x = 1\n", "# counts ducks\n@cached\ndef count():"),
        ("a.js", "let x = 1; // of x\n", "// counts ducks\nexport function count() {"),
        ("a.ts", "let x = 1\n", "export default async function count() {"),
        ("a.ts", "let x = 1\n", "export const count = () => {"),
    ],
)
def test_comments_and_exports_stay_with_the_long_definition_they_belong_to(
    splitter: PassageSplitter, name: str, before: str, head: str
) -> None:
    long = LONG.replace(";", "") if name == "a.py" else f"{LONG}\n}}"
    passages = splitter.split(read_document(f"{before}{head}\n{long}\n".encode(), name))
    texts = [text for text, _ in passages]
    assert texts[: bool(before)] == [before.strip()] * bool(before)
    assert texts[bool(before)].startswith(f"{head}\n    a = b")
    assert "const" in head or passages[bool(before)][1].startswith("count, ")


def test_code_in_markdown_is_cut_by_its_syntax(splitter: PassageSplitter) -> None:
    code = "\n\n".join(f"def f{number}(x):\n    y = x + {number}\n    return y * {number}" for number in range(12))
    passages = splitter.split(read_document(f"# Ducks\n\n```python\n{code}\n```\n".encode(), "a.md"))
    assert len(passages) > 2
    for number in range(12):
        assert any(f"def f{number}(x):" in text and f"return y * {number}" in text for text, _ in passages)


def test_a_heading_stays_with_the_text_below_it(splitter: PassageSplitter) -> None:
    text = "# Ducks\n\n" + "They swim well in the lake. " * 20
    assert splitter.split(read_document(text.encode(), "a.md"))[0][0].startswith("# Ducks\n\nThey swim")


@pytest.mark.parametrize("words", [1, 30, 100])
def test_a_title_with_only_deeper_headings_is_in_a_passage_that_fits(splitter: PassageSplitter, words: int) -> None:
    title = " ".join(f"zeppelin{number}" for number in range(words))
    text = f"# {title}\n\n## Costs\n\n" + "The sum is a hundred euros. " * 20
    passages = splitter.split(read_document(text.encode(), "a.md"))
    assert passages[0][0].startswith("# zeppelin0") and all(len(passage.split()) <= 40 for passage, _ in passages)
    assert " ".join(passage for passage, _ in passages).split() == text.split()
    assert words > 1 or passages[0][0].startswith("# zeppelin0\n\n## Costs\n\nThe sum")
