"""Where the document analysis agent is put together: one model, the documents, and where summaries are kept.

Owns their lifetime: what is being answered is over before they are closed. Holds no policy of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from memos.agents.composition import load_model, open_database
from memos.agents.digests import Summaries
from memos.agents.documents import Analyst, Observe
from memos.agents.paths import stored_document, stored_path
from memos.agents.team import Team
from memos.errors import InputError
from memos.protocols import LanguageModel
from memos.settings import home, load
from memos.storage.archival import Archival


@dataclass(frozen=True, slots=True)
class Research:
    """What can be done with documents.

    Args:
        analyst: answers from passages that are found, and compares.
        team: answers from the whole of a document.
        summaries: of documents and folders.
        archival: the documents.
    """

    analyst: Analyst
    team: Team
    summaries: Summaries
    archival: Archival

    def path(self, given: str) -> str:
        """A document or folder as it is stored; see `stored_path`."""
        return stored_path(self.archival, given)

    def document(self, given: str) -> str:
        """A document as it is stored; see `stored_document`."""
        return stored_document(self.archival, given)


@contextmanager
def open_research(
    *,
    agent: str | None = None,
    model: str | Path | LanguageModel | None = None,
    folder: str | Path | None = None,
    observe: Observe = lambda _event: None,
    progress: Callable[[str, float], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Research]:
    """Open what can be done with documents, for as long as the block runs. What another thread does with them is
    cancelled at its end, and waited for.

    Args:
        agent: also the documents that only this agent sees; it must exist.
        model: a name of `memos models list`, a GGUF file, or a model of your own, which is not closed; agents may have
            it, too, and whoever comes second while it is at work is refused.
        folder: the data folder; by default `MEMOS_HOME`.
        observe: called with every event.
        progress: called with what is being loaded and a share from 0 to 1.
        cancelled: asked between tokens.

    Raises:
        InputError: there is no such agent, or no document was read in yet.
        ModelError: the model is missing or damaged.
    """
    settings = load(model=str(model) if isinstance(model, str | Path) else None)
    with ExitStack() as held:
        database = held.enter_context(open_database(folder or home(), settings))
        archival = database.library()
        if agent is not None:
            archival = held.enter_context(database.agent(agent, create=False)).archival
        if not archival.document_count():
            raise InputError("There are no documents yet; memos ingest reads them in.")
        if model is None or isinstance(model, str | Path):
            model = load_model(settings, progress)
            held.callback(model.close)
        analyst = Analyst(model, archival, observe=observe, cancelled=cancelled)
        held.callback(analyst.reader.close)
        summaries = Summaries(analyst.reader, archival, database.digests)
        yield Research(analyst, Team(analyst, archival), summaries, archival)
