"""Does an answer from memory say more than was told? "The Glass Ferry, a novel by …", where only its name was.

    python -m bench.grounding [--model NAME] [--seed N]

Forty notes of few words in random order, and a question to each, from the same state each. An answer is right if it has
the word; what it adds are words that say something and stand neither in the note nor in the question (by their first
five letters), so some of these only say it otherwise: the answers are in the result, to be read. Some end before a
sentence that says what was not told, or are the note, quoted. Then questions that ask what to do about what was told:
an answer to these must say more than a note does.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bench.machine import describe, write
from bench.untold import asked, counted
from memos import Agent, prompts
from memos.naming import content


class Told(NamedTuple):
    """A note, what it tells the answer to, and a word of that, in small letters."""

    note: str
    question: str
    word: str


TOLD = (
    Told("I'm reading The Glass Ferry.", "Which book am I reading?", "glass ferry"),
    Told("I baked something for my mother's birthday.", "What did I do for my mother's birthday?", "bake"),
    Told("Vera is my best friend.", "Who is Vera?", "friend"),
    Told("My dentist is Dr. Brandt.", "Who is my dentist?", "brandt"),
    Told("I went to Rome in 2019.", "When was I in Rome?", "2019"),
    Told("I have a cat called Misha.", "Which pet do I have?", "cat"),
    Told("My landlord is called Huber.", "What is the name of my landlord?", "huber"),
    Told("I saw Blue Harbour at the cinema last week.", "Which film did I see last week?", "blue harbour"),
    Told("I support FC Lindau.", "Which football club do I support?", "lindau"),
    Told("My flight to Oslo leaves at 6:40.", "When does my flight leave?", "6:40"),
    Told("I keep three hives of bees.", "Which animals do I keep?", "bees"),
    Told("My daughter Nele starts school in September.", "When does my daughter start school?", "september"),
    Told("I gave my mother a scarf for Christmas.", "What did I give my mother for Christmas?", "scarf"),
    Told("My wifi password is marmalade77.", "What is my wifi password?", "marmalade77"),
    Told("I cycle to work.", "How do I get to work?", "cycl"),
    Told("My knee hurts when I climb stairs.", "What is wrong with my knee?", "hurt"),
    Told("I am learning Portuguese.", "Which language am I learning?", "portuguese"),
    Told("We are moving to Ghent in spring.", "Where are we moving to?", "ghent"),
    Told("My brother Tom is a plumber.", "What does my brother do?", "plumb"),
    Told("I proposed to Lena on a ferry.", "Where did I propose to Lena?", "ferry"),
    Told("I collect old maps.", "What do I collect?", "maps"),
    Told("My grandmother was born in Trieste.", "Where was my grandmother born?", "trieste"),
    Told("I can't stand coriander.", "Which herb do I dislike?", "coriander"),
    Told("I work at the town library.", "Where do I work?", "library"),
    Told("My first car was a yellow Panda.", "What was my first car?", "panda"),
    Told("I am afraid of dogs since I was bitten as a child.", "Why am I afraid of dogs?", "bit"),
    Told("I want to learn to sail this year.", "What do I want to learn this year?", "sail"),
    Told("My neighbour lent me a drill.", "Who lent me a drill?", "neighbo"),
    Told("I take two tablets every morning.", "What do I take every morning?", "tablets"),
    Told("The spare key is under the blue pot.", "Where is the spare key?", "pot"),
    Told("I play chess on Mondays with Igor.", "With whom do I play chess?", "igor"),
    Told("My favourite painter is Hilma.", "Who is my favourite painter?", "hilma"),
    Told("I'm writing my thesis about moss.", "What is my thesis about?", "moss"),
    Told("Our boiler broke in January.", "What broke in January?", "boiler"),
    Told("I'm on a diet without sugar.", "What is special about my diet?", "sugar"),
    Told("My uncle owns a vineyard.", "What does my uncle own?", "vineyard"),
    Told("I broke my arm skiing.", "How did I break my arm?", "ski"),
    Told("I met Paul at a concert.", "Where did I meet Paul?", "concert"),
    Told("I have to renew my passport by June.", "By when do I have to renew my passport?", "june"),
    Told("My son's team is called the Otters.", "What is my son's team called?", "otters"),
)
ADVICE = (
    "What could I give Vera for her birthday?",
    "What is good for my knee?",
    "Could you suggest a name for a second cat, to go with Misha?",
    "Which dish without coriander could I cook tonight?",
    "What should I see in Ghent when we have moved?",
    "How can I be less afraid of dogs?",
    "What should I pack for my flight to Oslo?",
    "Which flowers are good for my bees?",
    "What is a good first sentence for my thesis about moss?",
    "How could I thank my neighbour for the drill?",
)


def main() -> None:
    """Ask everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    notes = [one.note for one in TOLD]
    Random(options.seed).shuffle(notes)
    with TemporaryDirectory() as home, Agent.open("told", model=options.model, context=2048, folder=home) as agent:
        for note in notes:
            agent.archival.insert(note)
        told = [judged(agent, one) for one in TOLD]
        advice = [asked(agent, question) for question in ADVICE]
    result: dict[str, Any] = {
        **describe(f"python -m bench.grounding --model {options.model} --seed {options.seed}"),
        "model": options.model,
        "told": {**counted(told), "right": sum(row["right"] for row in told), "add": sum(map(adds, told)), **cut(told)},
        "advice": {**counted(advice), **cut(advice)},
        "seconds": round(time.perf_counter() - started, 1),
        "answers": {"told": told, "advice": advice},
    }
    print(*(f"{name}: {result[name]}" for name in ("told", "advice")), sep="\n")
    print(f"written to {write('grounding', result)}")


def judged(agent: Agent, told: Told) -> dict[str, Any]:
    """A question's answer, whether it is right, and what it says that was not told."""
    row = asked(agent, told.question)
    added = sorted(content(row["answer"]) - content(f"{told.note} {told.question} {prompts.quoted('', surely=True)}"))
    return {**row, "right": bool(re.search(rf"\b{told.word}", row["answer"].casefold())), "added": added}


def cut(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many answers are the note, quoted, and how many end before a sentence that was not told."""
    unsaid = [row for row in rows if row["unsaid"]]
    quoted = sum("“" in row["answer"] for row in unsaid)
    return {"quoted": quoted, "ended": len(unsaid) - quoted}


def adds(row: dict[str, Any]) -> bool:
    """Whether an answer, not one that declines, says what was not told."""
    return bool(row["added"]) and not row["declined"]


if __name__ == "__main__":
    main()
