"""Workers and their registry."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from holdfast.core.lifecycle import (
    AgentRegistry,
    AgentStatus,
    AgentWorker,
    InvalidTransitionError,
    UnknownWorkerError,
)
from holdfast.errors import InvalidInputError

S = AgentStatus
ALLOWED = {
    S.IDLE: {S.INITIALIZING, S.FAILED, S.CANCELLED},
    S.INITIALIZING: {S.WAITING_FOR_INPUT, S.RUNNING, S.FAILED, S.CANCELLED},
    S.WAITING_FOR_INPUT: {S.RUNNING, S.FAILED, S.CANCELLED},
    S.RUNNING: {S.WAITING_FOR_INPUT, S.COMPLETED, S.FAILED, S.CANCELLED},
}


class Life(RuleBasedStateMachine):
    """Any sequence of transitions, against the table of the reference."""

    def __init__(self) -> None:
        super().__init__()
        self.worker = AgentWorker("id", "coder", "build")
        self.done = 0

    @rule(target_status=st.sampled_from(AgentStatus), detail=st.none() | st.text(max_size=5))
    def go(self, target_status: AgentStatus, detail: str | None) -> None:
        before = self.worker.to_dict()
        if target_status in ALLOWED.get(self.worker.status, set()):
            event = self.worker.transition(target_status, detail)
            self.done += 1
            assert (event.seq, event.status, event.detail) == (self.done, target_status, detail)
            assert self.worker.updated_at == event.timestamp
            if target_status is S.FAILED and detail is not None:
                assert self.worker.last_error == {"message": detail, "timestamp": event.timestamp}
        else:
            with pytest.raises(InvalidTransitionError) as caught:
                self.worker.transition(target_status, detail)
            assert (caught.value.current, caught.value.target) == (self.worker.status, target_status)
            assert self.worker.to_dict() == before

    @invariant()
    def sequence_is_whole(self) -> None:
        assert [event.seq for event in self.worker.events] == list(range(1, self.done + 1))
        assert self.worker.is_terminal == (self.worker.status in (S.COMPLETED, S.FAILED, S.CANCELLED))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=12, deadline=None)


def test_ids_read_role_phase_and_eight_hex_digits() -> None:
    """An id tells whose worker it is, and no two are alike."""
    registry = AgentRegistry()
    ids = {registry.create("coder", "build").worker_id for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"coder-build-[0-9a-f]{8}", worker_id) for worker_id in ids)


def test_an_id_that_is_taken_is_not_given_again() -> None:
    """A suffix that happens twice is drawn again."""
    draws = iter(["same", "same", "other"])
    registry = AgentRegistry(new_suffix=lambda: next(draws))
    assert registry.create("r", "p").worker_id == "r-p-same"
    assert registry.create("r", "p").worker_id == "r-p-other"


def test_an_unknown_id_is_a_key_error() -> None:
    """`transition` on an id that is not here raises what callers of a mapping expect; `get` answers None."""
    registry = AgentRegistry()
    with pytest.raises(KeyError) as caught:
        registry.transition("nobody", S.RUNNING)
    assert isinstance(caught.value, UnknownWorkerError)
    assert caught.value.worker_id == "nobody"
    assert "nobody" in str(caught.value)
    assert registry.get("nobody") is None


def test_look_ups_find_who_is_at_work() -> None:
    """By role and phase only workers that have not ended are found; by project all are."""
    registry = AgentRegistry()
    ended = registry.create("coder", "build", 7)
    registry.transition(ended.worker_id, S.CANCELLED)
    assert registry.get_by_role_phase("coder", "build") is None
    working = registry.create("coder", "build", 7)
    assert registry.get_by_role_phase("coder", "build") is working
    assert registry.list_active() == [working]
    assert registry.get_by_project(7) == [ended, working]
    assert registry.remove(ended.worker_id)
    assert not registry.remove(ended.worker_id)
    registry.clear()
    assert len(registry) == 0


def test_ended_workers_do_not_pile_up() -> None:
    """However many come and go, the registry stays bounded, keeps the latest, and drops none at work, even
    where a worker ended behind its back."""
    registry = AgentRegistry(keep_finished=10)
    working = [registry.create("boss", "build") for _ in range(5)]
    last: list[str] = []
    for _ in range(2_000):
        worker = registry.create("coder", "build")
        worker.transition(S.FAILED, "gone")
        last = [*last, worker.worker_id][-10:]
        assert len(registry) <= 5 + 2 * 10 + 64
    assert all(registry.get(worker_id) is not None for worker_id in last)
    assert registry.list_active() == working


def test_threads_make_and_move_workers_side_by_side() -> None:
    """Each of many racing threads gets its own worker, and one worker takes each step once."""
    registry = AgentRegistry()
    shared = registry.create("shared", "p")

    def one(_: int) -> bool:
        worker = registry.create("r", "p")
        registry.transition(worker.worker_id, S.INITIALIZING)
        try:
            registry.transition(shared.worker_id, S.INITIALIZING)
        except InvalidTransitionError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        moved = list(pool.map(one, range(200)))
    assert sum(moved) == 1
    assert len(registry) == 201
    assert len(shared.events) == 1


def test_a_negative_cap_is_refused() -> None:
    """The cap is checked where it is given."""
    with pytest.raises(InvalidInputError, match="keep_finished"):
        AgentRegistry(keep_finished=-1)
