"""Every command of the README, run as it stands there, on a small model.

Pipes and what is watched are processes of their own; the other commands share this one, since importing torch takes
most of the time of each.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from memos.cli import cli
from tests.eval.data import write_locomo

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What the README names is larger than a test may load: another model, and the window that it was trained for.
SMALLER = {"qwen2.5-coder-1.5b": "smollm2-135m", "qwen2.5-coder-0.5b": "smollm2-135m", "8192": "2048", "4096": "2048"}
SAID = "Hello, my dog is called Rex.\n"  # to commands that listen


def smaller(text: str) -> str:
    """The text with a model that a test can load."""
    for name, other in SMALLER.items():
        text = text.replace(name, other)
    return text


def blocks(language: str) -> list[str]:
    """The README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> list[str]:
    """Every `memos …` line of its shell blocks, and every pipe into memos of its prose."""
    lines = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("memos ")] + re.findall(r"`(echo [^`]*\| memos [^`]*)`", README)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the README assumes one, which the commands share."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "docs").mkdir()
    (folder / "docs" / "garden.md").write_text("# Garden\n\nThe hazel hedge is cut in March.\n", encoding="utf-8")
    (folder / "notes.md").write_text("The locker is number 17.\n", encoding="utf-8")
    said = [{"sender": "human", "text": "My boat is called Sula.", "created_at": "2024-05-01T08:00:00Z"}]
    (folder / "conversations.json").write_text(json.dumps([{"chat_messages": said}]), encoding="utf-8")
    write_locomo(folder / "locomo")
    return folder


def settings(place: Path, smollm: Path) -> dict[str, str]:
    """A small model, and a home of its own."""
    return {
        "MEMOS_HOME": str(place / "home"),
        "MEMOS_MODELS": str(smollm.parent),
        "MEMOS_MODEL": "smollm2-135m",
        "MEMOS_CONTEXT": "2048",
        "MEMOS_MAX_STEPS": "2",
    }


def environment(place: Path, smollm: Path) -> dict[str, str]:
    """The `memos` of this environment, with these settings."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **settings(place, smollm)}


def run(command: list[str] | str, place: Path, smollm: Path) -> subprocess.CompletedProcess[str]:
    """Run a command there to its end."""
    return subprocess.run(
        command,
        shell=isinstance(command, str),
        cwd=place,
        input=SAID,
        capture_output=True,
        text=True,
        env=environment(place, smollm),
        timeout=300,
        check=False,
    )


def watch(line: str, place: Path, smollm: Path) -> tuple[int, str]:
    """Run a command that goes on until Ctrl-C, which it gets when it has said that it waits."""
    with subprocess.Popen(
        line.split(),
        cwd=place,
        env=environment(place, smollm),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # in the background of a shell it is ignored
    ) as process:
        assert process.stdout is not None
        said = ""
        for part in process.stdout:
            said += part
            if "Ctrl-C ends it" in part:
                process.send_signal(signal.SIGINT)
        return process.wait(timeout=60), said


@pytest.mark.smollm
@pytest.mark.embedding
@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_readme_works(
    line: str, place: Path, smollm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "--watch" in line:
        status, said = watch(line, place, smollm)
        assert status == 0 and "Everything that was reported is stored" in said
    elif "|" in line:
        done = run(smaller(line), place, smollm)
        assert done.returncode == 0 and done.stdout.strip(), done.stderr
    else:
        monkeypatch.chdir(place)
        _, *arguments = shlex.split(smaller(line))
        result = CliRunner().invoke(cli, arguments, input=SAID, env=settings(place, smollm))
        assert result.exit_code == 0 and result.stdout.strip(), result.output


@pytest.mark.smollm
@pytest.mark.embedding
def test_the_python_of_the_readme_works(place: Path, smollm: Path) -> None:
    (program,) = blocks("python")
    done = run([sys.executable, "-c", smaller(program)], place, smollm)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) >= 2 and lines[0] and "Message(id=" in lines[-1], "what is answered, and what is found"


def test_the_readme_names_the_ways_in() -> None:
    assert len(commands()) >= 12


def test_every_make_target_of_the_readme_exists() -> None:
    targets = {fenced or quoted for fenced, quoted in re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", README, re.M)}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"chat", "test", "demo", "check"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.M), target
