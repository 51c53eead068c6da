"""A person at a real screen: sees what a screen reader sees, and has only a mouse and a keyboard (real X events)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.program import program

EYES = Path(__file__).with_name("eyes.py")
SYSTEM_PYTHON = "/usr/bin/python3"
NEEDS = ("Xvfb", "xdotool", "openbox", "dbus-daemon")


def why_not() -> str:
    """Say what this machine lacks for it; empty if nothing."""
    missing = [program for program in NEEDS if not shutil.which(program)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    check = [SYSTEM_PYTHON, "-c", "import gi; gi.require_version('Atspi', '2.0')"]
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run(check, capture_output=True, check=False).returncode:
        return "not installed: python3-pyatspi"
    return ""


@dataclass(frozen=True)
class Spot:
    """Something on the screen."""

    name: str
    role: str
    text: str
    x: int
    y: int
    width: int
    height: int
    enabled: bool
    focused: bool
    checked: bool

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


class Person:
    """Starts a screen, a window manager, an accessibility bus and the app. Use as a context manager.

    Who ``is_new`` has the tour before them.
    """

    def __init__(
        self,
        home: Path,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        size: str = "1360x900",
        *,
        is_new: bool = False,
        prepare: Callable[[dict[str, str]], None] | None = None,
    ) -> None:
        self._started: list[subprocess.Popen[bytes]] = []
        screen = self._start_screen(size)
        bus = self._start(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE)
        assert bus.stdout is not None
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("XDG_")},  # other folders
            "DISPLAY": screen,
            "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().decode().strip(),
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
            "NO_AT_BRIDGE": "0",
            "HALFBYTE_HOME": str(home),
            "LC_ALL": "C.UTF-8",
            **(environment or {}),
        }
        self._start(["openbox"])
        self._eyes = self._open_eyes()
        self.log = home.parent / "app.log"
        if not is_new:
            _skip_tour(home / "config" / "window.ini")
        if prepare:  # something is to be done with the environment of the screen before the app starts
            prepare(self.environment)
        self.app = self._start_app(arguments)

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._started):
            process.kill()
        for process in self._started:
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()

    def look(self, name: str, role: str = "") -> list[Spot]:
        """Return what is on the screen now with that name or text in it."""
        assert self._eyes.stdin is not None
        assert self._eyes.stdout is not None
        self._eyes.stdin.write(json.dumps([name, role]).encode() + b"\n")
        self._eyes.stdin.flush()
        line = self._eyes.stdout.readline()
        if not line:  # the accessibility library does not survive every change of what it looks at
            self._eyes = self._open_eyes()
        return [Spot(**row) for row in json.loads(line or b"[]")]

    def see(self, name: str, role: str = "", within_s: float = 20) -> Spot:
        """Wait until something is on the screen and return it; fail with what is there instead."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            found = [spot for spot in self.look(name, role) if spot.width > 0]
            if found:
                exact = [spot for spot in found if spot.name == name]
                return (exact or found)[-1]
            if self.app.poll() is not None:
                break
            time.sleep(0.1)
        there = sorted({f"{spot.role}: {spot.name or spot.text[:60]}" for spot in self.look("")})
        raise AssertionError(f"{name!r} ({role or 'any role'}) is not on the screen; there is:\n" + "\n".join(there))

    def see_enabled(self, name: str, role: str = "", within_s: float = 20) -> Spot:
        """Wait until something can be used."""
        deadline = time.monotonic() + within_s
        while not (spot := self.see(name, role, within_s)).enabled:
            assert time.monotonic() < deadline, f"{name!r} stays disabled"
            time.sleep(0.1)
        return spot

    def gone(self, name: str, role: str = "", within_s: float = 20) -> None:
        """Wait until something is no longer on the screen."""
        deadline = time.monotonic() + within_s
        while self.look(name, role):
            assert time.monotonic() < deadline, f"{name!r} is still on the screen"
            time.sleep(0.1)

    def click(self, name: str, role: str = "", within_s: float = 20) -> Spot:
        """Move the mouse to something that can be used, and press its left button."""
        spot = self.see_enabled(name, role, within_s)
        x, y = spot.middle
        self._xdotool("mousemove", str(x), str(y), "click", "1")
        return spot

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "12", text)

    def press(self, *keys: str) -> None:
        """Press keys in xdotool's names: ``Return``, ``ctrl+5``, ``Tab``."""
        self._xdotool("key", "--delay", "40", *keys)

    def picture(self, file: Path) -> None:
        """Take a picture of the screen, where ImageMagick is installed."""
        if shutil.which("import"):
            subprocess.run(["import", "-window", "root", str(file)], env=self.environment, check=True)

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self.environment, check=True)

    def _open_eyes(self) -> subprocess.Popen[bytes]:
        return self._start([SYSTEM_PYTHON, str(EYES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _start_screen(self, size: str) -> str:
        read, write = os.pipe()
        arguments = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
        self._start(arguments, pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as numbers:
            return ":" + numbers.readline().strip()

    def _start_app(self, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with self.log.open("wb") as log:
            return self._start(program(*arguments), stdout=log, stderr=subprocess.STDOUT)

    def _start(self, command: list[str], **options: object) -> subprocess.Popen[bytes]:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        environment = getattr(self, "environment", None)
        process: subprocess.Popen[bytes] = subprocess.Popen(command, env=environment, **streams)  # type: ignore[call-overload]
        self._started.append(process)
        return process


def _skip_tour(file: Path) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("[window]\ntour_seen=true\n")
