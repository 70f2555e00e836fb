"""The end of the terminal while the shell still runs: a closed window, a lost connection.

Owns how that is noticed, and that nothing is read from the terminal or drawn on it any more. It does not know what is
to be saved. Textual 8 goes on: its input thread reads the end of the file without pause, and what it writes blocks once
the thread that writes has failed (github.com/Textualize/textual/pull/6690).
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable

STREAMS = (0, 1, 2)  # input, output, error: Textual reads the first and draws on the last


def watch(gone: Callable[[], object]) -> None:
    """Call something once when the terminal is gone; does nothing where there is none to watch.

    Call it from the main thread. A closed window sends a signal as a rule; where another process leads the session, as
    `make` does, only the terminal itself tells.

    Args:
        gone: called in a thread of its own.
    """
    if not hasattr(select, "poll") or not os.isatty(STREAMS[0]):
        return
    once = threading.Lock()

    def notice() -> None:
        if once.acquire(blocking=False):
            _let_go()
            gone()

    def wait() -> None:
        terminal = select.poll()
        terminal.register(STREAMS[0], 0)  # a hang-up is told unasked, and nothing else is asked for
        if any(told & select.POLLHUP for _, told in terminal.poll()):
            notice()

    threading.Thread(target=wait, name="memos-hangup", daemon=True).start()
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # under nohup it is ignored
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=notice, daemon=True).start())


def _let_go() -> None:
    """Put a pipe that stays silent in the place of the input, and nothing in that of the outputs."""
    silent, kept_open = os.pipe()
    os.write(kept_open, b"\0")  # for a read that is about to begin; it means no key
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in STREAMS:
        os.dup2(silent if stream == STREAMS[0] else nowhere, stream)
