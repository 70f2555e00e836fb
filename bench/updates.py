"""Does what was told later count? Two messages, of which the later may change the first or be about something else.

    python -m bench.updates [--model NAME]

Each pair is read for a question in two ways: as messages of one day and another, behind the examples with which talk is
read apart, and as what was told first and later, behind examples of what that changes (`memos.past_reader`). A reading
is right if it has a word of the answer, and none of what is so no longer, or never was, unless it says no.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from bench.machine import describe, write
from memos import prompts
from memos.agents.composition import load_model
from memos.messages import Kind, Message
from memos.reading import Reader
from memos.settings import load


class Pair(NamedTuple):
    """A question, what was told first, what was told later, words of the answer, and words that are wrong."""

    question: str
    first: str
    later: str
    right: tuple[str, ...]
    wrong: tuple[str, ...]


CHANGED = (
    Pair(
        "Who cuts my hair?",
        "I go to Mario at the corner for my hair, he talks too much.",
        "Mario has retired to Bari, so I went to his niece Carla today, she cuts just as well.",
        ("carla",),
        ("mario",),
    ),
    Pair(
        "Is the heating in the office working?",
        "The heating in our office is dead, I sit here in two coats.",
        "They fixed the heating at work finally, now everyone opens windows.",
        (
            "yes",
            "works",
            "fixed",
        ),
        ("no",),
    ),
    Pair(
        "Which language am I learning?",
        "I'm learning Portuguese with an app.",
        "Portuguese was too hard for me, I'm on Italian these days.",
        ("italian",),
        ("portug",),
    ),
    Pair(
        "When does the plumber come?",
        "The plumber is coming Tuesday at eight.",
        "The plumber has flu, he will be here the Monday after.",
        ("monday",),
        ("tuesday",),
    ),
    Pair(
        "What is wrong with my car?",
        "The garage says it's the battery.",
        "It wasn't the battery after all, the alternator is broken, 400 euros.",
        ("alternator",),
        ("battery",),
    ),
    Pair(
        "Does my daughter still eat meat?",
        "My daughter loves schnitzel, she could eat it daily.",
        "My daughter has gone vegetarian, so I'm cooking twice.",
        (
            "no",
            "veget",
        ),
        ("yes",),
    ),
    Pair(
        "How much is the subscription for the paper?",
        "I pay 32 a month for the newspaper.",
        "The paper has gone up again, now they want 38.",
        ("38",),
        ("32",),
    ),
    Pair(
        "Is Emma coming to my birthday?",
        "For my birthday I've invited Jonas, Emma and the two from next door.",
        "Emma can't come on Saturday, she has to work.",
        ("no",),
        ("yes",),
    ),
    Pair(
        "Which floor is my office on?",
        "Our office is on the third floor.",
        "We've moved up to the sixth floor with the whole team.",
        ("six",),
        ("third",),
    ),
    Pair(
        "What do I pay for the club?",
        "The nursery for Mia is 300 a month, and 120 for Paul's after-school club.",
        "The after-school club costs 140 from January.",
        ("140",),
        (
            "120",
            "300",
        ),
    ),
    Pair(
        "Who is my manager?",
        "My manager is called Ruth, she is strict but fair.",
        "Ruth has left for Boston, and Omar has taken over our team.",
        ("omar",),
        ("ruth",),
    ),
    Pair(
        "Wann ist das Elterngespräch?",
        "Das Elterngespräch ist am 5. Mai um vier.",
        "Die Lehrerin ist krank, das Elterngespräch ist jetzt am 19. Mai.",
        ("19",),
        ("5.",),
    ),
    Pair(
        "Quel jour est mon cours de danse ?",
        "Mon cours de danse est le lundi soir.",
        "La prof a changé l'horaire, la danse c'est le jeudi maintenant.",
        ("jeudi",),
        ("lundi",),
    ),
    Pair(
        "Do I still have the blue bike?",
        "I ride a blue bike that was my father's.",
        "Somebody stole my bike from the station, I could cry.",
        (
            "no",
            "stole",
        ),
        ("yes",),
    ),
    Pair(
        "Am I still on antibiotics?",
        "I'm on antibiotics for ten days.",
        "Last antibiotic this morning, done!",
        (
            "no",
            "done",
        ),
        ("yes",),
    ),
    Pair(
        "Wer passt auf unseren Hund auf?",
        "Unser Hund ist im Urlaub bei Tante Gisela, die wohnt am Wald.",
        "Gisela hat sich den Arm gebrochen, also nimmt ihn jetzt der Nachbar Holger.",
        ("holger",),
        ("gisela",),
    ),
    Pair(
        "Where do I keep the spare key?",
        "The spare key is under the flower pot with the basil.",
        "I've put the spare key into the shed, since the pot got stolen.",
        ("shed",),
        ("pot",),
    ),
    Pair(
        "What is my aunt's phone number?",
        "My aunt's number is 0171 553.",
        "My aunt has a new number, 0160 998, the old one is dead.",
        ("0160",),
        ("0171",),
    ),
    Pair(
        "When is the boiler being serviced?",
        "The boiler man comes on the 3rd of May.",
        "The boiler man phoned, he can't make it before the 17th.",
        ("17",),
        ("3rd",),
    ),
)
SAME = (
    Pair(
        "Where do my parents live?",
        "My parents have a house in Kent.",
        "My in-laws bought a flat in Leeds.",
        ("kent",),
        ("leeds",),
    ),
    Pair(
        "What is my cat allergic to?",
        "The cat can't have chicken, it gives her a rash.",
        "The dog can't have beef, says the vet.",
        ("chicken",),
        ("beef",),
    ),
    Pair(
        "Is Jonas coming to my birthday?",
        "For my birthday I've invited Jonas, Emma and the two from next door.",
        "Emma can't come on Saturday, she has to work.",
        ("yes",),
        ("no",),
    ),
    Pair(
        "What do I pay for the nursery?",
        "The nursery for Mia is 300 a month, and 120 for Paul's after-school club.",
        "The after-school club costs 140 from January.",
        ("300",),
        ("140",),
    ),
    Pair(
        "What is the wifi password at home?",
        "The wifi password is sunflower77.",
        "The guest wifi at work is called bluebird, password heron12.",
        ("sunfl",),
        ("heron",),
    ),
    Pair(
        "Where did Anna park the van?",
        "My flatmate Anna left the van behind the town hall.",
        "My brother parked his motorbike in front of the library today.",
        ("town hall",),
        ("library",),
    ),
    Pair(
        "What instrument does my son play?",
        "Our son plays the clarinet, he practises in the bathroom.",
        "My daughter has started the trombone, the neighbours have moved out.",
        ("clarinet",),
        ("trombone",),
    ),
    Pair(
        "What colour is my kitchen?",
        "We painted the kitchen yellow last summer.",
        "The bathroom is blue at last, it took two weekends.",
        ("yellow",),
        ("blue",),
    ),
    Pair(
        "Which school does Tim go to?",
        "Tim goes to the Goethe school, second year.",
        "Tim's best friend goes to the Schiller school and they meet at the bus.",
        ("goethe",),
        ("schiller",),
    ),
)
BEGIN = datetime(2026, 3, 2, 18, tzinfo=UTC)


def main() -> None:
    """Read every pair in both ways and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    options = parser.parse_args()
    started = time.perf_counter()
    model = load_model(load(model=options.model, context=2048))
    readers = {
        "messages": (Reader(model, prompts.EXCERPTOR, prompts.EXCERPTS), (prompts.said, prompts.said)),
        "updates": (Reader(model, prompts.UPDATER, prompts.UPDATES), (prompts.told_first, prompts.told_then)),
    }
    result: dict[str, Any] = {
        **describe(f"python -m bench.updates --model {options.model}"),
        "model": options.model,
        "pairs": {"changed": len(CHANGED), "same": len(SAME)},
    }
    answers = {}
    for name, (reader, forms) in readers.items():
        answers[name] = {
            kind: [read(reader, forms, pair) for pair in pairs]
            for kind, pairs in (("changed", CHANGED), ("same", SAME))
        }
        result[name] = {kind: sum(row["right"] for row in rows) for kind, rows in answers[name].items()}
        print(f"{name}: {result[name]}")
    result |= {"seconds": round(time.perf_counter() - started, 1), "answers": answers}
    print(f"written to {write('updates', result)}")


def read(reader: Reader, forms: Sequence[Any], pair: Pair) -> dict[str, Any]:
    """What a reader says to a pair's question, and whether that is right."""
    told = (pair.first, pair.later)
    lines = [
        form(Message(at + 1, Kind.USER, text, BEGIN + timedelta(weeks=at), turn=at + 1))
        for at, (form, text) in enumerate(zip(forms, told, strict=True))
    ]
    says = last(reader.read(pair.question, lines, lambda: False))
    right = has(says, pair.right) and (not has(says, pair.wrong) or has(says, ("no", "nein", "non")))
    print(f"{'right' if right else 'WRONG'} {pair.question} -> {says}", flush=True)
    return {"question": pair.question, "says": says, "right": right}


def has(text: str, beginnings: Sequence[str]) -> bool:
    """Whether a word of a text begins with one of these."""
    return any(re.search(rf"\b{re.escape(one)}", text, re.IGNORECASE) for one in beginnings)


def last(events: Generator[Any, None, str]) -> str:
    """What a generator returns."""
    while True:
        try:
            next(events)
        except StopIteration as stopped:
            return str(stopped.value)


if __name__ == "__main__":
    main()
