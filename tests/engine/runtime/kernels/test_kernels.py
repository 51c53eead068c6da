"""Our CUDA kernels, compiled for a processor and compared with float64: all but the instructions that only a GPU has.

``on_processor.h`` says what stands for those. On a GPU the same comparisons are in ``tests/device``.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNELS = HERE.parents[3] / "engine" / "runtime" / "backends" / "hf" / "cuda"
COMPILER = shutil.which("c++") or shutil.which("g++") or ""
NEEDED = """#include <atomic>
#include <barrier>
int main() { int n = 0; _Float16 h = 1; return std::atomic_ref(n) + (int)h - 1; }
"""
BF16, INT8, NF4, INT4 = 0, 2, 3, 4


def compiled(source: Path, program: Path, **defines: object) -> Path:
    names = [f"-D{name}={value}" for name, value in defines.items()]
    command = [COMPILER, "-std=c++20", "-O1", "-pthread", "-w", f"-I{KERNELS}", *names, str(source), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    return program


def tried(program: Path) -> list[str]:
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.splitlines()


@pytest.fixture(scope="module", autouse=True)
def _compiler(tmp_path_factory: pytest.TempPathFactory) -> None:
    probe = tmp_path_factory.mktemp("probe") / "probe.cpp"
    probe.write_text(NEEDED)
    command = [COMPILER, "-std=c++20", "-pthread", str(probe), "-o", str(probe.with_suffix(".out"))]
    if not COMPILER or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no compiler for C++20 with barriers and _Float16")


@pytest.mark.parametrize(("length", "group", "queries", "half"), [(128, 4, 4, 0), (64, 1, 1, 1), (96, 7, 4, 0)])
def test_attention(tmp_path: Path, length: int, group: int, queries: int, half: int) -> None:
    """Any position, windows, norms of heads, splits without a token, and no numbers behind the newest token."""
    defines = {"HEAD": length, "GROUP": group, "QUERIES": queries, "CACHE_F16": half}
    defines |= {"KIND": INT4, "BLOCK_WARPS": 8}
    lines = tried(compiled(HERE / "attention.cpp", tmp_path / "attention", **defines))
    assert len(lines) == 12 and all(line.startswith("ok ") for line in lines), "\n".join(lines)


@pytest.mark.parametrize(
    ("kind", "warps", "largest_error", "count"),
    [(BF16, 8, 1e-5, 3), (INT8, 8, 1e-5, 3), (NF4, 16, 2e-3, 14), (INT4, 8, 1e-4, 10), (INT4, 16, 1e-4, 14)],
)
def test_products(tmp_path: Path, kind: int, warps: int, largest_error: float, count: int) -> None:
    """Rows and columns that fill no tile, all groups, reordered columns, norms, biases, and values: large, or none."""
    defines = {"KIND": kind, "BLOCK_WARPS": warps, "LARGEST_ERROR": largest_error}
    lines = tried(compiled(HERE / "products.cpp", tmp_path / "products", **defines))
    assert len(lines) == count and all(line.startswith("ok ") for line in lines), "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "weaker"),
    [
        ("            wait_for_copies_but<STAGES - 1>();\n", "            wait_for_copies_but<STAGES + 1>();\n"),
        ("16 * sum};", "15 * sum};"),
    ],
)
def test_a_kernel_that_is_wrong_is_found(tmp_path: Path, text: str, weaker: str) -> None:
    """A wait for copies that is too weak, and what zeros are multiplied by, taken for less."""
    for file in KERNELS.glob("*.cu"):
        shutil.copy(file, tmp_path)
    kernel = tmp_path / "four_bits.cu"
    assert kernel.read_text("utf-8").count(text) == 1
    kernel.write_text(kernel.read_text("utf-8").replace(text, weaker), "utf-8")
    source = tmp_path / "products.cpp"
    source.write_text((HERE / "products.cpp").read_text("utf-8"), "utf-8")
    shutil.copy(HERE / "on_processor.h", tmp_path)
    defines = {"KIND": INT4, "BLOCK_WARPS": 16, "LARGEST_ERROR": 1e-4}
    lines = tried(compiled(source, tmp_path / "products", **defines))
    assert sum("FAILED four_bits" in line for line in lines) > 3, "\n".join(lines)
