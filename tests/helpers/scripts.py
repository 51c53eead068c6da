"""Checkpoints for the scripted back end."""

import json
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint


def script(folder: Path, name: str = "model", **values: Any) -> Checkpoint:
    """Write a script (see engine/runtime/backends/scripted.py) and return its checkpoint."""
    path = folder / f"{name}.script.json"
    path.write_text(json.dumps(values), "utf-8")
    return Checkpoint(path, name, "script", path.stat().st_size)


def recorded(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """Return what the back end was asked, oldest first: ``messages``, ``sampling``, ``continue_last``."""
    file = checkpoint.path.with_name(checkpoint.path.name.replace(".script.json", ".prompts.jsonl"))
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
