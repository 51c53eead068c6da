"""Writes a folder as transformers reads it: safetensors of at most a GiB, their index, and what lies beside weights."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.catalog.headers.shards import INDEX
from engine.convert.room import is_full

Tensor = Any
Write = Callable[[], Any]
SHARD_BYTES = 1 << 30
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack", ".onnx", ".index.json")
SOURCE_CARD = "README.source.md"


def at_once(write: Write) -> Any:
    """Write without waiting for room."""
    return write()


class Shards:
    """Takes tensors one by one and writes a file whenever there is a GiB of them, by what may wait for room."""

    def __init__(self, folder: Path, patiently: Callable[[Write], Any] = at_once) -> None:
        self._folder = folder
        self._patiently = patiently
        self._waiting: dict[str, Tensor] = {}
        self._waiting_bytes = 0
        self._files: list[Path] = []
        self._places: dict[str, int] = {}
        self.total_bytes = 0

    def add(self, tensors: Mapping[str, Tensor]) -> None:
        """Take tensors that belong together."""
        added_bytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if self._waiting and self._waiting_bytes + added_bytes > SHARD_BYTES:
            self._write()
        self._waiting.update({name: tensor.contiguous() for name, tensor in tensors.items()})
        self._waiting_bytes += added_bytes
        self.total_bytes += added_bytes

    def finish(self) -> None:
        """Write the rest, give the files their names, and list them."""
        self._write()
        count = len(self._files)
        names = [f"model-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)]
        if count == 1:
            names = ["model.safetensors"]
        for file, name in zip(self._files, names, strict=True):
            file.rename(self._folder / name)
        if count > 1:
            places = {tensor: names[number] for tensor, number in sorted(self._places.items())}
            table = {"metadata": {"total_size": self.total_bytes}, "weight_map": places}
            self._patiently(lambda: write_json(self._folder / INDEX, table))

    def _write(self) -> None:
        if not self._waiting:
            return
        file = self._folder / f"shard-{len(self._files)}.safetensors.part"
        self._patiently(lambda: save(self._waiting, file))
        self._places.update(dict.fromkeys(self._waiting, len(self._files)))
        self._files.append(file)
        self._waiting, self._waiting_bytes = {}, 0


def save(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Write a safetensors file that others may read as any other file; the library makes it private.

    Raises ``OSError`` for a full disk, as any other writing does.
    """
    try:
        save_file(dict(tensors), file, metadata={"format": "pt"})
    except SafetensorError as error:
        file.unlink(missing_ok=True)
        if is_full(error):
            raise OSError(errno.ENOSPC, f"{error}", str(file)) from error
        raise
    mask = os.umask(0)
    os.umask(mask)
    file.chmod(0o666 & ~mask)


def copy_beside(source: Path, target: Path) -> None:
    """Copy tokenizer, templates, licence and generation settings; the source's card under another name."""
    for file in sorted(source.iterdir()):
        if not file.is_file() or file.name.startswith(".") or file.name.endswith(WEIGHTS):
            continue
        if file.name != "config.json":
            shutil.copyfile(file, target / (SOURCE_CARD if file.name == "README.md" else file.name))


def write_json(file: Path, table: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", "utf-8")
