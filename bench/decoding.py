"""What decoding a function call costs: tokens that were forced and decoded together, and the grammar's mask per token.

    python -m bench.decoding [--model NAME] [--limit 20]

The user's messages are those of the demo; the system text and the functions are an agent's. Mask is the time to compute
which tokens the grammar admits; choice is that and the sampling; the rest of a call is llama.cpp.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from bench.demo import load_session
from bench.machine import describe, write
from memos import prompts
from memos.agents.composition import load_model
from memos.inference import engine
from memos.inference.engine import LlamaModel
from memos.probes import sentences
from memos.protocols import CallGrammar, FunctionSpec, Generated, Sampling
from memos.settings import Settings
from memos.speech import FUNCTION as SPEECH
from memos.tools import SYSTEM_CALLS


def main() -> None:
    """Decode calls, and write what they cost."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--limit", type=int, default=20, help="calls")
    options = parser.parse_args()
    model = load_model(Settings(model=options.model, context=2048))
    assert isinstance(model, LlamaModel)
    try:
        result = measured(model, options.limit)
    finally:
        model.close()
    command = f"python -m bench.decoding --model {options.model} --limit {options.limit}"
    print(json.dumps(result))
    print(f"written to {write('decoding', {**describe(command), 'model': options.model, **result})}")


def measured(model: LlamaModel, limit: int) -> dict[str, Any]:
    """Decode one call for each of the first messages."""
    grammar = CallGrammar(tuple(FunctionSpec(tool.name, tool.schema, tool.name == SPEECH) for tool in SYSTEM_CALLS))
    scaffold = model.scaffold
    head = scaffold.open + model.tokenize(prompts.instructions(SYSTEM_CALLS, facts_are_noted=False))
    session = load_session()
    texts = [fact["ask"] for fact in session["facts"]] + [sentences(turn)[0] for turn in session["turns"]]
    masks, choices = _Clock(), _Clock()
    masks.around(LlamaModel, "_allowed")
    choices.around(engine._Choice, "next")
    ends = []
    for text in texts[:limit]:
        prompt = head + scaffold.system_to_user + model.tokenize(text) + scaffold.user_to_model
        items = model.generate(prompt, grammar, limit=120, sampling=Sampling(), cancelled=lambda: False)
        ends.append(next(item for item in items if isinstance(item, Generated)))
    tokens, decodes = sum(len(end.tokens) for end in ends), sum(end.decodes for end in ends)
    return {
        "calls": len(ends),
        "finished": sum(end.finish == "stop" for end in ends),
        "tokens": tokens,
        "sampled": masks.times,
        "decodes": decodes,
        "mask_ms": round(1000 * masks.seconds / masks.times, 3),
        "choice_ms": round(1000 * choices.seconds / choices.times, 3),
        "share_of_time": round(choices.seconds / sum(end.seconds for end in ends), 4),
    }


class _Clock:
    """How often a method was called, and how long that took."""

    def __init__(self) -> None:
        self.times, self.seconds = 0, 0.0

    def around(self, owner: type, name: str) -> None:
        """Measure a method from now on."""
        method = getattr(owner, name)

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
