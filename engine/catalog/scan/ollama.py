"""Ollama: manifests name the layers of a model, blobs hold them, each called by its SHA-256.

Sources: ollama/ollama manifest/paths.go at 15269a613a93, manifest/manifest.go at 00188139f12f (two trees of manifests,
``host/namespace/model/tag``; a manifest may be a list of those for several runners, whole or by digest),
envconfig/config.go (OLLAMA_MODELS, ``~/.ollama/models``) and scripts/install.sh (the service's home /usr/share/ollama).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import Find, walk

MANIFESTS = ("manifests-v2", "manifests")
MODEL = "application/vnd.ollama.image.model"
LIST = "application/vnd.ollama.manifest.list.v2+json"
LICENCE = "application/vnd.ollama.image.license"
DIGEST = re.compile(r"^sha256[:-](?P<hex>[0-9a-fA-F]{64})$")
MANIFEST_LIMIT_BYTES = 4 << 20


def places(here: Surroundings) -> tuple[PurePath, ...]:
    found = [here.variable("OLLAMA_MODELS"), here.home / ".ollama" / "models"]
    if here.system == "linux":
        service = ("/usr/share/ollama/.ollama/models", "/var/lib/ollama/models", "/var/lib/ollama/.ollama/models")
        found += [PurePosixPath(path) for path in service]
    return tuple(dict.fromkeys(filter(None, found)))


def models(folder: Path) -> Iterator[Found]:
    """Yield each model by its name; a broken manifest is passed over, one without its blob is damaged."""
    seen: set[str] = set()
    for root in (folder / name for name in MANIFESTS):
        for where, names in walk(root):
            for name in names:
                label = _label((where / name).relative_to(root).parts)
                if label and label not in seen:
                    seen.add(label)
                    yield from _model(folder, where / name, label)


def _model(folder: Path, manifest: Path, label: str) -> Iterator[Found]:
    for described in _runnable(folder, _table(manifest)):
        digests = [hexadecimal for layer in _layers(described, MODEL) if (hexadecimal := _digest(layer))]
        if not digests:
            continue
        blob = folder / "blobs" / f"sha256-{digests[0]}"
        older = folder / "blobs" / f"sha256:{digests[0]}"  # before Ollama 0.1.30
        path = older if not blob.exists() and older.exists() else blob
        record = {"source": {"repository": label}, "files": {path.name: {"sha256": digests[0]}}}
        yield Found(Find(path, missing=() if path.exists() else (path.name,)), label, record)
        return


def _runnable(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a manifest, or those of a list; one that is only a digest is read from its blob."""
    if manifest.get("mediaType") != LIST:
        yield manifest
        return
    children = manifest.get("manifests")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, dict) and not child.get("layers"):
            child = _table(folder / "blobs" / f"sha256-{_digest(child)}")
        if isinstance(child, dict):
            yield child


def _layers(manifest: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    layers = manifest.get("layers")
    wanted = layers if isinstance(layers, list) else ()
    return [layer for layer in wanted if isinstance(layer, dict) and layer.get("mediaType") == kind]


def _digest(layer: Mapping[str, Any]) -> str:
    match = DIGEST.match(str(layer.get("digest", "")))
    return match["hex"].lower() if match else ""


def _label(parts: tuple[str, ...]) -> str:
    """Return a model's name as Ollama shows it: its own registry and namespace are left out."""
    if len(parts) != 4:
        return ""
    host, namespace, model, tag = parts
    shown = [part for part, usual in ((host, "registry.ollama.ai"), (namespace, "library")) if part != usual]
    return f"{'/'.join([*shown, model])}:{tag}"


def _table(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > MANIFEST_LIMIT_BYTES:
            return {}
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
