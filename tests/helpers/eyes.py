"""What a screen reader sees of the running app, as JSON lines, for the system's Python with its AT-SPI bindings.

Asks on standard input are lists ``[name, role]``; an empty role means any. The answer is the list of everything
showing whose name or text holds that name.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import gi  # pyright: ignore[reportMissingImports]

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402  # pyright: ignore[reportMissingImports]


def showing(node: Any) -> Iterator[Any]:
    """Yield a node and what is below it; what is not on the screen is left out with all its children."""
    getattr(node, "clear_cache_single", node.clear_cache)()  # the former from at-spi2 2.50 on
    states = node.get_state_set()
    if node.get_role() != Atspi.Role.APPLICATION and not states.contains(Atspi.StateType.SHOWING):
        return
    yield node
    for index in range(node.get_child_count()):
        child = node.get_child_at_index(index)
        if child is not None:
            yield from showing(child)


def text_of(node: Any) -> str:
    text = node.get_text_iface()
    return Atspi.Text.get_text(text, 0, Atspi.Text.get_character_count(text)) if text else ""


def described(node: Any) -> dict[str, Any]:
    box = node.get_extents(Atspi.CoordType.SCREEN)
    states = node.get_state_set()
    return {
        "name": node.get_name(),
        "role": node.get_role_name(),
        "text": text_of(node),
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "height": box.height,
        "enabled": states.contains(Atspi.StateType.ENABLED),
        "focused": states.contains(Atspi.StateType.FOCUSED),
        "checked": states.contains(Atspi.StateType.CHECKED),
    }


def look(name: str, role: str) -> list[dict[str, Any]]:
    desktop = Atspi.get_desktop(0)
    found = []
    for index in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(index)
        if application is None:
            continue
        for node in showing(application):
            row = described(node)
            if (not role or row["role"] == role) and (name in row["name"] or name in row["text"]):
                found.append(row)
    return found


def main() -> None:
    Atspi.init()
    for line in sys.stdin:
        try:
            answer: Any = look(*json.loads(line))
        except Exception:  # the app is busy or just changed what it shows: look again
            answer = []
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
