from __future__ import annotations

from engine.machine import cpu, features, text
from tests.helpers.recorded import Recorded

X86 = "processor : 0\nmodel name : Some CPU\nflags : avx avx2 fma\n"
ARM = "processor : 0\nFeatures : fp asimd asimdhp fphp asimddp i8mm\n\nprocessor : 1\n"


def test_affinity_counts_cores_and_not_their_threads() -> None:
    files = {"/proc/cpuinfo": "".join(f"processor : {number}\n\n" for number in range(4))}
    for number, core in enumerate((0, 0, 1, 1)):
        files[f"/sys/devices/system/cpu/cpu{number}/topology/core_id"] = f"{core}\n"
        files[f"/sys/devices/system/cpu/cpu{number}/topology/physical_package_id"] = "0\n"
    found = cpu.read(Recorded({"files": files, "affinity": [0, 1]}))
    assert (found.physical_cores, found.logical_cores) == (2, 4)
    assert (found.usable_physical_cores, found.usable_logical_cores) == (1, 2)


def test_two_packages_with_equal_core_numbers_are_two_cores() -> None:
    files = {
        "/proc/cpuinfo": "processor : 0\nphysical id : 0\ncore id : 0\n\nprocessor : 1\nphysical id : 1\ncore id : 0\n"
    }
    assert cpu.read(Recorded({"files": files})).physical_cores == 2


def test_a_share_of_a_processor_is_one() -> None:
    files = {
        "/proc/cpuinfo": X86,
        "/proc/self/cgroup": "0::/a\n",
        "/sys/fs/cgroup/cgroup.controllers": "cpu",
        "/sys/fs/cgroup/a/cpu.max": "20000 100000",
    }
    assert cpu.read(Recorded({"files": files})).usable_logical_cores == 1


def test_the_kinds_of_core_of_a_hybrid_processor() -> None:
    files = {"/proc/cpuinfo": "".join(f"processor : {number}\ncore id : {number // 2}\n\n" for number in range(4))}
    files["/proc/cpuinfo"] += "processor : 4\ncore id : 8\n\nprocessor : 5\ncore id : 9\n"
    files["/sys/devices/cpu_core/cpus"] = "0-3\n"
    files["/sys/devices/cpu_atom/cpus"] = "4-5\n"
    found = cpu.read(Recorded({"files": files}))
    assert (found.physical_cores, found.performance_cores, found.efficiency_cores) == (4, 2, 2)


def test_an_arm_board_is_called_by_its_device_tree() -> None:
    files = {"/proc/cpuinfo": ARM, "/proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"}
    found = cpu.read(Recorded({"files": files, "architecture": "aarch64"}))
    assert found.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.features == ("NEON", "ARM_FMA", "FP16_VA", "MATMUL_INT8", "DOTPROD")
    assert found.logical_cores == 2


def test_avx512_needs_all_five_sets_that_llama_cpp_compiles_for() -> None:
    five = ["avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"]
    assert "AVX512" in features.from_linux(five)
    for name in five:
        assert "AVX512" not in features.from_linux(set(five) - {name})


def test_an_intel_mac() -> None:
    values = {
        "machdep.cpu.features": "FPU VME SSE3 SSSE3 FMA CX16 AVX1.0 RDRAND F16C",
        "machdep.cpu.leaf7_features": "RDWRFSGS BMI1 AVX2 BMI2",
    }
    assert features.from_darwin(values) == ("SSE3", "SSSE3", "AVX", "AVX2", "F16C", "FMA", "BMI2")


def test_windows_on_arm_asks_for_no_number_of_the_other_architecture() -> None:
    asked = []

    def present(number: int) -> bool:
        asked.append(number)
        return number in (19, 43)

    assert features.from_windows(present, "ARM64") == ("NEON", "ARM_FMA", "DOTPROD")
    assert not {39, 40, 41} & set(asked)


def test_a_system_that_tells_nothing_has_one_core() -> None:
    found = cpu.read(Recorded({"files": {}}))
    assert (found.physical_cores, found.usable_physical_cores) == (1, 1)
    assert found.model == "x86_64 processor"


def test_a_kernel_list_of_processors() -> None:
    assert text.numbers("0-2,8\n") == {0, 1, 2, 8}
    assert text.numbers("") == text.numbers("no list") == frozenset()
