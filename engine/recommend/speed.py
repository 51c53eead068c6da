"""How fast a model would run: tokens a second of an answer, and of a prompt.

An answer is read from memory: each token needs every weight that takes part in it, and all keys and values so far. A
prompt is computed: its tokens share one pass over the weights. Both are estimates that the measurement replaces: of 20
measured rates of answers (an H200, an M4, processors with 1 to 16 threads, models of 0.1 to 8 billion parameters,
llama.cpp 0c1e57098: tests/cases/recommend/measured_speeds.json) three quarters came within a quarter, all within two
fifths, on one or two threads within a half. A prompt's rate is right within a factor of three.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.machine.facts import Cpu, Gpu, Machine
from engine.recommend.context import Context
from engine.recommend.kv_cache import layer_cache_bytes
from engine.recommend.sizes import Reading, Sizes

# The part of the published bandwidth that a GPU's kernels reach, and what starting a layer's kernels costs: an H200
# with six files of 0.8 to 16 GB. The same two numbers give 22 tokens/s for Llama 3.1 8B in Q4_K_M on an M4, where 20.9
# were measured (brand-o/normiebench, issue 3).
GPU_BANDWIDTH_SHARE = 0.9
GPU_LAYER_S = 0.07e-3
CPU_LAYER_S = 0.1e-3
# What a layer's steps in Python take, which outweighs the GPU's part: 30 layers on an H100 gave 15 (BF16), 25 to 34
# (NF4), 10 (INT8), 13 (GPTQ) and 29 (AWQ) tokens/s (transformers 5.17, bitsandbytes 0.50.2, GPTQModel 7.7.0).
PYTORCH_LAYER_S = {"bnb-nf4": 1.1e-3, "bnb-int8": 3.3e-3, "gptq-int4-g128": 2.5e-3, "awq-int4-g128": 1.15e-3}
PYTORCH_PLAIN_LAYER_S = 2.2e-3

# Weights a second that one core multiplies with one token. Measured with AVX-512: 16 (Xeon) and 50 billion (EPYC).
CORE_WEIGHTS_S = {"AVX512": 25e9, "AVX2": 20e9, "DOTPROD": 20e9, "NEON": 10e9}
CORE_WEIGHTS_S_OTHERWISE = 5e9
# Operations a second of one core with a whole batch. Measured with AVX-512: 70 to 230 billion.
CORE_FLOPS = {
    "AMX_INT8": 200e9,
    "AVX512_VNNI": 110e9,
    "AVX512": 80e9,
    "AVX2": 50e9,
    "MATMUL_INT8": 80e9,
    "DOTPROD": 40e9,
}
CORE_FLOPS_OTHERWISE = 10e9

# Of a GPU: the same M4's ten cores read 225 tokens/s, 0.34 TFLOP/s each; older ones are slower.
# Elsewhere in proportion to bandwidth, which is rough (llama.cpp's pull requests 4766, 6017 and 7676 and our H200:
# P40 36, A100 55, H200 30 to 68, RTX 4090 154 operations a byte).
APPLE_CORE_FLOPS = 0.24e12
GPU_FLOPS_PER_BANDWIDTH = 60

FILLED_TOKENS = 512  # of the context, when a rate is quoted
OPERATIONS = 2  # a multiplication and an addition for each weight and token


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a model that one kind of processor computes: what a token reads of it, and of the cache.

    ``overhead_s`` is what a token costs there besides.
    """

    reading: Reading
    cache_bytes: int = 0
    overhead_s: float = 0.0


def cache_reading_bytes(sizes: Sizes, context: Context) -> tuple[int, ...]:
    """Return the bytes of keys and values that a token reads in each layer when a conversation is under way."""
    filled = replace(context, tokens=min(FILLED_TOKENS, context.tokens))
    return layer_cache_bytes(sizes.facts, filled)


def decode_s(machine: Machine, share: Share, gpu: Gpu | None = None) -> float | None:
    """Return the seconds that a share takes for one token; ``None`` where no bandwidth is known."""
    bandwidth = machine.bandwidth_bytes_s if gpu is None else _gpu_bandwidth(machine, gpu)
    if not bandwidth:
        return None
    moved = share.reading.bytes + share.cache_bytes
    if gpu is not None:
        return moved / (bandwidth * GPU_BANDWIDTH_SHARE) + share.overhead_s
    multiplied_s = share.reading.count / (cores(machine.cpu) * core_weights_s(machine.cpu))
    return moved / bandwidth + multiplied_s + share.overhead_s


def _gpu_bandwidth(machine: Machine, gpu: Gpu) -> float | None:
    return gpu.bandwidth_bytes_s or (machine.bandwidth_bytes_s if gpu.unified else None)


def prompt_s(machine: Machine, share: Share, gpu: Gpu | None = None) -> float | None:
    """Return the seconds that a share takes for one token of a long prompt."""
    flops = cores(machine.cpu) * core_flops(machine.cpu) if gpu is None else gpu_flops(gpu)
    return OPERATIONS * share.reading.count / flops if flops else None


def rate(seconds: Iterable[float | None]) -> float | None:
    """Return tokens a second of shares that follow one another; ``None`` if one of them is not known."""
    known = list(seconds)
    times = [second for second in known if second is not None]
    return 1 / sum(times) if len(times) == len(known) and sum(times) > 0 else None


def pytorch_layer_s(format_id: str) -> float:
    return PYTORCH_LAYER_S.get(format_id, PYTORCH_PLAIN_LAYER_S)


def cores(cpu: Cpu) -> int:
    """Return the cores that compute: of two kinds the fast ones, as the back end chooses."""
    usable = max(cpu.usable_physical_cores, 1)
    return min(usable, cpu.performance_cores or usable)


def core_weights_s(cpu: Cpu) -> float:
    return _first_known(cpu, CORE_WEIGHTS_S, CORE_WEIGHTS_S_OTHERWISE)


def core_flops(cpu: Cpu) -> float:
    return _first_known(cpu, CORE_FLOPS, CORE_FLOPS_OTHERWISE)


def _first_known(cpu: Cpu, rates: dict[str, float], otherwise: float) -> float:
    return next((rate for feature, rate in rates.items() if feature in cpu.features), otherwise)


def gpu_flops(gpu: Gpu) -> float | None:
    if gpu.vendor == "apple" and gpu.cores:
        return gpu.cores * APPLE_CORE_FLOPS
    return gpu.bandwidth_bytes_s * GPU_FLOPS_PER_BANDWIDTH if gpu.bandwidth_bytes_s else None
