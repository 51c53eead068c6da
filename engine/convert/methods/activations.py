"""Runs a model over text and adds up the squares of what enters each of its weights: its importance matrix.

llama.cpp asks a callback about every node of its graph before and after it is computed (``cb_eval``); the tensors are
read through a mirror of ``struct ggml_tensor``, whose size is checked before anything is believed.
Source: llama.cpp 0c1e57098, tools/imatrix/imatrix.cpp (``collect_imatrix``, ``compute_imatrix``), ggml/include/ggml.h.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.convert.methods import speaking
from engine.convert.methods.importance import Importance, Sums
from engine.convert.methods.kernels import base_library
from engine.convert.methods.native import library
from engine.convert.methods.running import Running, opened
from engine.errors import Refused

CHUNK_TOKENS = 512
MOST_CHUNKS = 40  # 20,480 tokens: more changes little and takes long
LEAST_CHUNKS = 2
WRITTEN_CHUNKS = 16  # that the model writes itself, token by token: 8,192 tokens
AT_ONCE = 16  # chunks that are written side by side: their tokens share each reading of the weights
SMALL_BATCH = 16  # upstream passes smaller ones over
OBJECT_BYTES = 32  # GGML_OBJECT_SIZE, which ggml_tensor_overhead() counts besides
F32 = 0

Numbers = NDArray[np.float32]


class _Tensor(ctypes.Structure):
    """The beginning of every graph node, as ggml.h lays it out."""


_Tensor._fields_ = [
    ("type", ctypes.c_int),
    ("buffer", ctypes.c_void_p),
    ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4),
    ("op", ctypes.c_int),
    ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32),
    ("src", ctypes.POINTER(_Tensor) * 10),
    ("view_src", ctypes.c_void_p),
    ("view_offs", ctypes.c_size_t),
    ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
    ("extra", ctypes.c_void_p),
    ("padding", ctypes.c_char * 8),
]


class Collector:
    """Adds up what enters the weights; ``callback`` is given to llama.cpp and must outlive its context."""

    def __init__(self, binding: Any) -> None:
        base = base_library()
        overhead = base.ggml_tensor_overhead
        overhead.restype = ctypes.c_size_t
        if overhead() != ctypes.sizeof(_Tensor) + OBJECT_BYTES:
            raise Refused("This llama.cpp lays out its tensors in another way.", "Convert without importance matrix.")
        self._get = base.ggml_backend_tensor_get
        self._get.restype, self._get.argtypes = None, [*[ctypes.c_void_p] * 2, *[ctypes.c_size_t] * 2]
        self._host = base.ggml_backend_buffer_is_host
        self._host.restype, self._host.argtypes = ctypes.c_bool, [ctypes.c_void_p]
        self._dense, self._of_experts = _operation(base, b"MUL_MAT"), _operation(base, b"MUL_MAT_ID")
        self.values: dict[str, Numbers] = {}
        self.counts: dict[str, NDArray[np.int64]] = {}
        self.fault: Exception | None = None
        self.callback = binding.ggml_backend_sched_eval_callback(self._look)

    def sums(self) -> dict[str, Sums]:
        """Return what was added up. Raises :class:`Refused` where the model computes NaN."""
        if self.fault:
            raise self.fault
        broken = [name for name, values in self.values.items() if not np.isfinite(values).all()]
        if broken or not self.values:
            raise Refused("The model does not compute numbers on this text.", "Check the model by chatting with it.")
        return {name: Sums(values, self.counts[name]) for name, values in self.values.items()}

    def _look(self, address: int, ask: bool, data: Any) -> bool:
        del data
        tensor = ctypes.cast(address, ctypes.POINTER(_Tensor)).contents
        if ask:
            return self._is_wanted(tensor)
        try:
            self._add(tensor)
        except Exception as error:  # an exception cannot cross native code
            self.fault = error
            return False
        return True

    def _is_wanted(self, tensor: _Tensor) -> bool:
        if tensor.op == self._of_experts:
            return True
        if tensor.op != self._dense:
            return False
        entering = tensor.src[1].contents
        return (
            entering.ne[1] >= SMALL_BATCH and entering.type == F32 and _name(tensor.src[0].contents).startswith("blk.")
        )

    def _add(self, tensor: _Tensor) -> None:
        weight, entering = tensor.src[0].contents, tensor.src[1].contents
        name, rows = _name(weight), self._array(entering, np.float32)
        if tensor.op == self._of_experts:
            self._add_experts(name, weight.ne[2], rows[0], self._array(tensor.src[2].contents, np.int32)[0, 0])
            return
        matrices = weight.ne[2] * weight.ne[3]
        values, counts = self._entry(name, matrices, weight.ne[0], 1)
        for outer in range(rows.shape[0]):
            for inner in range(rows.shape[1]):
                matrix = (outer % weight.ne[3]) * weight.ne[2] + inner % weight.ne[2]
                values[matrix] += np.square(rows[outer, inner]).sum(axis=0)
        counts += rows.shape[0] * rows.shape[1] * rows.shape[2] // matrices

    def _add_experts(self, name: str, experts: int, rows: Numbers, chosen: NDArray[np.int32]) -> None:
        """Add ``rows`` (tokens, experts used or 1, columns) to those of each token's ``chosen`` (tokens, used)."""
        values, counts = self._entry(name, experts, rows.shape[2], experts)
        spread = np.broadcast_to(rows, (chosen.shape[0], chosen.shape[1], rows.shape[2]))
        for expert in np.unique(chosen):
            taken = spread[chosen == expert]
            values[expert] += np.square(taken).sum(axis=0)
            counts[expert] += len(taken)

    def _entry(self, name: str, matrices: int, width: int, counted: int) -> tuple[Numbers, NDArray[np.int64]]:
        if name not in self.values:
            self.values[name] = np.zeros((matrices, width), np.float32)
            self.counts[name] = np.zeros(counted, np.int64)
        return self.values[name], self.counts[name]

    def _array(self, tensor: _Tensor, kind: type) -> NDArray[Any]:
        """Return a tensor's numbers, outermost dimension first; copied where they lie on a device."""
        strides = tuple(reversed(tensor.nb))
        shape = tuple(reversed(tensor.ne))
        size = sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True)) + 4
        if self._host(tensor.buffer):
            buffer: Any = (ctypes.c_char * size).from_address(tensor.data)
        else:
            buffer = ctypes.create_string_buffer(size)
            self._get(ctypes.addressof(tensor), buffer, 0, size)
        return np.ndarray(shape, kind, buffer, 0, strides)


def collect(
    model_file: Path, texts: Sequence[tuple[str, str]], threads: int, on_tokens: Callable[[int, int], None]
) -> Importance:
    """Return the importance matrix of a GGUF model on ``texts`` (names and contents).

    ``on_tokens`` is told how many tokens are read and how many will be. Raises :class:`Refused` for too little text,
    :class:`NotEnoughMemory`, and what llama.cpp has against the model.
    """
    with opened(model_file, threads, CHUNK_TOKENS) as running:
        chunks = list(_chunks(running, texts))
    if len(chunks) < LEAST_CHUNKS:
        raise Refused(
            f"The text is too short to learn from: {len(chunks)} × {CHUNK_TOKENS} tokens.",
            "Give a longer text; some hundred kilobytes are good.",
        )
    return learnt(model_file, chunks, tuple(name for name, _ in texts), threads, on_tokens)


def learnt(
    model_file: Path,
    chunks: Sequence[Sequence[int]],
    names: tuple[str, ...],
    threads: int,
    on_tokens: Callable[[int, int], None],
) -> Importance:
    """Return the importance matrix of a GGUF model on chunks of tokens; ``names`` say where they are from."""
    collector = Collector(library())
    with opened(model_file, threads, CHUNK_TOKENS, collector.callback) as running:
        for number, chunk in enumerate(chunks):
            on_tokens(number * CHUNK_TOKENS, len(chunks) * CHUNK_TOKENS)
            running.run(chunk)
    on_tokens(len(chunks) * CHUNK_TOKENS, len(chunks) * CHUNK_TOKENS)
    return Importance(collector.sums(), names, len(chunks), CHUNK_TOKENS)


def written(
    model_file: Path, seed: int, threads: int, on_tokens: Callable[[int, int], None]
) -> tuple[list[list[int]], str]:
    """Let a GGUF model write chunks itself; return them, and what they say. The same seed writes the same again.

    ``on_tokens`` is told how many tokens are written and how many will be.
    """
    generator, total = np.random.default_rng(seed), WRITTEN_CHUNKS * CHUNK_TOKENS
    chunks: list[list[int]] = []
    with opened(model_file, threads, CHUNK_TOKENS, sequences=AT_ONCE) as running:
        ends = running.ends
        while len(chunks) < WRITTEN_CHUNKS:
            count = min(AT_ONCE, WRITTEN_CHUNKS - len(chunks))
            before = len(chunks) * CHUNK_TOKENS
            first = speaking.first_tokens(count, running.vocabulary_size, generator, running.begin, running.is_control)
            chunks += speaking.written(
                running.step, first, CHUNK_TOKENS, generator, running.begin, ends,
                lambda done, before=before, count=count: on_tokens(before + done * count, total),
            )  # fmt: skip
        return chunks, "\n\n".join(map(running.text, chunks))


def _chunks(running: Running, texts: Sequence[tuple[str, str]]) -> Iterator[list[int]]:
    """Yield chunks of tokens, a chunk of each text in turn, each begun as the model begins a text."""
    begin = running.begin
    tokens = [running.tokens(text) for _, text in texts]
    given = 0
    for number in range(max((len(row) // CHUNK_TOKENS for row in tokens), default=0)):
        for row in tokens:
            chunk = row[number * CHUNK_TOKENS : (number + 1) * CHUNK_TOKENS]
            if len(chunk) == CHUNK_TOKENS and given < MOST_CHUNKS:
                given += 1
                yield chunk if begin is None else [begin, *chunk[1:]]


def _operation(base: Any, name: bytes) -> int:
    names = base.ggml_op_name
    names.restype, names.argtypes = ctypes.c_char_p, [ctypes.c_int]
    return next(number for number in range(80) if names(number) == name)


def _name(tensor: _Tensor) -> str:
    """Return a weight's name; a copy on a device is called ``CUDA0#blk.0.attn_k.weight#0``."""
    name = tensor.name.decode("utf-8", "replace")
    return name.split("#")[1] if "#" in name else name
