"""Look at this computer."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from engine import paths, settings
from engine.events import Finished
from engine.machine import bandwidth, cpu, memory
from engine.machine.facts import LlamaBuild, Machine
from engine.machine.look import Places, look
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable


def probe(*, measure_bandwidth: bool = True) -> Machine:
    """Return everything that can be found out about this computer. Never raises; what fails is in ``missing``.

    It blocks for about half a second, at worst for the sum of the limits of the readers: call it from a job.
    """
    live = Live()
    try:
        *_, last = look(live, usual_places(), measure_bandwidth=measure_bandwidth)
        assert isinstance(last, Finished)
        return last.value
    finally:
        live.close()


def processor_alone(llama_version: str = "") -> Machine | None:
    """Return the processor and its memory, with the bandwidth as it was measured before; ``None`` where unknown.

    It takes milliseconds: no driver, no program and no other process is asked.
    """
    live = Live()
    try:
        found, room = cpu.read(live), memory.read(live)
    except Unavailable:
        return None
    finally:
        live.close()
    build = LlamaBuild(llama_version, (), (), offload=False) if llama_version else None
    speed = bandwidth.kept(found, room, usual_places().bandwidth_file)
    return Machine(live.system, found, room, llama=build, bandwidth_bytes_s=speed)


def usual_places() -> Places:
    """Return the app's folders, as the settings have them."""
    disks = {"models": settings.load().models_folder}
    with contextlib.suppress(OSError):  # no folder takes files
        disks["temporary"] = Path(tempfile.gettempdir())
    return Places(disks, paths.folders().cache / "bandwidth.json")
