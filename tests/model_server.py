"""A model provider on this machine: it speaks OpenAI's and Anthropic's wire formats, and fails as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `drop` closes the connection without a word; `cut` sends the body and less than it announced."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut: bool = False
    stream: tuple[str, ...] = ()


def openai_error(status: int, code: str, message: str, **headers: str) -> Reply:
    error = {"message": message, "type": code, "param": None, "code": code}
    return Reply(status, {"error": error}, {key.replace("_", "-"): value for key, value in headers.items()})


def anthropic_error(status: int, kind: str, message: str, **headers: str) -> Reply:
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return Reply(status, body, {key.replace("_", "-"): value for key, value in headers.items()})


def openai_answer(text: str = "hello", model: str = "gpt-4o-mini") -> Reply:
    return Reply(
        body={
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        }
    )


def anthropic_answer(text: str = "hello", model: str = "claude-test-1") -> Reply:
    return Reply(
        body={
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 11, "output_tokens": 4},
        }
    )


def openai_stream(*texts: str, cut: bool = False) -> Reply:
    chunks = [_chunk({"role": "assistant", "content": ""})] + [_chunk({"content": text}) for text in texts]
    if not cut:
        chunks.append(_chunk({}, finish="stop"))
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        chunks.append(json.dumps({**json.loads(_chunk({})), "choices": [], "usage": usage}))
        chunks.append("[DONE]")
    return Reply(stream=tuple(f"data: {chunk}\n\n" for chunk in chunks), cut=cut)


def _chunk(delta: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps(
        {
            "id": "c",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "gpt-4o-mini",
            "choices": [choice],
        }
    )


class ModelServer:
    """Gives the `replies` in order, the last one for ever; `requests` are the bodies it got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def next(self, request: dict[str, Any]) -> Reply:
        with self.lock:
            self.requests.append(request)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def model_server() -> Iterator[ModelServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            reply = made.next(json.loads(self.rfile.read(length)))
            if reply.drop:
                self.close_connection = True
                self.connection.close()
                return
            body = "".join(reply.stream).encode() if reply.stream else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("content-type", "text/event-stream" if reply.stream else "application/json")
            self.send_header("content-length", str(len(body) + (100 if reply.cut else 0)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            if reply.cut:
                self.wfile.flush()
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = ModelServer(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join(10)
