"""This computer, for real: the probe, its worker, and what the system's own tools say beside it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.events import Finished
from engine.machine import bandwidth, features, llama
from engine.machine.facts import GpuPart, LlamaBuild, Machine, Missing
from engine.machine.job import ProbeJob
from engine.machine.look import LLAMA
from engine.machine.parts import Part, run
from engine.machine.probe import probe
from engine.machine.sources import Live
from tests.helpers.program import packaged

ROOT = Path(__file__).parents[2]

of_source = pytest.mark.skipif(packaged() is not None, reason="a packaged worker takes no library from PYTHONPATH")


@pytest.fixture(scope="module")
def machine() -> Machine:
    return probe(measure_bandwidth=False)


def command(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_the_cores_are_those_that_the_system_counts(machine: Machine) -> None:
    assert machine.cpu.logical_cores == os.cpu_count()
    assert 1 <= machine.cpu.usable_physical_cores <= machine.cpu.physical_cores <= machine.cpu.logical_cores
    if sys.platform == "linux":
        assert machine.cpu.usable_logical_cores <= int(command("nproc"))
        assert machine.cpu.model in command("lscpu")


def test_the_memory_is_what_the_system_has(machine: Machine) -> None:
    assert machine.memory.total_bytes <= psutil.virtual_memory().total
    assert 0 < machine.memory.available_bytes <= machine.memory.total_bytes


def test_llama_cpp_tells_of_itself(machine: Machine) -> None:
    build = machine.llama
    assert build is not None
    assert build.version == importlib.metadata.version("llama-cpp-python")
    assert "CPU" in build.backends
    assert "cpu" in build.shipped
    assert [device.kind for device in build.devices].count("cpu") == 1
    assert "CPU" in build.system_info


def test_llama_cpps_kernels_run_on_the_instruction_sets_that_were_found(machine: Machine) -> None:
    """Two ways to the same answer: /proc/cpuinfo, and the library that was compiled for this processor and runs."""
    assert machine.llama is not None
    used = {name for name in machine.llama.features if name in features.NAMES}
    assert used
    assert used <= set(machine.cpu.features)


def test_the_whole_probe_is_quick_and_loads_no_heavy_library() -> None:
    program = (
        "import sys, time; from engine.machine.probe import probe\n"
        "start = time.monotonic(); machine = probe(measure_bandwidth=False); print(time.monotonic() - start)\n"
        "print([name for name in ('numpy', 'llama_cpp', 'torch', 'PySide6') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    elapsed_s, heavy = done.stdout.splitlines()
    assert float(elapsed_s) < 10  # 0.3 to 0.4 on an idle machine; this suite may share its cores
    assert heavy == "[]"


def test_bandwidth_is_measured_and_the_job_ends_with_it() -> None:
    *_, last = ProbeJob()
    assert isinstance(last, Finished)
    measured = last.value.bandwidth_bytes_s
    assert measured is not None
    assert 1e9 < measured < 2e12


@pytest.fixture
def live() -> Iterator[Live]:
    source = Live()
    yield source
    source.close()


def test_one_thread_reads_about_as_fast_as_a_copy(live: Live) -> None:
    """A second way to the memory's speed: the C library's copy reads and writes, into pages that are there already."""
    record = live.ask("measure_bandwidth", bandwidth.LIMIT_S, threads=1, free_bytes=2**30)
    assert len(record["rates_bytes_s"]) >= 5
    assert 0 < record["processor_share"] <= 1.05
    assert record["bytes"] == 2**28

    source, target = bytearray(2**28), bytearray(2**28)
    copies = []
    for _ in range(5):
        start = time.perf_counter()
        memoryview(target)[:] = source
        copies.append(2 * len(source) / (time.perf_counter() - start))
    # Wide bounds: other programs may take the memory's time from either of the two.
    assert statistics.median(copies) / 5 < statistics.median(record["rates_bytes_s"]) < statistics.median(copies) * 5


def row_of(live: Live, monkeypatch: pytest.MonkeyPatch, folder: Path, program: str) -> Missing:
    """Return the row that the probe shows with a ``llama_cpp`` of our making."""
    (folder / "llama_cpp").mkdir()
    (folder / "llama_cpp" / "__init__.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    (outcome,) = run([Part(LLAMA, 30.0, lambda: llama.read(live))], threading.Event())
    assert outcome.missing is not None
    return outcome.missing


@of_source
def test_a_library_that_crashes_is_a_row(live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = row_of(live, monkeypatch, tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert "an instruction that this processor lacks" in row.reason


@of_source
def test_a_library_that_hangs_is_a_row(live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(llama, "LIMIT_S", 1.0)
    start = time.monotonic()
    row = row_of(live, monkeypatch, tmp_path, "import time; time.sleep(600)")
    assert "took longer than 1 seconds" in row.reason
    assert time.monotonic() - start < 10


@of_source
def test_a_library_that_cannot_be_loaded_is_a_row(live: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = row_of(live, monkeypatch, tmp_path, "raise RuntimeError('libcudart.so.12: cannot open shared object file')")
    assert "libcudart.so.12" in row.reason
    assert "pip install" in row.hint


GROUPS = {"memory": Path("/sys/fs/cgroup/memory"), "cpu": Path("/sys/fs/cgroup/cpu")}


@pytest.fixture
def box() -> Iterator[dict[str, Path]]:
    """Make real control groups of version 1, one inside the other; this needs root and a writable tree."""
    made: list[Path] = []
    try:
        for root in GROUPS.values():
            if not os.access(root, os.W_OK):
                pytest.skip("control groups cannot be made here")
            for folder in (root / f"halfbyte-{os.getpid()}", root / f"halfbyte-{os.getpid()}" / "inner"):
                folder.mkdir()
                made.append(folder)
        yield {name: root / f"halfbyte-{os.getpid()}" for name, root in GROUPS.items()}
    except OSError as error:
        pytest.skip(f"control groups cannot be made here: {error}")
    finally:
        for folder in reversed(made):
            folder.rmdir()


def test_a_real_control_group_limits_what_is_found(box: dict[str, Path]) -> None:
    (box["memory"] / "memory.limit_in_bytes").write_text(str(2**30))
    (box["cpu"] / "cpu.cfs_quota_us").write_text("100000")
    program = (
        "import os, sys\n"
        "for folder in sys.argv[1:]: open(folder + '/inner/cgroup.procs', 'w').write(str(os.getpid()))\n"
        "from engine.machine import cpu, memory; from engine.machine.sources import Live\n"
        "found = memory.read(Live()); print(found.limit_bytes, found.total_bytes, found.available_bytes)\n"
        "print(cpu.read(Live()).usable_logical_cores)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, box.values())], cwd=ROOT, check=True, capture_output=True, text=True
    )
    memory_line, cores = done.stdout.splitlines()
    limit, total, available = map(int, memory_line.split())
    assert limit == total == 2**30
    assert 2**29 < available < 2**30
    assert cores == "1"


def _part(home: Path, build: LlamaBuild, content: bytes) -> Path:
    file = home / "data" / "parts" / f"llama-{build.version}" / "libggml-vulkan.so"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def _vulkan(build: LlamaBuild) -> GpuPart:
    return next(part for part in build.parts if part.kind == "vulkan")


@pytest.mark.skipif(sys.platform != "linux", reason="the files of parts are named so on Linux")
def test_an_optional_gpu_part_that_is_none_says_why_and_costs_nothing_else(machine: Machine, home: Path) -> None:
    assert machine.llama is not None
    part = _vulkan(machine.llama)
    if part.state == "absent":
        assert part.hint.startswith("Unpack the part into ")
    file = _part(home, machine.llama, b"no library")
    found = probe(measure_bandwidth=False).llama
    assert found is not None
    assert (_vulkan(found).state, _vulkan(found).file) == ("failed", str(file))
    assert "file too short" in _vulkan(found).reason
    assert "CPU" in found.backends


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="no C compiler to make a spoilt part")
def test_a_gpu_part_that_ends_the_worker_is_left_out_from_then_on(machine: Machine, home: Path, tmp_path: Path) -> None:
    assert machine.llama is not None
    spoilt = tmp_path / "spoilt.so"
    source = "#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }\n"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", spoilt, "-"], input=source, text=True, check=True)
    file = _part(home, machine.llama, spoilt.read_bytes())
    found = probe(measure_bandwidth=False).llama
    assert found is not None
    assert _vulkan(found).reason == "It ended the process that loaded it."
    assert "CPU" in found.backends
    file.write_bytes(b"another one")
    again = probe(measure_bandwidth=False).llama
    assert again is not None
    assert "cannot be loaded" in _vulkan(again).reason
