"""Compile CUDA C++ with NVRTC and launch it on PyTorch's stream.

NVRTC and its Python bindings come with PyTorch's CUDA builds: no compiler and no toolkit is needed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from cuda.bindings import driver, nvrtc  # pyright: ignore[reportMissingImports]

from engine.paths import folders

SOURCES = ("instructions", "numbers", "products", "widening", "four_bits", "attention")
_PLENTY_BYTES = 128 << 10  # of shared memory in a block: A100 163, H100 227, the cards for desktops 99 KB


class CannotCompile(Exception):
    """Say why there are no kernels on this machine."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A kernel with everything it needs: the argument is one structure, given as bytes.

    ``overlaps``: it may begin while the kernel before still runs, and waits for that itself.
    """

    function: Any
    grid: tuple[int, int]
    threads: int
    shared_bytes: int
    argument: Any  # a ctypes buffer
    overlaps: bool

    def __call__(self) -> None:
        """Put the kernel into PyTorch's current stream."""
        pointers = (ctypes.c_void_p * 1)(ctypes.addressof(self.argument))
        stream = torch.cuda.current_stream().cuda_stream
        config = driver.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = *self.grid, 1
        config.blockDimX, config.blockDimY, config.blockDimZ = self.threads, 1, 1
        config.sharedMemBytes, config.hStream = self.shared_bytes, stream
        if self.overlaps:
            attribute = driver.CUlaunchAttribute()
            attribute.id = driver.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION
            attribute.value.programmaticStreamSerializationAllowed = 1
            config.attrs, config.numAttrs = [attribute], 1
        _checked(driver.cuLaunchKernelEx(config, self.function, ctypes.addressof(pointers), 0))


class Program:
    """The kernels for one way to store weights. Raises :class:`CannotCompile`."""

    def __init__(self, defines: Mapping[str, int]) -> None:
        major, minor = torch.cuda.get_device_capability()
        self.shared_bytes = torch.cuda.get_device_properties(0).shared_memory_per_block_optin
        self.block_warps = 16 if self.shared_bytes > _PLENTY_BYTES else 8
        defines = {**defines, "BLOCK_WARPS": self.block_warps}
        options = [f"--gpu-architecture=sm_{major}{minor}", "--std=c++17"]
        options += [f"-D{name}={value}" for name, value in defines.items()]
        source = b"".join(Path(__file__).with_name(f"{name}.cu").read_bytes() for name in SOURCES)
        self._module = _checked(driver.cuModuleLoadData(_kept(source, options)))
        self._overlaps = (major, minor) >= (9, 0)
        self.tensor_cores = (major, minor) >= (8, 0)
        self.processors = torch.cuda.get_device_properties(0).multi_processor_count

    def launch(
        self,
        name: str,
        blocks: int,
        threads: int,
        argument: bytes,
        *,
        shared_bytes: int = 0,
        down: int = 1,
        waits: bool = True,
    ) -> Launch:
        """Return a launch of ``blocks``; ``waits``: the kernel waits for the one before by itself."""
        function = self._function(name, shared_bytes)
        buffer = ctypes.create_string_buffer(argument)
        return Launch(function, (blocks, down), threads, shared_bytes, buffer, waits and self._overlaps)

    def resident_blocks(self, name: str, threads: int, shared_bytes: int) -> int:
        """Return how many blocks of a kernel the GPU holds at once."""
        function = self._function(name, shared_bytes)
        each = _checked(driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(function, threads, shared_bytes))
        return max(each, 1) * self.processors

    def _function(self, name: str, shared_bytes: int) -> Any:
        function = _checked(driver.cuModuleGetFunction(self._module, name.encode()))
        attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        if shared_bytes:
            _checked(driver.cuFuncSetAttribute(function, attribute, shared_bytes))
        return function


def _kept(source: bytes, options: list[str]) -> bytes:
    """Return the binary; it is kept in the cache, since compiling takes seconds."""
    version = nvrtc.nvrtcVersion()[1:]
    name = hashlib.sha256(b"\0".join([source, *(option.encode() for option in options), repr(version).encode()]))
    path = folders().cache / "kernels" / f"{name.hexdigest()}.cubin"
    with suppress(OSError):
        return path.read_bytes()
    binary = _compiled(source, options)
    with suppress(OSError):  # without room for it, it is compiled again
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f"{path.name}.{os.getpid()}.part")
        written.write_bytes(binary)
        written.replace(path)
    return binary


def _compiled(source: bytes, options: list[str]) -> bytes:
    try:
        program = _checked(nvrtc.nvrtcCreateProgram(source, b"kernels.cu", 0, [], []))
        encoded = [option.encode() for option in options]
        (status,) = nvrtc.nvrtcCompileProgram(program, len(encoded), encoded)
    except (RuntimeError, OSError) as error:  # the library is not there
        raise CannotCompile(str(error)) from error
    if int(status):
        log = bytes(_checked(nvrtc.nvrtcGetProgramLogSize(program)))
        nvrtc.nvrtcGetProgramLog(program, log)
        raise CannotCompile(log.decode("utf-8", "replace")[:2000])
    binary = bytes(_checked(nvrtc.nvrtcGetCUBINSize(program)))
    _checked(nvrtc.nvrtcGetCUBIN(program, binary))
    return binary


def _checked(result: tuple[Any, ...]) -> Any:
    """Return what a call gave. Raises :class:`CannotCompile` with the library's own name of the error."""
    status, *values = result
    if int(status):
        raise CannotCompile(str(status))
    return values[0] if values else None
