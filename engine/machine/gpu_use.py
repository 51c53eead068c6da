"""“Why is my GPU not used?”: the answer in sentences, out of what was found.

Pure functions. What a reader could not read is already a row of ``Machine.missing``; here is what follows from several
readings together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from engine.machine import features
from engine.machine.cuda_cards import VISIBLE
from engine.machine.facts import Device, Gpu, GpuPart, LlamaBuild, Machine, Missing
from engine.machine.gpus import vendor_of

# llama.cpp's back ends that compute on a vendor's cards, the best one first, with the switch of its build.
_BACKENDS = {
    "nvidia": {"CUDA": "-DGGML_CUDA=on", "Vulkan": "-DGGML_VULKAN=on"},
    "amd": {"Vulkan": "-DGGML_VULKAN=on", "ROCm": "-DGGML_HIP=on"},
    "intel": {"Vulkan": "-DGGML_VULKAN=on", "SYCL": "-DGGML_SYCL=on"},
    "apple": {"MTL": "-DGGML_METAL=on"},
}
_SHIPPED = {"CUDA": "cuda", "Vulkan": "vulkan", "ROCm": "hip", "SYCL": "sycl", "MTL": "metal"}
_WORDS = {"MTL": "Metal"}
_TOOLS = {
    "CUDA": "NVIDIA's CUDA Toolkit",
    "Vulkan": "the Vulkan SDK",
    "ROCm": "AMD's ROCm",
    "SYCL": "Intel's oneAPI",
    "MTL": "Xcode's command line tools",
}
_OLDEST_CUDA = 12  # llama.cpp's and PyTorch's builds of today; NVIDIA drivers from 525 (2022) on
_OLDEST_CAPABILITY = 5.0  # Maxwell: the oldest that CUDA 12 compiles for (CUDA 12 release notes)
_OTHER_PARTS = ("processor", "memory", "disk", "packages")  # rows of these do not answer the question
_MATTERS = ("AVX2", "FMA", "F16C", "NEON", "DOTPROD")  # without these, quantized weights are computed many times slower


def why_not(machine: Machine) -> tuple[Missing, ...]:
    """Return one row for each reason why a part of this computer is not used, or not fully."""
    driver, llama = tuple(_driver(machine)), machine.llama
    rows = [*driver, *_hidden(machine), *_pytorch(machine)]
    if llama:
        explained = driver and "CUDA" in llama.backends
        vendors = [vendor for vendor in _BACKENDS if not (explained and vendor == "nvidia")]
        rows += [row for vendor in vendors for row in _unused(machine, llama, vendor)]
        rows += _kernels(machine, llama)
    return tuple(rows)


def answer(machine: Machine) -> tuple[str, ...]:
    """Answer in sentences whether the GPU is used, and if not, why and what to do."""
    used = [device for device in _devices(machine.llama) if device.kind in ("gpu", "igpu")]
    sentences = [f"llama.cpp computes on {device.description} ({device.backend})." for device in used]
    about_graphics = (row for row in machine.missing if not row.what.startswith(_OTHER_PARTS))
    sentences += [f"{row.reason} {row.hint}".strip() for row in about_graphics]
    if not machine.gpus and not sentences:
        sentences.append("No graphics processor was found in this computer; models run on the processor.")
    return tuple(sentences)


def _devices(llama: LlamaBuild | None) -> tuple[Device, ...]:
    return llama.devices if llama else ()


def _driver(machine: Machine) -> Iterator[Missing]:
    for gpu in machine.gpus:
        if gpu.vendor != "nvidia":
            continue
        if gpu.cuda and int(gpu.cuda.partition(".")[0]) < _OLDEST_CUDA:
            yield Missing(
                gpu.name,
                f"The NVIDIA driver {gpu.driver} supports CUDA {gpu.cuda}; CUDA {_OLDEST_CUDA} or newer is needed.",
                "Update NVIDIA's driver to version 525 or newer.",
            )
            return
        if gpu.compute_capability and float(gpu.compute_capability) < _OLDEST_CAPABILITY:
            yield Missing(
                gpu.name,
                f"The card {gpu.name} is too old: its compute capability is {gpu.compute_capability}, "
                f"and {_OLDEST_CAPABILITY} or newer is needed.",
                "Models run on the processor.",
            )
            return


def _hidden(machine: Machine) -> Iterator[Missing]:
    for gpu in machine.gpus:
        if gpu.hidden:
            yield Missing(
                gpu.label,
                f"The variable {VISIBLE} hides {gpu.label} from CUDA.",
                "To use it, start Halfbyte without that variable, or with this card in it.",
            )


def _pytorch(machine: Machine) -> Iterator[Missing]:
    """Tell of a PyTorch that was made without CUDA, beside an NVIDIA card."""
    torch = machine.packages.get("torch") or ""
    if torch.endswith("+cpu") and any(gpu.vendor == "nvidia" for gpu in machine.gpus):
        yield Missing(
            "PyTorch with CUDA",
            f"PyTorch {torch} was made without CUDA, so AWQ, GPTQ and bitsandbytes formats cannot use the NVIDIA card.",
            "Install PyTorch again in its CUDA build.",
        )


def _unused(machine: Machine, llama: LlamaBuild, vendor: str) -> Iterator[Missing]:
    """Yield why no back end of llama.cpp has a vendor's cards as its device."""
    cards = [gpu for gpu in machine.gpus if gpu.vendor == vendor]
    computing = [device for device in llama.devices if device.kind in ("gpu", "igpu") and _of(device, vendor)]
    if not cards or computing:
        return
    card = max(cards, key=lambda gpu: gpu.total_bytes)
    if card.unified and vendor in ("amd", "intel"):
        yield _integrated(machine, llama, card)
        return
    yield _without_device(machine, llama, card) or _without_backend(machine, llama, card)


def _of(device: Device, vendor: str) -> bool:
    named = vendor_of(device.description)
    return named == vendor if named else device.backend == next(iter(_BACKENDS[vendor]))


def _integrated(machine: Machine, llama: LlamaBuild, card: Gpu) -> Missing:
    return Missing(
        card.name,
        f"{card.name} is built into the processor and shares its memory, and this build of llama.cpp does not use it.",
        "Answers are seldom faster with it, because both read the same memory. " + _rebuild(machine, llama, "Vulkan"),
    )


def _without_device(machine: Machine, llama: LlamaBuild, card: Gpu) -> Missing | None:
    """Say why a back end that the build has shows no device; ``None`` if it has no such back end."""
    for backend in _BACKENDS[card.vendor]:
        words = _WORDS.get(backend, backend)
        if backend in llama.backends:
            return Missing(
                card.name,
                f"llama.cpp has its {words} part, but that finds no card it can use.",
                "Update the graphics driver; see that CUDA_VISIBLE_DEVICES or GGML_VK_VISIBLE_DEVICES hides no card.",
            )
        if (part := _part(llama, backend)) and part.state == "failed":
            return Missing(card.name, f"llama.cpp's {words} part is there and not used. {part.reason}", part.hint)
        if _SHIPPED[backend] in llama.shipped:
            return Missing(
                card.name,
                f"llama.cpp's {words} part is installed but could not be loaded: "
                "a library that it needs is missing, or the graphics driver is too old.",
                f"Update the graphics driver and install {_TOOLS[backend]}.",
            )
    return None


def _without_backend(machine: Machine, llama: LlamaBuild, card: Gpu) -> Missing:
    backend = next(iter(_BACKENDS[card.vendor]))
    words = _WORDS.get(backend, backend)
    return Missing(
        card.name,
        f"The installed llama.cpp was built without {words}, so GGUF models do not run on {card.name}.",
        _rebuild(machine, llama, backend),
    )


def _part(llama: LlamaBuild, backend: str) -> GpuPart | None:
    return next((part for part in llama.parts if part.kind == _SHIPPED[backend]), None)


def _rebuild(machine: Machine, llama: LlamaBuild, backend: str) -> str:
    """Return how a back end comes in: the package takes a part, the source tree makes its binding again."""
    if llama.packaged and (part := _part(llama, backend)):
        return part.hint
    switch = next(switches[backend] for switches in _BACKENDS.values() if backend in switches)
    install = f"pip install --force-reinstall --no-deps --no-binary :all: llama-cpp-python=={llama.version}"
    shell = f'$env:CMAKE_ARGS="{switch}"; {install}'
    if machine.system != "Windows":
        shell = f'CMAKE_ARGS="{switch}" {install}'
    return f"Install {_TOOLS[backend]}, then run: {shell}"


def _kernels(machine: Machine, llama: LlamaBuild) -> Iterator[Missing]:
    """Tell of a build that was made for another processor."""
    here = set(machine.cpu.features)
    build = {name for name in llama.features if name in features.NAMES}
    if not here or not build:
        return
    again = f"Install it again on this computer: pip install --force-reinstall llama-cpp-python=={llama.version}"
    too_new = [name for name in features.NAMES if name in build - here]
    if too_new:
        yield Missing(
            "llama.cpp",
            f"The installed llama.cpp uses {_listed(too_new)}, which this processor lacks: it will stop with an error.",
            again,
        )
    unused = [name for name in _MATTERS if name in here - build]
    if unused:
        yield Missing(
            "llama.cpp",
            f"The installed llama.cpp does not use {_listed(unused)} of this processor, so it is several times slower.",
            again,
        )


def _listed(names: list[str]) -> str:
    return re.sub(r", ([^,]+)$", r" and \1", ", ".join(names))
