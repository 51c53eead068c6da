from __future__ import annotations

from dataclasses import replace

from desktop.models.machine_words import as_text, gpu_question, sections, summary
from engine.machine.facts import Device, GpuPart, Memory
from tests.helpers.values import BUILD, GB, GPU, MACHINE


def test_the_summary_counts_what_may_be_used():
    assert summary(MACHINE) == "2 cores · 24.0 GB memory · NVIDIA GeForce RTX 4060"


def test_each_part_has_its_section():
    assert [section.heading for section in sections(MACHINE)] == [
        "Processor",
        "Memory",
        "NVIDIA GeForce RTX 4060",
        "Disk",
        "Engine",
        "Optional packages",
    ]


def test_what_may_not_be_used_is_said():
    facts = dict(sections(MACHINE)[0].facts)
    assert facts["Cores"] == "2 of 4 may be used"


def test_a_containers_limit_is_said():
    memory = Memory(8 * GB, 2 * GB, 8 * GB)
    facts = dict(sections(replace(MACHINE, memory=memory, bandwidth_bytes_s=None))[1].facts)
    assert facts == {"Free now": "2.0 GB of 8.0 GB", "Limit": "8.0 GB, set by the container", "Speed": "not measured"}


def test_the_question_follows_from_what_computes():
    assert gpu_question(MACHINE) == "Why is my GPU not used?"
    assert gpu_question(replace(MACHINE, gpus=())) == "No GPU is used"
    build = replace(BUILD, devices=(Device("CUDA0", GPU.name, "CUDA", "gpu"),))
    assert gpu_question(replace(MACHINE, llama=build)) == "Your GPU is used"


def test_the_text_has_everything():
    text = as_text(MACHINE)
    words = [word for section in sections(MACHINE) for fact in section.facts for word in fact]
    assert all(word in text for word in words)
    assert "built without CUDA. Install a build with CUDA." in text


def test_a_machine_without_an_engine_is_shown():
    assert "did not answer" in as_text(replace(MACHINE, llama=None, gpus=(), packages={}))


def test_each_gpu_part_says_whether_it_is_in_use():
    cuda = GpuPart("cuda", "absent", "/home/ann/parts/llama-1/libggml-cuda.so", "It is not installed.", "Unpack it.")
    vulkan = GpuPart("vulkan", "failed", "/v.so", "It cannot be loaded: no libvulkan.so.1.", "Install the loader.")
    build = replace(BUILD, parts=(cuda, vulkan))
    (section,) = (each for each in sections(replace(MACHINE, llama=build)) if each.heading == "Optional GPU parts")
    facts = dict(section.facts)
    assert facts["CUDA"] == "not installed"
    assert facts["Vulkan"] == "It cannot be loaded: no libvulkan.so.1.\nInstall the loader."
    assert facts["To add one"].startswith("Unpack it into /home/ann/parts;")
    build = replace(BUILD, parts=(replace(vulkan, state="loaded", reason="", hint=""),))
    assert ("Vulkan", "loaded\n/v.so") in sections(replace(MACHINE, llama=build))[-2].facts
