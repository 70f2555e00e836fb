"""Which programs are in which language, by ending, name, or first line. tree-sitter's grammars cut them."""

from __future__ import annotations

import re
from pathlib import PurePath

from memos.ingest.document import Document, Form, Section

_ENDINGS = """
    bash: sh bash zsh ksh, c: c h, cpp: cc cpp cxx hh hpp hxx cu, csharp: cs, css: css scss less, clojure: clj cljs edn,
    cmake: cmake, dart: dart, dockerfile: dockerfile, elixir: ex exs, elm: elm, erlang: erl hrl, fortran: f90 f95 f03,
    go: go, groovy: groovy gradle, haskell: hs, hcl: hcl tf, java: java, javascript: js jsx mjs cjs, julia: jl,
    kotlin: kt kts, lua: lua, make: mk, matlab: m, nix: nix, objc: mm, ocaml: ml, perl: pl pm, php: php,
    powershell: ps1 psm1, proto: proto, python: py pyi pyw, r: r, ruby: rb rake gemspec, rust: rs, scala: scala sc,
    solidity: sol, sql: sql, swift: swift, svelte: svelte, toml: toml, tsx: tsx, typescript: ts mts cts, verilog: v sv,
    vue: vue, xml: xml xsd xsl svg, yaml: yaml yml, zig: zig
"""
GRAMMARS = {
    f".{ending}": group.split(":")[0].strip() for group in _ENDINGS.split(",") for ending in group.split(":")[1].split()
}
_NAMES = {"dockerfile": "dockerfile", "makefile": "make", "gnumakefile": "make", "cmakelists.txt": "cmake"}
_SHEBANG = re.compile(r"#!\s*\S*?(?:/|env\s+(?:-S\s+)?)(python|bash|sh|zsh|node|ruby|perl|lua|php)[\d.]*(?:\s|$)")
_INTERPRETERS = {"sh": "bash", "zsh": "bash", "node": "javascript"}


def language(text: str, name: str) -> str:
    """The tree-sitter name of a program's language, or `""` for what is none."""
    path = PurePath(name.lower())
    known = _NAMES.get(path.name) or GRAMMARS.get(path.suffix)
    if known:
        return known
    first = _SHEBANG.match(text[:200])
    return _INTERPRETERS.get(first[1], first[1]) if first else ""


def grammar_of(fence: str) -> str:
    """The tree-sitter name of what a fence in Markdown calls `python`, `py` or `rs`; `""` where it is none."""
    known = GRAMMARS.get(f".{fence}", fence)
    return known if known in GRAMMARS.values() else ""


def read(text: str, grammar: str) -> Document:
    """One section, to be cut by its syntax, numbered by lines."""
    return Document((Section(text, form=Form.CODE, line=1, language=grammar),))
