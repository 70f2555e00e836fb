"""Chat templates: the tokens that stand around contents.

A GGUF's own template is rendered around placeholders and cut at them, so that scaffold and content are
tokenised apart: only the scaffold may hold control tokens, and a stored `<|im_end|>` stays text. This module
knows the text of the scaffold; it knows neither tokens nor what the contents are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from memos.errors import ModelError

# Used where a GGUF has no template, or one that cannot be cut (see `cut_template`). Plain words that any base
# model has seen, one line each; documented in docs/models.md.
GENERIC_TEMPLATE = (
    "{% for m in messages %}### {{ m.role | capitalize }}\n{{ m.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}### Assistant\n{% endif %}"
)

_SYSTEM, _FIRST, _REPLY, _SECOND, _REPLY_2, _THIRD = (f"\ue000{name}\ue001" for name in "SABCDE")


@dataclass(frozen=True, slots=True)
class ScaffoldText:
    """The text of a template around contents; fields as in `memos.protocols.Scaffold`."""

    open: str
    system_to_user: str
    user_to_model: str
    model_to_user: str


def scaffold_text(template: str | None, begin: str, end: str) -> tuple[ScaffoldText, str]:
    """Cut a chat template into its scaffold.

    Args:
        template: Jinja source from the GGUF, or None.
        begin: the vocabulary's begin-of-text token as text, for templates that print it.
        end: the same for end-of-text.

    Returns:
        The scaffold, and a note for the user: empty, or why the generic template stands in.
    """
    if template is None:
        return cut_template(GENERIC_TEMPLATE, begin, end), "the file has no chat template"
    try:
        return cut_template(template, begin, end), ""
    except ModelError as error:
        return cut_template(GENERIC_TEMPLATE, begin, end), str(error)


def cut_template(template: str, begin: str, end: str) -> ScaffoldText:
    """Render a template around placeholders and cut it there.

    A template without a system role (it raises, or drops the text) gets the system text in front of the
    first user text, two newlines between.

    Raises:
        ModelError: it does not render, loses a content, or treats later turns unlike the first.
    """
    turns = [("user", _FIRST), ("assistant", _REPLY), ("user", _SECOND), ("assistant", _REPLY_2)]
    turns.append(("user", _THIRD))
    marks = [_FIRST, _REPLY, _SECOND, _REPLY_2, _THIRD]
    try:
        parts = _split(_render(template, [("system", _SYSTEM), *turns], begin, end), [_SYSTEM, *marks])
        opening, to_user = parts[0], parts[1]
        rest = parts[2:]
    except ModelError:
        parts = _split(_render(template, turns, begin, end), marks)
        opening, to_user = parts[0], "\n\n"
        rest = parts[1:]
    first_reply, first_back, second_reply, second_back, to_model = rest
    if first_back != second_back or first_reply != second_reply:
        raise ModelError("The chat template treats later turns unlike the first.")
    # The generation prompt stands wherever the model speaks, so that what it generated stays where it was.
    return ScaffoldText(opening, to_user, to_model, first_back)


def _render(template: str, turns: list[tuple[str, str]], begin: str, end: str) -> str:
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def fail(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    context: dict[str, Any] = {
        "messages": [{"role": role, "content": content} for role, content in turns],
        "add_generation_prompt": True,
        "bos_token": begin,
        "eos_token": end,
        "raise_exception": fail,
        # A template that prints the date would move the prefix every day; dates belong in the queue.
        "strftime_now": lambda form: datetime(2026, 1, 1).strftime(form),
    }
    try:
        return environment.from_string(template).render(context)
    except Exception as error:  # a template is foreign code: anything may come out of it
        raise ModelError(f"The chat template does not render: {error}.") from error


def _split(text: str, marks: list[str]) -> list[str]:
    parts: list[str] = []
    for mark in marks:
        before, found, text = text.partition(mark)
        if not found or mark in text:
            raise ModelError("The chat template loses or repeats a message.")
        parts.append(before)
    return [*parts, text]
