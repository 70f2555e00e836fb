"""Whose is what the user asks to remember? Requests about themselves and about others, and what is saved of them.

    python -m bench.saving [--model NAME]

Each request is the first message of a conversation. What is saved is right if it has the words of the fact, and, where
it is about somebody else, a word for them; the answer is right if it has the same. Words that are saved and were not
said, stop words aside, are counted as added. The first sixteen were looked at when the example of saving was chosen
(docs/prompts.md). Then requests beside a question about something else: there the answer is right if it answers that,
and what the kernel notes is saved, too. The first four of these were looked at.
"""

from __future__ import annotations

import argparse
import re
import time
from tempfile import TemporaryDirectory
from typing import Any

from bench.changing import words
from bench.machine import describe, write
from memos import Agent, events
from memos.admission import SAVES
from memos.storage.text import STOP_WORDS, runs

# What is said; words of the fact; words for whom it is about, one of which must be there (none: the user).
REQUESTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Please remember that my locker is number 17.", ("locker", "17"), ()),
    ("Could you note that I am away in May?", ("away", "may"), ()),
    ("Remember this: I am allergic to penicillin.", ("allergic", "penicillin"), ()),
    ("I work as a nurse in Graz. Please keep that in mind.", ("nurse", "graz"), ()),
    ("My name is Ines Moll, please remember it.", ("ines", "moll"), ()),
    ("Don't forget that my doctor is called Hofer.", ("doctor", "hofer"), ()),
    ("Please note that I prefer tea to coffee.", ("prefer", "tea"), ()),
    ("Remember that I live in Lyon with my two cats.", ("lyon", "cats"), ()),
    ("My sister Ottilie lives in Tromso. Please remember that.", ("tromso",), ("sister", "ottilie")),
    ("Please remember that my brother works at a bakery.", ("bakery",), ("brother",)),
    ("Remember that my wife is allergic to nuts.", ("allergic", "nuts"), ("wife",)),
    ("Can you note that Peter moved to Bergen?", ("bergen",), ("peter",)),
    ("My son plays the cello. Please remember that.", ("cello",), ("son",)),
    ("Please remember that my mother's birthday is on 3 May.", ("birthday", "3", "may"), ("mother",)),
    ("My neighbour Karl drives a red van. Keep that in mind, please.", ("red", "van"), ("neighbour", "karl")),
    ("Could you remember that our cat is called Misha and she is eleven?", ("misha", "eleven"), ("cat",)),
    ("Make a note: I park my car in Elm Street.", ("elm",), ()),
    ("Please remember I turn forty in June.", ("forty", "june"), ()),
    ("Keep in mind that I don't eat pork.", ("pork",), ()),
    ("My bank is in Linz, please remember this.", ("bank", "linz"), ()),
    ("Please remember that my father lives in Graz.", ("graz",), ("father",)),
    ("Note that Anna works for the railway.", ("railway",), ("anna",)),
    ("My boss hates phone calls, please remember that.", ("hates", "phone"), ("boss",)),
    ("Remember that our neighbours have a key to my flat.", ("key", "flat"), ("neighbours",)),
)
# What is said; words of the fact; words of the answer.
BESIDE: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Please remember that my locker is number 17. What is the capital of Austria?", ("locker", "17"), ("vienna",)),
    ("Note that I am away in May. Which month comes after May?", ("away", "may"), ("june",)),
    ("I'm allergic to penicillin, remember that. What is two plus three?", ("allergic", "penicillin"), ("five", "5")),
    ("My sister lives in Tromso. Please note that. In which country is it?", ("sister", "tromso"), ("norway",)),
    ("Which planet is the largest? And please remember that I turn forty in June.", ("forty", "june"), ("jupiter",)),
    ("Don't forget that my doctor is called Hofer. Who wrote Hamlet?", ("doctor", "hofer"), ("shakespeare",)),
    ("What is the capital of Japan? Note also that I park in Elm Street.", ("park", "elm"), ("tokyo",)),
    ("Keep in mind that I don't eat pork. What colour is a ripe banana?", ("pork",), ("yellow",)),
    ("I work nights this week, please note it. How many hours has a day?", ("nights", "week"), ("24", "twenty")),
    ("My son is called Leo. Keep that in mind. Which animal says moo?", ("son", "leo"), ("cow", "cows")),
)


def main() -> None:
    """Ask for everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    options = parser.parse_args()
    started = time.perf_counter()
    with TemporaryDirectory() as home, Agent.open("saving", model=options.model, context=2048, folder=home) as agent:
        rows = [requested(agent, *request) for request in REQUESTS]
        beside = [requested(agent, said, fact, (), told) for said, fact, told in BESIDE]
    result: dict[str, Any] = {
        **describe(f"python -m bench.saving --model {options.model}"),
        "model": options.model,
        "themselves": counted([row for row in rows if not row["others"]]),
        "others": counted([row for row in rows if row["others"]]),
        "beside": counted(beside),
        "seconds": round(time.perf_counter() - started, 1),
        "requests": [*rows, *beside],
    }
    print(*(f"{name}: {result[name]}" for name in ("themselves", "others", "beside")), sep="\n")
    print(f"written to {write('saving', result)}")


def requested(
    agent: Agent, said: str, fact: tuple[str, ...], whom: tuple[str, ...], told: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What is saved of a request, and what is answered; the conversation is as before then.

    Args:
        agent: whom to ask.
        said: the request.
        fact: words of what is to be saved.
        whom: words for whom it is about; none: the user.
        told: words of the answer to what else it asks, one of which must be there; none where it asks nothing else.
    """
    saved: list[str] = []
    answer, number, spoken = "", 0, False
    for event in agent.stream(said):
        if isinstance(event, events.MessageStored):
            number = event.message_id
        elif isinstance(event, events.CallStarted) and event.name in SAVES:
            saved.append(str(event.arguments["content" if "content" in event.arguments else "new_content"]))
        elif isinstance(event, events.SpeechDelta):
            spoken = True  # what the kernel notes from here on it notes of any message
        elif told and not spoken and isinstance(event, events.Probed) and event.noted_in:
            saved.append(event.sentence)
        elif isinstance(event, events.TurnFinished):
            answer = event.text
    list(agent.history.rewind(number))
    known = set(runs(said)) | STOP_WORDS
    row = {
        "said": said,
        "others": bool(whom),
        "saved": saved,
        "saved_right": any(tells(text, fact, whom) for text in saved),
        "added": [word for text in saved for word in runs(text) if word not in known],
        "answer": answer,
        "answer_right": tells(answer, (), told) if told else tells(answer, fact, whom) and not as_theirs(answer),
    }
    print(f"{said} | {'; '.join(saved)} | {answer}", flush=True)
    return row


def tells(text: str, fact: tuple[str, ...], whom: tuple[str, ...]) -> bool:
    """Whether a text has all words of the fact ("3rd" is 3), and, if it is about others, a word for them."""
    said = words(text)
    return said.issuperset(fact) and (not whom or not said.isdisjoint(whom))


def as_theirs(answer: str) -> bool:
    """Whether an answer says what is the user's as if it were the assistant's, but for what it quotes."""
    return bool(re.search(r"\b(?:my|our|mine|ours)\b", re.sub("“.*?”", "", answer), re.IGNORECASE))


def counted(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many requests there were, and how many were saved and answered right."""
    return {
        "requests": len(rows),
        "saved_right": sum(row["saved_right"] for row in rows),
        "answer_right": sum(row["answer_right"] for row in rows),
        "words_added": sum(len(row["added"]) for row in rows),
    }


if __name__ == "__main__":
    main()
