"""Look at this computer."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from engine import paths, settings
from engine.events import Finished
from engine.machine.facts import Machine
from engine.machine.look import Places, look
from engine.machine.sources import Live


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


def usual_places() -> Places:
    """Return the app's folders, as the settings have them."""
    disks = {"models": settings.load().models_folder}
    with contextlib.suppress(OSError):  # no folder takes files
        disks["temporary"] = Path(tempfile.gettempdir())
    return Places(disks, paths.folders().cache / "bandwidth.json")
