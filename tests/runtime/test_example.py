"""The example of the quick start is a real loop: it runs against a provider on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from model_server import Reply, model_server, openai_answer, openai_error

ROOT = Path(__file__).resolve().parents[2]


def _asks_for_a_tool() -> Reply:
    reply = openai_answer()
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "look_up", "arguments": '{"order": "7"}'},
    }
    reply.body["choices"][0] = {
        "index": 0,
        "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    return reply


def test_the_supervised_loop_runs(tmp_path: Path) -> None:
    """The model is asked, its tool is called, a rate limit is waited out, and the answer and its cost come out."""
    with model_server() as server:
        limited = openai_error(429, "rate_limit_exceeded", "slow down", retry_after="0.05")
        server.replies = [_asks_for_a_tool(), limited, openai_answer("It is on its way.")]
        done = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "supervised_loop.py")],
            env={
                **os.environ,
                "OPENAI_API_KEY": "k",
                "OPENAI_BASE_URL": f"{server.url}/v1",
                "HOLDFAST_SPOOL": str(tmp_path),
                "HOLDFAST_URL": "http://127.0.0.1:9",
                "HOLDFAST_FLUSH_TIMEOUT": "0.1",
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        messages = server.requests[-1]["messages"]
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "It is on its way. | $0.0000 | 2 turns"
    assert messages[-1]["tool_call_id"] == "call_1"
    assert "shipped" in messages[-1]["content"]
    assert len(server.requests) == 3
