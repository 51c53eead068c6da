from __future__ import annotations

import dataclasses

from engine.machine import gpu_use
from engine.machine.facts import Cpu, Device, Gpu, GpuPart, LlamaBuild, Machine, Memory, Missing

RTX = Gpu("nvidia", "NVIDIA GeForce RTX 4090", 24, 20, compute_capability="8.9", driver="550.1", cuda="12.4")
CPU = Cpu("Some CPU", "x86_64", 4, 8, 4, 8, ("AVX", "AVX2", "FMA", "F16C"))
ONLY_CPU = LlamaBuild("0.3.36", ("CPU",), (Device("CPU", "Some CPU", "CPU", "cpu"),), False)
CUDA0 = Device("CUDA0", RTX.name, "CUDA", "gpu", 24, 20)


def machine(*gpus: Gpu, llama: LlamaBuild | None = ONLY_CPU, system: str = "Linux", **fields: object) -> Machine:
    found = Machine(system, CPU, Memory(16, 8), gpus=gpus, llama=llama)
    return dataclasses.replace(found, **fields)


def only(found: Machine) -> Missing:
    (row,) = gpu_use.why_not(found)
    return row


def test_a_build_without_cuda_says_how_to_get_it() -> None:
    row = only(machine(RTX))
    assert row.what == RTX.name
    assert "built without CUDA" in row.reason
    assert 'CMAKE_ARGS="-DGGML_CUDA=on" pip install' in row.hint
    assert "llama-cpp-python==0.3.36" in row.hint


def test_the_command_is_one_for_the_shell_of_the_system() -> None:
    assert '$env:CMAKE_ARGS="-DGGML_CUDA=on"; pip' in only(machine(RTX, system="Windows")).hint


def test_a_card_that_llama_cpp_computes_on_needs_no_row() -> None:
    llama = LlamaBuild("0.3.36", ("CUDA", "CPU"), (CUDA0,), True)
    found = machine(RTX, llama=llama)
    assert gpu_use.why_not(found) == ()
    assert gpu_use.answer(found) == ("llama.cpp computes on NVIDIA GeForce RTX 4090 (CUDA).",)


def test_an_nvidia_card_used_through_vulkan_is_used() -> None:
    device = Device("Vulkan0", RTX.name, "Vulkan", "gpu", 24, 20)
    assert gpu_use.why_not(machine(RTX, llama=LlamaBuild("1", ("Vulkan", "CPU"), (device,), True))) == ()


def test_a_driver_too_old_is_said_once() -> None:
    old = dataclasses.replace(RTX, driver="470.103.01", cuda="11.4")
    row = only(machine(old, llama=LlamaBuild("1", ("CUDA", "CPU"), (), True)))
    assert "470.103.01 supports CUDA 11.4" in row.reason
    assert "525" in row.hint


def test_a_card_too_old_for_todays_cuda() -> None:
    kepler = dataclasses.replace(RTX, compute_capability="3.5")
    assert "too old" in only(machine(kepler, llama=LlamaBuild("1", ("CUDA",), (CUDA0,), True))).reason


def test_a_back_end_without_a_device() -> None:
    row = only(machine(RTX, llama=LlamaBuild("1", ("CUDA", "CPU"), (), True)))
    assert "finds no card it can use" in row.reason
    assert "CUDA_VISIBLE_DEVICES" in row.hint


def test_a_back_end_whose_library_does_not_load() -> None:
    row = only(machine(RTX, llama=LlamaBuild("1", ("CPU",), (), False, shipped=("cpu", "cuda"))))
    assert "could not be loaded" in row.reason


def test_amd_is_sent_to_vulkan() -> None:
    row = only(machine(Gpu("amd", "AMD Radeon RX 7900 XTX", 24, 20)))
    assert "built without Vulkan" in row.reason
    assert "-DGGML_VULKAN=on" in row.hint


def test_integrated_graphics_are_called_what_they_are() -> None:
    row = only(machine(Gpu("intel", "Intel UHD Graphics 620", 0, 0, unified=True)))
    assert "built into the processor" in row.reason
    assert "seldom faster" in row.hint


def test_apple_without_metal() -> None:
    row = only(machine(Gpu("apple", "Apple M2", 16, 10, unified=True), system="Darwin"))
    assert "built without Metal" in row.reason


def test_several_cards_of_one_vendor_get_one_row() -> None:
    assert only(machine(RTX, RTX)).what == RTX.name


def test_pytorch_without_cuda_is_told_beside_an_nvidia_card_only() -> None:
    llama = LlamaBuild("1", ("CUDA",), (CUDA0,), True)
    packages = {"torch": "2.11.0+cpu"}
    assert "PyTorch 2.11.0+cpu was made without CUDA" in only(machine(RTX, llama=llama, packages=packages)).reason
    assert gpu_use.why_not(machine(packages=packages)) == ()


def test_a_build_for_a_newer_processor_is_told_before_it_crashes() -> None:
    llama = dataclasses.replace(ONLY_CPU, features=("AVX", "AVX2", "FMA", "F16C", "AVX512", "LLAMAFILE"))
    row = only(machine(llama=llama))
    assert "uses AVX512, which this processor lacks" in row.reason


def test_a_build_for_an_older_processor_is_slow() -> None:
    row = only(machine(llama=dataclasses.replace(ONLY_CPU, features=("AVX", "LLAMAFILE"))))
    assert "does not use AVX2, FMA and F16C" in row.reason


def test_no_card_at_all() -> None:
    assert gpu_use.answer(machine()) == (
        "No graphics processor was found in this computer; models run on the processor.",
    )


def test_a_full_disk_is_no_answer_to_the_question() -> None:
    rows = (Missing("disk of the models folder", "It is gone.", "Choose another."),)
    assert "It is gone" not in " ".join(gpu_use.answer(machine(missing=rows)))


def test_without_llama_cpp_nothing_is_said_about_it() -> None:
    assert gpu_use.why_not(machine(RTX, llama=None)) == ()


def test_the_package_takes_a_part_instead_of_a_new_build() -> None:
    absent = GpuPart("cuda", "absent", "/parts/libggml-cuda.so", "It is not installed.", "Unpack the part.")
    row = only(machine(RTX, llama=dataclasses.replace(ONLY_CPU, parts=(absent,), packaged=True)))
    assert "built without CUDA" in row.reason
    assert row.hint == "Unpack the part."
    from_source = only(machine(RTX, llama=dataclasses.replace(ONLY_CPU, parts=(absent,))))
    assert "pip install" in from_source.hint


def test_a_part_that_does_not_load_is_the_reason() -> None:
    failed = GpuPart(
        "vulkan", "failed", "/parts/libggml-vulkan.so", "It cannot be loaded: no libvulkan.so.1.", "Install it."
    )
    row = only(
        machine(Gpu("amd", "AMD Radeon RX 7900 XTX", 24, 20), llama=dataclasses.replace(ONLY_CPU, parts=(failed,)))
    )
    assert row.reason == "llama.cpp's Vulkan part is there and not used. It cannot be loaded: no libvulkan.so.1."
    assert row.hint == "Install it."
