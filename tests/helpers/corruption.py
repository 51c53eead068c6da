"""Spoils model files in the ways that files of strangers are spoilt: by accident and on purpose, from a seed."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

HUGE = (2**31, 2**32 - 1, 2**63 - 1, 2**64, 10**30, -1, -(2**63))
STRANGE: tuple[Any, ...] = (
    None, True, "", "x" * 100_000, [], {}, [[]], 0, -1, 0.5, float("nan"), float("inf"), 1e308, *HUGE,
    "../../../../etc/passwd", "\0", "\ud800", [None] * 1000, {"a": {"b": {}}},
)  # fmt: skip
PATHS = (
    "../model.safetensors", "/etc/passwd", "/dev/zero", "C:\\model.safetensors",
    "..\\..\\secret.safetensors", ".", "..",
    "", "model.safetensors.index.json", "a/b.safetensors", "nul\0.safetensors", "~/model.safetensors",
    "x" * 5000 + ".safetensors",
    "\udcff.safetensors",
)  # fmt: skip

Spoil = Callable[[Path, random.Random], str]


def spoil(folder: Path, seed: int) -> str:
    """Spoil one file of a folder, and return in words what was done; the same seed does the same."""
    chance = random.Random(seed)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    file = chance.choice(files)
    ways: list[Spoil] = [_cut, _flip, _empty, _overwrite, _insert, _replace_by_noise, _no_utf8]
    if file.suffix == ".json":
        ways += [_value, _value, _value, _value, _drop_key, _nest, _duplicate_key, _enormous]
        if file.name.endswith(".index.json"):
            ways += [_path, _path, _path]
    if file.suffix == ".safetensors":
        ways += [_header_length, _header_value, _header_value, _header_value, _header_nest]
    if file.suffix == ".gguf":
        ways += [_gguf_count, _gguf_count, _gguf_number, _gguf_number]
    way = chance.choice(ways)
    return f"{file.name}: {way.__name__.strip('_').replace('_', ' ')} {way(file, chance)}"


def _cut(file: Path, chance: random.Random) -> str:
    content = file.read_bytes()
    keep = chance.choice([chance.randrange(len(content) + 1), chance.randrange(min(64, len(content)) + 1)])
    file.write_bytes(content[:keep])
    return f"at {keep}"


def _flip(file: Path, chance: random.Random) -> str:
    content = bytearray(file.read_bytes())
    end = chance.choice([len(content), min(4096, len(content))])
    for _ in range(chance.choice([1, 1, 8, 64])):
        content[chance.randrange(end)] ^= 1 << chance.randrange(8)
    file.write_bytes(content)
    return "bits"


def _empty(file: Path, chance: random.Random) -> str:
    del chance
    file.write_bytes(b"")
    return ""


def _overwrite(file: Path, chance: random.Random) -> str:
    content = bytearray(file.read_bytes())
    begin = chance.randrange(len(content))
    length = chance.choice([1, 8, 64, 1024])
    content[begin : begin + length] = chance.choice([b"\0", b"\xff", b"\x80"]) * length
    file.write_bytes(content)
    return f"{length} bytes"


def _insert(file: Path, chance: random.Random) -> str:
    content = file.read_bytes()
    at = chance.randrange(len(content))
    file.write_bytes(content[:at] + chance.randbytes(chance.randrange(1, 40)) + content[at:])
    return f"at {at}"


def _replace_by_noise(file: Path, chance: random.Random) -> str:
    file.write_bytes(chance.randbytes(chance.randrange(1, 5000)))
    return ""


def _no_utf8(file: Path, chance: random.Random) -> str:
    content = file.read_bytes()
    at = chance.randrange(min(len(content), 300))
    file.write_bytes(content[:at] + b"\xff\xfe\xc3" + content[at:])
    return f"at {at}"


def _leaves(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    ways = [way] if way else []
    entries = value.items() if isinstance(value, dict) else enumerate(value[:20]) if isinstance(value, list) else ()
    for key, inner in list(entries)[:200]:
        ways += _leaves(inner, (*way, key))
    return ways


def _changed(table: Any, chance: random.Random) -> str:
    way = chance.choice(_leaves(table))
    inner = table
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value = chance.choice(STRANGE)
    return f"{'.'.join(map(str, way))[:80]} = {str(value)[:30]!r}"


def _write(file: Path, table: Any) -> None:
    file.write_bytes(json.dumps(table).encode("utf-8", "surrogatepass"))


def _value(file: Path, chance: random.Random) -> str:
    table = json.loads(file.read_bytes())
    said = _changed(table, chance)
    _write(file, table)
    return said


def _drop_key(file: Path, chance: random.Random) -> str:
    table = json.loads(file.read_bytes())
    key = chance.choice(list(table))
    del table[key]
    _write(file, table)
    return key


def _nest(file: Path, chance: random.Random) -> str:
    depth = chance.choice([500, 100_000])
    file.write_bytes(b'{"model_type":' + b"[" * depth + b"]" * depth + b"}")
    return f"{depth} deep"


def _duplicate_key(file: Path, chance: random.Random) -> str:
    text = file.read_bytes().strip()
    key = chance.choice(list(json.loads(text)))
    file.write_bytes(
        text[:-1] + b"," + json.dumps(key).encode() + b":" + json.dumps(chance.choice(STRANGE)).encode() + b"}"
    )
    return key


def _enormous(file: Path, chance: random.Random) -> str:
    kind = chance.choice(["digits", "list", "spaces"])
    filler = {"digits": b"9" * 20_000_000, "list": b"[" + b"0," * 8_000_000 + b"0]", "spaces": b" " * 70_000_000 + b"0"}
    file.write_bytes(b'{"vocab_size":' + filler[kind] + b"}")
    return kind


def _path(file: Path, chance: random.Random) -> str:
    table = json.loads(file.read_bytes())
    name = chance.choice(PATHS)
    places = table["weight_map"]
    for key in list(places) if chance.random() < 0.5 else chance.sample(list(places), 1):
        places[key] = name
    _write(file, table)
    return repr(name[:40])


def _header(file: Path) -> tuple[Any, bytes]:
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _write_header(file: Path, text: bytes, data: bytes) -> None:
    file.write_bytes(len(text).to_bytes(8, "little") + text + data)


def _header_length(file: Path, chance: random.Random) -> str:
    content = file.read_bytes()
    length = chance.choice([0, 1, 2**63, 2**64 - 1, 99_999_999, 100_000_001, len(content), len(content) - 8, 7])
    file.write_bytes(length.to_bytes(8, "little") + content[8:])
    return str(length)


def _header_value(file: Path, chance: random.Random) -> str:
    table, data = _header(file)
    said = _changed(table, chance)
    _write_header(file, json.dumps(table).encode("utf-8", "surrogatepass"), data)
    return said


def _header_nest(file: Path, chance: random.Random) -> str:
    depth = chance.choice([500, 100_000])
    _write_header(file, b'{"a":' + b"[" * depth + b"]" * depth + b"}", b"")
    return f"{depth} deep"


def _gguf_count(file: Path, chance: random.Random) -> str:
    content = bytearray(file.read_bytes())
    at = chance.choice([4, 8, 16])  # version, tensors, metadata
    value = chance.choice([0, 1, 2**16, 2**32 - 1, 2**63, 2**64 - 1])
    packed = struct.pack("<Q", value)[: 4 if at == 4 else 8]
    content[at : at + len(packed)] = packed
    file.write_bytes(content)
    return f"{value} at {at}"


def _gguf_number(file: Path, chance: random.Random) -> str:
    content = bytearray(file.read_bytes())
    at = chance.randrange(24, min(len(content), 3000) - 8)
    value = chance.choice([0, 2**31, 2**32 - 1, 2**63, 2**64 - 1])
    content[at : at + 8] = struct.pack("<Q", value)
    file.write_bytes(content)
    return f"{value} at {at}"
