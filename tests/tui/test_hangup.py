"""A terminal that goes away while the shell runs: it saves and ends, and does not spin."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.in_step import PATIENCE

pty = pytest.importorskip("pty", reason="there are no such terminals here")

RUNS = """
import sys
from pathlib import Path
from memos.agents import Sessions
from memos.testing import ScriptedModel
from memos.tui.app import Shell

async def tell(self, message, shown=Shell.on_opened):
    await shown(self, message)
    Path(sys.argv[1]).write_text("open")

Shell.on_opened = tell
shell = Shell("ada", lambda: Sessions(model=ScriptedModel(), embedding="none"))
shell.run()
Path(sys.argv[1]).write_text(f"left, agent {'open' if shell.session.agent else 'closed'}")
"""


def _close(process: subprocess.Popen[bytes], terminal: int) -> None:
    """The terminal goes and nobody is told, as under `make` in a window that is closed."""
    os.close(terminal)


def _signal(process: subprocess.Popen[bytes], terminal: int) -> None:
    process.send_signal(signal.SIGHUP)


@contextmanager
def _shell(said: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A shell that is open, and its terminal."""
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS, str(said)],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
        # Where the tests themselves run under nohup, the signal is ignored, and so it would be by the shell.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(inside)
    try:
        while not said.exists():
            assert os.read(terminal, 65_536)
        yield process, terminal
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("goes", [_close, _signal])
def test_the_shell_ends_with_its_terminal(goes: Callable[[subprocess.Popen[bytes], int], None], tmp_path: Path) -> None:
    with _shell(said := tmp_path / "said") as (process, terminal):
        goes(process, terminal)
        assert process.wait(PATIENCE) == 0
        assert said.read_text("utf-8") == "left, agent closed"


def test_a_shell_that_is_to_end_saves_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with _shell(said := tmp_path / "said") as (process, terminal):
        process.send_signal(signal.SIGTERM)
        drawn = b""
        with suppress(OSError):  # at the end of what it wrote
            while more := os.read(terminal, 65_536):
                drawn += more
        assert process.wait(PATIENCE) == 0
        assert b"\x1b[?1049l" in drawn and said.read_text("utf-8") == "left, agent closed"
