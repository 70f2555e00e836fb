"""Files from the Hugging Face hub, or from whatever `HF_ENDPOINT` names.

Addresses, session, proxies and offline mode are huggingface_hub's. The streaming is ours: since its version
2 `hf_hub_download` throws away what an interrupted process had, and a gigabyte should be downloaded once.
No token is sent: all models of the catalogue are public. Nothing is verified here but the size.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memos.models.catalogue import Entry, HubSource, ModelFile
from memos.models.progress import Progress, Report, SourceError

PROBE_SECONDS = 2.0
TIMEOUT_SECONDS = 30.0


def endpoint() -> str:
    """The hub's address, without a final `/`."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def _url(source: HubSource, file: ModelFile) -> str:
    from huggingface_hub import hf_hub_url

    return hf_hub_url(source.repo, file.path, revision=source.revision, endpoint=endpoint())


def is_reachable(entry: Entry, source: HubSource) -> bool:
    """Whether the hub answers within two seconds that it has the entry."""
    answers: list[int] = []

    def ask() -> None:
        from huggingface_hub import get_session

        try:
            address = _url(source, entry.files[-1])
            answer = get_session().head(address, timeout=PROBE_SECONDS, follow_redirects=False)
            answers.append(answer.status_code)
        except Exception:  # any failure is a no, whatever the HTTP library calls it
            return

    # Looking up a name has no timeout of its own and can take half a minute without a network.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS + 0.5)
    return bool(answers) and answers[0] < 400


def fetch(entry: Entry, source: HubSource, folder: Path, report: Report) -> None:
    """Bring all files of an entry into `folder`, continuing those that are there in part.

    Args:
        entry: what to fetch.
        source: where it is.
        folder: an existing folder of ours.
        report: told how far it is.

    Raises:
        SourceError: the hub cannot be reached, has no such file, or one of another size.
    """
    before = 0
    for file in entry.files:
        target = folder / file.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _fetch_file(entry, source, file, target, before, report)
        except SourceError:
            raise
        except Exception as error:  # httpx's errors: which package they are from depends on the version
            reason = str(error) or type(error).__name__
            raise SourceError(f"the hub did not deliver {file.path} ({reason})") from error
        before += file.size


def _fetch_file(entry: Entry, source: HubSource, file: ModelFile, target: Path, before: int, report: Report) -> None:
    from huggingface_hub import get_session

    have = target.stat().st_size if target.exists() else 0
    if have == file.size:
        return
    if have > file.size:
        have = 0
    headers = {"Accept-Encoding": "identity"}  # a range of compressed bytes would be of no use
    if have:
        headers["Range"] = f"bytes={have}-"
    with get_session().stream(
        "GET", _url(source, file), headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True
    ) as response:
        start = _start_of(response, file, have)
        _write(response, file, target, start, lambda done: report(_progress(entry, file, before + done)))


def _progress(entry: Entry, file: ModelFile, done: int) -> Progress:
    return Progress(f"{file.path} from the hub", done, entry.size)


def _start_of(response: Any, file: ModelFile, have: int) -> int:
    """At which byte of the file the response begins; refuses what cannot be the file."""
    status = int(response.status_code)
    if status in (401, 403, 404):
        raise SourceError(f"the hub has no {file.path} for us (status {status})")
    if status not in (200, 206):
        raise SourceError(f"the hub answered with status {status} for {file.path}")
    start = have if status == 206 else 0
    if status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        raise SourceError(f"the hub sent another range of {file.path} than was asked for")
    length = response.headers.get("Content-Length", "")
    if length.isdigit() and start + int(length) != file.size:
        raise SourceError(f"the hub's {file.path} has {start + int(length):,} bytes and should have {file.size:,}")
    return start


def _write(response: Any, file: ModelFile, target: Path, start: int, advanced: Callable[[int], None]) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.seek(start)  # over what is there: where the hub begins anew, that is lost only to the same bytes
        done = start
        for chunk in response.iter_bytes():  # as it comes: what was received is not lost with the connection
            done += len(chunk)
            if done > file.size:
                raise SourceError(f"the hub sent more than the {file.size:,} bytes of {file.path}")
            stream.write(chunk)
            advanced(done)
        if done != file.size:
            raise SourceError(f"the hub's connection ended at byte {done:,} of {file.size:,} of {file.path}")
        stream.truncate()
