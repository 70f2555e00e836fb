"""A conversation that outgrows its window moves to a larger one before anything is evicted."""

from __future__ import annotations

from memos.events import Evicted, Grown, PrefixMoved
from memos.testing import say
from tests.kernel.conftest import Bench

LONG = "word " * 150


def test_growing_comes_before_eviction_and_is_said(bench: Bench) -> None:
    bench.open([say("yes")] * 30, window=1024, model={"larger": [2048]})
    happened = [event for _ in range(12) for event in bench.say(LONG)]
    kinds = [type(event) for event in happened if isinstance(event, Grown | Evicted)]
    assert kinds[0] is Grown and kinds.count(Grown) == 1 and Evicted in kinds[1:]
    assert next(event for event in happened if isinstance(event, Grown)) == Grown(1024, 2048, "scripted")
    assert PrefixMoved("grown", 0) in happened
    assert bench.kernel.ledger().window == 2048


def test_what_was_said_in_a_large_window_comes_back_into_one(bench: Bench) -> None:
    bench.open([say("yes")] * 8, window=1024, model={"larger": [2048, 4096]})
    for _ in range(6):
        bench.say(LONG)
    before = bench.kernel.queue.context.tokens
    bench.open([], window=1024, model={"larger": [2048, 4096]})
    assert [event.window for event in bench.started if isinstance(event, Grown)] == [2048]
    assert len(bench.kernel.queue.context.tokens) == len(before), "nothing was paged out"
    bench.open([], window=1024)
    assert any(isinstance(event, Evicted) for event in bench.started)
