"""The worker of this stage: what needs llama.cpp's library, CUDA's or numpy in the process.

``describe_llama`` finishes with an :class:`engine.machine.facts.LlamaBuild`,
``measure_bandwidth`` with the rates of reading main memory (bytes a second),
``list_cuda`` with the UUIDs of the cards that CUDA shows this process (32 digits each), in its order.
"""

from __future__ import annotations

import ctypes
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import DriverProblem, PackageMissing
from engine.events import Finished
from engine.machine import native
from engine.machine.facts import Device, LlamaBuild
from engine.machine.native import function
from engine.process.child import Handlers, serve
from engine.process.outside import is_frozen

MIB = 1024**2
KINDS = ("cpu", "gpu", "igpu", "accel", "meta")  # ggml-backend.h, enum ggml_backend_dev_type

_POINTER = ctypes.c_void_p

MEASURE_S = 0.25
_LEAST_ROUNDS, _MOST_ROUNDS = 5, 40
_SLICE_BYTES = 64 * MIB  # of one thread: together far more than any processor's last cache
_LEAST_BYTES = 256 * MIB


def make_handlers(stop: threading.Event) -> Handlers:
    return {"describe_llama": _describe_llama, "measure_bandwidth": _measure_bandwidth, "list_cuda": _list_cuda}


# llama.cpp


class _Properties(ctypes.Structure):
    """``struct ggml_backend_dev_props`` (ggml-backend.h, llama.cpp 0c1e57098)."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_bool * 5),
    ]


class _Feature(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_char_p)]


def _describe_llama() -> Iterator[Finished]:
    try:
        import llama_cpp
        from llama_cpp import llama_cpp as binding
    except (ImportError, OSError, RuntimeError) as error:  # the last two: its library cannot be loaded
        raise PackageMissing("llama-cpp-python", reason=str(error)) from error
    parts = native.load()
    get = function("ggml_backend_reg_get", _POINTER, ctypes.c_size_t)
    registrations = [get(index) for index in range(function("ggml_backend_reg_count", ctypes.c_size_t)())]
    device = function("ggml_backend_dev_get", _POINTER, ctypes.c_size_t)
    devices = function("ggml_backend_dev_count", ctypes.c_size_t)()
    yield Finished(
        LlamaBuild(
            version=llama_cpp.__version__,
            backends=native.backends(),
            devices=tuple(_device(device(index)) for index in range(devices)),
            offload=binding.llama_supports_gpu_offload(),
            system_info=_text(binding.llama_print_system_info()),
            features=tuple(name for registration in registrations for name in _features(registration)),
            shipped=_shipped(Path(llama_cpp.__file__).parent / "lib"),
            parts=parts,
            packaged=is_frozen(),
        )
    )


def _device(handle: int) -> Device:
    properties = _Properties()
    read = function("ggml_backend_dev_get_props", None, _POINTER, ctypes.POINTER(_Properties))
    read(handle, ctypes.byref(properties))
    registration = function("ggml_backend_dev_backend_reg", _POINTER, _POINTER)(handle)
    return Device(
        name=_text(properties.name),
        description=_text(properties.description).strip(),
        backend=_name(registration),
        kind=KINDS[properties.type] if properties.type < len(KINDS) else "accel",
        total_bytes=properties.memory_total,
        free_bytes=properties.memory_free,
        pci=_text(properties.device_id),
    )


def _name(registration: int) -> str:
    return _text(function("ggml_backend_reg_name", ctypes.c_char_p, _POINTER)(registration))


def _features(registration: int) -> Iterator[str]:
    """Yield the instruction sets of the CPU back end (``ggml_backend_get_features``), those that are compiled in."""
    if _name(registration) != "CPU":
        return
    ask = function("ggml_backend_reg_get_proc_address", _POINTER, _POINTER, ctypes.c_char_p)
    address = ask(registration, b"ggml_backend_get_features")
    if not address:
        return
    rows = ctypes.CFUNCTYPE(ctypes.POINTER(_Feature), ctypes.c_void_p)(address)(registration)
    index = 0
    while rows[index].name:
        if rows[index].value != b"0":
            yield _text(rows[index].name)
        index += 1


def _shipped(folder: Path) -> tuple[str, ...]:
    """Return the back ends whose library files lie in the build's folder, loaded or not: ``cpu``, ``cuda``, …"""
    names = (re.match(r"(?:lib)?ggml-([a-z]+)[-.]", path.name) for path in folder.glob("*ggml-*"))
    return tuple(sorted({match[1] for match in names if match} - {"base"}))


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")


# CUDA

_NO_DEVICE = 100  # cuda.h, CUDA_ERROR_NO_DEVICE


def _list_cuda() -> Iterator[Finished]:
    """List the cards; no context is made on any. Raises :class:`DriverProblem`."""
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        raise DriverProblem("no CUDA library", "NVIDIA's driver") from error
    status = cuda.cuInit(0)
    if status not in (0, _NO_DEVICE):
        raise DriverProblem(f"CUDA's error {status}", "a driver that answers")
    count = ctypes.c_int(0)
    if status == 0:
        cuda.cuDeviceGetCount(ctypes.byref(count))
    yield Finished([_uuid(cuda, index) for index in range(count.value)])


def _uuid(cuda: ctypes.CDLL, index: int) -> str:
    device, uuid = ctypes.c_int(0), (ctypes.c_ubyte * 16)()
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetUuid_v2(ctypes.byref(uuid), device)  # of a divided card, the instance's
    return bytes(uuid).hex()


# Bandwidth


def _measure_bandwidth(threads: int, free_bytes: int) -> Iterator[Finished]:
    """Read memory with all threads at once, as decoding reads weights, and finish with each round's rate.

    ``processor_share`` is the part of the time in which the threads really ran: below 1 other programs took their
    cores.
    """
    import numpy

    slice_bytes = max(_SLICE_BYTES, _LEAST_BYTES // threads)
    slice_bytes = max(MIB, min(slice_bytes, free_bytes // 4 // threads))
    readers = _Readers(numpy, threads, slice_bytes)
    readers.round()  # the first one only wakes threads and pages up
    end = time.perf_counter() + MEASURE_S
    rates: list[float] = []
    while len(rates) < _LEAST_ROUNDS or (time.perf_counter() < end and len(rates) < _MOST_ROUNDS):
        rates.append(readers.round())
    share = readers.close()
    yield Finished({"rates_bytes_s": rates, "processor_share": share, "bytes": threads * slice_bytes})


class _Readers:
    """Threads that read their own slice of memory, all in the same moment.

    ``max`` over bytes is numpy's fastest loop that touches everything: it reads a cache at 48 GB/s where memory gives
    28, so memory is what is measured.
    """

    def __init__(self, numpy: Any, threads: int, slice_bytes: int) -> None:
        self._numpy = numpy
        self._slice_bytes = slice_bytes
        self._start = threading.Barrier(threads + 1)
        self._end = threading.Barrier(threads + 1)
        self._times: list[tuple[float, float]] = [(0.0, 0.0)] * threads
        self._elapsed_s = [0.0] * threads
        self._ran_s = [0.0] * threads
        self._open = True
        self._threads = [threading.Thread(target=self._read, args=(index,), daemon=True) for index in range(threads)]
        for thread in self._threads:
            thread.start()

    def round(self) -> float:
        """Return the rate of one pass over all slices (bytes a second), from the first start to the last end."""
        self._start.wait()
        self._end.wait()
        starts, ends = zip(*self._times, strict=True)
        return self._slice_bytes * len(self._times) / (max(ends) - min(starts))

    def close(self) -> float:
        """End the threads; return the part of the time in which they ran."""
        self._open = False
        self._start.wait()
        for thread in self._threads:
            thread.join()
        return sum(self._ran_s) / sum(self._elapsed_s)

    def _read(self, index: int) -> None:
        memory = self._numpy.ones(self._slice_bytes, self._numpy.int8)  # written here: near this thread's processor
        while True:
            self._start.wait()
            if not self._open:
                return
            start, ran_s = time.perf_counter(), time.thread_time()
            memory.max()
            end, ran_s = time.perf_counter(), time.thread_time() - ran_s
            self._times[index] = (start, end)
            self._elapsed_s[index] += end - start
            self._ran_s[index] += ran_s
            self._end.wait()


if __name__ == "__main__":
    serve(make_handlers)
