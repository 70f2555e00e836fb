"""What decoding costs: forced tokens, the grammar's mask, and whether it pays to draft what the model quotes.

    python -m bench.decoding [--models NAME,NAME] [--limit 12] [--runs 2,3,4]

Four kinds of text that a memory's model writes, each decoded with and without speculation, by turns in one process:
calls that answer a message; answers from a line of memory in view; edits of a block, whose old content must be quoted;
and summaries of a conversation. The user's words are those of the demo. Mask is the time to compute which tokens the
grammar admits; choice is that and the sampling; the rest is llama.cpp. `runs` are lengths of the run of tokens that
must stand before for a draft to be made.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Iterator
from typing import Any

from bench.demo import load_session
from bench.machine import describe, write
from bench.resident import read
from memos import prompts
from memos.agents.composition import load_model
from memos.generation import CallGrammar, FunctionSpec, Generated, Grammar, Sampling, TextGrammar
from memos.inference.engine import LlamaModel
from memos.inference.generation import Choice, Guide
from memos.inference.llama import LlamaOptions
from memos.inference.lookup import RUN, Lookup
from memos.messages import Block
from memos.probes import sentences
from memos.settings import Settings
from memos.speech import FUNCTION as SPEECH
from memos.tools import SYSTEM_CALLS

EDIT = "core_memory_replace"
DRAFT = LlamaOptions(window=0).speculation
SUMMED = 6  # turns of a conversation that is summed up


def main() -> None:
    """Decode, and write what it costs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", default="qwen2.5-coder-1.5b,qwen2.5-coder-0.5b")
    parser.add_argument("--limit", type=int, default=12, help="texts of a kind")
    parser.add_argument("--runs", default=str(RUN), help="tokens that must stand before for a draft")
    options = parser.parse_args()
    runs = [int(run) for run in options.runs.split(",")]
    rows = []
    for name in options.models.split(","):
        model = load_model(Settings(model=name, context=4096))
        assert isinstance(model, LlamaModel)
        try:
            rows += measured(model, options.limit, runs)
        finally:
            model.close()
    command = f"python -m bench.decoding --models {options.models} --limit {options.limit} --runs {options.runs}"
    print(f"written to {write('decoding', {**describe(command), 'rows': rows})}")


def measured(model: LlamaModel, limit: int, runs: list[int]) -> list[dict[str, Any]]:
    """Decode every kind both ways."""
    masks, choices = _Clock(), _Clock()
    masks.around(Guide, "allowed")
    choices.around(Choice, "next")
    rows = []
    for kind, texts in kinds(model, limit).items():
        for run in runs:
            masks.reset()
            choices.reset()
            ends: dict[int, list[Generated]] = {0: [], DRAFT: []}
            for prompt, grammar, most in texts:
                for drafted, generated in ends.items():
                    model.lookup = functools.partial(Lookup, most=drafted, run=run)
                    generated.append(decoded(model, prompt, grammar, most))
            off, on = (list(each) for each in ends.values())
            row: dict[str, Any] = {
                "model": model.name,
                "kind": kind,
                "run": run,
                "texts": len(texts),
                "tokens": sum(len(end.tokens) for end in on),
                "sampled": masks.times // 2,
                "decodes_off": sum(end.decodes for end in off),
                "decodes_on": sum(end.decodes for end in on),
                "drafted": sum(end.drafted for end in on),
                "accepted": sum(end.accepted for end in on),
                "same": sum(one.tokens == two.tokens for one, two in zip(off, on, strict=True)),
                "seconds_off": round(sum(end.seconds for end in off), 2),
                "seconds_on": round(sum(end.seconds for end in on), 2),
                "mask_ms": round(1000 * masks.seconds / masks.times, 3),
                "choice_ms": round(1000 * choices.seconds / choices.times, 3),
            }
            row["faster"] = round(row["seconds_off"] / row["seconds_on"], 2)
            print(json.dumps(row), flush=True)
            rows.append(row)
    return rows


def decoded(model: LlamaModel, prompt: tuple[int, ...], grammar: Grammar, most: int) -> Generated:
    """One generation behind a prompt that is resident but for its last token."""
    read(model, prompt)
    items = model.generate(prompt, grammar, limit=most, sampling=Sampling(), cancelled=lambda: False)
    return next(item for item in items if isinstance(item, Generated))


def kinds(model: LlamaModel, limit: int) -> dict[str, list[tuple[tuple[int, ...], Grammar, int]]]:
    """For each kind of text the prompts, what is admitted behind them, and at most how many tokens."""
    session = load_session()
    told = [sentences(turn)[0] for turn in session["turns"]]
    asked = [(fact["ask"], _sentence(session["turns"][fact["told"]], fact["right"])) for fact in session["facts"]]
    specs = tuple(FunctionSpec(tool.name, tool.schema, tool.name == SPEECH) for tool in SYSTEM_CALLS)
    calls, speech, edit = (
        CallGrammar(tuple(spec for spec in specs if spec.name in names))
        for names in ({spec.name for spec in specs}, {SPEECH}, {EDIT})
    )
    known = Block("user", "What you know about the person.", 2000, "\n".join(line for _, line in asked))
    return {
        "calls": [(laid_out(model, [text]), calls, 120) for text in told[:limit]],
        "answers from memory": [
            (laid_out(model, [prompts.memory([line], question) + "\n" + question]), speech, 120)
            for question, line in asked[:limit]
        ],
        "edits of a block": [
            (laid_out(model, [f'Please forget this, delete it from the block: "{line}"'], known), edit, 200)
            for _, line in asked[:limit]
        ],
        "summaries": [
            (laid_out(model, [*part, prompts.summary_request([])]), TextGrammar(opening=prompts.SUMMARY_OPENING), 120)
            for part in _parts(session["turns"], limit)
        ],
    }


def _sentence(turn: str, right: list[list[str]]) -> str:
    """The sentence of a turn that tells a fact."""
    return max(sentences(turn), key=lambda text: sum(any(word in text.lower() for word in group) for group in right))


def _parts(turns: list[str], limit: int) -> Iterator[list[str]]:
    for start in range(0, min(limit * SUMMED, len(turns)), SUMMED):
        yield turns[start : start + SUMMED]


def laid_out(model: LlamaModel, texts: list[str], *blocks: Block) -> tuple[int, ...]:
    """A prompt as an agent has it."""
    scaffold = model.scaffold
    head = prompts.instructions(SYSTEM_CALLS, facts_are_noted=False) + "".join(map(prompts.block, blocks))
    said: tuple[int, ...] = ()
    for index, text in enumerate(texts):
        said += (scaffold.join if index else ()) + model.tokenize(text)
    return scaffold.open + model.tokenize(head) + scaffold.system_to_user + said + scaffold.user_to_model


class _Clock:
    """How often a method was called, and how long that took."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin from nothing."""
        self.times, self.seconds = 0, 0.0

    def around(self, owner: type, name: str) -> None:
        """Measure a method from now on."""
        method = getattr(owner, name)

        @functools.wraps(method)
        def clocked(*given: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return method(*given, **named)
            finally:
                self.times += 1
                self.seconds += time.perf_counter() - started

        setattr(owner, name, clocked)


if __name__ == "__main__":
    main()
