"""The child that reads documents: `python -m memos.ingest.worker`, one file after the other from standard input.

Whatever a document makes a library do happens here, within limits of memory and time, and ends with this process. What
goes back is JSON. It does not know storage, nor where a file lies: it is given bytes and a name.

A request is a line of JSON `{"name", "size", "seconds"}` and `size` bytes; the first line is `{"folder", "limit",
"memory"}`. An answer is a line with the length of the JSON that follows.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

from memos.errors import IngestError, MemosError
from memos.ingest.decoding import NothingToRead
from memos.ingest.readers import read_document
from memos.ingest.splitter import PassageSplitter, Splitter

GRACE = 5  # seconds that the parent has to end this process before it ends itself
# The parent embeds with every processor meanwhile, and that is what an ingest waits for. Where it waits for passages
# instead, the processor is free, and being nice costs nothing.
NICE = 10


def main() -> None:
    """Serve requests until there are no more."""
    requests = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a library prints is no answer
    first = json.loads(requests.readline())
    try:
        _limit_memory(first["memory"])
        folder = None if first["folder"] is None else Path(first["folder"])
        splitter = PassageSplitter(folder, first["limit"])
    except MemosError as error:
        _answer(answers, {"error": str(error)})
        return
    _answer(answers, {"ready": True})
    if hasattr(os, "nice"):
        os.nice(NICE)
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["size"])
        if len(data) < request["size"]:
            return  # the parent has gone
        _set_alarm(request["seconds"])
        answer = _parse(data, request["name"], splitter)
        _set_alarm(0)
        _answer(answers, answer)


def _parse(data: bytes, name: str, splitter: Splitter) -> dict[str, Any]:
    try:
        document = read_document(data, name)
        return {"passages": splitter.split(document), "note": document.note}
    except NothingToRead as error:
        return {"nothing": str(error)}
    except IngestError as error:
        return {"failed": str(error)}
    except MemoryError:
        return {"memory": True}
    except RecursionError:
        return {"failed": "The file is nested too deeply to be read."}
    except Exception as error:  # a fault of ours or of a library: the file's, as far as the user is concerned
        said = str(error).strip().rstrip(".") or type(error).__name__
        return {"failed": f"The file cannot be read: {said}."}


def _answer(answers: BinaryIO, value: dict[str, Any]) -> None:
    text = json.dumps(value).encode("ascii")
    answers.write(b"%d\n" % len(text))
    answers.write(text)
    answers.flush()


def _limit_memory(most: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the time limit must do
        return
    # Not RLIMIT_AS: libraries reserve addresses, gigabytes of them, that they never use.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _set_alarm(seconds: float) -> None:
    """End this process if its parent, killed perhaps, does not. No handler: a busy library would not let it run."""
    if hasattr(signal, "alarm"):
        signal.alarm(int(seconds) + GRACE if seconds else 0)


if __name__ == "__main__":
    main()
