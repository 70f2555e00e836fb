"""The scripted session: twelve facts told in passing, long evicted, asked for at the end and after a restart.

    python -m bench.demo [--model NAME] [--context 2048] [--seed 0] [--turns 36] [--home DIR]

Each phase is a process of its own: `talk` holds the conversation and asks every fact once; `again` opens the agent
anew and asks every fact in other words. A fact counts as recalled if both answers are right. The judge is a list of
words, no model: see `right` in demo_session.json. With `--home`, a session that was interrupted goes on where its
last stored message is; what was said and called is then counted from storage, tokens from the processes that ended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.machine import describe, write
from memos import Agent, events
from memos.messages import Kind

SESSION = Path(__file__).parent / "demo_session.json"
PHASES = ("talk", "again")


def load_session() -> dict[str, Any]:
    """What is said, and the facts in it."""
    session: dict[str, Any] = json.loads(SESSION.read_text(encoding="utf-8"))
    return session


def main() -> None:
    """Run both phases and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--context", type=int, default=2048)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--turns", type=int, default=36, help="of the conversation, before the questions")
    parser.add_argument("--home", type=Path, help="data folder; by default a temporary one")
    parser.add_argument("--out", default="demo", help="name of the result")
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        print(json.dumps(run_phase(options)), flush=True)
        return
    with tempfile.TemporaryDirectory() as temporary:
        options.home = options.home or Path(temporary)
        parts = [_in_process(phase, options) for phase in PHASES]
    result = combine(parts, options)
    path = write(options.out, result)
    print_summary(result)
    print(f"written to {path}")


def _in_process(phase: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.demo", "--phase", phase, "--model", options.model]
    command += ["--context", str(options.context), "--seed", str(options.seed), "--home", str(options.home)]
    command += ["--turns", str(options.turns)]
    # Standard error shows the session as it goes; the last line of standard output is the result.
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    part: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return part


def run_phase(options: argparse.Namespace) -> dict[str, Any]:
    """One process's share of the session."""
    session = load_session()
    settings = {"context": options.context, "seed": options.seed, "folder": options.home}
    with Agent.open("demo", model=options.model, **settings) as agent:
        session["turns"] = session["turns"][: options.turns]
        return follow(agent, session, options.phase)


def follow(agent: Agent, session: dict[str, Any], phase: str) -> dict[str, Any]:
    """Hold one phase of the session with an open agent, from where it was interrupted.

    Returns:
        Counts by name, and for every fact the question, the answer and whether it was right.
    """
    tally = Tally(agent)
    started = time.perf_counter()
    resumed = False
    if phase == "talk":
        said = {message.content for message in agent.recall.since(0) if message.kind is Kind.USER}
        resumed = bool(said)
        for text in session["turns"]:
            if text not in said:
                tally.say(text)
    answers = []
    for fact in session["facts"]:
        question = fact["ask" if phase == "talk" else "ask_again"]
        in_view = told_in_view(agent, session["turns"][fact["told"] - 1])
        answer = tally.say(question)
        answers.append(
            {
                "told": fact["told"],
                "question": question,
                "answer": answer,
                "right": judge(answer, fact),
                "telling_in_view": in_view,
            }
        )
    return {
        "phase": phase,
        "resumed": resumed,
        **tally.counts,
        "stored": stored_counts(agent),
        "answers": answers,
        "seconds": round(time.perf_counter() - started, 1),
    }


def told_in_view(agent: Agent, text: str) -> bool:
    """Whether the message that told a fact is still in the queue."""
    return any(message.content == text for message in agent.recall.since(agent.kernel.queue.first_id))


def stored_counts(agent: Agent) -> dict[str, Any]:
    """What the whole session came to, from storage: turns, evictions, calls by name, tokens through the queue."""
    calls: Counter[str] = Counter()
    tokens = 0
    messages = agent.recall.since(0)
    for message in messages:
        tokens += len(agent.kernel.queue.entry(message).tokens)
        if message.kind is Kind.SPEECH:
            calls["send_message"] += 1
        elif message.kind is Kind.CALL:
            calls[json.loads(message.content)["function"]] += 1
    evictions = agent.evictions()
    return {
        "turns": sum(message.kind is Kind.USER for message in messages),
        "evictions": len(evictions),
        "model_summaries": sum(eviction.source == "model" for eviction in evictions),
        "prefetches": sum(message.kind is Kind.PAGE for message in messages),
        "queue_tokens": tokens,
        "calls": dict(calls),
    }


def judge(answer: str, fact: dict[str, Any]) -> bool:
    """Whether an answer has a word of every group."""
    folded = answer.casefold()
    return all(any(word in folded for word in group) for group in fact["right"])


class Tally:
    """Says things to an agent, prints what happens to standard error, and counts."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._turns = 0
        self.counts: dict[str, int] = dict.fromkeys(
            (
                "invalid_calls",
                "failed_calls",
                "overflows",
                "facts_noted",
                "evaluated_tokens",
                "reused_tokens",
                "generated_tokens",
                "probe_tokens",
            ),
            0,
        )

    def say(self, text: str) -> str:
        """One turn; returns what the agent said."""
        said = ""
        self._turns += 1
        print(f"\n[{self._turns}] user: {text}", file=sys.stderr)
        for event in self._agent.stream(text):
            self._count(event)
            line = _shown(event)
            if line:
                print(f"     {line}", file=sys.stderr, flush=True)
            if isinstance(event, events.TurnFinished):
                said = event.text
        return said

    def _count(self, event: events.Event) -> None:
        counts = self.counts
        window = self._agent.context().window
        match event:
            case events.CallInvalid():
                counts["invalid_calls"] += 1
            case events.CallFinished(ok=False):
                counts["failed_calls"] += 1
            case events.Probed(question=question, evaluated=evaluated, led_to=led_to):
                counts["probe_tokens"] += evaluated
                counts["facts_noted"] += question == "fact" and bool(led_to)
            case events.Step(evaluated=evaluated, reused=reused, generated=generated):
                counts["evaluated_tokens"] += evaluated
                counts["reused_tokens"] += reused
                counts["generated_tokens"] += generated
                counts["overflows"] += evaluated + reused + generated > window


def _shown(event: events.Event) -> str:
    match event:
        case events.Speech(text=text):
            return f"assistant: {text}"
        case events.CallStarted(name=name, arguments=arguments):
            return f"· {name} {json.dumps(arguments, ensure_ascii=False)}"
        case events.CallFinished(ok=ok, result=result):
            return f"· {'' if ok else 'FAILED '}{result[:160]}"
        case events.CallInvalid(text=text, reason=reason):
            return f"· INVALID ({reason}) {text[:120]}"
        case events.PagedIn(sources=sources, tokens=tokens):
            return f"· paged in {', '.join(sources)} ({tokens} tokens)"
        case events.Probed(question="answer", led_to=where, probability=probability, sentence=sentence):
            return f"· {'answers' if where else 'does not answer'} ({probability:.2f}): {sentence[:100]}"
        case events.Probed(question="fact", led_to=where, sentence=sentence) if where:
            return f"· noted in {where}: {sentence[:100]}"
        case events.Evicted(first_id=first, last_id=last, tokens=tokens, summary=summary):
            return f"· evicted recall:{first}-{last} ({tokens} tokens); summary: {summary}"
        case events.Notice(text=text):
            return f"· {text}"
        case _:
            return ""


def combine(parts: list[dict[str, Any]], options: argparse.Namespace) -> dict[str, Any]:
    """One result of both phases."""
    talk, again = parts
    both = [first["right"] and second["right"] for first, second in zip(talk["answers"], again["answers"], strict=True)]
    misses = [a for part in parts for a in part["answers"] if not a["right"]]
    summed = {key: talk[key] + again[key] for key in talk if type(talk[key]) is int}
    asked = f"--context {options.context} --seed {options.seed} --turns {options.turns}"
    resumed = f" --home {options.home}" if talk["resumed"] else ""
    command = f"python -m bench.demo --model {options.model} {asked}{resumed}"
    return {
        **describe(command),
        "resumed": talk["resumed"],  # then events are counted from there on, and what is stored as a whole
        "model": options.model,
        "window": options.context,
        "seed": options.seed,
        **again["stored"],
        **summed,
        "window_fills": round(again["stored"]["queue_tokens"] / options.context, 1),
        "planted": len(both),
        "recalled": sum(both),
        "recalled_at_the_end": sum(a["right"] for a in talk["answers"]),
        "recalled_after_restart": sum(a["right"] for a in again["answers"]),
        "misses": misses,
        "answers": [*talk["answers"], *again["answers"]],
        "seconds": round(talk["seconds"] + again["seconds"], 1),
    }


def print_summary(result: dict[str, Any]) -> None:
    """The result as a person reads it."""
    print(f"\n{result['turns']} turns in a window of {result['window']:,}, filled {result['window_fills']} times")
    print(f"evictions {result['evictions']}, of these with the model's summary {result['model_summaries']}")
    print("calls: " + ", ".join(f"{name} {count}" for name, count in sorted(result["calls"].items())))
    print(f"invalid calls {result['invalid_calls']}, window overflows {result['overflows']}")
    print(
        f"facts recalled: {result['recalled']} of {result['planted']} both times "
        f"({result['recalled_at_the_end']} at the end, {result['recalled_after_restart']} after a restart)"
    )
    for miss in result["misses"]:
        print(f"  missed: {miss['question']} -> {miss['answer']}")


if __name__ == "__main__":
    main()
