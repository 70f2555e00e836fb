"""How well the kernel's probes tell apart what they are asked, on the sentences of the demo.

    python -m bench.probes [--model NAME]

Every sentence of demo_session.json is asked whether it tells a fact (true: it has the words of a planted fact),
every message and question whether it asks for what was told, and every question whether the note of its fact, and
of three others, answers it. Reports the area under the ROC curve (the chance that a true one gets a
higher probability than a false one) and the counts at thresholds: the kernel's, and one half for answers.

Then notes that tell two things each, written for this: does a note answer the two questions about it, and not those
about three others, as a whole, and as the kernel asks, which asks about each clause, too?

Then the probes together, as the kernel uses them: with what the messages before it left in archival memory, what is
paged in with each message (nothing should be), and with each question in the end (the note that tells it should be)?
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from bench.demo import load_session
from bench.machine import describe, write
from memos.agents.composition import load_model, make_embedder
from memos.events import PagedIn
from memos.kernel import Kernel, Storage, boot
from memos.messages import Kind
from memos.policy import KernelSettings
from memos.probes import Prober, sentences
from memos.protocols import LanguageModel
from memos.settings import Settings, load
from memos.storage import Database
from memos.tools import SYSTEM_CALLS

OTHERS = (3, 5, 7)  # which other facts a question is tried on
# What somebody may tell in one sentence, and what asks for the one and for the other.
PAIRS = (
    ("I was born on 5 May and my boss is Mr. Huber.", "When was I born?", "Who is my boss?"),
    (
        "My sister Lena lives in Bergen, and I have two cats called Miso and Tofu.",
        "Where does my sister live?",
        "What are my cats called?",
    ),
    ("I work as a nurse at St. Anna, and my shift starts at six.", "What is my job?", "When does my shift start?"),
    ("We moved to Linz in March, but I still work in Vienna.", "When did we move?", "In which city do I work?"),
    (
        "I am allergic to walnuts; my son cannot stand coriander.",
        "What am I allergic to?",
        "What does my son dislike?",
    ),
    ("I drive an old Saab and I keep bees behind the house.", "What car do I drive?", "Where do I keep my bees?"),
    (
        "My dentist is Dr. Brandt, and my next appointment is on 12 June.",
        "Who is my dentist?",
        "When do I have to go to the dentist?",
    ),
    ("I pay 940 euros of rent, my landlord is called Huber.", "How much rent do I pay?", "Who is my landlord?"),
    (
        "My wife teaches chemistry and our daughter Ida plays the cello.",
        "What does my wife teach?",
        "Which instrument does Ida play?",
    ),
    (
        "I am reading The Glass Ferry, and I am learning Portuguese for a trip to Lisbon.",
        "Which book am I reading?",
        "Which language am I learning?",
    ),
    (
        "My locker has the number 17, and my bike is a green Bianchi.",
        "What number is my locker?",
        "What bike do I have?",
    ),
    (
        "I sing in a choir called Cantabile, and my brother Jonas is a carpenter.",
        "What is my choir called?",
        "What does my brother do for work?",
    ),
)


def main() -> None:
    """Ask everything and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    options = parser.parse_args()
    # The pages of all sixty stay in view, so that nothing must be evicted; their sizes are those of 2,048 tokens.
    model = load_model(Settings(model=options.model, context=16384))
    session = load_session()
    policy = KernelSettings.for_window(2048)
    least = policy.fact_threshold
    try:
        prober = Prober(model)
        told = facts(prober, session)
        result = {
            **describe(f"python -m bench.probes --model {options.model}"),
            "model": options.model,
            "facts": separation(*told, (policy.fact_threshold,)),
            "requests": separation(*requests(prober, session), (policy.prefetch_threshold, policy.memory_threshold)),
            "answers": separation(*answers(prober, session), (0.5,)),
            "pairs": {name: separation(*pairs(ask), (0.5, 0.8)) for name, ask in ways(prober).items()},
            "pages": pages(model, session, {text for scores in told for score, text in scores if score >= least}),
        }
    finally:
        model.close()
    for name in ("facts", "requests", "answers", "pairs", "pages"):
        print(name, json.dumps(result[name]))
    print(f"written to {write('probes', result)}")


Scores = list[tuple[float, str]]


def facts(prober: Prober, session: dict[str, Any]) -> tuple[Scores, Scores]:
    """Sentences that tell a planted fact, and all others that are no questions."""
    true: Scores = []
    false: Scores = []
    for turn, text in enumerate(session["turns"], 1):
        planted = [telling(session, fact) for fact in session["facts"] if fact["told"] == turn]
        for answer in prober.facts(text):
            (true if answer.sentence in planted else false).append((answer.probability, answer.sentence))
    return true, false


def requests(prober: Prober, session: dict[str, Any]) -> tuple[Scores, Scores]:
    """Questions about the user's own life, and messages of the conversation, by their likeliest sentence."""
    asked = [fact[key] for key in ("ask", "ask_again") for fact in session["facts"]]

    def scores(texts: Sequence[str]) -> Scores:
        return [
            (max(one.probability for one in prober.requests(text) if one.question == "ask"), text) for text in texts
        ]

    return scores(asked), scores(session["turns"])


def answers(prober: Prober, session: dict[str, Any]) -> tuple[Scores, Scores]:
    """Each question with the note that tells the answer, and with three that tell other facts."""
    told = [telling(session, fact) for fact in session["facts"]]
    true: Scores = []
    false: Scores = []
    for key in ("ask", "ask_again"):
        for index, fact in enumerate(session["facts"]):
            true.append((answering(prober, fact[key], told[index]), fact[key]))
            for step in OTHERS:
                other = told[(index + step) % len(told)]
                false.append((answering(prober, fact[key], other), f"{fact[key]} {other}"))
    return true, false


def ways(prober: Prober) -> dict[str, Callable[[str, str], float]]:
    """How a note is asked about: as the kernel does, and as a whole alone."""

    def whole(question: str, note: str) -> float:
        with patch("memos.probes.clauses", return_value=[]):
            return answering(prober, question, note)

    return {"by clause": partial(answering, prober), "as a whole": whole}


def pairs(ask: Callable[[str, str], float]) -> tuple[Scores, Scores]:
    """Each question of `PAIRS` with its note, and with three others."""
    true: Scores = []
    false: Scores = []
    for index, (note, *questions) in enumerate(PAIRS):
        others = [PAIRS[(index + step) % len(PAIRS)][0] for step in OTHERS]
        for question in questions:
            true.append((ask(question, note), question))
            false += [(ask(question, other), f"{question} {other}") for other in others]
    return true, false


def answering(prober: Prober, question: str, note: str) -> float:
    """The probability that a note answers a question."""
    answer = prober.answered(question, note)
    return answer.probability if answer else 0.0


def pages(model: LanguageModel, session: dict[str, Any], kept: Collection[str]) -> dict[str, Any]:
    """What comes into view with every message and every question, on real storage and search.

    Args:
        model: the loaded model.
        session: the demo's.
        kept: the sentences that are notes once they were said.
    """
    shown: list[tuple[str, str]] = []
    with (
        TemporaryDirectory() as folder,
        Database.open(Path(folder), embedder=partial(make_embedder, load())) as home,
        home.agent("bench") as stored,
    ):
        policy = KernelSettings.for_window(2048)
        storage = Storage(stored.recall, stored.archival, stored.state)
        (kernel,) = (item for item in boot(model, storage, SYSTEM_CALLS, policy=policy) if isinstance(item, Kernel))

        def say(text: str, turn: int) -> str:
            message = kernel.queue.append(Kind.USER, text, turn=turn)
            told = kernel.remembering.page_in(message, lambda: False)
            found = [event for event in told if isinstance(event, PagedIn)]
            page = stored.recall.get(found[0].message_id) if found else None
            return page.content if page else ""

        for turn, text in enumerate(session["turns"], 1):
            shown.append((text[-100:], say(text, turn)))
            for sentence in sentences(text):
                if sentence in kept:
                    stored.archival.insert(sentence, location="recall:1")
        asked = [(say(fact[key], 100), fact, key) for key in ("ask", "ask_again") for fact in session["facts"]]
    missed = [fact[key] for page, fact, key in asked if telling(session, fact) not in page]
    false = [f"{text} -> {page}" for text, page in shown if page]
    return {
        "questions": len(asked),
        "note_shown": len(asked) - len(missed),
        "missed": missed,
        "messages": len(shown),
        "paged_in": len(false),
        "false": false,
    }


def telling(session: dict[str, Any], fact: dict[str, Any]) -> str:
    """The sentence of the session that tells a fact: the one with most of its words."""
    words = [word for group in fact["right"] for word in group]
    parts = sentences(session["turns"][fact["told"] - 1])
    return max(parts, key=lambda part: sum(word in part.casefold() for word in words))


def separation(true: Scores, false: Scores, thresholds: Sequence[float]) -> dict[str, Any]:
    """Area under the curve, what each threshold finds and lets through, and the worst mistakes."""
    pairs = [(a > b) + 0.5 * (a == b) for a, _ in true for b, _ in false]
    return {
        "true": len(true),
        "false": len(false),
        "auc": round(sum(pairs) / len(pairs), 3),
        "at": {
            str(threshold): {
                "found": sum(score >= threshold for score, _ in true),
                "let_through": sum(score >= threshold for score, _ in false),
            }
            for threshold in thresholds
        },
        "lowest_true": [[round(score, 3), text[:100]] for score, text in sorted(true)[:4]],
        "highest_false": [[round(score, 3), text[:100]] for score, text in sorted(false)[-10:][::-1]],
    }


if __name__ == "__main__":
    main()
