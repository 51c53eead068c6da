"""Time the start of the window, cold and warm, of a packaged app or of this source tree; medians.

    sudo .venv/bin/python -m tests.benchmarks.start_times [--executable dist/halfbyte/halfbyte] [--rounds 5]

From the start of the process until the window is on the screen (Xvfb, openbox), in a home that has been used before,
and beside it what its main thread computed in that time, which other programs of the machine hardly change (Linux).
Cold: the kernel's caches are dropped first, which needs root.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

_DROP = Path("/proc/sys/vm/drop_caches")
_LOOK = ["xdotool", "search", "--onlyvisible", "--name", "Halfbyte$"]  # its --sync looks twice a second only
_EVERY_S = 0.02


def main() -> None:
    """Print both medians and all times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executable", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    command = [str(options.executable)] if options.executable else [sys.executable, "-m", "desktop"]
    read, write = os.pipe()
    screen_command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1360x900x24"]
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(screen_command, pass_fds=(write,)) as screen,
    ):
        environment = {**os.environ, "DISPLAY": f":{os.read(read, 16).decode().strip()}", "HALFBYTE_HOME": home}
        environment |= {"QT_QPA_PLATFORM": "xcb"}
        manager = subprocess.Popen(["openbox"], env=environment)
        start_s(command, environment)  # the starter model is placed
        for name, is_cold in (("cold", True), ("warm", False)):
            starts = [start_s(command, environment, is_cold=is_cold) for _ in range(options.rounds)]
            taken_s, computed_s = zip(*starts, strict=True)
            print(f"{name}: {median_of(taken_s)}; computed {median_of(computed_s)}")
        manager.kill()
        manager.wait()
        screen.kill()


def start_s(command: list[str], environment: dict[str, str], *, is_cold: bool = False) -> tuple[float, float]:
    """Return the seconds until the window can be seen, and those that its main thread computed; end the app."""
    if is_cold:
        os.sync()
        _DROP.write_text("3\n")
    started = time.monotonic()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as app:
        while subprocess.run(_LOOK, env=environment, capture_output=True, timeout=60, check=False).returncode:
            time.sleep(_EVERY_S)
        taken_s = time.monotonic() - started
        computed_s = int(Path(f"/proc/{app.pid}/schedstat").read_text().split()[0]) / 1e9
        time.sleep(2)  # what it does right after is not left half done
        app.terminate()
    return taken_s, computed_s


def median_of(times_s: Sequence[float]) -> str:
    """Return the median and all that it is of."""
    return f"{statistics.median(times_s):.2f} s of {' '.join(f'{one:.2f}' for one in times_s)}"


if __name__ == "__main__":
    main()
