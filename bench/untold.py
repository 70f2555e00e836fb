"""Does the assistant know what it was not told? Questions, some of them about what nothing tells.

    python -m bench.untold [--model NAME]

The twelve facts of demo_session.json are told, a sentence each, and leave the window. Then, each from this same state:
questions about the person that no fact tells (to be declined), the questions that the facts tell, and questions about
the world (both to be answered). An answer declines if it has such words as "no mention" or "I don't know", by the
metric that LoCoMo's unanswerable questions are judged by.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from tempfile import TemporaryDirectory
from typing import Any

from bench.demo import judge, load_session
from bench.machine import describe, write
from bench.probes import telling
from memos import Agent, events
from memos.eval.metrics import declined

UNTOLD = (
    "What is my shoe size?",
    "Do I have a brother?",
    "How old is my dog?",
    "Where did I go to school?",
    "What is my favourite colour?",
    "When do I have to be at the dentist?",
    "What is the name of my landlord?",
    "Which film did I see last week?",
    "What did I give my mother for her birthday?",
    "How tall am I?",
    "Which football club do I support?",
    "What is my phone number?",
    "Do you remember which hotel I stayed at in Rome?",
    "What did the doctor tell me about my knee?",
    "What is my husband's job?",
    "How much do I pay for my flat?",
)
WORLD = (
    "Why is the sky blue?",
    "How do bees find their way home?",
    "What is the capital of Norway?",
    "Why does bread go stale?",
    "How does a fridge work?",
    "What should I cook for six people?",
    "Can you explain why ships of steel float?",
    "What is a good way to learn a language?",
    "How do people keep calm on bad days?",
    "Which planet is the largest?",
    "What can one see in Lisbon in two days?",
    "Why do cats purr?",
)


def main() -> None:
    """Ask everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    options = parser.parse_args()
    session = load_session()
    started = time.perf_counter()
    with TemporaryDirectory() as home, Agent.open("untold", model=options.model, context=2048, folder=home) as agent:
        for fact in session["facts"]:
            list(agent.stream(telling(session, fact)))
        agent.evict()
        untold = [asked(agent, question) for question in UNTOLD]
        told = [{**asked(agent, fact["ask"]), "fact": fact} for fact in session["facts"]]
        world = [asked(agent, question) for question in WORLD]
    result: dict[str, Any] = {
        **describe(f"python -m bench.untold --model {options.model}"),
        "model": options.model,
        "untold": counted(untold),
        "told": {**counted(told), "right": sum(judge(row["answer"], row.pop("fact")) for row in told)},
        "world": counted(world),
        "seconds": round(time.perf_counter() - started, 1),
        "answers": {"untold": untold, "told": told, "world": world},
    }
    print(*(f"{name}: {result[name]}" for name in ("untold", "told", "world")), sep="\n")
    print(f"written to {write('untold', result)}")


def asked(agent: Agent, question: str) -> dict[str, Any]:
    """A question's answer, whether it declines, whether the question was taken apart, and by which words a sentence of
    the answer was not said; the conversation is as before then."""
    answer, number, apart = "", 0, False
    unsaid: list[str] = []
    for event in agent.stream(question):
        if isinstance(event, events.MessageStored):
            number = event.message_id
        elif isinstance(event, events.TakenApart):
            apart = True
        elif isinstance(event, events.Unsaid):
            unsaid += event.words
        elif isinstance(event, events.TurnFinished):
            answer = event.text
    list(agent.history.rewind(number))
    row = {"question": question, "answer": answer, "declined": declined(answer), "taken_apart": apart, "unsaid": unsaid}
    print(f"{question} -> {answer}", flush=True)
    return row


def counted(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many were asked, and how many of them declined."""
    return {"questions": len(rows), "declined": sum(row["declined"] for row in rows)}


if __name__ == "__main__":
    main()
