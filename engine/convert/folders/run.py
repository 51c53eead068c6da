"""Carries out a plan for a folder format: each step in a process of its own, the folder named when it is checked."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import __version__
from engine.catalog import records
from engine.convert.folders import card
from engine.convert.folders.plan import OWN_WORDS, FolderPlan
from engine.convert.leftovers import adopted_folder, remove_leftovers, unfinished
from engine.convert.steps import Steps
from engine.environments.places import interpreter_for, versions_here
from engine.errors import DiskFull, Refused, WorkerCrashed
from engine.events import Event, Finished, Notice
from engine.machine import cuda_cards
from engine.texts import texts


class FolderConversion:
    """A job: iterate once for its events; the last is ``Finished(Checkpoint)``.

    Whatever happens, nothing half-made stays; only a process that was killed leaves its finished layers and what the
    model wrote to calibrate on, where the next conversion of the same kind goes on with them.
    """

    def __init__(self, plan: FolderPlan) -> None:
        self.plan = plan
        python = interpreter_for(plan.recipe.environment, plan.recipe.packages)
        self._steps = Steps(python, cuda_cards.only(plan.card))
        self._results: dict[str, Any] = {}
        self._seconds: dict[str, float] = {}

    def cancel(self) -> None:
        """Stop at once: native code asks nobody, so its process is ended."""
        self._steps.cancel()

    def __iter__(self) -> Iterator[Event]:
        """Raise the plan's first problem, the error of a step, or :class:`Cancelled`."""
        plan = self.plan
        for problem in plan.problems:
            raise problem
        parent = plan.target.parent
        new = not parent.exists()
        parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(parent)
        lasting = plan.recipe.goes_on or plan.options.own_words is not None
        folder = unfinished(parent)
        layers = adopted_folder(parent, identity_of(plan)[:16]) if lasting else unfinished(parent)
        folder.mkdir()
        layers.mkdir(exist_ok=True)
        resumable = False
        try:
            yield from map(Notice, plan.notes)
            yield from self._carry_out(folder, layers)
            yield from self._name(folder)
        except WorkerCrashed:
            resumable = lasting
            raise
        except DiskFull as error:  # all goes: with finished layers beside it the next try would need more
            needed_bytes = plan.needs.disk_bytes if plan.needs else 0
            raise DiskFull(needed_bytes, error.details["free_bytes"], str(parent)) from error
        finally:
            self._steps.end_worker()
            shutil.rmtree(folder, ignore_errors=True)
            if not resumable:
                shutil.rmtree(layers, ignore_errors=True)
            if new:
                with contextlib.suppress(OSError):  # there is something in it
                    parent.rmdir()
        yield Finished(plan.library.entry_at(plan.target))

    def _carry_out(self, folder: Path, layers: Path) -> Iterator[Event]:
        """Pack, compare, and hash; memory comes back before the next step asks for its own."""
        plan = self.plan
        source = str(plan.source.path)
        yield from self._step(
            "pack",
            source=source,
            files=[str(file) for file in plan.source.files],
            target=str(folder),
            unfinished=str(layers),
            recipe=dataclasses.asdict(plan.recipe),
            texts=[str(text) for text in plan.options.calibration],
            own_words=plan.options.own_words,
        )
        self._steps.end_worker()
        shutil.rmtree(layers, ignore_errors=True)  # the folder is written: their room is free again
        samples = self._results["pack"].get("samples", 0)
        compared = {"format_id": plan.recipe.format_id, "maker": plan.recipe.maker, "samples": samples}
        yield from self._step("fidelity", original=source, result=str(folder), **compared)
        self._steps.end_worker()
        weights = sorted(folder.glob("*.safetensors"))
        yield from self._step("hash", files=[str(file) for file in (*plan.source.files, *weights)])

    def _name(self, folder: Path) -> Iterator[Event]:
        """Give the folder its name, last of all: what is listed is whole and has its record."""
        target = self.plan.target
        record = self._record(folder)
        yield from self._steps.with_room(folder, lambda: card.write(folder, target.name, record))
        yield from self._steps.with_room(folder, lambda: records.write(folder, record))
        if target.exists():
            raise Refused(f"{target} has come into being meanwhile.", "Choose another name.")
        folder.rename(target)

    def _record(self, folder: Path) -> dict[str, Any]:
        plan, results = self.plan, self._results
        hashes = {Path(path): digest for path, digest in results["hash"].items()}
        return {
            "format_id": plan.recipe.format_id,
            "size_bytes": sum(file.stat().st_size for file in folder.iterdir()),
            "files": {path.name: {"sha256": digest} for path, digest in hashes.items() if path.parent == folder},
            "source": {
                "path": str(plan.source.path),
                "stored_type": plan.source.stored_type,
                "sha256": {path.name: digest for path, digest in hashes.items() if path.parent != folder},
            },
            "recipe": dataclasses.asdict(plan.recipe),
            "calibration": _calibration(plan, results["pack"]),
            "agreement": results["fidelity"],
            "device": results["pack"]["device"],
            "card": plan.card.label if plan.card else "",
            "versions": {"halfbyte": __version__, **_versions(plan)},
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": dict(self._seconds),
            "peak_memory_bytes": results["pack"]["peak_memory_bytes"],
            "peak_gpu_bytes": results["pack"]["peak_gpu_bytes"],
        }

    def _step(self, do: str, **arguments: Any) -> Iterator[Event]:
        self._results[do], self._seconds[do] = yield from self._steps.run(do, **arguments)


def identity_of(plan: FolderPlan) -> str:
    """Return what a plan's result is to become as a hash, 64 hexadecimal digits: source, settings and versions."""
    files = (*plan.source.files, plan.source.path / "config.json", *plan.options.calibration)
    parts = {
        "recipe": dataclasses.asdict(plan.recipe),
        "target": plan.target.name,
        "own_words": plan.options.own_words,
        "files": [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files],
        "versions": [__version__, *_versions(plan).values()],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _versions(plan: FolderPlan) -> dict[str, str]:
    return versions_here(plan.recipe.environment, plan.recipe.packages)


def _calibration(plan: FolderPlan, made: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was calibrated on; empty for a format that is not calibrated."""
    if not plan.recipe.calibrates:
        return {}
    told = {name: made[name] for name in ("samples", "sample_tokens", "texts_sha256", "templated")}
    if plan.options.own_words is not None:
        return {"texts": [OWN_WORDS], "seed": plan.options.own_words, **told}
    own = [text.name for text in plan.options.calibration]
    return {"texts": own or [text.name for text in texts("calibrate")], **told}
