"""A person's ears: what a screen reader would have spoken by itself while a :class:`Person` worked."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.helpers.person import SYSTEM_PYTHON

EARS = Path(__file__).with_name("ears.py")


class Ears:
    """Listen from now on. Use as a context manager, inside that of the person whose ``environment`` it takes."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._heard: list[list[str]] = []
        self._process = subprocess.Popen([SYSTEM_PYTHON, str(EARS)], env=environment, stdout=subprocess.PIPE)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.wait_for("listening")
        self._heard.clear()

    def __enter__(self) -> Ears:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def announced(self) -> list[str]:
        """What was announced so far."""
        return [words for kind, *rest in list(self._heard) if kind == "announcement" for words in rest]

    @property
    def focus(self) -> str:
        """The role and the name of what has the focus: “push button: Stop”; empty before it moved."""
        return self._focused[-1] if self._focused else ""

    @property
    def moves(self) -> int:
        """How often the focus moved so far."""
        return len(self._focused)

    def wait_for(self, words: str, within_s: float = 20) -> None:
        """Wait until something is heard with these words in it, or was already."""
        self._wait(lambda: any(words in part for line in list(self._heard) for part in line), words, within_s)

    def wait_for_focus(self, beginning: str, within_s: float = 20) -> None:
        """Wait until the focus is on something whose role and name begin so."""
        self._wait(lambda: self.focus.startswith(beginning), beginning, within_s)

    def wait_for_move(self, moves: int, within_s: float = 5) -> None:
        """Wait until the focus has moved more often."""
        self._wait(lambda: self.moves > moves, "a move of the focus", within_s)

    def wait_until(self, condition: Callable[[], bool], awaited: str, within_s: float = 20) -> None:
        """Wait for something that :attr:`announced` or :attr:`focus` tells."""
        self._wait(condition, awaited, within_s)

    @property
    def _focused(self) -> list[str]:
        return [": ".join(rest) for kind, *rest in list(self._heard) if kind == "focus"]

    def _wait(self, condition: Callable[[], bool], awaited: str, within_s: float) -> None:
        deadline_s = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline_s, f"{awaited!r} was not heard, but {self._heard[-40:]}"
            time.sleep(0.05)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.append(json.loads(line))
