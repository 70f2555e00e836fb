"""Scaffolds: cut from a model's own template, or generic where that cannot be."""

from __future__ import annotations

import pytest

from memos.errors import ModelError
from memos.inference.template import GENERIC_TEMPLATE, cut_template, scaffold_text

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'system' %}<s>[INST] <<SYS>>{{ m.content }}<</SYS>>\n\n"
    "{% elif m.role == 'user' %}{{ '' if loop.index0 == 1 else '<s>[INST] ' }}{{ m.content }} [/INST]"
    "{% else %} {{ m.content }} </s>{% endif %}{% endfor %}"
)


def test_chatml_is_cut_at_its_contents() -> None:
    scaffold = cut_template(CHATML, "", "")
    assert scaffold.open == "<|im_start|>system\n"
    assert scaffold.system_to_user == "<|im_end|>\n<|im_start|>user\n"
    assert scaffold.user_to_model == "<|im_end|>\n<|im_start|>assistant\n"
    assert scaffold.model_to_user == "<|im_end|>\n<|im_start|>user\n"


def test_a_template_without_a_system_role_gets_it_before_the_first_message() -> None:
    scaffold = cut_template(GEMMA, "<bos>", "")
    assert scaffold.open == "<bos><start_of_turn>user\n"
    assert scaffold.system_to_user == "\n\n"
    assert scaffold.user_to_model == "<end_of_turn>\n<start_of_turn>model\n"


def test_a_template_with_asymmetric_turns() -> None:
    scaffold = cut_template(LLAMA2, "<s>", "</s>")
    assert scaffold.user_to_model == " [/INST]" and scaffold.model_to_user == " </s><s>[INST] "


@pytest.mark.parametrize(
    "template", ["{{ nonsense(", "{{ 7/0 }}", "no content at all", "{{ messages[1].content }}", "{% include 'x' %}"]
)
def test_a_template_that_cannot_be_cut_is_replaced_and_the_user_told(template: str) -> None:
    with pytest.raises(ModelError):
        cut_template(template, "", "")
    scaffold, note = scaffold_text(template, "", "")
    assert scaffold == cut_template(GENERIC_TEMPLATE, "", "") and "template" in note


def test_a_template_cannot_reach_the_machine() -> None:
    with pytest.raises(ModelError):
        cut_template("{{ ''.__class__.__mro__[1].__subclasses__() }}" + CHATML, "", "")


def test_the_date_in_a_template_does_not_move_the_prefix() -> None:
    dated = "{{ strftime_now('%d %B %Y') }}" + CHATML
    assert cut_template(dated, "", "").open.startswith("01 January 2026")
