"""Computers for the rules: memory, cores and GPUs in a few words, as :class:`engine.machine.facts.Machine`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.machine.facts import Cpu, Device, Gpu, LlamaBuild, Machine, Memory

GIB = 1024**3
BACKENDS = {"nvidia": "CUDA", "apple": "MTL", "amd": "ROCm", "intel": "SYCL"}
CUDA_PACKAGES = ("torch", "transformers", "accelerate", "bitsandbytes", "gptqmodel")


def machine(described: Mapping[str, Any]) -> Machine:
    """Return a computer. Memory in GiB, bandwidths in bytes a second; ``offload`` false: llama.cpp knows no GPU."""
    gpus = tuple(_gpu(gpu) for gpu in described.get("gpus", [described["gpu"]] if "gpu" in described else []))
    cores = described.get("cores", 8)
    features = tuple(described.get("features", ("AVX2",)))
    free = described.get("free_gib", 64)
    packages = {name: "1.0" if described.get("cuda_packages") else None for name in CUDA_PACKAGES}
    return Machine(
        system="Linux",
        cpu=Cpu("a processor", "x86_64", cores, cores, cores, cores, features),
        memory=Memory(int(described.get("total_gib", free) * GIB), int(free * GIB)),
        gpus=gpus,
        llama=_llama(gpus, described.get("offload", True)),
        packages=packages,
        bandwidth_bytes_s=described.get("bandwidth_bytes_s", 50e9),
    )


def _gpu(described: Mapping[str, Any]) -> Gpu:
    total = int(described.get("total_gib", 1024) * GIB)
    return Gpu(
        vendor=described["vendor"],
        name=described.get("name", f"{described['vendor']} card"),
        total_bytes=total,
        usable_bytes=int(described.get("free_gib", described.get("total_gib", 1024)) * GIB),
        unified=described.get("unified", False),
        compute_capability=described.get("capability", "8.9" if described["vendor"] == "nvidia" else ""),
        bandwidth_bytes_s=described.get("bandwidth_bytes_s"),
        cores=described.get("cores", 0),
    )


def _llama(gpus: tuple[Gpu, ...], offload: bool) -> LlamaBuild:
    devices = tuple(
        Device(f"GPU{index}", f"{gpu.vendor.capitalize()} card", BACKENDS[gpu.vendor], "gpu", gpu.total_bytes)
        for index, gpu in enumerate(gpus if offload else ())
    )
    processor = Device("CPU", "a processor", "CPU", "cpu")
    return LlamaBuild("0.3.36", ("CPU",), (*devices, processor), offload=bool(devices))
