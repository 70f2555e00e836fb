"""Does the assistant answer what two notes tell only together? "Where does my sister live?", of Ottilie.

    python -m bench.hops [--model NAME] [--seed N]

Twelve pairs of notes, and 68 others of the same form about other people and things, in random order: a search for
the question finds the others before the second of its pair. Then, each from this same state: questions that take both
notes of a pair (an answer is right if it has the words), questions that one of them tells, and questions of the same
form whose second half no note tells (to be declined).
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
from memos import Agent


class Pair(NamedTuple):
    """Two notes, what takes both, and the words of its answer, of which one is enough."""

    first: str
    second: str
    question: str
    words: tuple[str, ...]


PAIRS = (
    Pair("My sister is called Ottilie.", "Ottilie has moved to Bergen.", "Where does my sister live?", ("bergen",)),
    Pair(
        "My boss is Mr. Huber.",
        "Mr. Huber has a poodle called Waldi.",
        "What is my boss's dog called?",
        ("waldi",),
    ),
    Pair(
        "I bought my bike at Radhaus Keller.",
        "Radhaus Keller is in Lindengasse, behind the church.",
        "In which street is the shop where I bought my bike?",
        ("lindengasse",),
    ),
    Pair(
        "Jonas is my flatmate.",
        "Jonas must not eat walnuts, he gets a rash.",
        "What is my flatmate allergic to?",
        ("walnut",),
    ),
    Pair(
        "Vera is my best friend.",
        "Vera was born in Riga and grew up in Vienna.",
        "In which city was my best friend born?",
        ("riga",),
    ),
    Pair(
        "I am reading The Glass Ferry.",
        "Ida Lund wrote The Glass Ferry in a lighthouse.",
        "Who wrote the book that I am reading?",
        ("lund",),
    ),
    Pair(
        "My son goes to the Birkenschule.",
        "The Birkenschule is closed in the second week of February.",
        "When is my son's school closed?",
        ("februar",),
    ),
    Pair(
        "Our cat was a present from Greta.",
        "Greta lives in Graz, near the opera.",
        "Where does the person live who gave us our cat?",
        ("graz",),
    ),
    Pair(
        "My car is at Garage Moser.",
        "At Garage Moser an hour costs 90 euros.",
        "How much is an hour at the garage where my car is?",
        ("90",),
    ),
    Pair(
        "I sing in a choir called Cantabile.",
        "Cantabile rehearses on Wednesdays at seven.",
        "On which day does my choir rehearse?",
        ("wednesday",),
    ),
    Pair(
        "Nadia is my daughter's teacher.",
        "Nadia plays the cello in an orchestra.",
        "Which instrument does my daughter's teacher play?",
        ("cello",),
    ),
    Pair(
        "My dentist is Dr. Brandt.",
        "Dr. Brandt has his practice at Marktplatz 4.",
        "Where is my dentist's practice?",
        ("marktplatz",),
    ),
)
SINGLE = (
    ("What is my sister called?", ("ottilie",)),
    ("Who is my boss?", ("huber",)),  # "You are Mr. Huber." has the word, and is wrong
    ("Where did I buy my bike?", ("keller",)),
    ("Which book am I reading?", ("glass ferry",)),
    ("Where did Vera grow up?", ("vienna",)),
    ("What is my choir called?", ("cantabile",)),
)
TAKEN_FOR = re.compile(r"\bYou are (?=[A-Z])")  # nobody asks who they are
UNTOLD = (
    "How old is my sister?",
    "Which car does my boss drive?",
    "Where does my flatmate work?",
    "When was the author of the book that I am reading born?",
    "How many children does my best friend have?",
    "What is the phone number of my dentist?",
    "Who leads my choir?",
    "Where did my daughter's teacher study?",
)


OTHERS = {
    "{} has moved to {}.": "Anna Bremen, Paul Lyon, Clara Malmö, Igor Porto, Ruth Basel, Sven Turku",
    "{} has a dog called {}.": "Anna Bello, Paul Rex, Clara Luna, Igor Sputnik, Ruth Muffin, Sven Odin",
    "{} has a branch in {}.": "Velox Bahnstrasse, Pedalo Ringstrasse, Speiche Hafenweg, Kurbel Domplatz",
    "{} must not eat {}, it makes sick.": "Anna eggs, Paul shrimps, Clara celery, Igor honey, Ruth lupins, Sven soy",
    "{} was born in {}.": "Anna Kiel, Paul Nantes, Clara Lund, Igor Minsk, Ruth Zug, Sven Oulu, Greta Linz",
    "The novel {} was written by {}.": "Driftwood Bergmann, Saltmarsh Oduya, Nightfall Petrova, Undertow Kovac",
    "The {} is closed in {}.": "Lindenschule March, Eichenschule May, Ulmenschule June, Tannenschule October",
    "{} lives in {}, near the station.": "Emil Fulda, Hanna Celle, Lars Emden, Mina Jena, Olga Trier, Piet Gouda",
    "At the garage of {} an hour costs {} euros.": "Berger 70, Lang 85, Novak 64, Winter 110, Auer 78",
    "The choir {} rehearses on {}.": "Sonora Mondays, Vivace Tuesdays, Allegra Thursdays, Dolce Fridays",
    "{} plays the {} in a band.": "Emil drums, Hanna trumpet, Lars banjo, Mina flute, Olga harp, Piet tuba",
    "Dr. {} has a practice at {}.": "Fuchs Domplatz, Reiter Ringstrasse, Maurer Hafenweg, Engel Bahnstrasse",
    "{} teaches {} at a school.": "Emil maths, Hanna physics, Lars art, Mina Latin, Olga sports, Piet music",
}


def main() -> None:
    """Ask everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.perf_counter()
    with TemporaryDirectory() as home, Agent.open("hops", model=options.model, context=2048, folder=home) as agent:
        for note in notes(options.seed):
            agent.archival.insert(note)
        hops = [judged(agent, pair.question, pair.words) for pair in PAIRS]
        single = [judged(agent, question, words) for question, words in SINGLE]
        untold = [asked(agent, question) for question in UNTOLD]
    result: dict[str, Any] = {
        **describe(f"python -m bench.hops --model {options.model} --seed {options.seed}"),
        "model": options.model,
        "notes": len(notes(options.seed)),
        "hops": right(hops),
        "single": right(single),
        "untold": counted(untold),
        "seconds": round(time.perf_counter() - started, 1),
        "answers": {"hops": hops, "single": single, "untold": untold},
    }
    print(*(f"{name}: {result[name]}" for name in ("hops", "single", "untold")), sep="\n")
    print(f"written to {write('hops', result)}")


def notes(seed: int) -> list[str]:
    """All notes, in random order."""
    others = [form.format(*one.split()) for form, ones in OTHERS.items() for one in ones.split(", ")]
    told = [*(pair.first for pair in PAIRS), *(pair.second for pair in PAIRS), *others]
    Random(seed).shuffle(told)
    return told


def judged(agent: Agent, question: str, words: Sequence[str]) -> dict[str, Any]:
    """A question's answer, the seconds it took, and whether it is right."""
    started = time.perf_counter()
    row = asked(agent, question)
    seconds = round(time.perf_counter() - started, 1)
    said = row["answer"].casefold()
    told = any(word in said for word in words) and not TAKEN_FOR.search(row["answer"])
    return {**row, "seconds": seconds, "right": told}


def right(rows: Sequence[dict[str, Any]]) -> dict[str, int]:
    """How many were asked, answered rightly, and declined."""
    return {**counted(rows), "right": sum(row["right"] for row in rows)}


if __name__ == "__main__":
    main()
