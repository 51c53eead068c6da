"""Quantities as a person reads them. Inside, everything is bytes and seconds."""

from __future__ import annotations


def size(count: float | None) -> str:
    """Return bytes in decimal units, as disks and download pages have them: 7.9 GB."""
    if count is None:
        return "?"
    for unit, step in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.{1 if count < 100 * step else 0}f} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """Return a span of time in at most two units."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
