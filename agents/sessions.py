"""The agents of a data folder, one of them open, on a model that stays loaded between them.

What a shell needs besides the agent itself: the list, names, copies, and which models there are. It knows nothing of
what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memos.agents.agent import Agent
from memos.agents.composition import load_model, open_database
from memos.agents.history import exported
from memos.agents.importing import read_past
from memos.consent import Consent, refuse
from memos.errors import InputError, MemosError
from memos.events import Event
from memos.functions import Tool
from memos.protocols import LanguageModel
from memos.settings import Settings, home, load

if TYPE_CHECKING:
    from memos.messages import Past
    from memos.storage.database import AgentInfo


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that can be asked for.

    Args:
        name: of the catalogue.
        size: in bytes.
        here: whether it is on this machine.
        purpose: `chat` or `test`.
    """

    name: str
    size: int
    here: bool
    purpose: str


class Sessions:
    """The agents of a data folder, of which one at a time is open.

    Args:
        folder: the data folder; by default `MEMOS_HOME`.
        model: a loaded model of your own, which is not closed and stays whatever is set; else the setting of this name,
            loaded when it is needed.
        tools: functions for every agent.
        settings: as for `Agent.open`.

    Attributes:
        agent: the one that is open, or None.
    """

    def __init__(
        self,
        *,
        folder: str | Path | None = None,
        model: str | Path | LanguageModel | None = None,
        tools: Sequence[Tool] = (),
        **settings: Any,
    ) -> None:
        self._folder = folder
        named = str(model) if isinstance(model, str | Path) else None
        self._given = None if isinstance(model, str | Path) else model
        self._tools, self._settings = tuple(tools), {**settings, "model": named}
        self._loaded: tuple[Settings, LanguageModel] | None = None
        self.agent: Agent | None = None

    @property
    def settings(self) -> Settings:
        """Those that hold for the next agent that is opened.

        Raises:
            InputError: one of them cannot be used.
        """
        return load(**self._settings)

    def open(
        self,
        name: str,
        *,
        create: bool = True,
        progress: Callable[[str, float], None] | None = None,
        observe: Callable[[Event], None] | None = None,
        consent: Consent = refuse,
    ) -> Agent:
        """Open an agent in the place of the one that is open; the model stays, where it is the same.

        Raises:
            InputError: it is no name for an agent, or a setting cannot be used; the one that is open stays open.
            MemosError: as `Agent.open`; no agent is open then.
        """
        from memos.storage.lock import check_name

        check_name(name)
        wanted = self.settings
        self.leave()
        model = self._given or self._model(wanted, progress)
        folder = self._folder or home()
        given = {key: value for key, value in self._settings.items() if key != "model"}
        self.agent = Agent.open(
            name,
            model=model,
            tools=self._tools,
            folder=folder,
            create=create,
            observe=observe,
            consent=consent,
            **given,
        )
        return self.agent

    def _model(self, wanted: Settings, progress: Callable[[str, float], None] | None) -> LanguageModel:
        if self._loaded is not None:
            settings, model = self._loaded
            if settings == wanted:
                return model
            self._unload()
        model = load_model(wanted, progress)
        self._loaded = (wanted, model)
        return model

    def _unload(self) -> None:
        if self._loaded is not None:
            self._loaded[1].close()
            self._loaded = None

    def change(self, **settings: Any) -> None:
        """Use other settings, e.g. `model="…"`, for the next agent that is opened.

        Raises:
            InputError: one of them cannot be used; nothing is changed.
            ModelError: there is no such model, or it is damaged; nothing is changed.
        """
        from memos.models.store import resolve

        changed = {**self._settings, **settings}
        held = load(**changed)
        if "model" in settings:
            resolve(held.model)
        self._settings = changed

    def leave(self) -> None:
        """Close the agent that is open; the model stays.

        Raises:
            InputError: called in the middle of a turn of its own; it stays open.
        """
        agent, self.agent = self.agent, None
        if agent is not None:
            try:
                agent.close()
            except InputError:
                self.agent = agent
                raise

    def close(self) -> None:
        """Close agent and model; see `leave`. Closing twice is fine."""
        try:
            self.leave()
        finally:
            if self.agent is None:
                self._unload()

    # ---------------------------------------------------------------------------------------- agents

    def agents(self) -> list[AgentInfo]:
        """Every agent, newest use first; those that were never used come last."""
        with open_database(self._folder or home(), self.settings) as database:
            found = database.agents()
        used = sorted((one for one in found if one.last_at), key=lambda one: one.last_at, reverse=True)  # type: ignore[arg-type,return-value]
        return [*used, *(one for one in found if not one.last_at)]

    def rename(self, name: str, new_name: str) -> None:
        """Give an agent another name. The one that is open is closed first.

        Raises:
            InputError: there is no such agent, the new name is taken, or it is no name for an agent.
        """
        self._let_go(name)
        with open_database(self._folder or home(), self.settings) as database:
            database.rename_agent(name, new_name)

    def delete(self, name: str) -> None:
        """Delete an agent with everything it remembers. The one that is open is closed first.

        Raises:
            InputError: there is no such agent.
        """
        self._let_go(name)
        with open_database(self._folder or home(), self.settings) as database:
            database.delete_agent(name)

    def fork(self, name: str, new_name: str, *, before_id: int | None = None) -> None:
        """Copy an agent, from a message on or as a whole; see `Database.fork_agent`."""
        with open_database(self._folder or home(), self.settings) as database:
            database.fork_agent(name, new_name, before_id=before_id)

    def export(self, name: str, form: str = "markdown") -> str:
        """An agent's conversation as a document; see `AgentHistory.export`."""
        if self.agent is not None and self.agent.name.casefold() == name.casefold():
            return self.agent.history.export(form)
        with (
            open_database(self._folder or home(), self.settings) as database,
            database.agent(name, create=False) as stored,
        ):
            return exported(stored, form)

    def import_agent(self, name: str, path: str | Path) -> Past:
        """Make an agent of a file that `export` wrote as JSON, or of another assistant's history; see `read_past`.

        Returns:
            What the agent remembers. The index of meanings learns of it when it is next used.

        Raises:
            InputError: the file holds nothing of the kind, or there is such an agent already.
        """
        past = read_past(path)
        with open_database(self._folder or home(), self.settings) as database:
            database.import_agent(name, past)
        return past

    def _let_go(self, name: str) -> None:
        if self.agent is not None and self.agent.name.casefold() == name.casefold():
            self.leave()

    # ---------------------------------------------------------------------------------------- models

    def models(self) -> list[ModelChoice]:
        """The chat models that memos knows, those on this machine first."""
        from memos.models.catalogue import Purpose
        from memos.models.store import ModelStore, Presence

        store = ModelStore.default()
        here = (Presence.VERIFIED, Presence.UNVERIFIED)
        choices = []
        for entry in store.catalogue:
            if entry.purpose is not Purpose.EMBEDDING:
                present = False
                with suppress(MemosError, OSError):
                    present = store.presence(entry) in here
                choices.append(ModelChoice(entry.name, entry.size, present, entry.purpose.value))
        return sorted(choices, key=lambda one: not one.here)
