"""Reads which tensors a pickled checkpoint holds, and refuses one that holds anything else. Nothing of it is run.

Source of the layout: PyTorch 2.11, torch/serialization.py: a ZIP archive with ``data.pkl``, in which tensors are built
by ``torch._utils._rebuild_tensor_v2`` of storages that are named and lie apart. Those are the names that
``torch.load(weights_only=True)`` takes, too (torch/_weights_only_unpickler.py).
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterable
from math import prod
from pathlib import Path
from typing import Any, ClassVar

from engine.catalog.headers.safetensors_header import BITS, DIMENSIONS, StoredTensor
from engine.errors import DamagedFile, Refused, UnsupportedModel

LIMIT_BYTES = 8 << 20  # a shard of a large model has some hundred kB
TYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}


def read_pickled_tensors(files: Iterable[Path]) -> list[StoredTensor]:
    """Return the tensors of all files; of those that share their numbers, the first.

    Raises :class:`Refused` for a pickle that asks for anything but tensors, :class:`UnsupportedModel` for the form that
    PyTorch wrote before version 1.6, and :class:`DamagedFile`.
    """
    found: dict[str, StoredTensor] = {}
    seen: set[tuple[Path, str, int]] = set()
    for file in files:
        for name, (kind, key, offset, shape) in _Tensors(file).table().items():
            if (file, key, offset) not in seen:
                seen.add((file, key, offset))
                found[name] = StoredTensor(name, kind, shape, prod(shape) * BITS[kind] // 8)
    return list(found.values())


# What PyTorch does not write and would take for ever: memory for any number, hashes of what holds itself many times.
_HASHING = (pickle.DICT, pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET)
_NEVER = {code[0] for code in (pickle.BYTEARRAY8, *_HASHING)}


class _More(Exception):
    """The pickle names something that is no part of a tensor."""


_Unpickler: Any = pickle._Unpickler  # type: ignore[attr-defined]  # pyright: ignore  (C's takes memory for any number)


class _Tensors(_Unpickler):
    """Builds descriptions of tensors where PyTorch builds tensors: (type, storage, offset, shape)."""

    dispatch: ClassVar[dict[int, Any]] = {
        code: load for code, load in _Unpickler.dispatch.items() if code not in _NEVER
    }

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = _names()  # made anew: a pickle may set attributes of what it is given

    def table(self) -> dict[str, tuple[str, str, int, tuple[int, ...]]]:
        try:
            with zipfile.ZipFile(self._file) as archive, archive.open(_entry(archive, self._file)) as stream:
                super().__init__(stream)
                loaded = self.load()
        except zipfile.BadZipFile as error:
            reason = f"{self._file.name} is a pickle of a form that is not read here."
            raise UnsupportedModel(self._file.parent.name, "Halfbyte", reason) from error
        except _More as error:
            raise Refused(
                f"{self._file.name} is a pickle that holds more than tensors ({error}): it could run any program.",
                "Get this model as safetensors; most publishers have it.",
            ) from error
        except Exception as error:  # whatever a spoilt pickle does
            raise DamagedFile(str(self._file), "a table of tensors", type(error).__name__) from error
        return _checked(loaded, self._file)

    def find_class(self, module: str, name: str) -> Any:
        found = self._known.get((module, name))
        if found is None:
            raise _More(f"{module}.{name}"[:80])
        return found

    def persistent_load(self, pid: Any) -> _Storage:
        """Return type and name of a storage: ``("storage", type, name, place, count)``."""
        if not isinstance(pid, tuple) or len(pid) != 5 or not all(isinstance(word, str) for word in pid[:3]):
            raise ValueError("no storage")
        if pid[0] != "storage":
            raise ValueError("no storage")
        return _Storage((pid[1], pid[2]))

    def load_setitem(self) -> None:
        self._check_names(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._check_names(self.stack[::2])
        super().load_setitems()

    def _check_names(self, names: list[Any]) -> None:
        if not all(isinstance(name, str) for name in names):
            raise ValueError("no names")

    dispatch[pickle.SETITEM[0]], dispatch[pickle.SETITEMS[0]] = load_setitem, load_setitems


class _Storage(tuple[str, str]):
    """Type and name."""


def _names() -> dict[tuple[str, str], Any]:
    class Table(dict):  # takes PyTorch's notes as attributes, as its OrderedDict does
        def __init__(self) -> None:
            super().__init__()

    def tensor(storage: _Storage, offset: int, shape: tuple[int, ...], *_: Any) -> Any:
        if not isinstance(storage, _Storage):
            raise ValueError("no storage")
        return TYPES[storage[0]], storage[1], offset, tuple(shape)

    def parameter(data: Any, *_: Any) -> Any:
        return data

    storages: dict[tuple[str, str], Any] = {("torch", name): name for name in TYPES}
    builders: dict[tuple[str, str], Callable[..., Any]] = {
        ("collections", "OrderedDict"): Table,
        ("torch._utils", "_rebuild_tensor_v2"): tensor,
        ("torch._utils", "_rebuild_parameter"): parameter,
    }
    return {**storages, **builders}


def _entry(archive: zipfile.ZipFile, file: Path) -> zipfile.ZipInfo:
    found = [entry for entry in archive.infolist() if entry.filename.endswith("/data.pkl")]
    if len(found) != 1 or found[0].file_size > LIMIT_BYTES:
        raise DamagedFile(str(file), f"one table of at most {LIMIT_BYTES:,} bytes", f"{len(found)} or a larger one")
    return found[0]


def _checked(loaded: Any, file: Path) -> dict[str, tuple[str, str, int, tuple[int, ...]]]:
    if not isinstance(loaded, dict) or not all(map(_is_tensor, loaded.items())):
        raise DamagedFile(str(file), "a table of names and tensors", "something else in it")
    return dict(loaded)


def _is_tensor(entry: tuple[Any, Any]) -> bool:
    name, value = entry
    if not (isinstance(name, str) and isinstance(value, tuple) and len(value) == 4):
        return False
    kind, storage, offset, shape = value
    if not (isinstance(kind, str) and kind in BITS and isinstance(storage, str) and type(offset) is int):
        return False
    if not isinstance(shape, tuple) or len(shape) > DIMENSIONS:
        return False
    return all(type(extent) is int and 0 <= extent < 1 << 60 for extent in shape)
