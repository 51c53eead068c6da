"""Builds a tool of llama.cpp from the very source that the installed llama-cpp-python was built from.

``python -m tests.benchmarks.llama_tools llama-bench --folder build/llama-tools [--source .../vendor/llama.cpp]`` prints
the path of the tool. With the package's default options (Release, for this processor); a build that is there is used.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import tarfile
from pathlib import Path

OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_SERVER": "OFF",
    "LLAMA_BUILD_MTMD": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
}


def tool(name: str, folder: Path, source: Path | None = None) -> Path:
    """Return the path of a tool, built below ``folder`` if it is not there; needs cmake, ninja and a C++ compiler."""
    program = folder / "bin" / name
    if not program.exists():
        source = source or downloaded_source(folder / "source")
        configure = ["cmake", "-S", source, "-B", folder, "-G", "Ninja"]
        run([*configure, *(f"-D{key}={value}" for key, value in OPTIONS.items())])
        run(["cmake", "--build", folder, "--target", name])
    return program


def downloaded_source(folder: Path) -> Path:
    """Return llama.cpp's source out of the package's source distribution."""
    version = importlib.metadata.version("llama-cpp-python")
    source = folder / f"llama_cpp_python-{version}" / "vendor" / "llama.cpp"
    if not source.exists():
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", folder]
        run([*pip, "--no-binary", "llama-cpp-python", f"llama-cpp-python=={version}"])
        with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
    return source


def run(command: list[str | Path]) -> None:
    """Run a long command at low priority, its output on standard error."""
    subprocess.run(command, check=True, stdout=sys.stderr, preexec_fn=lambda: os.nice(10))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--folder", type=Path, default=Path("build/llama-tools"))
    parser.add_argument("--source", type=Path)
    arguments = parser.parse_args()
    print(tool(arguments.name, arguments.folder, arguments.source))


if __name__ == "__main__":
    main()
