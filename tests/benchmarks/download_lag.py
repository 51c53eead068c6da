"""Measures how long a download keeps the main thread of its process from running: it shares the interpreter lock.

    python -m tests.benchmarks.download_lag [--big-mb 500]

A thread that sleeps two milliseconds at a time stands for the window; what it sleeps longer is the lag.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.catalog.download.job import Download
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.plan import plan_download
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.library import Library
from tests.benchmarks.download_speed import server

SLEEP_S = 0.002


def lags_s(going_on: Callable[[], bool]) -> list[float]:
    found = []
    while going_on():
        began = time.perf_counter()
        time.sleep(SLEEP_S)
        found.append(time.perf_counter() - began - SLEEP_S)
    return sorted(found)


def fetch(url: str, folder: Path, limit: SpeedLimit) -> None:
    hub = Hub(url)
    model = look_up(hub, "acme/big")
    for _ in Download(plan_download(model, model.files), hub, Library(folder), limit):
        pass


def tell(what: str, lags: list[float], rate: float = 0) -> None:
    p50, p99, longest = (1000 * lags[int(len(lags) * share)] for share in (0.5, 0.99, 0.99999))
    print(f"{what:28} p50 {p50:5.2f}  p99 {p99:5.2f}  longest {longest:6.2f} ms  {rate / 1e6:5.0f} MB/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--big-mb", type=int, default=500)
    size = parser.parse_args().big_mb * 1_000_000
    with tempfile.TemporaryDirectory() as scratch:
        big = Path(scratch) / "big"
        big.write_bytes(os.urandom(size))
        until = time.monotonic() + 3
        tell("nothing", lags_s(lambda: time.monotonic() < until))
        for what, round_trip_s, connection, limit in (
            ("near, 100 MB/s at most", 0.0, 0.0, 100e6),
            ("near, as fast as it goes", 0.0, 0.0, 0.0),
            ("50 ms away, 6 connections", 0.05, 25e6, 0.0),
        ):
            with server(big, 1, round_trip_s, connection) as url:
                folder = Path(scratch) / what
                thread = threading.Thread(target=fetch, args=(url, folder, SpeedLimit(limit)))
                began = time.perf_counter()
                thread.start()
                lags = lags_s(thread.is_alive)
                tell(what, lags, size / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
