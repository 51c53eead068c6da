"""The Windows registry, as ``reg query`` prints it."""

from __future__ import annotations

import re

_VALUE = re.compile(r"^ {4}(?P<name>.+?) {4}(?P<kind>REG_[A-Z_]+) {4}(?P<data>.*)$")


def parse(text: str) -> dict[str, dict[str, str | int]]:
    """Return the values of each key. Numbers (REG_DWORD, REG_QWORD, and REG_BINARY up to 8 bytes) become integers."""
    keys: dict[str, dict[str, str | int]] = {}
    values: dict[str, str | int] = {}
    for line in text.splitlines():
        if line.startswith("HKEY_"):
            values = keys.setdefault(line.strip(), {})
        elif match := _VALUE.match(line.rstrip()):
            values[match["name"]] = _data(match["kind"], match["data"])
    return keys


def _data(kind: str, data: str) -> str | int:
    digits = data.replace(" ", "")
    try:
        if kind in ("REG_DWORD", "REG_QWORD"):
            return int(digits, 16)
        if kind == "REG_BINARY" and 0 < len(digits) <= 16:
            return int.from_bytes(bytes.fromhex(digits), "little")
    except ValueError:
        pass
    return data.strip()


def number(value: str | int | None) -> int:
    """Return a number as it is, 0 for anything else."""
    return value if isinstance(value, int) else 0


def words(value: str | int | None) -> str:
    return value if isinstance(value, str) else ""
