"""Numbers out of what systems print. Nothing here raises, whatever the text."""

from __future__ import annotations

import re


def whole(text: str | None) -> int | None:
    """Return a count written in decimal digits; ``None`` for “max”, “N/A”, -1 and whatever else is none."""
    text = (text or "").strip()
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else None


def leading(text: str | None) -> int | None:
    """Return the count at the start of a text such as ``24564 MiB``."""
    match = re.match(r"\s*([0-9]{1,20})\b", text or "")
    return int(match[1]) if match else None


def hexadecimal(text: str | None) -> int | None:
    """Return a number such as ``0x10de``."""
    match = re.fullmatch(r"\s*(?:0x)?([0-9a-fA-F]{1,16})\s*", text or "")
    return int(match[1], 16) if match else None


def numbers(text: str) -> frozenset[int]:
    """Return the numbers of a kernel list such as ``0-3,8``; what is no number is left out."""
    found: set[int] = set()
    for part in text.strip().split(","):
        if match := re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", part.strip()):
            found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return frozenset(found)


def pairs(text: str) -> dict[str, str]:
    """Return the values of lines written ``name: value``; the last one of a name counts."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, separator, value in lines if separator}
