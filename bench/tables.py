"""docs/benchmarks.md and docs/extended-window.md from the results: no number in their tables is typed by hand.

python -m bench.tables
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.machine import RESULTS
from memos.agents.window import best, verified, whole

DOCS = Path(__file__).parents[1] / "docs"
HEAD = """# Benchmarks

Made by `python -m bench.tables` from [bench/results](../bench/results); each result names its machine, versions and
command, with the seed where one can be chosen. Token counts are exact. Seconds are of one run, side by side, on a
shared machine: read them as ratios.
"""
SECONDS = ("ttft_s", "turn_s", "decode_tokens_s", "resume_s")
PAGING_COLUMNS = (
    *("arm", "turn", "turns", "evaluated a turn", "new", "ratio"),
    *("to the first word, s", "turn, s", "tokens/s", "of it resume, s", "resident, MiB"),
)
PAGING = """## Paging: tokens evaluated next to tokens that are new

`{command}` on {cores} cores of {processor}, {at}. One conversation of LoCoMo replayed: the model edits a block in every
third turn, the process ends and starts again every 25 turns; probes and prefetch are off. What the arms are, and what
counts as new, is in [bench/paging.py](../bench/paging.py). Seconds are of one turn of that kind, tokens a second of
its answer; resident are the keys and values that are in the cache when a turn begins.
"""
SHIFT = """## What an eviction by shift costs

`{command}` on {cores} cores of {processor}, {at}. Half of the context leaves for a summary. Divergence (KL, nats) is of
the next token's distribution from the exact one, over {positions} positions of the text that follows; ten codes stand
in what stays, and are asked for.
"""
DECODING = """## Decoding, and drafts of what is quoted

`{command}` on {cores} cores of {processor}, {at}. Each text is decoded without drafts and with them, by turns. A draft
is what followed the last tokens where they stood in the prompt before; it is verified in one evaluation with them.
Texts may differ: sums in another order are rounded otherwise. The mask says which tokens the grammar admits, choice is
that and the sampling.
"""
CONTROLLER = """## The kernel's own time in a turn

`{command}` on {cores} cores of {processor}, {at}. All that is neither the model nor the embedder, with {messages:,}
messages in recall storage.
"""
SHELL = """## The shell

`{command}` on {cores} cores of {processor}, {at}. From the start of the process to the first paint, beside an empty
Textual application; a page up and a search (words alone) in an agent of {messages:,} messages, until it is drawn.
"""
UNTOLD = """## What nobody told

`{command}` on {cores} cores of {processor}, {at}. Twelve facts are told and leave the window; then a person asks for
what they never told, for the facts, and about the world, each from the same state. An answer declines if it says that
it finds no mention, or does not know.
"""
HOPS = """## What two notes tell together

`{command}` on {cores} cores of {processor}, {at}. Of {notes} notes twelve pairs tell something together ("My sister is
called Ottilie.", "Ottilie has moved to Bergen."), and the others say the like of other people and things. Questions
that take both notes of a pair, that one of them tells, and whose second half nobody told, each from the same state.
They were looked at when it was decided what of a plan is taken, and what a first step rules out.
"""
ATTENTION = """## What sequences in one cache cost each other

`{command}` on {cores} cores of {processor}, {at}. Beside a conversation, the cache holds the kernel's eight prompts
with examples, {examples} tokens each. Seconds to read some tokens behind the one or one of the others: where attention
goes over all of the cache, and where it passes over what a sequence does not have (`flash_attention`, on by default).
"""
UPDATES = """## What was told later

`{command}` on {cores} cores of {processor}, {at}. Two messages and a question: the later one changes what the first
says ("The boiler man comes on the 3rd of May.", "The boiler man phoned, he can't make it before the 17th."), or is
about something else. Read as any talk, and as what was told first and later, behind examples of what that changes.
They were looked at when these examples were chosen, and are not among them.
"""
GROUNDING = """## What is said beyond what was told

`{command}` on {cores} cores of {processor}, {at}. Forty notes of few words ("I'm reading The Glass Ferry."), and a
question to each ("Which book am I reading?"): whether the answer has the word, and how many answers have words that
neither note nor question has. Then questions that ask for advice about the same. They were looked at when it was
decided which words of an answer may be new.
"""
SAVING = """## What is asked to be remembered

`{command}` on {cores} cores of {processor}, {at}. Requests to remember something, each the first message of a
conversation: whether what is saved, and what is answered, has the fact, and for others whose it is. The first sixteen
were looked at when the prompt's example was chosen. Beside a question about something else, what answers that is right.
"""
CHANGING = """## What is to be corrected or forgotten

`{command}` on {cores} cores of {processor}, {at}. Five messages tell twelve things; then each request by itself:
whether what is noted says what is new and no longer what was, whether it lost what the request does not speak of, and
whether a question is answered with what is new. Eight of the requests were written when
all but the cutting of notes into clauses was done.
"""
INGEST = """## Ingest

On {cores} cores of {processor}. Markdown of {mb} MB with `{embedding}`: the whole pipeline next to the embedding model
alone on the same passages, to the library that runs it (sentence-transformers) as it comes, and to a plain loop over
the same libraries, by turns. The model alone is run by our own streams.
"""
GPU = """## GPU

Nothing here has been run on a GPU yet; [bench/gpu](../bench/gpu) packs, builds and measures.
"""
WINDOW = """# Beyond the trained window

Made by `python -m bench.tables` from [bench/results/rope.json](../bench/results/rope.json). The same measurement of
your own model is `memos models probe MODEL`; what it finds decides what `--rope auto` does
([why so](decisions/0014-window.md)).

```sh
{commands}
```

On {cores} cores of {processor}, {at}. A book is read with ten passkeys, five needles and a list of key-value pairs
planted in it; each is asked for behind the text, greedily. One reading a row, one seed: a passkey is a tenth, a needle
a fifth, a pair a quarter, and small differences say little. Where two methods come to the same positions the text was
read once (all of them inside the trained window; dynamic NTK and NTK at a whole bucket).
"""
IN_WORDS = """## In words

- **SmolLM2 as it is ends where its training ends.** A text half as long again is still fluent, but nothing that stood
  in it is found; at twice the length the text falls apart, too.
- **Self-Extend keeps what the model could do inside**, at both lengths, with nothing trained, and costs nothing before
  there is anything to group. It is what `auto` takes for this model. Its price: a grouped context has no snapshot, so a
  restart reads it again.
- **YaRN and a larger base find most of it**, and pay with a little perplexity inside (SmolLM2; the 0.5B pays nothing).
  NTK's base reaches a little less than it is told to: it is good halfway into a bucket and poor at its end.
- **Linear interpolation without tuning ruins the model**, inside, too, as its authors say. **Sinks** stay fluent
  without end and find what the rolling part still holds.
- **Inside the trained window `auto` changes nothing**: an agent opens with the model's own positions and grows. The
  last table of a model is what a method would cost there if it were on from the start.
- The 0.5B was trained at four times SmolLM2's window, and finds everything at the lengths that were read. What lies
  beyond is more than this machine reads in reasonable time; what positions for twice its window cost inside is below.
"""
MEASURED = """## GPU

`{command}`, {at}: {model}, the same work on each device. An eviction takes half of the context out; a resume brings a
snapshot back that spares reading all.
"""


def main() -> None:
    """Write both files."""
    argparse.ArgumentParser(description=__doc__.split("\n")[0]).parse_args()
    parts = [HEAD]
    if paging := _result("paging"):
        parts += [PAGING.format(**_about(paging)), *_paging(paging)]
    if shift := _result("shift"):
        rows = shift["rows"]
        parts += [SHIFT.format(**_about(shift), positions=rows[0]["positions"]), _shift(rows)]
    if decoding := _result("decoding"):
        parts += [DECODING.format(**_about(decoding)), _decoding(decoding)]
    if attention := _result("attention"):
        parts += [ATTENTION.format(**_about(attention), examples=attention["examples"]), _attention(attention["rows"])]
    if controller := _result("controller"):
        parts += [CONTROLLER.format(**{**controller, **_about(controller)}), _controller(controller)]
    if shell := _result("tui"):
        parts += [SHELL.format(**{**shell, **_about(shell)}), _shell(shell)]
    if untold := _result("untold"):
        parts += [UNTOLD.format(**_about(untold)), _untold(untold)]
    if hops := _result("hops"):
        parts += [HOPS.format(**_about(hops), notes=hops["notes"]), _hops(hops)]
    if updates := _result("updates"):
        parts += [UPDATES.format(**_about(updates)), _updates(updates)]
    if grounding := _result("grounding"):
        parts += [GROUNDING.format(**_about(grounding)), _grounding(grounding)]
    if saving := _result("saving"):
        parts += [SAVING.format(**_about(saving)), _saving(saving)]
    if changing := _result("changing"):
        parts += [CHANGING.format(**_about(changing)), _changing(changing)]
    if ingest := _result("ingest"):
        parts += [INGEST.format(**_about(ingest), **ingest["speed"]), *_ingest(ingest)]
    gpu = _result("gpu")
    parts += [MEASURED.format(**_about(gpu), model=gpu["model"]), _gpu(gpu)] if gpu else [GPU]
    _write("benchmarks.md", parts)
    if rope := _result("rope"):
        _write(
            "extended-window.md",
            [
                WINDOW.format(**_about(rope), commands=rope["command"].replace("; ", "\n")),
                *_verdicts(rope["rows"]),
                IN_WORDS,
                *_window(rope["rows"]),
            ],
        )


def _write(name: str, parts: Iterable[str]) -> None:
    (DOCS / name).write_text("\n".join(parts), encoding="utf-8")
    print(f"written to {DOCS / name}")


def _result(name: str) -> dict[str, Any]:
    path = RESULTS / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _about(result: dict[str, Any]) -> dict[str, Any]:
    machine = result["machine"]
    return {"command": result["command"], "at": result["at"], **machine}


def _paging(result: dict[str, Any]) -> Iterable[str]:
    rows = result["rows"]
    for model, window in dict.fromkeys((row["model"], row["window"]) for row in rows):
        some = [row for row in rows if (row["model"], row["window"]) == (model, window)]
        yield f"### {model}, window {window:,}\n"
        yield _table(
            PAGING_COLUMNS,
            [
                [
                    row["arm"],
                    row["kind"],
                    row["turns"],
                    *(
                        "–" if row[key] is None else f"{row[key]:,}"
                        for key in ("evaluated_tokens", "new_tokens", "ratio", *SECONDS)
                    ),
                    "–" if row["resident_bytes"] is None else round(row["resident_bytes"] / 2**20),
                ]
                for row in some
            ],
        )


def _shift(rows: Sequence[dict[str, Any]]) -> str:
    return _table(
        (
            "model",
            "before",
            "after",
            "KL mean",
            "KL median",
            "codes, exact",
            "shift",
            "evaluated, exact",
            "shift",
            "s, exact",
            "shift",
        ),
        [
            [
                row["model"],
                row["tokens_before"],
                row["tokens_after"],
                row["kl_mean"],
                row["kl_median"],
                *(f"{row[way]['right']} of {row['asked']}" for way in ("exact", "shift")),
                *(row[way]["evaluated"] for way in ("exact", "shift")),
                *(row[way]["seconds"] for way in ("exact", "shift")),
            ]
            for row in rows
        ],
    )


def _decoding(result: dict[str, Any]) -> str:
    names = {
        "model": "model",
        "kind": "what",
        "texts": "texts",
        "tokens": "tokens",
        "decodes_off": "evaluations without drafts",
        "decodes_on": "with",
        "drafted": "drafted",
        "accepted": "accepted",
        "seconds_off": "s without",
        "seconds_on": "s with",
        "faster": "times faster",
        "mask_ms": "mask, ms",
        "choice_ms": "choice, ms",
    }
    return _table(list(names.values()), [[row[name] for name in names] for row in result["rows"]])


def _verdicts(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """What `--rope auto` makes of the rows."""
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == model]
        trained, longest = mine[0]["trained"], max(row["target"] for row in whole(mine))
        if (chosen := best(mine, longest)) is not None:
            reach = verified(mine, chosen.name, trained)
            told = f"`auto` takes {chosen.name}; verified window: {reach:,} tokens"
            yield f"For **{model}** and {longest:,} tokens {told}.\n"


def _window(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    names = {
        "method": "method",
        "perplexity": "perplexity",
        "passkey": "passkeys",
        "needle": "needles",
        "pair": "pairs",
        "seconds": "s",
        "peak_mb": "MB",
    }
    for model, target, read in dict.fromkeys((row["model"], row["target"], row["read"]) for row in rows):
        some = [row for row in rows if (row["model"], row["target"], row["read"]) == (model, target, read)]
        what = (
            f"{target:,} tokens" if read == target else f"the first {read:,} tokens, with the positions of {target:,}"
        )
        if read == target <= some[0]["trained"]:
            some = [row for row in some if row["method"] == "plain"]  # the others leave a model as it is there
        yield f"## {model} (trained {some[0]['trained']:,}): {what}\n"
        yield _table(list(names.values()), [[row[name] for name in names] for row in some])
    for model in dict.fromkeys(row["model"] for row in rows):
        yield f"![perplexity and passkeys of {model}](images/window-{model}.png)\n"


def _gpu(result: dict[str, Any]) -> str:
    cells = {
        "device": "device",
        "prefill_tokens_s": "reading, tokens/s",
        "decode_tokens_s": "decoding, tokens/s",
        "eviction_exact_s": "eviction exact, s",
        "eviction_shift_s": "shift, s",
        "resume_s": "resume, s",
        "read_all_s": "reading all, s",
    }
    return _table(list(cells.values()), [[row[cell] for cell in cells] for row in result["rows"]])


def _controller(result: dict[str, Any]) -> str:
    names = {
        "append_ms": "storing a message",
        "without_prefetch_ms": "a turn without prefetch",
        "searching_ms": "a turn that searches memory by words",
    }
    return _table(
        ("what", "median, ms", "95th percentile, ms"),
        [[name, result[key]["median"], result[key]["p95"]] for key, name in names.items()],
    )


def _shell(result: dict[str, Any]) -> str:
    names = {
        "first_paint_s": "first paint, s",
        "empty_app_s": "an empty application, s",
        "scroll_10k_ms": "a page up, ms",
        "scroll_10k_worst_ms": "the slowest page up, ms",
        "search_10k_ms": "a search, ms",
        "loop_blocked_ms": "the event loop was held up at most, ms",
        "reply_blocked_ms": "– while a formatted reply grows, ms",
    }
    return _table(("what", "median"), [[name, result[key]] for key, name in names.items()])


def _untold(result: dict[str, Any]) -> str:
    shown = {"untold": "what was never told", "told": "the facts", "world": "about the world"}
    rows = [[name, result[key]["questions"], result[key]["declined"]] for key, name in shown.items()]
    return _table(("asked for", "questions", "declined"), rows) + f"\nOf the facts, {result['told']['right']} right.\n"


def _hops(result: dict[str, Any]) -> str:
    shown = {"hops": "what takes two notes", "single": "what takes one", "untold": "what nobody told"}
    rows = []
    for key, name in shown.items():
        apart = sum(row["taken_apart"] for row in result["answers"][key])
        rows.append([name, result[key]["questions"], apart, result[key].get("right", "–"), result[key]["declined"]])
    return _table(("asked for", "questions", "taken apart", "right", "declined"), rows)


def _attention(rows: Sequence[dict[str, Any]]) -> str:
    shown = {"main": "the conversation", "side": "examples"}
    table = []
    for row in rows:
        plain, flash = row["plain_s"], row["flash_s"]
        cells = [f"{row['resident']:,}", shown[row["behind"]], row["tokens"]]
        table.append([*cells, f"{plain:.2f}", f"{flash:.2f}", f"{plain / flash:.1f}"])
    return _table(("conversation", "read behind", "tokens", "over all, s", "passing over, s", "ratio"), table)


def _updates(result: dict[str, Any]) -> str:
    shown = {"messages": "as any talk", "updates": "as first and later"}
    pairs = result["pairs"]
    rows = [[name, result[key]["changed"], result[key]["same"]] for key, name in shown.items()]
    return _table(("read", f"changed, of {pairs['changed']}", f"something else, of {pairs['same']}"), rows)


def _grounding(result: dict[str, Any]) -> str:
    shown = {"told": "what was told", "advice": "advice about it"}
    columns = ("questions", "right", "add", "quoted", "ended", "declined")
    rows = [[name, *(result[key].get(column, "–") for column in columns)] for key, name in shown.items()]
    head = ("asked for", "questions", "right", "say more", "are the note, quoted", "end before more", "declined")
    return _table(head, rows)


def _saving(result: dict[str, Any]) -> str:
    shown = {"themselves": "about themselves", "others": "about others", "beside": "beside a question"}
    columns = ("requests", "saved_right", "answer_right", "words_added")
    rows = [[name, *(result[key][column] for column in columns)] for key, name in shown.items()]
    return _table(("asked to remember", "requests", "saved right", "answered right", "words added"), rows)


def _changing(result: dict[str, Any]) -> str:
    shown = {"corrected": "to be corrected", "forgotten": "to be forgotten", "new": "of these, new"}
    columns = ("requests", "done", "lost_something", "asked", "told_right")
    rows = [[name, *(result[key][column] for column in columns)] for key, name in shown.items()]
    return _table(("", "requests", "done", "lost something else", "asked for", "answered right"), rows)


def _ingest(result: dict[str, Any]) -> Iterable[str]:
    rates = result["speed"]["passages_per_second"]
    shown = {
        "library": "sentence-transformers as it comes",
        "raw": "the embedding model alone",
        "pipeline": "memos ingest",
        "loop": "a plain loop over the libraries",
        "loop, our embedder": "the same loop with our embedder",
    }
    yield _table(
        ("passages a second", *(f"round {number}" for number in range(1, len(rates) + 1))),
        [[name, *(row[key] for row in rates)] for key, name in shown.items() if key in rates[0]],
    )
    moments = result["kills"]["moments"]
    yield (
        f"Median of the rounds: {result['embedder_share']:.1%} of the model alone, {result['loop_ratio']} times the "
        f"loop, {result['loop_ratio_our_embedder']} times that with our embedder. The same folder again, unchanged: "
        f"{result['rerun_share']:.2%} of the first run. After `kill -9` at "
        f"{len(moments)} random moments and a run to the end, {sum(one['same'] for one in moments)} had the same "
        "passages and vectors, none twice.\n"
    )
    names = {"mb": "MB", "passages": "passages", "seconds": "s", "peak_rss_mb": "peak, MB"}
    names |= {"peak_rss_reader_mb": "of the reader, MB", "peak_rss_all_mb": "of both at once, MB"}
    embedders = {"sizes": "with a stand-in for the embedding model", "sizes_real": "with the embedding model"}
    yield _table(
        ["how it grows", *names.values()],
        [
            [embedder, f"{row['mb']:g}", *(row[name] for name in names if name != "mb")]
            for key, embedder in embedders.items()
            for row in result.get(key, ())
        ],
    )
    names = {"speed": "Speed", "sizes": "sizes", "real": "sizes with the model", "kills": "kills"}
    measured = result["measured"]
    told = ("{}: `{command}`, {at}".format(names[part], **measured[part]) for part in names if part in measured)
    yield "; ".join(told) + ".\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
