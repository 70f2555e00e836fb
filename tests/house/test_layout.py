"""The house: what is shipped, what is visible, what is imported when."""

from __future__ import annotations

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import memos

ROOT = Path(__file__).parents[2]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_root_folders_are_subpackages_of_memos() -> None:
    for name in ("tools", "agents", "tui", "migrations"):
        link = ROOT / "memos" / name
        assert link.is_symlink() and link.resolve() == ROOT / name


def test_the_wheel_has_one_top_level_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("memos_local-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"memos"}
    for needed in ("memos/tools/blocks.py", "memos/agents/agent.py", "memos/tui/shell.tcss", "memos/py.typed"):
        assert needed in names
    assert any(name.startswith("memos/migrations/versions/0001") for name in names)


def test_all_is_what_is_visible() -> None:
    assert sorted([*memos.__all__, "__version__"]) == dir(memos)
    for name in memos.__all__:
        assert getattr(memos, name).__module__.startswith("memos")


def test_the_tool_decorator_is_not_shadowed_by_a_module() -> None:
    assert python("import memos.agents; from memos import Agent, tool; print(callable(tool), Agent.__name__)") == (
        "True Agent"
    )


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("memos", {"pydantic", "sqlalchemy", "llama_cpp", "torch", "click"}),
        ("memos.cli", {"pydantic", "sqlalchemy", "llama_cpp", "torch", "lancedb", "rich", "jinja2"}),
        ("memos.kernel", {"sqlalchemy", "llama_cpp", "llguidance", "torch", "lancedb", "click", "textual"}),
        ("memos.tui.app", {"pydantic", "sqlalchemy", "llama_cpp", "torch", "lancedb", "numpy", "markdown_it"}),
        ("memos.cli.chat", {"pydantic", "sqlalchemy", "textual", "llama_cpp"}),
        ("memos.agents", {"llama_cpp", "llguidance", "torch", "lancedb", "markitdown", "sentence_transformers"}),
    ],
)
def test_imports_bring_nothing_heavy(module: str, heavy: set[str]) -> None:
    loaded = set(python(f"import sys, {module}; print(*sys.modules)").split())
    assert not heavy & loaded


def test_help_answers_at_once() -> None:
    """Under 0.3 s on an idle machine; measured against Python's own start, since this one may be busy."""

    def fastest(*command: str) -> float:
        best = 9.0
        for _ in range(5):
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            best = min(best, time.perf_counter() - started)
        return best

    bare = fastest("-c", "pass")
    helped = fastest("-c", "import sys; sys.argv = ['memos', '--help']; from memos.cli import main; main()")
    assert helped < max(0.3, 12 * bare), f"{helped:.2f} s, bare Python {bare:.2f} s"
