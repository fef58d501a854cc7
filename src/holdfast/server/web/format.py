"""Numbers, times and money as pages show them. Every function gives short text for a known value."""

from __future__ import annotations

from holdfast._clock import iso_utc

__all__ = ["ago", "amount", "bytes_text", "clock_text", "duration", "money", "utc_text"]

_SECOND = 1_000_000_000


def duration(ns: int) -> str:
    """Two units at most: `840 µs`, `3.21 s`, `2 min 05 s`, `3 h 12 min`, `2 d 4 h`."""
    if ns <= 0:
        return "0 ms"
    if ns < 1_000_000:
        return f"{ns / 1000:.0f} µs"
    if ns < _SECOND:
        return f"{ns / 1_000_000:.0f} ms"
    if ns < 60 * _SECOND:
        return f"{ns / _SECOND:.2f} s" if ns < 10 * _SECOND else f"{ns / _SECOND:.1f} s"
    minutes, seconds = divmod(ns // _SECOND, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def ago(ns: int, now: int) -> str:
    """How long before `now`: `just now`, `5 min ago`, `3 d ago`, `in 2 h`."""
    distance = abs(now - ns) // _SECOND
    if distance < 10:
        return "just now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if distance >= size:
            text = f"{distance // size} {unit}"
            return f"{text} ago" if ns <= now else f"in {text}"
    return "just now"


def utc_text(ns: int) -> str:
    """`2026-11-21 06:43:18.123 UTC`"""
    text = iso_utc(ns)
    return f"{text[:10]} {text[11:23]} UTC"


def clock_text(ns: int) -> str:
    """`06:43:18.123`, the time of the day in UTC."""
    return iso_utc(ns)[11:23]


def amount(count: int) -> str:
    """Three digits at least: `980`, `12.3k`, `1.20M`."""
    if count < 1000:
        return str(count)
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")):
        if count >= size * 0.9995:
            value = count / size
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f}{unit}"
    return str(count)


def money(nano: int) -> str:
    """US dollars from nano-dollars, cents or four significant digits below a dollar; never rounded to 0."""
    dollars = nano / 1_000_000_000
    if nano == 0:
        return "$0"
    if abs(dollars) < 0.0001:
        return "<$0.0001"
    if abs(dollars) < 1:
        return f"${dollars:.4f}"
    return f"${dollars:,.2f}"


def bytes_text(size: int) -> str:
    """`512 B`, `1.2 KiB`, `3.4 MiB`."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
