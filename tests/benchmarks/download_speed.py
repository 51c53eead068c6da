"""Compares Halfbyte's download with ``hf download`` and ``snapshot_download`` on the same local Hub.

    python -m tests.benchmarks.download_speed [--big-mb 2000] [--small 200] [--rounds 3]

The server runs in a process of its own. It delays each connection and each answer by the round trip, because ``tc
netem`` needs a kernel module that few test machines have; the third setting also limits each connection, as a window
over a distance does. The ways take turns; each figure is the median of the rounds, with the smallest and largest time.
What is measured is the whole process, its start included. Ours hashes every byte (SHA-256) and waits until the disk has
it, which the others do not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.hub_server import serving

OURS = """
import sys
from pathlib import Path
from engine.catalog.download.job import Download
from engine.catalog.download.plan import plan_download
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.library import Library
hub = Hub()
model = look_up(hub, sys.argv[1])
for event in Download(plan_download(model, model.files), hub, Library(Path(sys.argv[2]))):
    pass
"""
LIBRARY = (
    "import sys; from huggingface_hub import snapshot_download; snapshot_download(sys.argv[1], local_dir=sys.argv[2])"
)
SERVER = "import sys; from tests.benchmarks.download_speed import serve; serve(*sys.argv[1:])"
SETTINGS = ((0.0, 0.0), (0.05, 0.0), (0.05, 25e6))  # seconds of round trip, bytes a second of one connection


@dataclass(frozen=True)
class Cost:
    wall_s: float
    cpu_s: float
    memory_mb: float


def serve(big: str, small: str, round_trip_s: str, connection_bytes_s: str) -> None:
    """Serve the two repositories until standard input closes; the address goes to standard output."""
    with serving(round_trip_s=float(round_trip_s), connection_bytes_s=float(connection_bytes_s)) as hub:
        hub.publish("acme/big", {"config.json": b"{}", "model.safetensors": Path(big)})
        content = os.urandom(20_000)
        files = {f"part/{number:04}.json": b"%d" % number + content for number in range(int(small))}
        hub.publish("acme/small", {**files, "config.json": b"{}", "model.safetensors": b"\2" + bytes(7) + b"{}"})
        print(hub.url, flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def server(*values: object) -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, *map(str, values)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def measured(command: list[str], environment: dict[str, str]) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:3]} ended with {process.returncode}")
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def commands(repository: str, folder: Path) -> dict[str, list[str]]:
    hf = Path(sys.executable).with_name("hf")
    return {
        "halfbyte": [sys.executable, "-c", OURS, repository, str(folder)],
        "hf download": [str(hf), "download", repository, "--local-dir", str(folder)],
        "snapshot_download": [sys.executable, "-c", LIBRARY, repository, str(folder)],
    }


def compare(url: str, repository: str, rounds: int, scratch: Path) -> dict[str, list[Cost]]:
    """Return the rounds of each way; they take turns, so that a busy moment does not hit one alone."""
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(scratch / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    costs: dict[str, list[Cost]] = defaultdict(list)
    for _ in range(rounds):
        for name in commands(repository, scratch):
            folder = scratch / "target"
            shutil.rmtree(folder, ignore_errors=True)
            costs[name].append(measured(commands(repository, folder)[name], environment))
            shutil.rmtree(folder, ignore_errors=True)
    return costs


def line(costs: list[Cost]) -> str:
    walls = [cost.wall_s for cost in costs]
    span = f"{min(walls):.1f}–{max(walls):.1f}"
    cpu_s, memory_mb = (
        statistics.median(values) for values in zip(*((c.cpu_s, c.memory_mb) for c in costs), strict=True)
    )
    return f"{statistics.median(walls):7.2f}  {span:>12} {cpu_s:7.2f} {memory_mb:10.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--big-mb", type=int, default=2000)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        big = Path(scratch) / "big"
        with big.open("wb") as file:
            for _ in range(chosen.big_mb):
                file.write(os.urandom(1_000_000))
        print(f"{chosen.big_mb} MB in one file, {chosen.small} files of 20 kB; medians of {chosen.rounds}")
        print("round trip  limit     what    way                   wall s  least–most   CPU s  memory MB")
        for round_trip_s, limit in SETTINGS:
            with server(big, chosen.small, round_trip_s, limit) as url:
                for what in ("big", "small"):
                    where = f"{round_trip_s * 1000:5.0f} ms  {limit / 1e6:5.0f} MB/s  {what:6}"
                    for name, costs in compare(url, f"acme/{what}", chosen.rounds, Path(scratch)).items():
                        print(f"{where}  {name:20} {line(costs)}", flush=True)


if __name__ == "__main__":
    main()
