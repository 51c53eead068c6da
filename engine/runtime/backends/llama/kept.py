"""A KV cache on disk: written by llama.cpp, bound by a record beside it to model, settings and build."""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_cpp import __version__
from llama_cpp import llama_cpp as binding

from engine.catalog.records import chunks
from engine.runtime import kept_prompts
from engine.runtime.options import LoadOptions

_SAMPLE_BYTES = 1 << 20
_SEQUENCE: Any = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies on disk: the tokens that the cache holds, and the transcript that they came from."""

    file: Path
    tokens: list[int]
    transcript: dict[str, Any]


def fingerprint(parts: Iterable[Path], options: LoadOptions) -> str:
    """Return what a cache is valid for.

    A model's file counts by its size, its time and its first and last MiB: to hash all of it would take longer than
    what the cache saves. The window's size does not matter: the cache holds what was read.
    """
    digest = hashlib.sha256()
    for part in parts:
        status = part.stat()
        digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
        with part.open("rb") as file:
            digest.update(file.read(_SAMPLE_BYTES))
            file.seek(max(status.st_size - _SAMPLE_BYTES, 0))
            digest.update(file.read(_SAMPLE_BYTES))
    build = f"{__version__} {(binding.llama_print_system_info() or b'').decode()}"
    settings = (options.cache_type, options.batch_tokens, options.gpu_layers)
    settings = settings if options.flash_attention else (*settings, "values transposed")
    digest.update(f"{build}\n{settings}".encode())
    return digest.hexdigest()


def save(context: Any, tokens: list[int], transcript: dict[str, Any], file: Path, valid_for: str) -> bool:
    """Write the cache of a context's one sequence; return false if there is no room. Raises ``OSError``."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if not kept_prompts.make_room(file, binding.llama_state_seq_get_size(context, _SEQUENCE)):
        return False
    part = file.with_suffix(".kv.part")
    array = (binding.llama_token * len(tokens))(*tokens)
    written = binding.llama_state_seq_save_file(context, os.fsencode(part), _SEQUENCE, array, len(tokens))
    if not written or written != part.stat().st_size:
        part.unlink(missing_ok=True)
        return False
    record = {
        "valid_for": valid_for,
        "bytes": written,
        "crc32": _crc32(part),
        "tokens": tokens,
        "transcript": transcript,
    }
    kept_prompts.delete(file)
    part.replace(file)
    beside = kept_prompts.sidecar(file)
    beside_part = beside.with_suffix(".json.part")
    beside_part.write_text(json.dumps(record), "utf-8")
    beside_part.replace(beside)
    return True


def look(file: Path, valid_for: str) -> Kept | None:
    """Return what lies on disk for this model, settings and build; what is for others is deleted."""
    try:
        record = json.loads(kept_prompts.sidecar(file).read_text("utf-8"))
        if record["valid_for"] == valid_for and file.stat().st_size == record["bytes"]:
            return Kept(file, record["tokens"], record["transcript"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    kept_prompts.delete(file)
    return None


def load(context: Any, kept: Kept) -> bool:
    """Put a kept cache in place of what a context holds; return false, and delete it, if it is damaged.

    llama.cpp checks shapes and not contents: one wrong byte would be a wrong answer.
    """
    record = json.loads(kept_prompts.sidecar(kept.file).read_text("utf-8"))
    room = len(kept.tokens) + 1
    tokens, count = (binding.llama_token * room)(), ctypes.c_size_t()
    counted: Any = ctypes.byref(count)
    if (
        room - 1 >= binding.llama_n_ctx(context)
        or _crc32(kept.file) != record["crc32"]
        or not binding.llama_state_seq_load_file(context, os.fsencode(kept.file), _SEQUENCE, tokens, room, counted)
        or tokens[: count.value] != kept.tokens
    ):
        kept_prompts.delete(kept.file)
        return False
    kept_prompts.touch(kept.file)
    return True


def _crc32(file: Path) -> int:
    value = 0
    for chunk in chunks(file):
        value = zlib.crc32(chunk, value)
    return value
