"""What the user corrects, and what they want forgotten: what do the blocks say then, and the assistant?

    python -m bench.changing [--model NAME]

Some facts are told, then each request is made by itself, with what it led to taken back before the next. A request is
done if block and notes say what is new and no longer what was, or nothing else than before where it is about what was
never told; what else they have lost is told apart. Then what was corrected is asked for. All but the last eight
requests were looked at when this was built (docs/prompts.md), and these were measured once before its last step.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any

from bench.machine import describe, write
from memos import Agent, events

TOLD = (
    "Hi, I'm Petra and I live in Graz with my two cats, Momo and Luna.",
    "I work as a nurse, and my shift ends at 7 in the morning.",
    "My landlord is Mr. Huber, his number is 0664 1234567.",
    "My next dentist appointment is on 3 May. I'm allergic to penicillin.",
    "I drive a blue Skoda. I like to eat lentils.",
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Args:
        said: the request.
        gone: words that neither notes nor the answer have then.
        new: words that block and notes have then, and the answer; empty where something is to be forgotten.
        asked: a question that what is new answers.
        about: words of what was told that the request speaks of; all others are noted as before.
        never: it is to be forgotten, and was never told.
    """

    said: str
    gone: tuple[str, ...]
    new: tuple[str, ...] = ()
    asked: str = ""
    about: tuple[str, ...] = ()
    never: bool = False


DENTIST, NUMBER = "When is my dentist appointment?", "What is the number of my landlord?"
ALLERGY, DIET = "What am I allergic to?", "What do I like to eat?"
HOME, CATS, SHIFT, LANDLORD = ("graz",), ("momo", "luna"), ("7", "nurse"), ("huber", "1234567")
REQUESTS = (
    Request("No, I live in Linz, not Graz; please correct that.", HOME, ("linz",), "Where do I live?", HOME),
    Request(
        "My dentist appointment is on 10 May now, please change that.",
        ("3",),
        ("10",),
        "When is my dentist appointment?",
        ("3",),
    ),
    Request("Please correct this: my shift ends at 8.", ("7",), ("8",), "When does my shift end?", ("7",)),
    Request(
        "My landlord is Mrs. Berger now, please update that.", ("huber",), ("berger",), "Who is my landlord?", LANDLORD
    ),
    Request(
        "I sold the Skoda and drive a red Fiat now, please note the change.",
        (),
        ("fiat",),
        "Which car do I drive?",
        ("skoda",),
    ),
    Request(
        "One of my cats is called Lina, not Luna. Please correct it.",
        ("luna",),
        ("lina",),
        "How are my cats called?",
        ("luna",),
    ),
    Request(
        "I am allergic to ibuprofen, not penicillin. Correct that, please.",
        (),
        ("ibuprofen",),
        "What am I allergic to?",
        ("penicillin",),
    ),
    Request("Please update my job: I am a midwife now.", ("nurse",), ("midwife",), "What is my job?", ("nurse",)),
    Request("Please forget my landlord's number.", ("1234567",), about=LANDLORD),
    Request("Forget where I live, please.", HOME, about=HOME),
    Request("Please delete what you know about my allergy.", ("penicillin",), about=("penicillin",)),
    Request("Forget that I drive a Skoda.", ("skoda",), about=("skoda",)),
    Request("Remove my dentist appointment from your memory, please.", ("3",), about=("3",)),
    Request("Please forget the names of my cats.", CATS, about=CATS),
    Request("Forget what I told you about my shift.", ("shift",), about=SHIFT[:1]),
    Request("Please forget that I like lentils.", ("lentils",), about=("lentils",)),
    Request("That is wrong: I live in Wels. Please fix it.", HOME, ("wels",), "Which city do I live in?", HOME),
    Request("My cats are called Mimi and Luna, please update it.", ("momo",), ("mimi",), "Who are my cats?", ("momo",)),
    Request("Please note that my dentist appointment was moved to 7 June.", ("3",), ("june",), DENTIST, ("3",)),
    Request("My landlord's number has changed, it is 0676 7654321 now.", ("1234567",), ("7654321",), NUMBER, LANDLORD),
    Request("I no longer like lentils. Please remove that.", ("lentils",), about=("lentils",)),
    Request("Delete everything about my cats, please.", CATS, about=CATS),
    Request("You can forget my job.", ("nurse",), about=SHIFT),
    Request("Please erase my landlord from your memory.", ("huber",), about=LANDLORD),
    # Written when all but the cutting of notes into clauses was done, and measured once before that.
    Request("Please forget what my landlord is called.", ("huber",), about=LANDLORD),
    Request("Delete my vehicle, please.", ("skoda",), about=("skoda",)),
    Request("Forget my working hours.", ("7",), about=SHIFT),
    Request("Forget my name, please.", ("petra",), about=("petra",)),
    Request("Please forget my telephone number.", (), never=True),
    Request("Delete my brother's birthday.", (), never=True),
    Request("I am allergic to nuts, not to penicillin; please fix that.", (), ("nuts",), ALLERGY, ("penicillin",)),
    Request("Correct my diet: I like to eat beans, not lentils.", ("lentils",), ("beans",), DIET, ("lentils",)),
)
LOOKED_AT = 24
# For each thing that was told, words that the notes have as long as nothing is said of it.
KNOWN = ("petra", "graz", "momo", "luna", "nurse", "7", "huber", "1234567", "3", "penicillin", "skoda", "lentils")


def main() -> None:
    """Ask for everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    options = parser.parse_args()
    started = time.perf_counter()
    with TemporaryDirectory() as home, Agent.open("changing", model=options.model, context=4096, folder=home) as agent:
        for said in TOLD:
            agent.ask(said)
        known = [word for word in KNOWN if word in words(noted(agent))]
        rows = [requested(agent, request, known) for request in REQUESTS]
    result: dict[str, Any] = {
        **describe(f"python -m bench.changing --model {options.model}"),
        "model": options.model,
        "corrected": counted([row for row in rows if row["asked"]]),
        "forgotten": counted([row for row in rows if not row["asked"]]),
        "new": counted(rows[LOOKED_AT:]),
        "seconds": round(time.perf_counter() - started, 1),
        "requests": rows,
    }
    print(*(f"{name}: {result[name]}" for name in ("corrected", "forgotten", "new")), sep="\n")
    print(f"written to {write('changing', result)}")


def requested(agent: Agent, request: Request, known: Sequence[str]) -> dict[str, Any]:
    """What a request does; all is as before then."""
    number, answer, asked, before = 0, "", "", noted(agent)
    for event in agent.stream(request.said):
        if isinstance(event, events.MessageStored):
            number = event.message_id
        elif isinstance(event, events.TurnFinished):
            answer = event.text
    after = noted(agent)
    if request.asked:
        asked = agent.ask(request.asked).text
    list(agent.history.rewind(number))
    lost = [word for word in known if word not in words(after) and word not in request.about]
    row = {
        "said": request.said,
        "noted": after,
        "done": after == before if request.never else is_right(after, request),
        "lost": lost,  # of what the request does not speak of
        "answer": answer,
        "asked": request.asked,
        "told": asked,
        "told_right": is_right(asked, request),
    }
    print(f"{row['done']!s:5} {request.said} | {answer} | {asked} | lost: {lost}", flush=True)
    return row


def is_right(text: str, request: Request) -> bool:
    """Whether a text says what is new, and no longer what was."""
    return words(text).issuperset(request.new) and words(text).isdisjoint(request.gone)


def noted(agent: Agent) -> str:
    """All that is noted of the user: the block, and the notes."""
    notes = agent.archival.search("", limit=50).items
    return "\n".join([agent.blocks["user"].text, *(note.text for note in notes)])


def words(text: str) -> set[str]:
    """The words of a text, folded; "10th" is 10."""
    return set(re.findall(r"\w+", re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text.casefold())))


def counted(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many requests there were, how many were done, how many lost something else, and what was told then."""
    return {
        "requests": len(rows),
        "done": sum(row["done"] for row in rows),
        "lost_something": sum(bool(row["lost"]) for row in rows),
        "asked": sum(bool(row["asked"]) for row in rows),
        "told_right": sum(row["told_right"] for row in rows if row["asked"]),
    }


if __name__ == "__main__":
    main()
