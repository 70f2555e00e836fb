"""LaTeX by its sections, with fonts, spacing and simple macros of its own resolved.

Scanned, not executed: linear in the text. Formulas and tables stay as they are written, for models read them well.
"""

from __future__ import annotations

import re

from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Section
from memos.ingest.markdown import SEPARATOR

_LEVELS = {"part": 0, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_HEADING = re.compile(r"\\(part|chapter|(?:sub){0,2}section|paragraph)\*?[ \t]*(?:\[[^\]\n]{0,200}\])?\{")
_COMMENT = re.compile(r"(?m)(?<!\\)%.*$")
_MACRO = re.compile(
    r"\\(?:def[ \t]*|(?:re)?newcommand\*?[ \t]*\{?)\\([A-Za-z]+)\}?[ \t]*\{([^{}\\#]{0,100}(?:\\xspace)?)\}"
)
_FONT = re.compile(
    r"\\(?:text(?:bf|it|tt|sc|rm|sf|up)|emph|underline|mbox|url|title|author|caption)\{([^{}\n]{0,500})\}"
)
_GONE = re.compile(
    r"\\(?:label|vspace|hspace|bibliographystyle|xspace|centering|noindent|maketitle|includegraphics|setlength|looseness|scriptsize|small|footnotesize)(?![a-zA-Z])(?:=-?\d+)?(?:\[[^\]\n]{0,200}\])?\*?(?:\{[^{}\n]{0,200}\}){0,2}"
)
_CITED = re.compile(r"~?\\(?:cite[a-z]{0,3}|(?:auto|eq|c)?ref)\*?\{([^{}\n]{0,500})\}")
_ESCAPED = re.compile(r"\\([%&_#$])")
_LONGEST_TITLE = 80


def read(text: str) -> Document:
    """Sections by heading. What stands before `\\begin{document}` counts where it says something.

    Raises:
        NothingToRead: there is nothing but comments in it.
    """
    source = _COMMENT.sub("", text)
    macros = {found[1]: found[2].replace("\\xspace", "") for found in _MACRO.finditer(source)}
    head, begin, body = source.partition("\\begin{document}")
    if begin:
        title = re.search(r"(?s)\\title\{.{1,500}", head)
        source = (title[0] + "\n" if title else "") + body
    source = source.partition("\\end{document}")[0]
    sections = [
        Section(plain, path) for path, part in _parts(source, macros) if (plain := _plain(part, macros)).strip()
    ]
    if not sections:
        raise NothingToRead("There is no text in the LaTeX file.")
    return Document(tuple(sections))


def _parts(source: str, macros: dict[str, str]) -> list[tuple[str, str]]:
    found = []
    titles: list[tuple[int, str]] = []
    start, path = 0, ""
    for mark in _HEADING.finditer(source):
        found.append((path, source[start : mark.start()]))
        title = " ".join(_plain(_braced(source, mark.end()), macros).split())[:_LONGEST_TITLE]
        level = _LEVELS[mark[1]]
        titles = [*((at, name) for at, name in titles if at < level), (level, title)]
        start, path = mark.start(), SEPARATOR.join(name for _, name in titles if name)
    return [*found, (path, source[start:])]


def _braced(source: str, start: int) -> str:
    """From after an opening brace to its closing one, at most 300 characters."""
    depth = 1
    for at in range(start, min(len(source), start + 300)):
        depth += {"{": 1, "}": -1}.get(source[at], 0)
        if depth == 0:
            return source[start:at]
    return source[start : start + 300]


def _plain(text: str, macros: dict[str, str]) -> str:
    if macros:
        names = "|".join(sorted(map(re.escape, macros), key=len, reverse=True))
        text = re.sub(rf"\\({names})(?![A-Za-z])(?:\{{\}})?", lambda found: macros[found[1]], text)
    text = _GONE.sub("", _HEADING.sub(r"\\\1{", text))
    text = _CITED.sub(r" [\1]", text)
    for _ in range(3):  # fonts in fonts
        text = _FONT.sub(r"\1", text)
    text = _ESCAPED.sub(r"\1", text).replace("``", "“").replace("''", "”").replace("~", " ")
    text = re.sub(r"[ \t]{2,}", " ", text)
    return re.sub(r"\n[ \t]*\n\s*", "\n\n", text)
