"""What a conversion says at its end: the record of a result, or what was wrong with the source."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import __version__
from engine.convert import toolchain
from engine.convert.plan import Plan
from engine.errors import DamagedFile, EngineError, Refused, UnsupportedModel

# llama.cpp 0c1e57098, llama-model-loader.cpp: a file without the tensors that its header promises, or with more.
_OTHER_TENSORS = re.compile(r"check_tensor_dims|missing tensor|wrong number of tensors")


def record_of(plan: Plan, results: Mapping[str, Any], seconds: Mapping[str, float], size_bytes: int) -> dict[str, Any]:
    """Return the record of a file that was made and checked."""
    assert plan.recipe is not None
    check = results["check"]
    runs_on = next((result["runs_on"] for result in _records(results) if result.get("runs_on")), "")
    peaks = (result["peak_memory_bytes"] for result in _records(results) if "peak_memory_bytes" in result)
    return {
        "format_id": plan.recipe.format_id,
        "sha256": check["sha256"],
        "size_bytes": size_bytes,
        "source": {
            "path": str(plan.source.path),
            "stored_type": plan.source.stored_type,
            "sha256": {Path(path).name: digest for path, digest in results["hash"].items()},
        },
        "recipe": dataclasses.asdict(plan.recipe),
        "importance": results.get("importance") or ({"file": str(plan.imatrix)} if plan.imatrix else {}),
        "agreement": results.get("agreement", {}),
        "agreement_without_importance": results.get("agreement_without_importance", {}),
        "versions": {"halfbyte": __version__, **toolchain.versions(), "cast_on": runs_on},
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": dict(seconds),
        "peak_memory_bytes": max(peaks, default=0),
        "tensor_types": check["tensor_types"],
        "bits_per_weight": check["bits_per_weight"],
    }


def projector_record(
    plan: Plan, hashes: Mapping[str, str], made: Mapping[str, Any], seconds: Mapping[str, float], size_bytes: int
) -> dict[str, Any]:
    """Return the record of a projector: ``made`` is what the worker said, ``hashes`` are of the source's files."""
    kept = ("sha256", "sees", "hears", "tensor_types", "peak_memory_bytes")
    return {
        **{name: made[name] for name in kept},
        "size_bytes": size_bytes,
        "source": {
            "path": str(plan.source.path),
            "stored_type": plan.source.stored_type,
            "sha256": {Path(path).name: digest for path, digest in hashes.items()},
        },
        "versions": {"halfbyte": __version__, **toolchain.versions(), "cast_on": made["runs_on"]},
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": dict(seconds),
    }


def _records(results: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [result for result in results.values() if isinstance(result, Mapping)]


def explained(error: EngineError, plan: Plan, unfinished: Iterable[Path]) -> EngineError:
    """Say what is wrong with the source, where a step only knows the unfinished file that was made of it."""
    if not isinstance(error, DamagedFile):
        return error
    details, source = error.details, plan.source
    ours = {str(path) for path in unfinished}
    of_source = details["file"] == str(source.path)
    if details["file"] not in ours and not (of_source and "NaN" in details["found"]):
        return error
    if source.path.is_dir() and _OTHER_TENSORS.search(details["found"]):
        return DamagedFile(str(source.path), "the tensors that config.json describes", details["found"])
    if "NaN" not in details["found"]:
        architecture = source.facts.architecture if source.facts else source.family
        return UnsupportedModel(architecture, "This llama.cpp", f"it cannot open the result ({details['found']})")
    if plan.output_type == "f16" and source.stored_type != "F16":
        return Refused(
            f"{source.path.name} has weights that are too large for F16, or are no numbers at all.",
            "Choose BF16, Q8_0 or a smaller format.",
        )
    return DamagedFile(str(source.path), details["expected"], details["found"])
