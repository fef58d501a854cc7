"""A server that is not Holdfast: it takes the documented requests, and refuses a field that is not documented."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_KEY = {"idempotency_key"}
_END = {"timestamp", "status", *_KEY}
_REGISTER = {
    *("agent_id", "environment_id", "agent_version", "agent_schema_version", "update_current_version", "id"),
    *("purpose", "external_identifier", *_KEY),
}
_SPAN = {
    *("agent_instance_id", "schema_name", "status", "payload", "result_payload", "id", "parent_span_id"),
    *("started_at", "finished_at", "sensitive_encoding", *_KEY),
}
_TIMES = ("timestamp", "started_at", "finished_at")
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class DocumentedServer:
    """Keeps `instances` and `spans` by id, as a strict reader of the API's documentation would: nothing is made
    before what it belongs to, ends come once, keys that were seen before are answered and not carried out.

    `failures` are statuses to answer first; `name` is what a ping says in `details.server`."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.instances: dict[str, dict[str, Any]] = {}
        self.spans: dict[str, dict[str, Any]] = {}
        self.paths: list[str] = []
        self.failures: list[int] = []
        self.broken: set[str] = set()
        self.terminated: set[str] = set()
        self._keys: set[str] = set()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/some/prefix"

    def __enter__(self) -> DocumentedServer:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                status, said = server.handle(self.path, dict(self.headers), body)
                encoded = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        with self._lock:
            path = path.removeprefix("/some/prefix/api/v1")
            self.paths.append(path)
            if path == "/ping":
                return 200, {"status": "success", **({"details": {"server": self.name}} if self.name else {})}
            if self.failures:
                return self.failures.pop(0), {"status": "error", "code": "told_so", "message": "told so"}
            try:
                if headers.get("Authorization") != "Bearer secret":
                    raise RefusedError(401, "bad_authtoken", "who are you?")
                if "Content-Encoding" in headers:
                    raise RefusedError(415, "bad_request", "compressed")
                return 200, {"status": "success", **self._carry_out(path, json.loads(body))}
            except RefusedError as error:
                return error.status, {"status": "error", "code": error.code, "message": error.message}

    def _carry_out(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/agent_instance/register":
            _only(body, _REGISTER)
            if self._fresh(body):
                self.instances[body["id"]] = {**body, "status": "pending", "quality": {}}
            return {"details": self.instances[body["id"]]}
        if path == "/agent_spans":
            _only(body, {"details", *_KEY})
            return self._create_span(body["details"])
        kind, subject, verb = path.strip("/").split("/")
        known = self.instances if kind == "agent_instance" else self.spans
        if subject not in known:
            raise RefusedError(404, "not_found", f"no {subject}")
        row = known[subject]
        if verb == "start":
            _only(body, {"timestamp", *_KEY})
            if self._fresh(body) and row["status"] != "pending":
                raise RefusedError(409, "invalid_action", "not pending")
            row |= {"status": "active", "started_at": body.get("timestamp")}
        elif verb == "finish":
            _only(body, _END | ({"result_payload"} if kind == "agent_spans" else set()))
            if self._fresh(body):
                if row["status"] not in ("pending", "active"):
                    raise RefusedError(409, "invalid_action", "ended")
                row |= {"status": "complete", **{k: v for k, v in body.items() if v is not None}}
        elif verb == "record_quality":
            _only(body, {"name", "payload", *_KEY})
            row["quality"][body["name"]] = body["payload"]
        else:
            raise RefusedError(404, "not_found", path)
        return {"details": row}

    def _create_span(self, details: dict[str, Any]) -> dict[str, Any]:
        _only(details, _SPAN)
        run = details["agent_instance_id"]
        if run in self.broken:
            raise RefusedError(500, "oops", "this one breaks the server")
        if run not in self.instances:
            raise RefusedError(404, "not_found", f"no {run}")
        if not isinstance(details["payload"], dict):
            raise RefusedError(422, "validation_errors", "payload")
        if details["status"] == "pending" and details.get("started_at"):
            raise RefusedError(422, "validation_errors", "pending and started")
        if self._fresh(details):
            self.spans[details["id"]] = dict(details)
        control = {"control": {"terminate": True, "reason": "enough"}} if run in self.terminated else {}
        return {"details": self.spans[details["id"]], **control}

    def _fresh(self, body: dict[str, Any]) -> bool:
        key = body["idempotency_key"]
        if not 1 <= len(key) <= 64:
            raise RefusedError(422, "validation_errors", "idempotency_key")
        if key in self._keys:
            return False
        self._keys.add(key)
        return True


def _only(body: dict[str, Any], documented: set[str]) -> None:
    strange = set(body) - documented
    if strange:
        raise RefusedError(422, "validation_errors", f"not documented: {sorted(strange)}")
    for name in _TIMES:
        if body.get(name) is not None and not _ZONED.fullmatch(body[name]):
            raise RefusedError(422, "validation_errors", f"{name}: {body[name]!r}")
