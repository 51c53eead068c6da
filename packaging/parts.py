"""Compile one of llama.cpp's back ends for graphics cards as an optional part of the packaged app.

A part is one library (CUDA's with NVIDIA's libraries beside it), from the source of the llama.cpp that is packaged. It
is compiled for all cards and any processor; ``CMAKE_ARGS`` adds to that (``-DCMAKE_CUDA_ARCHITECTURES=90-real``).
Vulkan needs headers of 1.4, glslc and the SPIR-V headers (Debian 13: libvulkan-dev, glslc, spirv-headers; elsewhere the
Vulkan SDK, named by ``VULKAN_SDK``), CUDA a toolkit of 12 or newer with its nvcc.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import llama

KINDS = ("vulkan", "cuda")
OPTIONS = (
    *("-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DGGML_NATIVE=OFF", "-DGGML_BACKEND_DL=ON"),
    *(f"-DLLAMA_BUILD_{name}=OFF" for name in ("COMMON", "TESTS", "TOOLS", "EXAMPLES", "SERVER", "APP")),
    "-DLLAMA_CURL=OFF",
    "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
    "-DCMAKE_INSTALL_RPATH=$ORIGIN",  # what comes with it lies beside it
)
_BESIDE = re.compile(r"^(lib(cudart|cublas|cublasLt)\.so|(cudart64|cublas64|cublasLt64)_)")


def build_part(kind: str, python: Path, pin: str, folder: Path, out: Path) -> Path:
    """Write ``halfbyte-part-<kind>-…`` and return it. Raises ``CalledProcessError`` where something is missing."""
    cache = llama.cache_folder(folder)
    source = llama.unpacked_source(python, pin, cache)
    objects = cache / f"part-{kind}-{pin}"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "cmake", "ninja"], check=True
    )
    tools = {**os.environ, "PATH": os.pathsep.join((str(python.parent), os.environ["PATH"]))}
    cmake = shutil.which("cmake", path=tools["PATH"]) or "cmake"
    switches = [*OPTIONS, f"-DGGML_{kind.upper()}=ON", *shlex.split(os.environ.get("CMAKE_ARGS", ""))]
    sources = source / "vendor" / "llama.cpp"
    subprocess.run([cmake, "-G", "Ninja", "-S", sources, "-B", objects, *switches], check=True, env=tools)
    subprocess.run([cmake, "--build", objects, "--target", f"ggml-{kind}"], check=True, env=tools)
    part = out / "part" / f"llama-{pin}"  # the folder's name of engine/machine/gpu_parts.py
    shutil.rmtree(part.parent, ignore_errors=True)
    part.mkdir(parents=True)
    library = next(file for file in (objects / "bin").iterdir() if file.stem in (f"libggml-{kind}", f"ggml-{kind}"))
    for file in (library, *beside(library)):
        shutil.copy(file, part)
    if sys.platform == "linux":
        subprocess.run(["strip", "--strip-unneeded", part / library.name], check=True)
    shutil.copy(sources / "LICENSE", part / f"LICENSE-ggml-{kind}")
    name = f"halfbyte-part-{kind}-{pin}-{sys.platform}-{platform.machine()}"
    made = shutil.make_archive(str(out / name), "zip" if os.name == "nt" else "gztar", part.parent)
    shutil.rmtree(part.parent)
    return Path(made)


def beside(library: Path) -> list[Path]:
    """Return the libraries of NVIDIA's toolkit that a part needs; the driver's are on the machine that runs it."""
    if os.name == "nt":
        toolkit = shutil.which("nvcc")
        found = Path(toolkit).parent.rglob("*.dll") if toolkit and "cuda" in library.name else ()
        return [file for file in found if _BESIDE.match(file.name)]
    told = subprocess.run(["ldd", library], check=True, capture_output=True, text=True).stdout
    return [Path(path) for name, path in re.findall(r"(\S+) => (/\S+)", told) if _BESIDE.match(name)]
