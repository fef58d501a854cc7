"""Agent events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import InvalidInputError
from holdfast.wire.agent_events import AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
events = st.builds(
    AgentEvent,
    event=st.sampled_from(AgentEventName),
    status=st.sampled_from(AgentEventStatus),
    emitted_at=st.just("2026-01-31T12:00:00.000000Z"),
    role=st.none() | st.text(),
    phase=st.none() | st.text(),
    project_id=st.none() | st.integers(),
    failure_class=st.none() | st.sampled_from(AgentFailureClass),
    detail=st.none() | st.text(),
    data=st.none() | st.dictionaries(st.text(), values, max_size=3),
)


@given(events)
def test_an_event_survives_dict_and_json(event: AgentEvent) -> None:
    """What was written as a dict or as JSON is read back equal."""
    assert AgentEvent.from_dict(event.to_dict()) == event
    assert AgentEvent.from_json(event.to_json()) == event


def test_a_dict_always_has_four_keys_and_otherwise_what_is_set() -> None:
    """`event`, `type`, `status` and `emitted_at` are always there; the rest only where it was given."""
    bare = AgentEvent(AgentEventName.RECOVERY_PROVIDER_SWITCHED, AgentEventStatus.RUNNING, "t")
    assert bare.to_dict() == {
        "event": "agent.recovery.provider_switched",
        "type": "provider_switched",
        "status": "running",
        "emitted_at": "t",
    }
    full = (
        bare.with_project(0).with_detail("").with_data({"a": 1}).with_failure_class(AgentFailureClass.UNKNOWN)
    )
    assert set(full.to_dict()) == {*bare.to_dict(), "project_id", "detail", "data", "failure_class"}


def test_builders_leave_the_event_as_it_was() -> None:
    """A builder returns a new event, and later changes to the data given do not reach it."""
    data: dict[str, object] = {"n": 1}
    event = AgentEvent.started("coder", "build")
    built = event.with_data(data)
    data["n"] = 2
    assert event.data is None
    assert built.data == {"n": 1}
    with pytest.raises(AttributeError):
        event.role = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("event", "name", "status"),
    [
        (AgentEvent.started("r", "p"), "agent.started", "running"),
        (AgentEvent.completed("r", "p", "d"), "agent.completed", "completed"),
        (AgentEvent.failed("r", "p", AgentFailureClass.RATE_LIMIT, "d"), "agent.failed", "failed"),
        (AgentEvent.phase_started("p"), "phase.started", "running"),
        (AgentEvent.gate_passed("p"), "phase.gate_passed", "green"),
        (AgentEvent.gate_failed("p", "low"), "phase.gate_failed", "red"),
        (AgentEvent.recovery_attempted("r", "p"), "agent.recovery.attempted", "running"),
    ],
)
def test_constructors_set_the_status_that_fits(event: AgentEvent, name: str, status: str) -> None:
    """Each convenience constructor names its event and how things stand."""
    assert (event.event, event.status) == (name, status)


def test_an_event_is_of_now_unless_told() -> None:
    """`emitted_at` defaults to this instant, in UTC."""
    emitted = datetime.fromisoformat(AgentEvent.started("r", "p").emitted_at)
    assert abs(datetime.now(UTC) - emitted) < timedelta(minutes=1)


def test_json_keeps_what_is_not_ascii() -> None:
    """Text stays readable in the JSON."""
    assert "Zürich ✓" in AgentEvent.started("Zürich ✓", "p").to_json()


def test_json_is_written_even_of_what_json_does_not_know() -> None:
    """An event whose data holds a foreign object is written with its text instead of raising."""
    event = AgentEvent.started("r", "p").with_data({"when": datetime(2026, 1, 31, tzinfo=UTC)})
    assert json.loads(event.to_json())["data"]["when"].startswith("2026-01-31")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"status": "running"}, "event"),
        ({"event": "agent.started"}, "status"),
        ({"event": "agent.dancing", "status": "running"}, "event"),
        ({"event": "agent.started", "status": "blue"}, "status"),
        ({"event": ["agent.started"], "status": "running"}, "event"),
        ({"event": "agent.started", "status": "running", "project_id": "7"}, "project_id"),
        ({"event": "agent.started", "status": "running", "data": [1]}, "data"),
    ],
)
def test_a_dict_that_is_no_event_is_refused_by_field(data: dict[str, object], field: str) -> None:
    """A missing or unknown event or status, or a wrong type, is a ValueError that names the field."""
    with pytest.raises(ValueError, match=field) as caught:
        AgentEvent.from_dict(data)
    assert isinstance(caught.value, InvalidInputError)
    assert caught.value.field == field


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null"])
def test_text_that_is_no_json_object_is_refused(text: str) -> None:
    """Broken JSON, and JSON of something else, is a ValueError."""
    with pytest.raises(ValueError, match="event"):
        AgentEvent.from_json(text)


def test_enums_and_their_values_are_both_read() -> None:
    """`from_dict` takes the members as well as their strings; an unknown failure class reads as unknown."""
    event = AgentEvent.from_dict(
        {
            "event": AgentEventName.AGENT_FAILED,
            "status": AgentEventStatus.FAILED,
            "failure_class": "from_a_newer_peer",
        }
    )
    assert event.event is AgentEventName.AGENT_FAILED
    assert event.failure_class is AgentFailureClass.UNKNOWN


def test_otel_attributes_hold_what_is_set() -> None:
    """The attribute names are those of the reference, and unset fields are left out."""
    event = AgentEvent.failed("coder", "build", AgentFailureClass.LLM_ERROR, "boom").with_project(7)
    assert event.to_otel_attributes() == {
        "agent.event": "agent.failed",
        "agent.event.status": "failed",
        "agent.event.timestamp": event.emitted_at,
        "agent.role": "coder",
        "agent.phase": "build",
        "agent.project_id": 7,
        "agent.failure_class": "llm_error",
        "agent.detail": "boom",
    }
    assert set(AgentEvent.phase_started("p").to_otel_attributes()) == {
        "agent.event",
        "agent.event.status",
        "agent.event.timestamp",
        "agent.phase",
    }
