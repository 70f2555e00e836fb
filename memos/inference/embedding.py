"""Text becomes vectors, by a sentence-transformers model in a local folder.

Owns loading that model (offline, from safetensors only, in silence) and running it in batches. It does not
know where models come from, what the texts are, or what becomes of the vectors.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memos.errors import ModelError, ModelNotFound
from memos.inference.streams import Streams

_WEIGHTS = "model.safetensors"
_NEEDED = ("config.json", "modules.json", "tokenizer.json", _WEIGHTS)
# The model reads its first few hundred tokens; tokenising megabytes to drop them would only cost time.
_LONGEST_TEXT = 16_384
# Texts read at once. What lies between two layers of eight stays in a CPU's cache, and few are padded to the longest.
BATCH_ON_CPU, BATCH_ON_GPU = 8, 32
# Has torch take what is larger than two megabytes in pages of that size, fewer of which are to be found: embedding is
# some four percent faster (on Linux; elsewhere it does nothing). Read when torch first takes memory.
HUGE_PAGES = "THP_MEM_ALLOC_ENABLE"
_OPTIONS = {"show_progress_bar": False, "convert_to_numpy": True, "normalize_embeddings": True}


class SentenceEmbedder:
    """An `Embedder` over a sentence-transformers folder. Safe to use from several threads.

    Making one is cheap: files are checked and hashed, and torch is imported at the first `embed` or `load`.

    Args:
        folder: the model's folder, with `config.json`, `modules.json`, `tokenizer.json` and
            `model.safetensors`. Nothing is ever downloaded.
        batch: how many texts the model reads at once; None: what suits the device.
        device: torch's name of the device; None: a GPU where torch has one, else the CPU.

    Raises:
        ModelNotFound: the folder, or a file that it needs, is missing.
        ModelError: a file is damaged.
    """

    def __init__(self, folder: Path, *, batch: int | None = None, device: str | None = None) -> None:
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise ModelNotFound(f"There is no embedding model in {folder}: {', '.join(missing)} missing.")
        self._folder = folder
        self._batch = batch
        self._device = device
        self._lock = threading.Lock()
        self._streaming = threading.Lock()
        self._model: Any = None
        self._streams: Streams | None = None
        try:
            self._dimension = _width(folder)
            self._name = f"{folder.name}@{_digest(folder)[:12]}"
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"The embedding model in {folder} is damaged: {error}.") from error

    @property
    def name(self) -> str:
        """The folder's name and the first 12 digits of its weights' SHA-256."""
        return self._name

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    def load(self) -> None:
        """Load the model now (seconds) rather than at the first `embed`.

        Raises:
            ModelError: the model cannot be loaded.
        """
        with self._lock:
            self._loaded()

    def embed(self, texts: Sequence[str], done: Callable[[int], None] | None = None) -> list[list[float]]:
        """One vector of unit length a text, in order. A text beyond the model's length is cut, not refused. Where many
        are embedded on a CPU, few asked for by another thread do not wait for them.

        Args:
            texts: to embed.
            done: told how many of them are, now and then; what it raises ends the work, and is raised.

        Raises:
            ModelError: the model cannot be loaded, or fails (out of GPU memory, say).
        """
        if not texts:
            return []
        clean = [text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8") for text in texts]
        rows: list[list[float]] = self._encode(clean, done or (lambda _: None)).tolist()
        return rows

    def _encode(self, texts: list[str], done: Callable[[int], None]) -> NDArray[np.float32]:
        # One call at a time, of either kind: the tokenizer refuses to be shared ("Already borrowed").
        with self._lock:
            model = self._loaded()
            on_cpu = model.device.type == "cpu"
            batch = self._batch or (BATCH_ON_CPU if on_cpu else BATCH_ON_GPU)
            with self._translated():
                if not on_cpu or len(texts) <= batch:
                    vectors: NDArray[np.float32] = model.encode(texts, batch_size=batch, **_OPTIONS)
                    return vectors
                self._streams = self._streams or Streams(model)
        with self._streaming:
            return self._streamed(self._streams, texts, batch, done)

    def _streamed(
        self, streams: Streams, texts: list[str], batch: int, done: Callable[[int], None]
    ) -> NDArray[np.float32]:
        def translated() -> Generator[tuple[list[int], NDArray[np.float32]], None, None]:
            with self._translated():
                yield from streams.encode(texts, batch, **_OPTIONS)

        vectors = np.empty((len(texts), self._dimension), np.float32)
        read = 0
        with closing(translated()) as parts:
            for chosen, rows in parts:
                vectors[chosen] = rows
                read += len(chosen)
                done(read)
        return vectors

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # torch and tokenizers raise many kinds
            raise ModelError(f"The embedding model {self._name} failed: {error}") from error

    def _loaded(self) -> Any:
        if self._model is None:
            try:
                with _silence():
                    model = _load(self._folder, self._device)
            except Exception as error:  # so do safetensors and transformers
                raise ModelError(f"The embedding model {self._name} cannot be loaded: {error}") from error
            found = model.get_embedding_dimension()
            if found != self._dimension:
                raise ModelError(
                    f"The embedding model in {self._folder} makes vectors of {found}, not {self._dimension}."
                )
            self._model = model
        return self._model


def _load(folder: Path, device: str | None) -> Any:
    os.environ.setdefault(HUGE_PAGES, "1")
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(folder.absolute()),
        device=device,
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},  # a pickle in the folder is never opened
    )


@contextmanager
def _silence() -> Iterator[None]:
    """No bar ("Loading weights") and no third party's warnings on stderr; settings are put back after."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(torch|transformers|sentence_transformers)")
        from transformers.utils import logging as transformers_logging

        bar, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
        transformers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        try:
            yield
        finally:
            transformers_logging.set_verbosity(level)
            if bar:
                transformers_logging.enable_progress_bar()


def _width(folder: Path) -> int:
    """Length of a vector, from the pooling settings, or the model's own where it has none."""
    pooling = folder / "1_Pooling" / "config.json"
    if pooling.is_file():
        return int(json.loads(pooling.read_text("utf-8"))["word_embedding_dimension"])
    return int(json.loads((folder / "config.json").read_text("utf-8"))["hidden_size"])


def _digest(folder: Path) -> str:
    """SHA-256 of the weights; a file that is cut short is refused here, in a sentence, and not by torch."""
    file = folder / _WEIGHTS
    with file.open("rb") as stream:
        header = int.from_bytes(stream.read(8), "little")
        if not 0 < header < 100_000_000:
            raise ValueError(f"{_WEIGHTS} is not a safetensors file")
        tensors = json.loads(stream.read(header))
        ends = [entry["data_offsets"][1] for key, entry in tensors.items() if key != "__metadata__"]
        if file.stat().st_size != 8 + header + max(ends, default=0):
            raise ValueError(f"{_WEIGHTS} is cut short or has bytes too many")
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest()
