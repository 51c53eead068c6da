"""From llama.cpp's log lines to the error that a person can do something about.

Every failure of a load looks the same to the caller: a null pointer. The reason is only in the log. The patterns are
the messages of llama.cpp 0c1e57098 (src/llama-model-loader.cpp, src/llama-model.cpp, src/llama-context.cpp,
src/llama-kv-cache.cpp, ggml/src/gguf.cpp, ggml/src/ggml-backend.cpp, ggml/src/ggml-cuda/ggml-cuda.cu).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import DamagedFile, EngineError, NotEnoughMemory, NotFound, Refused, UnsupportedModel

BACKEND = "llama.cpp"
MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a failed load besides its log."""

    file: str
    file_bytes: int
    free_bytes: int
    gpu_free_bytes: int = 0
    architecture: str = "unknown"
    largest_context: int = 0


_Maker = Callable[[re.Match[str], Failure, Sequence[str]], EngineError]


def _memory(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    on_gpu = re.search(r"cuda|rocm|hip|vulkan|metal|sycl|device memory", match.string, re.IGNORECASE)
    where, free = ("GPU memory", failure.gpu_free_bytes) if on_gpu else ("memory", failure.free_bytes)
    needed = failure.file_bytes if "mmap" in match.string else needed_bytes(lines)
    return NotEnoughMemory(needed, free, failure.largest_context, where)


def _architecture(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    return UnsupportedModel(match[1], BACKEND)


def _tokenizer(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    reason = f"this version does not know its tokenizer “{match[1]}”."
    return UnsupportedModel(failure.architecture, BACKEND, reason)


def _version(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    return UnsupportedModel(failure.architecture, BACKEND, f"its file has GGUF version {match[1]}, which is newer.")


def _damaged(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    return DamagedFile(failure.file, "a whole GGUF file", match[1].strip())


def _unreadable(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    if "No such file" in match[1]:
        return NotFound(failure.file)
    return Refused(f"{failure.file} cannot be read: {match[1]}.", "Check who may read the file.")


def _cache_type(match: re.Match[str], failure: Failure, lines: Sequence[str]) -> EngineError:
    reason = "This model's KV cache cannot be quantized, because it cannot use Flash Attention here."
    return Refused(reason, "Load it with the cache type f16.")


_NO_MEMORY = (
    r"failed to allocate|unable to allocate|out of memory|Cannot allocate memory|bad_alloc"
    r"|failed to reserve|ErrorOutOfDeviceMemory|ErrorOutOfHostMemory"
)

# The first line that matches decides, from the first pattern on: “failed to load” at the end of each log says nothing.
_TABLE: tuple[tuple[re.Pattern[str], _Maker], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), maker)
    for pattern, maker in (
        (r"(?:unknown|unsupported) model architecture: '([^']*)'", _architecture),
        (r"unknown pre-tokenizer type: '([^']*)'", _tokenizer),
        (r"unknown tokenizer: '([^']*)'", _tokenizer),
        (_NO_MEMORY, _memory),
        (r"quantized V cache (?:was requested, but this )?requires flash", _cache_type),
        (r"is version (\d+) but this software only supports", _version),
        (r"failed to open (?:GGUF file )?.*\((.*)\)", _unreadable),
        (r"failed to open [^:]*: (.*)", _unreadable),
        (
            r"((?:invalid magic|failed to read magic|bad GGUF version|failed to read (?:header|key-value|tensor)|"
            r"tensor '[^']*' (?:data is not|has invalid|of type|has offset|not found|is duplicated)|missing tensor|"
            r"wrong number of tensors|corrupted model|model is corrupted|invalid model|unexpectedly reached end|"
            r"key not found|duplicate key|key .* has (?:wrong|invalid)|invalid split|missing key|"
            r"tensor .* (?:has wrong shape|invalid)|number of (?:tensors|keys)|encountered \w+ error).*)",
            _damaged,
        ),
    )
)


def explain(lines: Sequence[str], failure: Failure) -> EngineError:
    """Return the error that a failed load's log tells of."""
    for pattern, maker in _TABLE:
        for line in lines:
            if match := pattern.search(line):
                return maker(match, failure, lines)
    said = [line.strip() for line in lines if re.search(r"error|failed|invalid|unsupported", line, re.IGNORECASE)]
    reason = f"llama.cpp could not load {failure.file}" + (f": {said[0]}" if said else ".")
    return Refused(reason, "Choose another format of this model, or copy the log into a bug report.")


def explain_computing(lines: Sequence[str], status: int, free_bytes: int) -> EngineError:
    """Return the error of a computation that failed, from the last lines of the log."""
    if any(re.search(_NO_MEMORY, line, re.IGNORECASE) for line in lines):
        return NotEnoughMemory(needed_bytes(lines), free_bytes)
    said = lines[-1] if lines else f"status {status}"
    return Refused(f"llama.cpp could not compute the answer: {said}", "Load the model again, with a smaller context.")


def needed_bytes(lines: Sequence[str]) -> int:
    """Return the bytes of the first allocation that failed, 0 if no line tells."""
    text = "\n".join(lines)
    if match := re.search(r"buffer of size (\d+)\b(?! ?MiB)|tried to allocate (\d+) bytes", text):
        return int(match[1] or match[2])
    if match := re.search(r"allocating ([\d.]+) MiB .*(?:failed|out of memory)", text):
        return int(float(match[1]) * MIB)
    return 0


@dataclass(frozen=True, slots=True)
class Buffers:
    """The bytes that llama.cpp allocated, by what for and by device (``CPU_Mapped``, ``CUDA0``)."""

    weights: dict[str, int]
    kv_cache: dict[str, int]
    compute: dict[str, int]


_BUFFER = re.compile(r"^\S+:\s+(\S+) +(?:[\w ]+ )?(model|KV|RS|state|compute|output) buffer size = +([\d.]+) MiB")


def buffers(lines: Sequence[str]) -> Buffers:
    """Return the buffers that a load's log lists."""
    found = Buffers({}, {}, {})
    kinds = {"model": found.weights, "compute": found.compute, "output": found.compute}
    for line in lines:
        if match := _BUFFER.match(line):
            device, kind, size = match.groups()
            sizes = kinds.get(kind, found.kv_cache)
            sizes[device] = sizes.get(device, 0) + round(float(size) * MIB)
    return found


def offloaded_layers(lines: Sequence[str]) -> int:
    """Return how many layers a load put on GPUs, the output layer counted, as llama.cpp counts them."""
    matches = [re.search(r"offloaded (\d+)/\d+ layers to GPU", line) for line in lines]
    return next((int(match[1]) for match in matches if match), 0)


def architecture(lines: Sequence[str]) -> str:
    """Return the architecture that a load's log names."""
    matches = [re.search(r"general\.architecture str += (\S+)|arch += (\S+)", line) for line in lines]
    return next((match[1] or match[2] for match in matches if match), "unknown")
