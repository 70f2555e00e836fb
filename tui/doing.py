"""What each command does: a function of the command's id, given the shell and what follows the slash command.

They ask the agent through `Shell.session` and never wait for it. Errors of ours are shown by who calls them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from memos.errors import InputError
from memos.messages import Kind
from memos.paths import expanded
from memos.tui.attachments import plan

if TYPE_CHECKING:
    from memos.agents import Agent, Sessions
    from memos.tui.app import Shell
    from memos.tui.transcript import Said


async def say(shell: Shell, text: str) -> None:
    """Say something, once the agent is free; files that it names are attached or read first."""
    if shell.session.busy:
        shell.waiting.add(text)
        return
    if shell.session.agent is None:
        shell.give_back(text)
        raise InputError("No agent is open, so nothing was sent: /retry opens it, /agents and /models choose another.")
    planned = await asyncio.to_thread(plan, text)
    if planned.missing:
        shell.give_back(text)
        raise InputError(f"There is no file {', '.join(planned.missing)}; the message was not sent.")
    if not shell.transcript.at_newest:
        await shell.to_newest()
    shell.sending(text)
    if planned.ingest:
        shell.session.ingest(planned.ingest, then=planned.text, instead_of=shell.editing)
    else:
        shell.session.say(planned.text, instead_of=shell.editing)


async def long_paste(shell: Shell, text: str) -> None:
    """Ask where a long text goes."""
    from memos.tui.dialogs import Confirm

    question = (
        f"You pasted {len(text):,} characters. Read them into archival memory, where they can be searched, "
        "rather than send them as a message?"
    )
    can_read = shell.session.busy or shell.session.agent is not None  # what is busy reads it afterwards
    if can_read and await shell.push_screen_wait(Confirm(question, "Into archival memory", "Into the message")):
        shell.session.ingest([await asyncio.to_thread(_kept, text)])
    else:
        shell.prompt.insert(text)


def _kept(text: str) -> Path:
    """A pasted text as a file of the user's own."""
    from memos.settings import home

    folder = home() / "pastes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{datetime.now():%Y-%m-%d-%H%M%S-%f}.txt"
    path.touch(mode=0o600, exist_ok=False)  # the archive knows a text by its file's name
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------- commands


async def show_help(shell: Shell, argument: str) -> None:
    """Keys and commands."""
    from memos.tui.help import Help

    shell.push_screen(Help(shell.keys))


async def panel(shell: Shell, argument: str) -> None:
    """Map and timeline."""
    shell.toggle_panel()


async def blocks(shell: Shell, argument: str) -> None:
    """The block editor."""
    from memos.tui.blocks import BlockEditor

    shell.push_screen(BlockEditor(_agent(shell)))


async def memory(shell: Shell, argument: str) -> None:
    """The memory browser."""
    from memos.tui.memory import MemoryBrowser

    _agent(shell)
    shell.push_screen(MemoryBrowser(argument))


async def agents(shell: Shell, argument: str) -> None:
    """Another agent, by its name or from the list."""
    shell.session.require_idle()
    if argument:
        shell.open(argument)
        return
    shell.beside(_choose_agent(shell))


async def _choose_agent(shell: Shell) -> None:
    from memos.tui.agents import AgentList
    from memos.tui.dialogs import Ask, Confirm

    choice = await shell.push_screen_wait(AgentList())
    if choice is None:
        return
    name = choice.name
    if choice.what == "open":
        shell.open(name)
    elif choice.what == "rename":
        await _ask_and_rename(shell, name)
    elif choice.what == "export":
        path = await shell.push_screen_wait(Ask("Write it to (.md or .json):", f"{name}.md"))
        if path:
            await _export(shell, name, path)
    elif await shell.push_screen_wait(Confirm(f"Delete {name} and everything it remembers?", "Delete", "Keep")):
        await _alter(shell, name, lambda sessions: sessions.delete(name), "default", f"{name} is deleted.")


async def _alter(shell: Shell, name: str, work: Callable[[Sessions], None], then: str, told: str) -> None:
    """Rename or delete an agent. The open one is closed for it: another is opened then, or itself where it failed."""

    def run(sessions: Sessions) -> bool:
        work(sessions)
        return True

    is_here = name.casefold() == shell.wanted.casefold()
    done = await shell.from_sessions(run)
    if done:
        shell.notice(told)
    if is_here and (done or shell.session.agent is None):
        shell.open(then if done else name)


async def models(shell: Shell, argument: str) -> None:
    """Another model, by its name or from the list."""
    shell.session.require_idle()
    if argument:
        shell.open(shell.wanted, model=argument)
        return
    shell.beside(_choose_model(shell))


async def _choose_model(shell: Shell) -> None:
    from memos.tui.agents import ModelList

    agent = shell.session.agent
    name = await shell.push_screen_wait(ModelList(agent.model_name if agent else ""))
    if name:
        shell.open(shell.wanted, model=name)


async def stop(shell: Shell, argument: str) -> None:
    """End the reply or the reading of documents, and take back what waits to be sent; or give up an edit."""
    shell.give_back()
    if shell.editing is not None and not shell.session.busy:
        shell.editing = None
        shell.prompt.put_instead("")
        shell.notice("The message stays as it was.")
    shell.session.cancel()
    shell.prompt.focus()


async def regenerate(shell: Shell, argument: str) -> None:
    """The last message again."""
    shell.session.require_idle()
    _agent(shell)
    shell.session.regenerate()


async def rewind(shell: Shell, argument: str) -> None:
    """Take a message back, and all after it; its text comes back into the input."""
    shell.session.require_idle()
    number, text = await _asked(shell, argument)
    shell.session.do(lambda agent: agent.history.rewind(number), changes_history=True)
    shell.prompt.put_instead(text)
    shell.prompt.focus()


async def edit(shell: Shell, argument: str) -> None:
    """Say an earlier message in other words."""
    shell.session.require_idle()
    number, text = await _asked(shell, argument)
    begin_edit(shell, number, text)


def begin_edit(shell: Shell, number: int, text: str) -> None:
    """Put a message into the input; what is sent next takes its place."""
    shell.editing = number
    shell.prompt.put_instead(text)
    shell.prompt.focus()


async def _asked(shell: Shell, argument: str) -> tuple[int, str]:
    """The user's message that a command is about: the last, or that of a number."""
    _agent(shell)

    def read(agent: Agent) -> tuple[int, str]:
        found = agent.history.get(agent.history.number(argument))
        if found is None or found.kind is not Kind.USER:
            raise InputError("That is no message of yours.")
        return found.id, found.content

    return await shell.session.read(read)


async def fork(shell: Shell, argument: str) -> None:
    """Go on with a copy."""
    shell.session.require_idle()
    if argument:
        await fork_at(shell, argument, None)
    else:
        shell.beside(ask_and_fork(shell, None))


async def ask_and_fork(shell: Shell, before_id: int | None) -> None:
    """Ask for the copy's name first."""
    from memos.tui.dialogs import Ask

    new = await shell.push_screen_wait(Ask("A name for the copy:", f"{shell.wanted}-2"))
    if new:
        await fork_at(shell, new, before_id)


async def fork_at(shell: Shell, new: str, before_id: int | None) -> None:
    """Copy the agent as it was before a message (None: as it is), and open the copy."""
    name = _agent(shell).name

    def copy(sessions: Sessions) -> bool:
        sessions.fork(name, new, before_id=before_id)
        return True

    if await shell.from_sessions(copy):
        shell.open(new)


async def rename(shell: Shell, argument: str) -> None:
    """Another name."""
    shell.session.require_idle()
    name = _agent(shell).name
    if argument:
        await _rename(shell, name, argument)
    else:
        shell.beside(_ask_and_rename(shell, name))


async def _ask_and_rename(shell: Shell, name: str) -> None:
    from memos.tui.dialogs import Ask

    new = await shell.push_screen_wait(Ask(f"A new name for {name}:", name))
    if new and new != name:
        await _rename(shell, name, new)


async def _rename(shell: Shell, name: str, new: str) -> None:
    told = f"{name} is called {new} now."
    await _alter(shell, name, lambda sessions: sessions.rename(name, new), new, told)


async def export(shell: Shell, argument: str) -> None:
    """Write the conversation to a file."""
    name = _agent(shell).name
    await _export(shell, name, argument or f"{name}.md")


async def _export(shell: Shell, name: str, path: str) -> None:
    target = expanded(path)
    form = "json" if target.suffix == ".json" else "markdown"
    text = await shell.from_sessions(lambda sessions: sessions.export(name, form))
    if text is None:
        return
    try:
        await asyncio.to_thread(_write_new, target, text)
    except FileExistsError as error:
        raise InputError(f"{target} is there already; give another name.") from error
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); give another name.") from error
    await shell.transcript.note(f"The conversation is in {target.absolute()}.")


def _write_new(target: Path, text: str) -> None:
    with target.open("x", encoding="utf-8") as file:
        file.write(text)


async def ingest(shell: Shell, argument: str) -> None:
    """Read a file or folder."""
    shell.session.require_idle()
    if not argument:
        raise InputError("Say what to read: /ingest PATH.")
    shell.session.ingest([expanded(argument)])


async def evict(shell: Shell, argument: str) -> None:
    """Page out now."""
    shell.session.require_idle()
    _agent(shell)
    shell.status.doing("paging out, Esc stops")
    shell.session.do(lambda agent: agent.evict())


async def timeline(shell: Shell, argument: str) -> None:
    """The focus to the timeline."""
    from memos.tui.panel import MemoryPanel, Timeline

    if not shell.query_one(MemoryPanel).display:
        shell.toggle_panel()
    shell.query_one(Timeline).focus()


async def copy(shell: Shell, argument: str) -> None:
    """Copy a message to the clipboard."""
    from memos.tui.transcript import Said

    focused = shell.focused
    said = focused if isinstance(focused, Said) else shell.transcript.last_said(Kind.SPEECH)
    if said is None:
        raise InputError("There is nothing to copy yet.")
    await copy_message(shell, said)


async def theme(shell: Shell, argument: str) -> None:
    """Other colours."""
    if not argument:
        shell.search_themes()
    elif argument in shell.available_themes:
        shell.theme = argument
    else:
        raise InputError(f"There is no theme {argument}; there are {', '.join(sorted(shell.available_themes))}.")


async def retry(shell: Shell, argument: str) -> None:
    """Open the agent again."""
    shell.session.require_idle()
    shell.open(shell.wanted)


async def leave(shell: Shell, argument: str) -> None:
    """Save and leave."""
    shell.session.cancel()
    shell.status.doing("saving")
    await asyncio.to_thread(shell.session.close)
    shell.exit()


def _agent(shell: Shell) -> Agent:
    if shell.session.agent is None:
        raise InputError("There is no agent open yet.")
    return shell.session.agent


# -------------------------------------------------------------------------------------- on a message


async def copy_message(shell: Shell, said: Said) -> None:
    """Copy its words."""
    shell.copy_to_clipboard(said.text)
    shell.notice(f"recall:{said.message_id} is copied.")


async def edit_message(shell: Shell, said: Said) -> None:
    """Say it in other words."""
    shell.session.require_idle()
    if said.kind is not Kind.USER:
        raise InputError("Only your own messages can be said anew; Ctrl+R has the last one answered anew.")
    begin_edit(shell, said.message_id, said.text)


async def rewind_message(shell: Shell, said: Said) -> None:
    """Take it back, after a question where more goes with it."""
    from memos.tui.dialogs import Confirm

    shell.session.require_idle()

    async def ask() -> None:
        question = f"Take back recall:{said.message_id} with its whole turn, and everything after it?"
        if await shell.push_screen_wait(Confirm(question, "Take back", "Keep")):
            number = said.message_id
            shell.session.do(lambda agent: agent.history.rewind(number), changes_history=True)
            shell.prompt.focus()

    shell.beside(ask())


async def fork_message(shell: Shell, said: Said) -> None:
    """A copy of the agent as it was before."""
    shell.session.require_idle()
    shell.beside(ask_and_fork(shell, said.message_id))


async def pin_message(shell: Shell, said: Said) -> None:
    """Keep it in view."""
    await shell.change_memory("pin", f"recall:{said.message_id}")


async def page_in_message(shell: Shell, said: Said) -> None:
    """Put it into view."""
    await shell.change_memory("page_in", f"recall:{said.message_id}")


async def forget_message(shell: Shell, said: Said) -> None:
    """Destroy its words, after a question."""
    from memos.tui.dialogs import Confirm

    async def ask() -> None:
        question = f"Forget recall:{said.message_id} for good? This cannot be undone."
        if await shell.push_screen_wait(Confirm(question, "Forget", "Keep")):
            await shell.change_memory("forget", f"recall:{said.message_id}")

    shell.beside(ask())


DO: Mapping[str, Callable[[Shell, str], Awaitable[None]]] = {
    "help": show_help,
    "panel": panel,
    "blocks": blocks,
    "memory": memory,
    "agents": agents,
    "models": models,
    "stop": stop,
    "regenerate": regenerate,
    "rewind": rewind,
    "edit": edit,
    "fork": fork,
    "rename": rename,
    "export": export,
    "ingest": ingest,
    "evict": evict,
    "timeline": timeline,
    "copy": copy,
    "theme": theme,
    "retry": retry,
    "quit": leave,
}

DO_ON_A_MESSAGE: Mapping[str, Callable[[Shell, Said], Awaitable[None]]] = {
    "message_copy": copy_message,
    "message_edit": edit_message,
    "message_rewind": rewind_message,
    "message_fork": fork_message,
    "message_pin": pin_message,
    "message_page_in": page_in_message,
    "message_forget": forget_message,
}
