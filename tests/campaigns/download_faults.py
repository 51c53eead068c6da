"""Downloads under random faults: each must end in the exact files or in a clear error, and fetch little twice.

    python -m tests.campaigns.download_faults [--count 200] [--seed 0] [--seconds 600]

Faults: connections cut at random bytes, the app killed (SIGKILL) at random moments, wrong bytes from the network, bytes
spoiled on the disk between two runs, a disk that fills up (a small tmpfs; left out where mounting is not permitted), a
branch that moves meanwhile, a repository that vanishes, and stalls. “Twice” is what the server sent beyond the files'
own size; it counts what was still on its way in a connection that broke.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helpers.downloading_app import App, app
from tests.helpers.downloads import files_below
from tests.helpers.hub_server import Hub, serving

STARTS = 12
MIB = 1 << 20


@dataclass
class Trial:
    """One download, its faults, and how it ended."""

    number: int
    fault: str
    hub: Hub
    app: App
    folder: Path
    random: random.Random
    files: dict[str, bytes] = field(default_factory=dict)
    starts: int = 0
    ends: list[str] = field(default_factory=list)
    complaint: str = ""

    @property
    def repository(self) -> str:
        return f"acme/model-{self.number}"

    @property
    def size(self) -> int:
        return len(self.files["model.gguf"])

    @property
    def twice(self) -> int:
        """How many bytes the server sent beyond those that are needed."""
        return self.hub.body_bytes(self.repository) - sum(map(len, self.files.values()))

    def place(self) -> int:
        return self.random.randrange(self.size)


def cut(trial: Trial) -> None:
    for _ in range(trial.random.randint(1, 5)):
        trial.hub.faults.add("cut", path="model.gguf", at=trial.place())


def stall(trial: Trial) -> None:
    trial.hub.faults.add("stall", path="model.gguf", at=trial.place(), value=3)


def corrupt(trial: Trial) -> None:
    for _ in range(trial.random.randint(1, 2)):
        trial.hub.faults.add("corrupt", path="model.gguf", at=trial.place())


def moved_branch(trial: Trial) -> None:
    other = {path: content[::-1] for path, content in trial.files.items()}
    trial.hub.faults.add("call", stage="resolve", action=lambda: trial.hub.publish(trial.repository, other))


def vanished(trial: Trial) -> None:
    def vanish() -> None:
        trial.hub.repositories.pop(trial.repository, None)

    trial.hub.faults.add("call", stage="cdn", skip=trial.random.randint(0, 3), action=vanish)
    cut(trial)


def killed(trial: Trial) -> None:
    """Nothing is set here: see :func:`_kill_some_time`."""


def spoiled(trial: Trial) -> None:
    """Nothing is set here: bytes on the disk are changed between two runs."""


def full(trial: Trial) -> None:
    trial.folder.mkdir(parents=True)
    room = trial.random.randint(1, max(1, trial.size * 9 // 10))
    _mount(trial.folder, room)


FAULTS: dict[str, Callable[[Trial], None]] = {
    each.__name__: each for each in (cut, killed, corrupt, spoiled, full, moved_branch, vanished, stall)
}
CLEAR = {"vanished": {"NotFound"}, "full": {"DiskFull"}}


def run(trial: Trial) -> None:
    """Start the app until the download ends in files or in an error that another start does not mend."""
    FAULTS[trial.fault](trial)
    while trial.starts < STARTS:
        trial.starts += 1
        end = _one_start(trial)
        trial.ends.append(end["end"])
        if end["end"] == "done":
            trial.complaint = _difference(trial)
            return
        if end["end"] == "DiskFull" and trial.fault == "full":
            _mount(trial.folder, 2 * trial.size + 4 * MIB, "remount,")
        elif end["end"] == "killed" and trial.fault in ("killed", "spoiled"):
            if trial.fault == "spoiled":
                _spoil(trial)
        elif end["end"] in CLEAR.get(trial.fault, ()) and trial.fault == "vanished":
            shown = [path for path in files_below(trial.folder) if not path.startswith(".downloads")]
            trial.complaint = f"half a model appeared: {shown}" if shown else ""
            return
        else:
            trial.complaint = f"ended in {end}"
            return
    trial.complaint = f"not done after {STARTS} starts"


def _one_start(trial: Trial) -> dict[str, Any]:
    pid = trial.app.start(endpoint=trial.hub.url, library=str(trial.folder), repository=trial.repository)
    if trial.fault in ("killed", "spoiled") and trial.starts <= (3 if trial.fault == "killed" else 1):
        killer = threading.Timer(trial.random.uniform(0.02, 0.9), os.kill, (pid, signal.SIGKILL))
        killer.start()
        end = trial.app.end()
        killer.cancel()
        return end
    return trial.app.end()


def _spoil(trial: Trial) -> None:
    """Change some bytes of what is here, as a bad disk or a power cut does."""
    for part in trial.folder.glob(".downloads/*/*.part"):
        with part.open("r+b") as file:
            file.seek(trial.random.randrange(max(1, part.stat().st_size)))
            file.write(trial.random.randbytes(20))


def _difference(trial: Trial) -> str:
    found = files_below(trial.folder)
    wanted = {f"{trial.repository}/{path}": content for path, content in trial.files.items()}
    if found == wanted:
        return ""
    return (
        f"wrong files: {sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))}"
    )


def _mount(folder: Path, size: int, how: str = "") -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{how}size={size}", "tmpfs", str(folder)], check=True)


def may_mount(folder: Path) -> bool:
    """Tell whether this process may mount a small disk."""
    folder.mkdir()
    try:
        _mount(folder, MIB)
    except (OSError, subprocess.CalledProcessError):
        return False
    subprocess.run(["umount", str(folder)], check=True)
    return True


def campaign(count: int, seed: int = 0, seconds: float = 600, faults: tuple[str, ...] = tuple(FAULTS)) -> list[Trial]:
    """Run trials, each kind of fault in turn, until all are done or the time is over."""
    trials: list[Trial] = []
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as scratch, app() as downloading:
        if not may_mount(Path(scratch) / "mounted"):
            faults = tuple(fault for fault in faults if fault != "full")
        for number in range(count):
            if time.monotonic() > until:
                break
            chance = random.Random(f"{seed}/{number}")
            speed = {"round_trip_s": chance.choice((0, 0.02)), "connection_bytes_s": chance.choice((8e6, 20e6))}
            with serving(**speed) as hub:
                folder = Path(scratch) / str(number)
                trial = Trial(number, faults[number % len(faults)], hub, downloading, folder, chance)
                size = chance.randint(5 * MIB, 12 * MIB)
                trial.files = {"model.gguf": chance.randbytes(size), "config.json": chance.randbytes(999)}
                hub.publish(trial.repository, trial.files)
                try:
                    run(trial)
                finally:
                    if trial.fault == "full":
                        subprocess.run(["umount", "-l", str(folder)], check=False)
                    shutil.rmtree(folder, ignore_errors=True)
                trials.append(trial)
    return trials


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600)
    chosen = parser.parse_args()
    began = time.monotonic()
    trials = campaign(chosen.count, chosen.seed, chosen.seconds)
    print("fault          trials  exact  clear error  starts  fetched twice")
    by_fault = collections.defaultdict(list)
    for trial in trials:
        by_fault[trial.fault].append(trial)
    for fault, those in sorted(by_fault.items()):
        exact = [trial for trial in those if trial.ends[-1] == "done" and not trial.complaint]
        clear = [trial for trial in those if trial.ends[-1] != "done" and not trial.complaint]
        needed = sum(len(content) for trial in exact for content in trial.files.values())
        twice = 100 * sum(trial.twice for trial in exact) / needed if needed else 0
        starts = sum(trial.starts for trial in those)
        print(f"{fault:14} {len(those):6} {len(exact):6} {len(clear):12} {starts:7} {twice:12.1f} %")
    for trial in trials:
        if trial.complaint:
            print(f"trial {trial.number} ({trial.fault}): {trial.complaint}")
    wrong = sum(bool(trial.complaint) for trial in trials)
    print(f"{len(trials)} downloads in {time.monotonic() - began:.0f} s, {wrong} ended otherwise")


if __name__ == "__main__":
    main()
