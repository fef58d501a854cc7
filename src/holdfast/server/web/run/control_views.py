"""What held a session, as its record says, with what each control decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from holdfast.server.services.clean_text import clip, one_line
from holdfast.server.services.json_read import as_list, as_object, decode_json
from holdfast.server.web.pages import Fact
from holdfast.server.web.run.decisions import KINDS
from holdfast.server.web.run.pages import ControlView
from holdfast.wire.attributes import CONTROLS

__all__ = ["control_views"]

_TEXT: Final = 400


def control_views(attributes: bytes | None, events: Mapping[str, int], path: str) -> tuple[ControlView, ...]:
    """From the attributes of a run or of a session within it; nothing where they do not tell. `events` counts the
    run's events by name, `path` is the run's."""
    try:
        told = as_object(as_object(decode_json(attributes or b"{}")).get(CONTROLS))
    except ValueError:
        return ()
    return tuple(
        ControlView(
            label=_LABELS.get(name, one_line(name.replace("_", " "), 40).capitalize()),
            rule=clip(_RULES.get(name, _plain)(value), _TEXT),
            decided=_decided(name, events, path),
        )
        for name, value in told.items()
    )


def _decided(control: str, events: Mapping[str, int], path: str) -> tuple[Fact, ...]:
    told = _EVENTS.get(control)
    if told is None:
        return ()
    key, prefixes = told
    kind = next(kind for kind in KINDS if kind.key == key)
    return tuple(
        Fact(
            label=name.rpartition(".")[2].replace("_", " "),
            value=f"{events[name]:,}",
            href=f"{path}/events?about={key}",
        )
        for name in sorted(kind.events & events.keys())
        if name.startswith(prefixes) and events[name]
    )


_LABELS: Final = {
    "shared_budget": "Shared budget",
    "loop_guard": "Loop guard",
    "rate_limits": "Rate limits",
    "quality_gate": "Quality gate",
    "circuit_breaker": "Circuit breaker",
}
_EVENTS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "budget": ("budget", ("budget.",)),
    "recovery": ("recovery", ("agent.recovery.",)),
    "loop_guard": ("loop", ("loop.",)),
    "guardrails": ("guard", ("guardrail.",)),
    "permissions": ("guard", ("permission.",)),
    "rate_limits": ("pace", ("rate_limit.",)),
    "times": ("pace", ("call.",)),
    "policy": ("policy", ("policy.",)),
    "quality_gate": ("policy", ("phase.",)),
}


def _plain(value: object) -> str:
    """`name value, name value`; lists as their members."""
    fields = as_object(value)
    if fields:
        return ", ".join(f"{_word(name)} {_plain(inner)}" for name, inner in fields.items())
    members = as_list(value)
    if members:
        return ", ".join(map(_plain, members))
    return f"{value:g}" if isinstance(value, float) else one_line(str(value), 120)


def _word(name: str) -> str:
    return one_line(name.replace("_", " "), 60)


def _turns(value: object) -> str:
    return f"at most {_plain(as_object(value).get('most'))}"


def _budget(value: object) -> str:
    fields = as_object(value)
    held = "holds" if fields.get("enforced") else "is told, and does not hold"
    return f"${_plain(fields.get('usd'))} a session; it {held}"


def _shared(value: object) -> str:
    fields = dict(as_object(value))
    name, warn = fields.pop("name", "budget"), fields.pop("warn_at", None)
    limits = _plain(fields) or "counts, has no limit"
    told = f"; told at {warn:.0%}" if isinstance(warn, float) else ""
    return f"{_plain(name)}: {limits}{told}"


def _times(value: object) -> str:
    return ", ".join(f"{_word(name)} {_plain(seconds)} s" for name, seconds in as_object(value).items())


def _recovery(value: object) -> str:
    fields = as_object(value)
    if fields.get("attempts") == 1:
        return "none: a call that fails is not tried again"
    text = f"up to {_plain(fields.get('attempts'))} attempts"
    if fields.get("longest_wait") is not None:
        text += f", waits of up to {_plain(fields['longest_wait'])} s"
    return text + (f", then {_plain(fields['fallbacks'])}" if fields.get("fallbacks") else "")


def _loops(value: object) -> str:
    fields = as_object(value)
    parts = [
        f"{_word(what)}: word at {_plain(fields[f'{what}_steer'])}, stop at {_plain(fields[f'{what}_stop'])}"
        for what in ("same_call", "cycle", "same_result")
        if f"{what}_steer" in fields and f"{what}_stop" in fields
    ]
    if fields.get("usd_per_minute") is not None:
        parts.append(f"${_plain(fields['usd_per_minute'])} a minute")
    return "; ".join(parts)


def _rates(value: object) -> str:
    return "; ".join(f"{_word(name)}: {_plain(limit)}" for name, limit in as_object(value).items())


def _breaker(value: object) -> str:
    fields = as_object(value)
    name, failures, seconds = (_plain(fields.get(part)) for part in ("name", "failures", "open_seconds"))
    return f"{name}: opens after {failures} failures, for {seconds} s"


def _gate(value: object) -> str:
    return f"opens at {_plain(value)}"


_RULES: Final[dict[str, Callable[[object], str]]] = {
    "turns": _turns,
    "budget": _budget,
    "shared_budget": _shared,
    "times": _times,
    "recovery": _recovery,
    "loop_guard": _loops,
    "rate_limits": _rates,
    "circuit_breaker": _breaker,
    "quality_gate": _gate,
}
