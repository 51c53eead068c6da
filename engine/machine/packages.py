"""Which optional packages are installed, without importing them: some take seconds and print."""

from __future__ import annotations

from engine.machine.sources import Sources

NAMES = (
    "llama-cpp-python",
    "torch",
    "transformers",
    "accelerate",
    "bitsandbytes",
    "gptqmodel",
    "autoawq",
    "optimum",
    "vllm",
    "triton",
    "safetensors",
)


def read(sources: Sources) -> dict[str, str | None]:
    return {name: sources.version(name) for name in NAMES}
