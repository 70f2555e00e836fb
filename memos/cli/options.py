"""Options that several commands share, and how they open an agent. Knows click and `Agent.open`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from memos.printing import Status

if TYPE_CHECKING:
    from memos.agents import Agent

Command = TypeVar("Command", bound=Callable[..., Any])


# Those of `memos.inference.rope`, which is not imported to print a help.
ROPES = "auto, plain, linear, ntk, ntk-2, dynamic-ntk, dynamic-linear, yarn, yarn-ntk, abf, self-extend"


def window_options(command: Command) -> Command:
    """`--model`, `--context` and what else the window of an agent follows from."""
    return _with(
        command,
        click.option("--model", help="A name of `memos models list`, or a GGUF file.  [default: the setting]"),
        click.option("--context", type=int, help="The window in tokens.  [default: the setting, 4096]"),
        click.option("--rope", help=f"How a window beyond the training is reached: {ROPES}.  [default: auto]"),
        click.option("--lora", multiple=True, metavar="FILE[:SCALE]", help="A LoRA adapter; may be given again."),
    )


def model_options(command: Command) -> Command:
    """Those, and how the model speaks. What is not given is as it is set."""
    command = _with(
        command,
        click.option("--temperature", type=float, help="From 0, greedy, to 5.  [default: the setting, 0]"),
        click.option("--seed", type=int, help="Seed of the sampler.  [default: the setting, 0]"),
    )
    return window_options(command)


def _with(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


yes_option = click.option("--yes", is_flag=True, help="Allow calls that documents in view may have caused, unasked.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")


def open_agent(name: str, *, create: bool = True, quiet: bool = False, **settings: Any) -> Agent:
    """Open an agent, with progress on a terminal's standard error."""
    from memos.agents import Agent

    status = Status(quiet=quiet)
    settings["lora"] = settings.get("lora") or None  # not given, rather than none
    try:
        return Agent.open(name, create=create, progress=status.show, **settings)
    finally:
        status.clear()
