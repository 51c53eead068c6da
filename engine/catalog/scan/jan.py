"""Jan: ``llamacpp/models/<id>/model.yml`` names the file, which lies beside it or anywhere; before, ``models/<id>/``.

Sources: janhq/jan extensions/llamacpp-extension/src/index.ts at 000e123a1bca (``model_path`` in model.yml is below the
data folder or absolute), src-tauri/src/core/app/commands.rs at 00e7925af9e3 (JAN_DATA_FOLDER, ``data_folder`` of
settings.json, ``<data>/Jan/data``); Jan before 0.5.8 kept ``~/jan/models/<id>/model.json`` with the GGUF beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

import yaml

from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import Find, finds, finds_in, walk

YAML_LIMIT_BYTES = 1 << 20


def places(here: Surroundings) -> tuple[PurePath, ...]:
    settings = [here.data / name / "settings.json" for name in ("Jan", "jan.ai.app")]
    settings.append(here.config / "Jan" / "settings.json")
    chosen = [here.path(here.table(file).get("data_folder")) for file in settings]
    usual = [here.data / "Jan" / "data", here.config / "Jan" / "data", here.home / "jan"]
    return tuple(dict.fromkeys([*filter(None, [here.variable("JAN_DATA_FOLDER"), *chosen]), *usual]))


def models(folder: Path) -> Iterator[Found]:
    described: set[Path] = set()
    for root in (folder / "llamacpp" / "models", folder / "models"):
        for where, names in walk(root):
            if "model.yml" in names:
                for found in _described(folder, where, root):
                    described.add(found.find.path)
                    yield found
            for find in finds_in(where, names):
                if find.path not in described and not find.path.name.startswith("mmproj"):
                    yield Found(find, where.relative_to(root).as_posix() if where != root else "")


def _described(folder: Path, where: Path, root: Path) -> Iterator[Found]:
    """Yield the model that a model.yml describes, wherever its file lies."""
    table = _table(where / "model.yml")
    path = table.get("model_path")
    if not isinstance(path, str) or not path or "\0" in path:
        return
    file = folder / path  # an absolute path stays what it is
    name = table.get("name")
    label = name if isinstance(name, str) and name else where.relative_to(root).as_posix()
    missing = () if file.is_file() else (file.name,)
    find = Find(file, missing=missing) if missing else next(finds(file), Find(file))
    yield Found(find, label, _record(table, file))


def _record(table: Mapping[str, Any], file: Path) -> dict[str, Any]:
    sha256 = table.get("model_sha256")
    return {"files": {file.name: {"sha256": sha256}}} if isinstance(sha256, str) and len(sha256) == 64 else {}


def _table(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > YAML_LIMIT_BYTES:
            return {}
        found = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
