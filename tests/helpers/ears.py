"""What a screen reader would speak by itself, as JSON lines, for the system's Python with its AT-SPI bindings.

A line is ``["announcement", words]`` or ``["focus", role, name]``, in the order in which the app told of them.
"""

from __future__ import annotations

import json
from typing import Any

import gi  # pyright: ignore[reportMissingImports]

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi  # noqa: E402  # pyright: ignore[reportMissingImports]


def on_announcement(event: Any) -> None:
    tell("announcement", event.any_data)


def on_focus(event: Any) -> None:
    if event.detail1:
        tell("focus", event.source.get_role_name(), event.source.get_name())


def tell(*words: str) -> None:
    print(json.dumps(words), flush=True)


def main() -> None:
    Atspi.init()
    listeners = {"object:announcement": on_announcement, "object:state-changed:focused": on_focus}
    kept = [Atspi.EventListener.new(hears) for hears in listeners.values()]
    for listener, kind in zip(kept, listeners, strict=True):
        listener.register(kind)
    tell("listening")
    Atspi.event_main()


if __name__ == "__main__":
    main()
