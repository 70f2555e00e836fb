"""`memos settings`: what can be set, what holds now, and who said so."""

from __future__ import annotations

import json
from typing import Any

import click

from memos.cli.options import json_option

WIDTH = 34  # of a setting and its value, before what it does


@click.command(
    "settings",
    epilog="""\b
Examples:
  memos settings
  memos settings --json
  MEMOS_CONTEXT=8192 memos settings

\b
The lines are those of a settings.toml: write what you want otherwise into the file that the
first line names.""",
)
@json_option
def command(as_json: bool) -> None:
    """Show every setting, what holds now, and whether settings.toml or a variable says so."""
    from memos.settings import Settings, given_by, home, load

    held, by, file = load(), given_by(), home() / "settings.toml"
    fields = Settings.model_fields
    if as_json:
        rows = {
            name: {"value": getattr(held, name), "default": field.get_default(call_default_factory=True)}
            | {"from": by.get(name, "default"), "description": field.description}
            for name, field in fields.items()
        }
        click.echo(json.dumps({"file": str(file), "settings": rows}, ensure_ascii=False))
        return
    click.echo(click.style(f"# {file}{'' if file.exists() else ' (not there: these are the defaults)'}", dim=True))
    for name, field in fields.items():
        line = f"{name} = {_toml(getattr(held, name))}"
        said = f"  ({by[name]})" if name in by else ""
        # What is given stands out, and all of it can be read by a program.
        shown = click.style(f"{line:<{WIDTH}}", bold=name in by)
        click.echo(f"{shown}  {click.style(f'# {field.description}{said}', dim=True)}")


def _toml(value: Any) -> str:
    """A value as settings.toml has it; strings and numbers are as in JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
