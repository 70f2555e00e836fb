"""Where drivers are made from settings: database, embedder, model, ingest.

Heavy libraries are imported when they are needed. This module holds no state and no policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from memos.errors import InputError, ModelNotFound
from memos.paths import expanded
from memos.protocols import Embedder, LanguageModel
from memos.settings import Settings, home, load

if TYPE_CHECKING:
    from memos.agents.library import Library
    from memos.ingest.events import IngestEvent, IngestFinished
    from memos.ingest.pipeline import Options
    from memos.storage.archival import Archival
    from memos.storage.database import AgentStorage, Database

WORDS_ONLY = "none"  # the setting `embedding` for no embedding model


def open_database(folder: str | Path, settings: Settings) -> Database:
    """The data folder's database. Without an embedding model on this machine, search is by words alone.

    Args:
        folder: the data folder, `~` in it being the home folder.
        settings: name the embedding model, and another database.

    Raises:
        InputError: the folder is in the home folder of nobody.
        ModelNotFound: there is no embedding model of the name that is set.
        StorageError: the data folder cannot be used.
    """
    from memos.storage.database import Database

    embedder: Callable[[], Embedder] | None = None
    if embedding_folder(settings) is not None:
        embedder = lambda: make_embedder(settings)  # noqa: E731 - made when a search first needs it
    return Database.open(
        expanded(str(folder)).absolute(),  # wherever the program goes from here
        url=settings.database or None,
        embedder=embedder,
        snapshot_bytes=settings.snapshots << 20,
    )


def embedding_folder(settings: Settings) -> Path | None:
    """The embedding model's folder, verified; None where it has not been pulled, or search is to be by words alone.

    Raises:
        ModelNotFound: there is no such model, to be pulled or at a path.
        InputError: it is at a path that cannot be looked at.
    """
    from memos.models.catalogue import find
    from memos.models.store import resolve

    if settings.embedding == WORDS_ONLY:
        return None
    with suppress(OSError):  # what cannot be looked at is told below
        if Path(settings.embedding).is_dir():
            return Path(settings.embedding)
    try:
        return resolve(settings.embedding)
    except ModelNotFound as error:
        if find(settings.embedding) is not None:
            return None
        raise ModelNotFound(f"{error} It is the setting `embedding` that names it.") from error


def measure_folder(settings: Settings) -> Path | None:
    """The folder of the model by whose tokens passages are measured; None: there is none, and none is wanted.

    Without an embedding model it is the default one, where that is on this machine: then documents need not be read
    again if one is chosen.

    Raises:
        ModelNotFound: the model that is wanted has not been pulled; the sentence says how.
    """
    from memos.models.store import resolve

    if settings.embedding == WORDS_ONLY:
        return embedding_folder(settings.model_copy(update={"embedding": Settings.model_fields["embedding"].default}))
    return embedding_folder(settings) or resolve(settings.embedding)


def make_embedder(settings: Settings) -> Embedder:
    """The embedding model.

    Raises:
        ModelNotFound: it has not been pulled; the sentence says how.
    """
    from memos.inference.embedding import SentenceEmbedder
    from memos.models.store import resolve

    return SentenceEmbedder(embedding_folder(settings) or resolve(settings.embedding))


def load_model(settings: Settings, progress: Callable[[str, float], None] | None = None) -> LanguageModel:
    """The chat model, verified and loaded.

    Raises:
        ModelError: it is missing, damaged, or not a model that this build can run.
        WindowError: the window does not fit.
    """
    from memos.agents.window import plan, read_rows, results_file
    from memos.inference.engine import LlamaModel, fingerprint
    from memos.inference.llama import LlamaOptions
    from memos.inference.rope import Rotary
    from memos.models.gguf_info import read_gguf
    from memos.models.store import resolve

    path = resolve(settings.model)
    report = progress or (lambda _what, _share: None)
    header, known = read_gguf(path), fingerprint(path)
    rotary = Rotary.read(header.architecture, header.metadata)
    chosen = plan(rotary, settings.context, settings.rope, read_rows(results_file(home(), known)))
    first, *larger = chosen.stages
    options = LlamaOptions(
        window=first.window,
        gpu_layers=settings.gpu_layers,
        threads=settings.threads,
        batch=settings.batch,
        kv_type=settings.kv_type,
        flash_attention=settings.flash_attention,
        speculation=settings.speculation,
        positions=first.positions,
        adapters=tuple(map(_adapter, settings.lora)),
    )
    return LlamaModel(
        path,
        name=settings.model,
        fingerprint=known,
        options=options,
        larger=[(stage.window, stage.positions, stage.method) for stage in larger],
        notes=chosen.notes,
        progress=lambda share: report("loading the model", share),
    )


def _adapter(text: str) -> tuple[Path, float]:
    """`FILE` or `FILE:SCALE`.

    Raises:
        InputError: the scale is no number, or the file in the home folder of nobody.
    """
    file, colon, scale = text.rpartition(":")
    if not colon or Path(text).exists():
        return expanded(text), 1.0
    try:
        return expanded(file), float(scale)
    except ValueError:
        raise InputError(f"A LoRA adapter is FILE or FILE:SCALE, and {scale!r} in {text!r} is no number.") from None


@contextmanager
def open_home() -> Iterator[Database]:
    """The data folder's database, for as long as the block runs."""
    with open_database(home(), load()) as database:
        yield database


@contextmanager
def stored_agent(name: str) -> Iterator[AgentStorage]:
    """What is stored of an agent, without its model.

    Raises:
        InputError: there is no such agent.
        AgentBusy: it is open elsewhere.
    """
    with open_home() as database, database.agent(name, create=False) as storage:
        yield storage


@contextmanager
def library(agent: str | None = None, *, create: bool = False) -> Iterator[Library]:
    """What every agent sees of documents, or what one agent has alone.

    Args:
        agent: its name; None: the documents that all see.
        create: make the agent if there is none of this name.

    Raises:
        InputError: there is no such agent, or its name cannot be one.
        AgentBusy: it is open elsewhere.
    """
    from memos.agents.library import Library

    settings = load()
    with open_database(home(), settings) as database, ExitStack() as held:
        archive = database.library()
        if agent is not None:
            archive = held.enter_context(database.agent(agent, create=create)).archival
        yield Library(archive, settings)


def ingest_into(
    archival: Archival,
    settings: Settings,
    paths: Sequence[str | Path],
    observe: Callable[[IngestEvent], None] | None,
    options: Options | None = None,
) -> IngestFinished:
    """Run the ingest pipeline into one archive; returns its totals.

    Raises:
        InputError: a path does not exist.
        ModelNotFound: the embedding model has not been pulled.
        StorageError: nothing more could be stored.
    """
    from memos.ingest.events import FileGone, FileSkipped, IngestFinished
    from memos.ingest.parsing import Limits, ParserProcesses
    from memos.ingest.pipeline import Options, ingest

    limits = Limits(settings.parse_seconds, settings.parse_memory << 20)
    finished: IngestFinished | None = None
    removed = False
    try:
        with ParserProcesses(measure_folder(settings), limits=limits) as parser:
            for event in ingest(paths, archival, parser, options=options or Options()):
                removed = removed or (isinstance(event, FileGone | FileSkipped) and event.removed)
                if observe is not None:
                    observe(event)
                if isinstance(event, IngestFinished):
                    finished = event
    finally:  # however it ends, which may take an hour of embedding: the next run has nothing to remove any more
        if removed:
            archival.sweep_digests()
    assert finished is not None
    return finished
