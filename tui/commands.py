"""The registry of commands: what can be done, under which keys and names.

Slash commands, the palette, the footer and F1 are all made from `COMMANDS`. A command's id is the id of its binding, so
`settings.toml` can give it other keys (`[keys]`, `panel = "ctrl+g"`). It does not know how anything is done:
`memos.tui.doing` has a function for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Command:
    """Something that can be done.

    Args:
        id: its name in settings, and after `/`.
        title: two or three words, for palette and footer.
        help: one line.
        keys: as Textual spells them, separated by commas; empty: none.
        argument: what may follow the slash command, as its help shows it.
        footer: whether the footer shows it.
        slash: whether there is a slash command.
        everywhere: whether its keys do it from dialogs and lists, too.
    """

    id: str
    title: str
    help: str
    keys: str = ""
    argument: str = ""
    footer: bool = False
    slash: bool = True
    everywhere: bool = False


COMMANDS: Sequence[Command] = (
    Command("help", "Help", "Keys and commands.", "f1", footer=True),
    Command("panel", "Map", "Show or hide the map of the window and the paging timeline.", "f2", footer=True),
    Command("blocks", "Blocks", "Edit what the assistant always has in view.", "f3", footer=True),
    Command("memory", "Search", "Browse and search messages, notes and documents.", "f4", "[WORDS]", footer=True),
    Command("agents", "Agents", "Open, rename, export or delete an agent.", "f5", "[NAME]", footer=True),
    Command("models", "Models", "Choose another model.", "f8", "[NAME]", footer=True),
    Command("stop", "Stop", "End a reply, or reading files; what is done is kept.", "escape", slash=False, footer=True),
    Command("regenerate", "Answer anew", "Have the last message answered in other words.", "ctrl+r"),
    Command("rewind", "Take back", "Take the last message back, or another and all after it.", "", "[NUMBER]"),
    Command("edit", "Edit message", "Say the last message, or another, in other words.", "ctrl+up", "[NUMBER]"),
    Command("fork", "Copy agent", "Copy this agent, and go on with the copy.", "", "NAME"),
    Command("rename", "Rename agent", "Give this agent another name.", "", "NAME"),
    Command("export", "Export", "Write the conversation to a file: Markdown, or JSON by its ending.", "", "[FILE]"),
    Command("ingest", "Read a file", "Read a file or folder into archival memory.", "", "PATH"),
    Command("evict", "Page out", "Page the oldest turns out now."),
    Command("timeline", "Timeline", "Go to the paging timeline; Enter jumps to the message.", "ctrl+t"),
    Command("copy", "Copy reply", "Copy the last reply, or the message that has the focus.", "ctrl+shift+c,f9"),
    Command("theme", "Theme", "Choose colours for this session; `theme` in settings.toml is for good.", "", "[NAME]"),
    Command("retry", "Try again", "Open the agent again after a failure."),
    Command("quit", "Leave", "Save and leave.", "ctrl+q", everywhere=True),
)

# Keys of one message, while it has the focus (Tab, or a click).
ON_A_MESSAGE: Sequence[Command] = (
    Command("message_copy", "Copy", "Copy the message.", "c", slash=False),
    Command("message_edit", "Edit", "Say it in other words; what came after it is taken back.", "e", slash=False),
    Command("message_rewind", "Take back", "Take it back, and all after it.", "backspace", slash=False),
    Command("message_fork", "Copy agent", "Copy the agent as it was before this message.", "f", slash=False),
    Command("message_pin", "Pin", "Keep it in view for good.", "p", slash=False),
    Command("message_page_in", "Page in", "Put it into view now.", "i", slash=False),
    Command("message_forget", "Forget", "Destroy its words for good.", "delete", slash=False),
)

BY_ID: Mapping[str, Command] = {command.id: command for command in (*COMMANDS, *ON_A_MESSAGE)}


def bindings() -> list[Binding]:
    """The application's key bindings."""
    return [
        Binding(
            command.keys,
            f"do('{command.id}')",
            command.title,
            show=command.footer,
            priority=command.everywhere,
            id=command.id,
            tooltip=command.help,
        )
        for command in COMMANDS
        if command.keys
    ]


def message_bindings() -> list[Binding]:
    """The key bindings of one message."""
    return [
        Binding(command.keys, f"app.do_on_message('{command.id}')", command.title, id=command.id, tooltip=command.help)
        for command in ON_A_MESSAGE
    ]


def is_command(text: str) -> bool:
    """Whether a message begins with `/` and a name; one that begins with a path ("/etc/hosts is empty") does not."""
    return text.startswith("/") and "/" not in text.split(maxsplit=1)[0][1:]


def parse(text: str) -> tuple[Command, str] | None:
    """A slash command and its argument, or None where there is no such command."""
    name, _, argument = text.removeprefix("/").partition(" ")
    command = BY_ID.get(name)
    return (command, argument.strip()) if command is not None and command.slash else None


def beginning_with(text: str) -> list[Command]:
    """The slash commands whose names begin as `text` does, without its `/`."""
    begun = text.removeprefix("/").casefold()
    return [command for command in COMMANDS if command.slash and command.id.startswith(begun)]


def keys_of(command: Command, keymap: Mapping[str, str]) -> str:
    """A command's keys as they are now, for people."""
    keys = keymap.get(command.id, command.keys)
    return ", ".join(key.replace("ctrl+", "^").replace("escape", "Esc").upper() for key in keys.split(",") if key)
