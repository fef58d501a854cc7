"""Checking and summarising after the commit, in the background. A restart goes on where it stopped."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from selectors import EVENT_READ, DefaultSelector
from typing import IO, Final

import msgspec
from msgspec import Raw

from holdfast.errors import RecordingError, StoreUnavailableError
from holdfast.server.services.checking.check_process import READY, CheckAnswer, CheckJob, Finding, Subject
from holdfast.server.services.recording.totals import rollup_deltas, run_sums
from holdfast.server.stores.base import Store, WriteTransaction
from holdfast.server.stores.checks import (
    CheckEntry,
    CheckOutcome,
    checks_waiting,
    mark_unusable,
    schema_content,
    take_off,
    write_outcomes,
)
from holdfast.server.stores.retrying import in_transaction
from holdfast.server.stores.rows import RollupDelta
from holdfast.wire.operations import NO_JSON

__all__ = ["Checker"]

_log: Final = logging.getLogger("holdfast.server")
_BATCH: Final = 200
_START_SECONDS: Final = 60.0
_TOO_LONG: Final = "took too long"
_encode: Final = msgspec.json.Encoder().encode
_reasons: Final = msgspec.json.Decoder(dict[str, str]).decode


class _OverdueError(Exception):
    """The process gave no answer in time; it has been killed."""


class _Process:
    """The checking process: started when first needed, again after it was killed."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, job: CheckJob, seconds: float) -> CheckAnswer:
        """Raises `_OverdueError` where there is no answer within that time, or the process died of the job."""
        child = self._started()
        try:
            _input(child).write(_encode(job) + b"\n")
            _input(child).flush()
            line = _line(child, seconds)
        except BrokenPipeError:
            line = b""
        if not line:
            self.close()
            raise _OverdueError
        return msgspec.json.decode(line, type=CheckAnswer)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "holdfast.server.services.checking.check_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            if _line(self._child, _START_SECONDS) != READY:
                self.close()
                raise RecordingError("the process that checks payloads does not start")
        return self._child

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    pipe.close()
            self._child = None


def _input(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin is not None
    return child.stdin


def _line(child: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The next whole line, or nothing."""
    assert child.stdout is not None
    with DefaultSelector() as selector:
        selector.register(child.stdout, EVENT_READ)
        line = child.stdout.readline() if selector.select(seconds) else b""
    return line if line.endswith(b"\n") else b""


class Checker:
    """Owns a thread and a process. `wake` says that there may be work; `close` ends both, leaving what is
    not done in the queue. `deadline` is what one job may take, in seconds."""

    def __init__(self, store: Store, *, deadline: float = 2.0) -> None:
        self._store = store
        self._deadline = deadline
        self._process = _Process()
        self._wake = threading.Event()
        self._closed = False
        self._wake.set()  # a former process may have left work
        self._thread = threading.Thread(target=self._run, name="holdfast-checker", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        self._thread.join()
        self._process.close()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            try:
                while self._pass():
                    pass
            except StoreUnavailableError as error:
                _log.warning("checks wait: %s", error)
            except Exception:  # noqa: BLE001 - the record is kept without its checks
                _log.exception("checking payloads failed; it goes on with the next operation")

    def _pass(self) -> bool:
        """Work on the oldest entries. False where there are none, and when it is time to end."""
        if self._closed:
            return False
        entries = checks_waiting(self._store, _BATCH)
        outcomes: list[CheckOutcome] = []
        versions: dict[str | None, list[CheckEntry]] = {}
        for entry in entries:
            usable = entry.version_id if entry.type_name is not None else None
            versions.setdefault(usable, []).append(entry)
        for version_id, group in versions.items():
            if version_id is None:
                outcomes += [_outcome(entry, Finding(name=entry.subject)) for entry in group]
            else:
                outcomes += self._check(version_id, group)
        if outcomes:
            self._write(outcomes)
        return bool(entries)

    def _check(self, version_id: str, entries: Sequence[CheckEntry]) -> list[CheckOutcome]:
        content, stored = schema_content(self._store, version_id)
        known = _reasons(stored or b"{}")
        unusable = dict(known)
        try:
            findings = self._ask(version_id, content, unusable, entries)
        except _OverdueError:
            findings = self._one_by_one(version_id, content, unusable, entries)
        if unusable != known:
            _log.warning("schema version %s: not usable: %s", version_id, unusable)
            reasons = _encode(unusable)
            in_transaction(self._store, lambda transaction: mark_unusable(transaction, version_id, reasons))
        return [_outcome(entry, finding) for entry, finding in zip(entries, findings, strict=True)]

    def _one_by_one(
        self, version_id: str, content: bytes, unusable: dict[str, str], entries: Sequence[CheckEntry]
    ) -> list[Finding]:
        """Find the types that take too long; the others get their findings."""
        findings: list[Finding] = []
        for entry in entries:
            try:
                findings += self._ask(version_id, content, unusable, [entry])
            except _OverdueError:
                assert entry.type_name is not None
                unusable[entry.type_name] = _TOO_LONG
                findings.append(Finding(name=entry.subject))
        return findings

    def _ask(
        self, version_id: str, content: bytes, unusable: dict[str, str], entries: Sequence[CheckEntry]
    ) -> list[Finding]:
        job = CheckJob(
            version_id=version_id,
            content=Raw(content),
            unusable=[name for name, reason in unusable.items() if reason == _TOO_LONG],
            subjects=[_subject(entry) for entry in entries],
        )
        answer = self._process.ask(job, self._deadline)
        for name, reason in answer.unusable.items():
            unusable.setdefault(name, reason)
        return answer.findings

    def _write(self, outcomes: Sequence[CheckOutcome]) -> None:
        by_entry = {id(outcome.entry): outcome for outcome in outcomes}

        def write(transaction: WriteTransaction) -> None:
            # first the runs, as whoever records does: nobody waits for what we hold with what we want
            runs = transaction.instances_by_key({outcome.entry.instance_key for outcome in outcomes})
            taken = take_off(transaction, [outcome.entry for outcome in outcomes])
            changes = write_outcomes(transaction, [by_entry[id(entry)] for entry in taken])
            deltas: list[RollupDelta] = []
            for key, change in changes.items():
                before = run_sums(runs[key])
                runs[key].violations += change
                deltas += rollup_deltas(runs[key].account_id, before, run_sums(runs[key]))
            transaction.update_instances([runs[key] for key in changes])
            transaction.add_to_rollups(deltas)

        in_transaction(self._store, write)


def _subject(entry: CheckEntry) -> Subject:
    assert entry.type_name is not None
    return Subject(
        name=entry.subject,
        type_name=entry.type_name,
        quality=entry.quality,
        payload=NO_JSON if entry.payload is None else Raw(entry.payload),
        result=NO_JSON if entry.result is None else Raw(entry.result),
    )


def _outcome(entry: CheckEntry, finding: Finding) -> CheckOutcome:
    return CheckOutcome(
        entry=entry,
        summary=finding.summary,
        violations=len(finding.violations),
        details=_encode(finding.violations) if finding.violations else None,
    )
