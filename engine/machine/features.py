"""Instruction sets in llama.cpp's names, from what each system calls them.

The names and their meaning: llama.cpp (0c1e57098), ggml/src/ggml-cpu/ggml-cpu.cpp, ``ggml_backend_cpu_get_features``.
``AVX512`` stands for five sets at once, as its build option does (ggml/src/ggml-cpu/CMakeLists.txt).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

NAMES = (
    "SSE3",
    "SSSE3",
    "AVX",
    "AVX_VNNI",
    "AVX2",
    "F16C",
    "FMA",
    "BMI2",
    "AVX512",
    "AVX512_VBMI",
    "AVX512_VNNI",
    "AVX512_BF16",
    "AMX_INT8",
    "NEON",
    "ARM_FMA",
    "FP16_VA",
    "MATMUL_INT8",
    "SVE",
    "DOTPROD",
    "SME",
    "SME2",
)

# Flags of /proc/cpuinfo (arch/x86/include/asm/cpufeatures.h, arch/arm64/kernel/cpuinfo.c); all of a row are needed.
_LINUX = {
    "SSE3": {"pni"},
    "SSSE3": {"ssse3"},
    "AVX": {"avx"},
    "AVX_VNNI": {"avx_vnni"},
    "AVX2": {"avx2"},
    "F16C": {"f16c"},
    "FMA": {"fma"},
    "BMI2": {"bmi2"},
    "AVX512": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "AVX512_VBMI": {"avx512vbmi"},
    "AVX512_VNNI": {"avx512_vnni"},
    "AVX512_BF16": {"avx512_bf16"},
    "AMX_INT8": {"amx_int8"},
    "NEON": {"asimd"},
    "ARM_FMA": {"asimd"},
    "FP16_VA": {"fphp", "asimdhp"},
    "MATMUL_INT8": {"i8mm"},
    "SVE": {"sve"},
    "DOTPROD": {"asimddp"},
    "SME": {"sme"},
    "SME2": {"sme2"},
}

# macOS: keys of sysctl that are 1 (Apple, “Determining instruction set characteristics”).
_DARWIN = {
    "NEON": "hw.optional.neon",
    "ARM_FMA": "hw.optional.neon",
    "FP16_VA": "hw.optional.arm.FEAT_FP16",
    "MATMUL_INT8": "hw.optional.arm.FEAT_I8MM",
    "DOTPROD": "hw.optional.arm.FEAT_DotProd",
    "SME": "hw.optional.arm.FEAT_SME",
    "SME2": "hw.optional.arm.FEAT_SME2",
}

# macOS on Intel: words in machdep.cpu.features and machdep.cpu.leaf7_features.
_DARWIN_INTEL = {
    "SSE3": {"SSE3"},
    "SSSE3": {"SSSE3"},
    "AVX": {"AVX1.0"},
    "AVX2": {"AVX2"},
    "F16C": {"F16C"},
    "FMA": {"FMA"},
    "BMI2": {"BMI2"},
    "AVX512": {"AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"},
    "AVX512_VBMI": {"AVX512VBMI"},
    "AVX512_VNNI": {"AVX512VNNI"},
}

# Windows: numbers for IsProcessorFeaturePresent (winnt.h of the Windows SDK). It has none for F16C and FMA, which every
# processor with AVX2 that llama.cpp's “haswell” kernels run on has, nor for the parts of AVX-512 beyond its foundation.
_WINDOWS = {
    "SSE3": 13,
    "SSSE3": 36,
    "AVX": 39,
    "AVX2": 40,
    "F16C": 40,
    "FMA": 40,
    "BMI2": 60,
    "AVX512": 41,
    "NEON": 19,
    "ARM_FMA": 19,
    "DOTPROD": 43,
    "SVE": 46,
    "MATMUL_INT8": 66,
    "FP16_VA": 67,
    "SME": 70,
    "SME2": 71,
}


def from_linux(flags: Collection[str]) -> tuple[str, ...]:
    return _all_of(_LINUX, set(flags))


def from_darwin(values: dict[str, str]) -> tuple[str, ...]:
    words = f"{values.get('machdep.cpu.features', '')} {values.get('machdep.cpu.leaf7_features', '')}".split()
    arm = {name for name, key in _DARWIN.items() if values.get(key) == "1"}
    return tuple(name for name in NAMES if name in arm or name in _all_of(_DARWIN_INTEL, set(words)))


def from_windows(present: Callable[[int], bool], architecture: str) -> tuple[str, ...]:
    """Return the features; numbers of the other architecture are not asked for, because they are reused."""
    arm = architecture.lower().startswith("arm")
    first_arm = NAMES.index("NEON")
    mine = NAMES[first_arm:] if arm else NAMES[:first_arm]
    return tuple(name for name in mine if name in _WINDOWS and present(_WINDOWS[name]))


def _all_of(table: dict[str, set[str]], flags: set[str]) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name in table and table[name] <= flags)
