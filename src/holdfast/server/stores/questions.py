"""Questions that runs ask of people: what is told of them, the answers, and who still waits for one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, insert, select, update

from holdfast.server.stores.base import Store
from holdfast.server.stores.reach import Reach, runs_within
from holdfast.server.stores.schema.questions import questions
from holdfast.server.stores.schema.record import instances

__all__ = [
    "Question",
    "QuestionReads",
    "Told",
    "Waiting",
    "keep_answer",
    "question",
    "tell",
    "waiting_answers",
]

_AT_ONCE: Final = 500
_q = questions.c


class Told(Struct, frozen=True, kw_only=True):
    """What one event says of a question; the rest is None. Times are nanoseconds."""

    instance_key: int
    id: str
    span_id: str | None = None
    prompt: str | None = None
    asked_at: int | None = None
    closed_at: int | None = None


class Question(Struct, frozen=True, kw_only=True):
    """A row of `questions`."""

    instance_key: int
    id: str
    span_id: str | None
    prompt: str | None
    asked_at: int | None
    closed_at: int | None
    answer: str | None
    answered_by: str | None
    answered_at: int | None


class Waiting(Struct, frozen=True):
    """An answer that its run has not said to have got yet."""

    question_id: str
    answer: str
    answered_by: str


def tell(connection: Connection, told: Iterable[Told]) -> None:
    """Take in what events say, in any order. The first to say something stays."""
    for one in told:
        where = _is(one.instance_key, one.id)
        known = question(connection, one.instance_key, one.id)
        given = {
            name: value
            for name in ("span_id", "prompt", "asked_at", "closed_at")
            if (value := getattr(one, name)) is not None and (known is None or getattr(known, name) is None)
        }
        if known is None:
            connection.execute(insert(questions).values(instance_key=one.instance_key, id=one.id, **given))
        elif given:
            connection.execute(update(questions).where(where).values(**given))


def question(connection: Connection, instance_key: int, question_id: str) -> Question | None:
    row = connection.execute(select(questions).where(_is(instance_key, question_id))).mappings().first()
    return None if row is None else Question(**row)


def keep_answer(connection: Connection, known: Question, answer: str, by: str, now: int) -> None:
    """Put the answer to a question that has none."""
    connection.execute(
        update(questions)
        .where(_is(known.instance_key, known.id), _q.answer.is_(None))
        .values(answer=answer, answered_by=by, answered_at=now)
    )


def waiting_answers(connection: Connection, instance_keys: Collection[int]) -> dict[int, list[Waiting]]:
    """Answers on their way to some runs, by key; runs without any are left out."""
    found: dict[int, list[Waiting]] = {}
    keys = list(instance_keys)
    for at in range(0, len(keys), _AT_ONCE):
        wanted = select(_q.instance_key, _q.id, _q.answer, _q.answered_by).where(
            _waiting(), _q.instance_key.in_(keys[at : at + _AT_ONCE])
        )
        for row in connection.execute(wanted):
            found.setdefault(row[0], []).append(Waiting(*row[1:]))
    return found


class QuestionReads:
    """Each call sees one state of the database."""

    def __init__(self, store: Store) -> None:
        self._engine = store.reader

    def of_run(self, instance_key: int, limit: int, *, only_open: bool = False) -> list[Question]:
        """The first of a run in the order in which they were asked; with `only_open` those that nobody has
        answered and that are not closed."""
        wanted = select(questions).where(_q.instance_key == instance_key, _q.asked_at.is_not(None))
        if only_open:
            wanted = wanted.where(_q.closed_at.is_(None), _q.answer.is_(None))
        with self._engine.connect() as connection:
            rows = connection.execute(wanted.order_by(_q.asked_at, _q.id).limit(limit)).mappings()
            return [Question(**row) for row in rows]

    def run(self, reach: Reach, run_id: str) -> tuple[int, str] | None:
        """The key and the status of a run within the reach."""
        wanted = select(instances.c.key, instances.c.status).where(
            runs_within(reach), instances.c.id == run_id
        )
        with self._engine.connect() as connection:
            row = connection.execute(wanted).first()
        return None if row is None else (row[0], row[1])

    def waiting(self, reach: Reach, run_ids: Collection[str]) -> dict[str, list[Waiting]]:
        """Answers on their way to some of the runs within the reach, by the id of the run."""
        wanted = (
            select(instances.c.id, _q.id, _q.answer, _q.answered_by)
            .join(instances, instances.c.key == _q.instance_key)
            .where(_waiting(), runs_within(reach), instances.c.id.in_(run_ids))
        )
        found: dict[str, list[Waiting]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(wanted):
                found.setdefault(row[0], []).append(Waiting(*row[1:]))
        return found


def _waiting() -> ColumnElement[bool]:
    return _q.answer.is_not(None) & _q.closed_at.is_(None)


def _is(instance_key: int, question_id: str) -> Any:
    return (_q.instance_key == instance_key) & (_q.id == question_id)
