"""Measures the time and traffic of reading the facts of a repository with 20 GGUF levels over HTTP.

    python -m tests.benchmarks.remote_facts [--round-trip-ms 50] [--layers 32] [--cold]

The files have the real header of an 8B model (see tests/helpers/level_files.py). Traffic counts requests and answers,
headers included. 48 layers with 9 tensors each are about as many tensors as a mixture of 30B has. ``--cold`` reads in a
new process each time and counts its imports, the certificates and the look for a keyring.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from engine.catalog.facts import gguf_facts
from engine.catalog.find import ReadingFacts, looking_up
from engine.catalog.hub.client import Hub
from engine.catalog.remote_facts import Memory
from engine.events import Finished
from tests.helpers.hub_server import Hub as Served
from tests.helpers.hub_server import serving
from tests.helpers.level_files import level_file

LEVELS = (
    *("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_0", "Q5_1", "Q4_K_M", "Q4_K_S", "Q4_0"),
    *("Q4_1", "Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_M", "Q2_K", "IQ4_XS", "IQ4_NL", "IQ2_M", "IQ1_M"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--round-trip-ms", type=float, default=50)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--cold", action="store_true")
    chosen = parser.parse_args()
    files = {f"Made-Up-{level}.gguf": level_file(level, layers=chosen.layers) for level in LEVELS}
    with serving(round_trip_s=chosen.round_trip_ms / 1000) as served:
        served.publish("acme/Made-Up-GGUF", files)
        if chosen.cold:
            cold(served)
            return
        for _ in range(3):
            served.log.clear()
            hub, began = Hub(served.url), time.perf_counter()
            *_, found = looking_up(hub, "acme/Made-Up-GGUF")
            assert isinstance(found, Finished)
            looked_up_s = time.perf_counter() - began
            *_, read = ReadingFacts(hub, found.value)
            assert isinstance(read, Finished)
            took_s = time.perf_counter() - began
            print(
                f"{took_s:.2f} s ({looked_up_s:.2f} s of it the look-up), "
                f"{served.traffic_bytes / 1000:.0f} kB in {len(served.log)} requests"
            )
    for variant in read.value.all:
        content = files[variant.entry]
        whole = gguf_facts(Memory(variant.entry, content, len(content)), variant.entry.removesuffix(".gguf"))
        assert variant.facts == whole, variant.title
    print(f"all {len(files)} equal to what the whole headers of {len(content) / 1e6:.1f} MB say")


COLD = """
import sys, time
began = time.perf_counter()
from engine.catalog.find import ReadingFacts, looking_up
from engine.catalog.hub.client import Hub
imported = time.perf_counter()
hub = Hub(sys.argv[1])
*_, found = looking_up(hub, "acme/Made-Up-GGUF")
looked_up = time.perf_counter()
*_, read = ReadingFacts(hub, found.value)
assert all(variant.facts for variant in read.value.all)
ended = time.perf_counter()
print(f"{ended - began:.2f} s: imports {imported - began:.2f}, look-up {looked_up - imported:.2f}, "
      f"headers {ended - looked_up:.2f}", end="")
"""


def cold(served: Served) -> None:
    """Read the facts in a new process, four times."""
    for _ in range(4):
        served.log.clear()
        subprocess.run([sys.executable, "-c", COLD, served.url], check=True)
        print(f"; {served.traffic_bytes / 1000:.0f} kB in {len(served.log)} requests", flush=True)


if __name__ == "__main__":
    main()
