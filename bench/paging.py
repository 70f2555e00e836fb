"""What keeping a prompt costs: tokens that are evaluated next to tokens that are new, for several ways to do it.

    python -m bench.paging [--data FILE] [--models A,B] [--windows 4096,8192] [--turns 100] [--seed 0] [--timed 4096]

A conversation of LoCoMo is replayed (`bench.replay`), so that all arms hear and say the same. In every third turn the
model edits a block first; every 25 turns the process ends and starts again. Arms:

    memos exact   what stays after an eviction is read again behind the new summary
    memos shift   it is moved
    memos pause   exact, and before every turn the user pauses: what is done then is not counted
    classic       MemGPT 0.3.25's layout of the same prompts: clock, counts and memory in the head, made anew at every
                  edit and eviction, function signatures after it; nothing outlives the process, summaries are free
    stateless     every call from nothing

Evaluated are prompt tokens that were read, and tokens that were generated. New are those that stood nowhere in the
prompt before: messages, calls, results, and those segments of the head that changed. Resident are the keys and values
that are in the cache when a turn begins. Then one turn of each kind is held on the model itself, and timed: to the
first word, to the last, and where a process begins again, how long its snapshot takes from disk.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from bench.machine import describe, write
from bench.replay import LOCOMO, Read, Replay, Tokens, conversation
from bench.resident import forget, read
from memos import Agent, events
from memos.agents.composition import load_model
from memos.generation import Generated, Piece, Sampling, TextGrammar, shared_prefix
from memos.inference.engine import LlamaModel
from memos.messages import Call
from memos.protocols import LanguageModel
from memos.settings import Settings
from memos.storage.snapshots import SnapshotStore
from memos.testing import say

MODELS = "qwen2.5-coder-0.5b,qwen2.5-coder-1.5b"
KINDS = ("plain", "edit", "eviction", "restart")
EDIT_EVERY, RESTART_EVERY = 3, 25
TIMED = {
    "memos exact": {"plain", "edit", "eviction", "restart"},
    "memos shift": {"eviction"},
    "classic": {"plain", "edit"},
    "stateless": {"plain", "restart"},
}

Talk = Sequence[tuple[str, str]]
Splice = tuple[int, int, Tokens]
SNAPSHOTS = 8 << 30  # bytes, more than any snapshot here


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn in one arm.

    Args:
        kind: one of `KINDS`.
        evaluated: tokens read and generated.
        new: tokens that are new in the prompt.
        resident: what was in the cache when it began.
        splices: what was moved.
        reads: what the model was asked.
        keeps: whether what was read is kept from call to call.
        heads: of each read that is no fork, the head's length, and the blocks as they are by then.
    """

    kind: str
    evaluated: int
    new: int
    resident: Tokens
    splices: tuple[Splice, ...]
    reads: tuple[Read, ...]
    keeps: bool = True
    heads: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """How long a turn took on the model.

    Args:
        ttft_s: seconds to the first word of the answer.
        turn_s: seconds to the last.
        decode_tokens_s: tokens of the answer a second, from the first on.
        resume_s: seconds in which the snapshot came back from disk, which the others contain; where one did.
    """

    ttft_s: float | None = None
    turn_s: float | None = None
    decode_tokens_s: float | None = None
    resume_s: float | None = None


Times = Mapping[tuple[str, str], Held]


def main() -> None:
    """Replay in every arm, time one turn of each kind, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=LOCOMO, help="a LoCoMo file, one conversation a line, gzip or not")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--windows", default="4096,8192")
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="which conversation")
    parser.add_argument("--timed", default="4096", help="windows in which turns are held on the model; or none")
    options = parser.parse_args()
    if not options.data.exists():
        sys.exit(f"There is no {options.data}; name a LoCoMo file with --data.")
    timed_windows = [int(window) for window in options.timed.split(",") if window.isdigit()]
    talk = conversation(options.data, options.turns, options.seed)
    rows: list[dict[str, Any]] = []
    for name in options.models.split(","):
        for window in map(int, options.windows.split(",")):
            model = load_model(Settings(model=name, context=window))
            assert isinstance(model, LlamaModel)
            try:
                arms = replayed(model, talk)
                times = timed(model, arms) if window in timed_windows else {}
                each = bytes_of_a_token(model)
                for arm, turns in arms.items():
                    some = summed(arm, turns, times, each)
                    rows += [{"arm": arm, "model": name, "window": window, **row} for row in some]
                    for row in rows[-len(KINDS) - 1 :]:
                        print(*row.values(), sep="\t", flush=True)
            finally:
                model.close()
    given = f"--models {options.models} --windows {options.windows} --turns {options.turns} --seed {options.seed}"
    given += f" --timed {options.timed}"
    result = {**describe(f"python -m bench.paging {given}"), "seed": options.seed, "data": options.data.name}
    print(f"written to {write('paging', {**result, 'rows': rows})}")


def summed(arm: str, turns: Sequence[Turn], times: Times, each: float) -> Iterator[dict[str, Any]]:
    """Means by kind of turn, and of all; `each` token has so many bytes in the cache."""
    for kind in (*KINDS, "all"):
        some = [turn for turn in turns if kind in (turn.kind, "all")]
        evaluated, new = sum(turn.evaluated for turn in some), sum(turn.new for turn in some)
        yield {
            "kind": kind,
            "turns": len(some),
            "evaluated_tokens": round(mean(turn.evaluated for turn in some), 1) if some else None,
            "new_tokens": round(mean(turn.new for turn in some), 1) if some else None,
            "ratio": round(evaluated / new, 3) if new else None,
            "resident_bytes": round(each * mean(len(turn.resident) for turn in some)) if some else None,
            **asdict(times.get((arm, kind), Held())),
        }


def bytes_of_a_token(model: LlamaModel) -> float:
    """Of its keys and values, as a snapshot has them."""
    read(model, model.tokenize("A few words that are read. " * 100))
    snapshot = model.snapshot()
    return len(snapshot.state) / len(snapshot.tokens)


# ------------------------------------------------------------------------------------------- the arms


def replayed(model: LanguageModel, talk: Talk) -> dict[str, list[Turn]]:
    """The turns of every arm."""
    exact = replay(model, talk, "exact")
    return {
        "memos exact": exact,
        "memos shift": replay(model, talk, "shift"),
        "memos pause": replay(model, talk, "exact", pause=True),
        "classic": classic(model, exact),
        "stateless": [stateless(turn) for turn in exact],
    }


def replay(model: LanguageModel, talk: Talk, eviction: str, *, pause: bool = False) -> list[Turn]:
    """Hold the conversation with a real agent."""
    summaries = (" ".join(one for one, _ in talk[start : start + 3])[:300] for start in range(len(talk)))
    # What the idle time would do is done by hand, so that every run is the same.
    settings: dict[str, Any] = {
        "eviction": eviction,
        "prefetch": False,
        "note_facts": False,
        "ahead": False,
        "embedding": "none",
    }
    turns: list[Turn] = []
    segments: dict[str, Tokens] = {}
    calls = script(talk)
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, len(talk), RESTART_EVERY):
            replayer = Replay(model, calls, summaries)
            with Agent.open("replay", model=replayer, folder=folder, **settings) as agent:
                for number, (text, _) in enumerate(talk[first : first + RESTART_EVERY]):
                    if pause:
                        list(agent.kernel.queue.evict_ahead(lambda: False))
                        list(agent.kernel.queue.read_ahead(lambda: False))
                    segments = segments if not number and not pause else segments_of(agent)
                    turn = one_turn(agent, replayer, text, segments)
                    turns.append(replace(turn, kind="restart") if first and not number else turn)
                    segments = segments_of(agent)
    return turns


def script(talk: Talk) -> Iterator[Call]:
    """The model's calls: in every third turn it notes the subject in a block, then it answers."""
    noted = ""
    for number, (_, answer) in enumerate(talk, 1):
        if number % EDIT_EVERY == 0:
            subject = f"We spoke of subject {number}."
            given = {"label": "user", "old_content": noted, "new_content": subject}
            yield (
                Call("core_memory_replace", given)
                if noted
                else Call("core_memory_append", {"label": "user", "content": subject})
            )
            noted = subject
        yield say(answer)


def one_turn(agent: Agent, model: Replay, text: str, segments: dict[str, Tokens]) -> Turn:
    """Say one thing, and count.

    Args:
        agent: the agent.
        model: its model.
        text: what is said.
        segments: the head's changing segments, as they were read last; none before the first turn, in which all is
            new.
    """
    context, kind = agent.kernel.queue.context, "plain"
    resident, used, reads, splices = model.resident(), context.used, len(model.reads), len(model.spliced)
    evaluated = freed = 0
    heads = []
    for event in agent.stream(text):
        if isinstance(event, events.Step):
            evaluated += event.evaluated + event.generated
            if event.purpose == "call":
                heads.append((context.fixed_cost, blocks_of(agent)))
        elif isinstance(event, events.Evicted):
            kind, freed = "eviction", freed + event.tokens
        elif isinstance(event, events.CallStarted) and kind == "plain":
            kind = "edit"
    changed = sum(len(tokens) for label, tokens in segments_of(agent).items() if segments.get(label) != tokens)
    new = context.used - used + freed + changed if segments else context.used
    return Turn(
        kind, evaluated, new, resident, tuple(model.spliced[splices:]), tuple(model.reads[reads:]), heads=tuple(heads)
    )


def segments_of(agent: Agent) -> dict[str, Tokens]:
    """The head's segments that may change, as they are in the prompt."""
    fixed = agent.kernel.queue.context.fixed
    return {**dict(fixed.blocks), "summary": fixed.summary}


def blocks_of(agent: Agent) -> str:
    """The blocks as they are, written back or not."""
    return "\n".join(f"<{block.label}>\n{block.text}\n</{block.label}>" for block in agent.kernel.working.blocks)


def classic(model: LanguageModel, exact: Sequence[Turn]) -> list[Turn]:
    """The same calls, answers and evictions under MemGPT's head."""
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    turns: list[Turn] = []
    resident: Tokens = ()
    head: Tokens = ()
    made_of = ""
    for turn in exact:
        clock += timedelta(minutes=7)
        before = resident = () if turn.kind == "restart" else resident
        asked = [one for one in turn.reads if not one.fork]
        evaluated, reads = 0, []
        for one, (fixed, blocks) in zip(asked, turn.heads, strict=True):
            if blocks != made_of or turn.kind in ("eviction", "restart"):
                head, made_of = classic_head(model, one.prompt[:fixed], blocks, clock, len(turns)), blocks
            prompt = head + one.prompt[fixed:]
            evaluated += len(prompt) - min(shared_prefix(resident, prompt), len(prompt) - 1)
            evaluated += len(one.generated)
            reads.append(replace(one, prompt=prompt))
            resident = prompt + one.generated
        turns.append(Turn(turn.kind, evaluated, turn.new, before, (), tuple(reads)))
    return turns


def classic_head(model: LanguageModel, head: Tokens, blocks: str, clock: datetime, messages: int) -> Tokens:
    """MemGPT's: what the agent is, then memory with its clock and counts, then the functions.

    The tokens of memos' own head stand for its text without the blocks: two thirds of it follow the memory.
    """
    memory = model.tokenize(
        f"\n### Memory [last modified: {clock:%Y-%m-%d %I:%M:%S %p %Z%z}]\n"
        f"{messages} previous messages between you and the user are stored in recall memory (use functions to access "
        "them)\n0 total memories you created are stored in archival memory (use functions to access them)\n\n"
        f"Core memory shown below:\n{blocks}\n"
    )
    rest = head[: len(head) - len(model.tokenize(blocks))]
    return rest[: len(rest) // 3] + memory + rest[len(rest) // 3 :]


def stateless(turn: Turn) -> Turn:
    """The same with nothing kept."""
    asked = tuple(one for one in turn.reads if not one.fork)
    return Turn(
        turn.kind, sum(len(one.prompt) + len(one.generated) for one in asked), turn.new, (), (), asked, keeps=False
    )


# ------------------------------------------------------------------------------------------ the clock


def timed(model: LlamaModel, arms: Mapping[str, Sequence[Turn]]) -> Times:
    """Hold turns on the model.

    The first eviction and the first restart, and the last turn of the other kinds before that eviction, so that what is
    resident grows from one to the next. Reading takes minutes here, so not all arms are held: what is left out costs
    the same as another.
    """
    kinds = [turn.kind for turn in arms["memos exact"]]
    first = kinds.index("eviction") if "eviction" in kinds else len(kinds) - 1
    times = {}
    for arm, wanted in TIMED.items():
        turns = arms[arm]
        held = {turn.kind: turn for turn in (*turns[: first + 1], *[one for one in turns if one.kind == "restart"][:1])}
        for kind in sorted(wanted & held.keys(), key=lambda kind: (kind == "restart", len(held[kind].resident))):
            times[arm, kind] = hold(model, held[kind])
            print(arm, kind, *asdict(times[arm, kind]).values(), sep="\t", flush=True)
    return times


def hold(model: LlamaModel, turn: Turn) -> Held:
    """Hold one turn. What is resident before it is read first, and not timed; afterwards it is resident again."""
    read(model, turn.resident or turn.reads[0].prompt[:1])
    before = model.snapshot()
    restarts = turn.kind == "restart" and turn.keeps and bool(turn.resident)
    if turn.kind == "restart" or not turn.keeps:
        forget(model)
    with tempfile.TemporaryDirectory() as folder:
        store = SnapshotStore(Path(folder), SNAPSHOTS)
        if restarts:
            store.save("held", before)
        started = time.perf_counter()
        if restarts and (saved := store.load("held", before.key)):
            model.restore(saved)
        resumed = time.perf_counter() - started
    times = asked(model, turn, time.perf_counter() - resumed)
    model.restore(before)
    return replace(times, resume_s=round(resumed, 3)) if restarts else times


def asked(model: LlamaModel, turn: Turn, started: float) -> Held:
    """Ask what the turn asked, of the model itself."""
    first, splices = 0.0, list(turn.splices)
    for one in turn.reads:
        while not one.fork and splices:
            model.splice(*splices.pop(0))
        grammar, limit = TextGrammar(max_chars=10_000), max(1, len(one.generated))
        count = 0
        for item in model.generate(
            one.prompt, grammar, limit=limit, sampling=Sampling(), cancelled=lambda: False, fork=one.fork
        ):
            if isinstance(item, Piece) and one is turn.reads[-1]:
                first = first or time.perf_counter()
            elif isinstance(item, Generated):
                count = len(item.tokens)
        if not turn.keeps:
            forget(model)
    end = time.perf_counter()
    speed = round((count - 1) / (end - first), 1) if first and count > 1 else None
    return Held(round((first or end) - started, 3), round(end - started, 3), speed)


if __name__ == "__main__":
    main()
