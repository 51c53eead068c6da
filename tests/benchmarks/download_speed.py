"""Compares Halfbyte's download with ``hf download`` and ``snapshot_download`` on the same local Hub.

    python -m tests.benchmarks.download_speed [--big-mb 500] [--small 200] [--rounds 3]

The server runs in a process of its own. It delays each connection and each answer by the round trip, because ``tc
netem`` needs a kernel module that few test machines have; the third setting also limits each connection, as a window
over a distance does. Each figure is the best round; what is measured is the whole process, its start included.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
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


def compare(url: str, repository: str, rounds: int, scratch: Path) -> dict[str, Cost]:
    """Return the best round of each way; they take turns, so that a busy moment does not hit one alone."""
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(scratch / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    best: dict[str, Cost] = {}
    for _ in range(rounds):
        for name in commands(repository, scratch):
            folder = scratch / "target"
            shutil.rmtree(folder, ignore_errors=True)
            cost = measured(commands(repository, folder)[name], environment)
            best[name] = min(best.get(name, cost), cost, key=lambda each: each.wall_s)
            shutil.rmtree(folder, ignore_errors=True)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--big-mb", type=int, default=500)
    parser.add_argument("--small", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        big = Path(scratch) / "big"
        with big.open("wb") as file:
            for _ in range(chosen.big_mb):
                file.write(os.urandom(1_000_000))
        print(f"{chosen.big_mb} MB in one file, {chosen.small} files of 20 kB; best of {chosen.rounds}")
        print("round trip  limit     what    way                   wall s   CPU s  memory MB")
        for round_trip_s, limit in SETTINGS:
            with server(big, chosen.small, round_trip_s, limit) as url:
                for what in ("big", "small"):
                    for name, cost in compare(url, f"acme/{what}", chosen.rounds, Path(scratch)).items():
                        where = f"{round_trip_s * 1000:5.0f} ms  {limit / 1e6:5.0f} MB/s  {what:6}"
                        print(
                            f"{where}  {name:20} {cost.wall_s:7.2f} {cost.cpu_s:7.2f} {cost.memory_mb:10.0f}",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
