"""Compare the probe with nvidia-smi on a machine with NVIDIA cards.

Not a test of pytest's: run it there, from the project's folder, with ``python3 tests/device/check_nvml.py``. It needs
psutil and nvidia-ml-py beside the standard library, prints the machine that was found as JSON and what differs, and
exits with 1 if anything does.
"""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from engine.events import Finished
from engine.machine import nvidia, nvidia_smi
from engine.machine.facts import Gpu, Machine
from engine.machine.look import Places, look
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable

MIB = 1024**2
FREE_MAY_DIFFER_BY_BYTES = 1024 * MIB  # other programs come and go between two readings
COLUMNS = ("name", "memory.total", "memory.free", "driver_version", "compute_cap", "clocks.max.memory", "pci.bus_id")


def main() -> int:
    live = Live()
    try:
        machine, seconds = found(live)
        print(json.dumps(dataclasses.asdict(machine), indent=2, ensure_ascii=False))
        print(f"probe: {seconds:.2f} s with the measurement of bandwidth")
        cards = [gpu for gpu in machine.gpus if gpu.vendor == "nvidia"]
        problems = differences(cards, query(), cuda_version(smi()))
        problems += second_way(cards, nvidia.gpus(nvidia_smi.read(live)))
    except (OSError, subprocess.SubprocessError, Unavailable) as error:
        problems = [f"nvidia-smi cannot be asked: {error}"]
    finally:
        live.close()
    for problem in problems:
        print("DIFFERENT:", problem)
    print("equal to nvidia-smi" if not problems else f"{len(problems)} differences")
    return 1 if problems else 0


def found(live: Live) -> tuple[Machine, float]:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        *_, last = look(live, Places({"temporary": Path(folder)}, Path(folder, "bandwidth.json")))
    assert isinstance(last, Finished)
    return last.value, time.perf_counter() - start


def smi(*arguments: str) -> str:
    return subprocess.run(["nvidia-smi", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def query() -> list[dict[str, str]]:
    return rows(smi("--query-gpu=" + ",".join(COLUMNS), "--format=csv,noheader,nounits"))


def rows(csv: str) -> list[dict[str, str]]:
    lines = (line.split(", ") for line in csv.strip().splitlines())
    return [dict(zip(COLUMNS, (value.strip() for value in line), strict=True)) for line in lines]


def cuda_version(table: str) -> str:
    """Return the CUDA version in the head of nvidia-smi's table; newer ones call it “CUDA UMD Version”."""
    match = re.search(r"CUDA (?:UMD )?Version: +([0-9.]+)", table)
    return match[1] if match else ""


def differences(cards: list[Gpu], wanted: list[dict[str, str]], cuda: str) -> list[str]:
    """Return a line for each value in which the cards differ from nvidia-smi's rows."""
    if not wanted or len(cards) != len(wanted):
        return [f"{len(cards)} cards were found; nvidia-smi shows {len(wanted)}"]
    problems = []
    for number, (card, row) in enumerate(zip(cards, wanted, strict=True)):
        pairs: dict[str, tuple[Any, Any]] = {
            "name": (card.name, row["name"]),
            "total (MiB)": (str(card.total_bytes // MIB), row["memory.total"]),
            "driver": (card.driver, row["driver_version"]),
            "compute capability": (card.compute_capability, row["compute_cap"]),
            "CUDA": (card.cuda, cuda),
            "address": (card.pci, nvidia.address(row["pci.bus_id"])),
        }
        problems += [f"card {number}: {name}: {a!r}, not {b!r}" for name, (a, b) in pairs.items() if a != b]
        if abs(card.usable_bytes - int(row["memory.free"]) * MIB) > FREE_MAY_DIFFER_BY_BYTES:
            problems.append(f"card {number}: free: {card.usable_bytes // MIB} MiB, not {row['memory.free']}")
        problems += bus(number, card, float(row["clocks.max.memory"]))
    return problems


def bus(number: int, card: Gpu, memory_mhz: float) -> list[str]:
    """Check that the bandwidth is a whole and likely number of bits at nvidia-smi's clock."""
    bits = (card.bandwidth_bytes_s or 0) * 8 / (2 * memory_mhz * 1e6)
    likely = 64 <= bits <= 16384 and abs(bits / 32 - round(bits / 32)) < 1e-6
    return [] if likely else [f"card {number}: {card.bandwidth_bytes_s} bytes/s are {bits} bits at {memory_mhz} MHz"]


def second_way(cards: list[Gpu], by_xml: tuple[Gpu, ...]) -> list[str]:
    """Compare with what the reader of ``nvidia-smi -q -x`` finds, which rounds to MiB."""
    names = ("name", "total_bytes", "driver", "cuda", "pci")

    def values(gpus: Iterable[Gpu]) -> list[list[Any]]:
        whole = (dataclasses.replace(gpu, total_bytes=gpu.total_bytes // MIB) for gpu in gpus)
        return [[getattr(gpu, name) for name in names] for gpu in whole]

    other, mine = values(by_xml), values(cards)
    return [] if mine == other else [f"nvidia-smi -q -x: {other}, not {mine}"]


if __name__ == "__main__":
    sys.exit(main())
