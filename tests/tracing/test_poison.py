"""An operation that makes the server fail does not hold up the others, and a server that is down blames none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.tracing.backlog import Batch
from holdfast.tracing.delivery import Delivery, Send, send_records
from holdfast.tracing.destination import Destination
from holdfast.tracing.rejected import Rejection
from holdfast.tracing.suspicion import Standing
from holdfast.tracing.transport import HttpTransport, TransportOptions
from holdfast.tracing.verdict import Accepted, Problem, TryAgain, Verdict

from .recorder import operation, pipeline_at
from .sink import Request, Sink, accept, status

FAILS = TryAgain(problem=Problem.FAILING, detail="HTTP 500", may_be_request=True)
TAKEN = Accepted(failures={}, control={}, executed=None)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


def poisoned(
    sink: Sink, *keys: str, code: int = 500
) -> Callable[[Request], tuple[int, dict[str, str], bytes]]:
    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        if set(keys) & set(request.keys):
            return status(code)(request)
        sink.arrived.extend(request.keys)
        return accept(request)

    return respond


def over_http(sink: Sink) -> Send:
    transport = HttpTransport(Destination(url=sink.url, token="t"), TransportOptions())
    return lambda records: send_records(records, transport.post)


def pursue(delivery: Delivery, send: Send, most: int = 500) -> tuple[int, list[Rejection]]:
    """Step without the pauses between, until all is settled or so many steps are over."""
    delivered, rejected = 0, list[Rejection]()
    for _ in range(most):
        if delivery.done:
            break
        step = delivery.step(send)
        delivered += step.delivered
        rejected += step.rejected
    return delivered, rejected


def batch(count: int) -> Batch:
    return Batch(records=[operation(f"key-{number:06d}", 30) for number in range(count)])


@pytest.mark.parametrize("code", [500, 502, 504])
def test_the_one_that_makes_the_server_fail_is_found(sink: Sink, code: int) -> None:
    """Of 2,000 operations, one of which breaks every request that it is in, 1,999 arrive and that one is set aside,
    after as many attempts by itself as an operation gets that fails as an item."""
    sink.respond = poisoned(sink, "key-000037", code=code)
    delivered, rejected = pursue(Delivery(batch(2000), Standing()), over_http(sink))
    assert delivered == 1999
    assert len(set(sink.arrived)) == 1999
    (rejection,) = rejected
    assert (rejection.record, rejection.code) == (operation("key-000037", 30), "server_failure")
    assert f"HTTP {code}" in rejection.message
    assert sum(request.keys == ["key-000037"] for request in sink.requests) == 8
    assert len(sink.requests) < 80


def test_a_server_that_is_down_blames_nothing(sink: Sink) -> None:
    """A server that answers 500 to everything for 300 attempts gets all of it once it works again: nothing is
    rejected, also where it worked before."""
    standing = Standing()
    assert pursue(Delivery(batch(5), standing), over_http(sink)) == (5, [])
    for count in (1, 200):
        delivery = Delivery(batch(count), standing)
        sink.respond = status(500)
        assert pursue(delivery, over_http(sink), 300) == (0, [])
        sink.respond = accept
        assert pursue(delivery, over_http(sink)) == (count, [])


@pytest.mark.parametrize("code", [503, 507, 429])
def test_unavailable_is_nobodys_fault(sink: Sink, code: int) -> None:
    """An answer that speaks of the server's own state never splits a batch."""
    sink.respond = status(code)
    delivery = Delivery(batch(10), Standing())
    assert pursue(delivery, over_http(sink), 50) == (0, [])
    assert {len(request.items) for request in sink.requests} == {10}


def test_alone_and_after_others(sink: Sink) -> None:
    """A poisonous operation that is alone in its batch is judged by one that the server took before, which is not
    counted twice."""
    standing = Standing()
    assert pursue(Delivery(batch(3), standing), over_http(sink)) == (3, [])
    sink.respond = poisoned(sink, "poison")
    delivered, rejected = pursue(Delivery(Batch(records=[operation("poison")]), standing), over_http(sink))
    assert (delivered, [rejection.record for rejection in rejected]) == (0, [operation("poison")])


def test_alone_and_the_very_first(sink: Sink) -> None:
    """With nothing ever accepted there is no proof: the operation is kept, and the delivery asks for more."""
    sink.respond = poisoned(sink, "poison")
    delivery = Delivery(Batch(records=[operation("poison")]), Standing())
    assert not delivery.stuck
    assert pursue(delivery, over_http(sink), 100) == (0, [])
    assert delivery.stuck


@settings(deadline=None)
@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=n))),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4),
    st.booleans(),
)
def test_whoever_is_innocent_arrives(
    who: tuple[int, set[int]], outages: list[tuple[int, int]], before: bool
) -> None:
    """Whatever is poisonous and whenever the server is down, each other operation arrives, and only what is
    poisonous is ever rejected: all of it, where the server took anything at all."""
    count, bad = who
    down = {at for start, length in outages for at in range(start, start + length)}
    records = batch(count).records
    poison = {records[number] for number in bad}
    calls, arrived = 0, set[bytes]()

    def send(sent: list[bytes]) -> Verdict:
        nonlocal calls
        calls += 1
        if calls in down or poison.intersection(sent):
            return FAILS
        arrived.update(sent)
        return TAKEN

    standing = Standing(sample=b"{}" if before else None)
    delivery = Delivery(Batch(records=records), standing)
    _, rejected = pursue(delivery, send, 3000)
    works = before or len(poison) < count
    assert {rejection.record for rejection in rejected} == (poison if works else set())
    assert arrived - {b"{}"} == set(records) - poison
    assert delivery.done is works


def test_a_flaky_server_rejects_nothing() -> None:
    """A server that fails on three of ten requests by chance gets each operation of 100 batches."""
    chance = random.Random(4)
    standing = Standing()
    for _ in range(100):
        delivered, rejected = pursue(
            Delivery(batch(20), standing), lambda sent: FAILS if chance.random() < 0.3 else TAKEN
        )
        assert (delivered, rejected) == (20, [])


@pytest.mark.slow
def test_what_comes_after_is_not_held_up(sink: Sink, tmp_path: Path) -> None:
    """The first operation of a process is poisonous: it is set aside with the reason, in the end, and whatever
    was recorded after it arrives."""
    sink.respond = poisoned(sink, "poison-1")
    pipeline = pipeline_at(sink.url, tmp_path)
    pipeline.append(operation("poison-1"))
    assert not pipeline.flush(0.5)
    for number in range(50):
        pipeline.append(operation(f"good-{number:04d}"))
    assert pipeline.flush(100.0)
    stats = pipeline.stats()
    assert (stats.recorded, stats.delivered, stats.rejected, stats.lost) == (51, 50, 1, {})
    assert stats.spool is not None
    assert '"poison-1"' in (stats.spool / "rejected.jsonl").read_text()
    pipeline.close(2.0)
