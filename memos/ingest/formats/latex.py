"""LaTeX by its sections, with accents, fonts, spacing and simple macros of its own resolved.

Scanned, not executed: linear in the text. Formulas and tables stay as they are written, for models read them well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memos.ingest.decoding import NothingToRead
from memos.ingest.document import Document, Section
from memos.ingest.formats.latex_letters import with_letters
from memos.ingest.markdown import SEPARATOR

_LEVELS = {"part": 0, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4, "paragraph": 5}
_HEADING = re.compile(r"\\(part|chapter|(?:sub){0,2}section|paragraph)\*?[ \t]*(?:\[[^\]\n]{0,200}\])?\{")
_HIDDEN = "comment"
_LISTINGS = ("verbatim", "Verbatim", "lstlisting", "minted", "alltt")
_BLOCKS = [_HIDDEN, *(f"{name}{star}" for name in _LISTINGS for star in ("", "*"))]
# What decides how the characters after it are read: a comment, an escaped character, what is taken as it is written.
_MARK = re.compile(
    r"\\begin\{(?P<block>" + "|".join(map(re.escape, _BLOCKS)) + r")\}"
    r"|\\(?:verb|lstinline)\*?(?P<quote>[^A-Za-z\s*{\[])"
    r"|\\(?P<argument>url|path|nolinkurl|href|lstinline)[ \t]*\{"
    r"|\\.|(?P<comment>%)"
)
_KEPT = re.compile(r"\x01(\d+)(\x02?)")  # decoded text has no control characters; a cut mark says nothing
# TeX's own conditions: `\iff` is an arrow, and those of packages end with a brace. `\let\ifdraft\iffalse` is none.
_CONDITION = re.compile(
    r"\\let[ \t]*\\[A-Za-z@]+[ \t]*=?[ \t]*\\[A-Za-z@]+"
    r"|\\(if(?:case|cat|csname|defined|dim|false|[hmv]mode|num|odd|true|x)?|else|fi)(?![A-Za-z@])"
)
_TITLE = re.compile(r"(?s)\\title[ \t]*(?:\[[^\]]{0,200}\]\s{0,9})?(\{.{1,500})")
_OWN = re.compile(r"\\(?:def[ \t]*|(?:re)?newcommand\*?[ \t]*\{?)\\([A-Za-z]+)")
_MACRO = re.compile(_OWN.pattern + r"\}?[ \t]*\{([^{}\\#]{0,100}(?:\\xspace)?)\}")
_FONT = re.compile(
    r"\\(?:text(?:bf|it|tt|sc|rm|sf|up)|emph|underline|mbox|url|title|author|caption)\{([^{}\n]{0,500})\}"
)
_GONE = re.compile(
    r"\\(?:label|vspace|hspace|bibliographystyle|xspace|centering|noindent|maketitle|includegraphics|setlength|looseness|scriptsize|small|footnotesize)(?![a-zA-Z])(?:=-?\d+)?(?:\[[^\]\n]{0,200}\])?\*?(?:\{[^{}\n]{0,200}\}){0,2}"
)
_CITED = re.compile(r"~?\\(?:cite[a-z]{0,3}|(?:auto|eq|c)?ref)\*?\{([^{}\n]{0,500})\}")
_ESCAPED = re.compile(r"\\([%&_#$])")
_LONGEST_TITLE = 80
_LONGEST_VERBATIM = 2000  # characters within a line


def read(text: str) -> Document:
    """Sections by heading. Of what stands before `\\begin{document}` title and abstract count.

    Raises:
        NothingToRead: there is nothing but comments in it.
    """
    source, kept = _set_apart(text)
    source = _without_false(source)
    own = _OWN.findall(source)
    macros = {found[1]: found[2].replace("\\xspace", "") for found in _MACRO.finditer(source)}
    head, begin, body = source.partition("\\begin{document}")
    if begin:
        source = _said_before(head) + body
    source = source.partition("\\end{document}")[0]
    words = _Words(macros, kept, frozenset(own))
    sections = [Section(plain, path) for path, part in _parts(source, words) if (plain := words.plain(part)).strip()]
    if not sections:
        raise NothingToRead("There is no text in the LaTeX file.")
    return Document(tuple(sections))


def _said_before(head: str) -> str:
    """The title and what follows it, as its authors, and the abstract, which some classes want before the document."""
    before, _, rest = head.partition("\\begin{abstract}")
    abstract, closed, after = rest.partition("\\end{abstract}")
    title = _TITLE.search(f"{before}\n{after}" if closed else head)
    said = f"\\title{title[1]}\n" if title else ""
    return f"{said}\\begin{{abstract}}{abstract}{closed}\n" if closed else said


def _set_apart(text: str) -> tuple[str, list[str]]:
    """The source without its comments, and with a mark `\\x01NUMBER\\x02` for each part that stays as it is written."""
    out: list[str] = []
    kept: list[str] = []
    closed = {block: text.rfind(f"\\end{{{block}}}") for block in _BLOCKS}
    at = 0
    while mark := _MARK.search(text, at):
        out.append(text[at : mark.start()])
        at = mark.end()
        if mark["comment"]:
            end = text.find("\n", at)
            at = end if end >= 0 else len(text)
        elif mark["block"] and closed[mark["block"]] >= at:
            close = f"\\end{{{mark['block']}}}"
            at = text.find(close, at) + len(close)
            if mark["block"] != _HIDDEN:
                out.append(f"\x01{len(kept)}\x02")
                kept.append(text[mark.start() : at])
        elif (said := _on_the_line(text, mark)) is not None:
            at += len(said) + 1
            out.append(f"\x01{len(kept)}\x02")
            kept.append(text[mark.start() : at] if mark["argument"] == "href" else said)
        else:
            out.append(mark[0])
    return "".join([*out, text[at:]]), kept


def _without_false(source: str) -> str:
    """The source without what stands between `\\iffalse` and its `\\else` or `\\fi`."""
    out: list[str] = []
    start = depth = 0  # where what is kept begins, or the `\\iffalse` at hand; how many conditions are open from there
    for mark in _CONDITION.finditer(source):
        if depth and (mark[1] == "fi" or (mark[1] == "else" and depth == 1)):
            depth -= 1
            start = start if depth else mark.end()
        elif depth and mark[1] and mark[1] != "else":
            depth += 1
        elif mark[1] == "iffalse":
            out.append(source[start : mark.start()])
            start, depth = mark.start(), 1
    return "".join([*out, source[start:]])


def _on_the_line(text: str, mark: re.Match[str]) -> str | None:
    """What a command sets apart within its line, without what ends it."""
    if not mark["quote"] and not mark["argument"]:
        return None
    end = text.find(mark["quote"] or "}", mark.end(), mark.end() + _LONGEST_VERBATIM)
    said = text[mark.end() : end]
    return said if end >= 0 and "\n" not in said and not (mark["argument"] and "{" in said) else None


def _parts(source: str, words: _Words) -> list[tuple[str, str]]:
    found = []
    titles: list[tuple[int, str]] = []
    start, path = 0, ""
    for mark in _HEADING.finditer(source):
        found.append((path, source[start : mark.start()]))
        title = " ".join(words.plain(_braced(source, mark.end())).split())[:_LONGEST_TITLE]
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


@dataclass(frozen=True, slots=True)
class _Words:
    """What a document says in ways of its own: its short macros, what was set apart, and the names of all macros."""

    macros: dict[str, str]
    kept: list[str]
    own: frozenset[str]

    def plain(self, text: str) -> str:
        """Source as one reads it."""
        if self.macros:
            names = "|".join(sorted(map(re.escape, self.macros), key=len, reverse=True))
            text = re.sub(rf"\\({names})(?![A-Za-z])(?:\{{\}})?", lambda found: self.macros[found[1]], text)
        text = with_letters(text, self.own)
        text = _GONE.sub("", _HEADING.sub(r"\\\1{", text))
        text = _CITED.sub(r" [\1]", text)
        for _ in range(3):  # fonts in fonts
            text = _FONT.sub(r"\1", text)
        text = _ESCAPED.sub(r"\1", text).replace("``", "“").replace("''", "”").replace("~", " ")
        text = re.sub(r"[ \t]{2,}", " ", text)
        text = re.sub(r"\n[ \t]*\n\s*", "\n\n", text)
        return _KEPT.sub(lambda found: self.kept[int(found[1])] if found[2] else "", text)
