"""Compare our products of four-bit matrices and vectors with float64 on an NVIDIA GPU: not a test of pytest's.

``python3 -m tests.device.torch_products`` prints one line a check; the exit code is the number that failed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.cuda import driver
from engine.runtime.backends.hf.cuda.driver import Program
from engine.runtime.backends.hf.cuda.matrix import kind_of, matrix_of
from engine.runtime.backends.hf.cuda.products import Product, launch
from engine.runtime.backends.hf.nf4 import quantize_nf4
from engine.runtime.backends.hf.packed import Grouped4Linear, Nf4Linear

CUDA = torch.device("cuda")
LARGEST_ERROR = {"nf4": 2e-2, "int4": 5e-4}  # of the norm: NF4 has its 16 values in 7 bits
SIZES = (
    (64, 128),
    (576, 576),
    (130, 1536),
    (4096, 4096),
    (6144, 4096),
    (4096, 14336),
    (2048, 8192),
    (16, 64),
    (9, 11008),
)


def main() -> int:
    """Check with the blocks of this GPU, then with those of GPUs that have less shared memory."""
    failed = check_all()
    PROGRAMS.clear()
    driver._PLENTY_BYTES = 1 << 30
    return failed + check_all()


def check_all() -> int:
    failed = 0
    for name, layers, mode, largest in cases():
        error, later = check(layers, mode, largest)
        fine = error < LARGEST_ERROR["nf4" if isinstance(layers[0], Nf4Linear) else "int4"] and later == error
        failed += not fine
        print("ok" if fine else "FAILED", name, f"{error:.1e}", f"{later:.1e}", flush=True)
    return failed


def cases() -> Iterator[tuple[str, list[Any], str, float]]:
    for rows, columns in SIZES:
        for form in ("nf4", "int4 32", "int4 128", "int4 whole", "int4 128 reordered"):
            kind, _, group = form.partition(" ")
            if columns % (128 if "128" in group else 64):
                continue
            for mode in ("store", "add", "gated"):
                layers = [layer(kind, group, rows, columns) for _ in range(2 if mode == "gated" else 3)]
                if layers[0].order is not None:
                    for other in layers[1:]:
                        other.order.copy_(layers[0].order)
                yield f"{rows} × {columns} {form} {mode}", layers, mode, 1.0
    yield "large values", [layer("int4", "128", 256, 4096)], "store", 3e6
    yield "small values", [layer("nf4", "", 256, 4096)], "store", 1e-8


def layer(kind: str, group: str, rows: int, columns: int) -> Any:
    bias = torch.randn(rows, device=CUDA)
    if kind == "nf4":
        return Nf4Linear(quantize_nf4(torch.randn(rows, columns, device=CUDA) * 0.02), bias)
    width = columns if group == "whole" else int(group.split()[0])
    codes = torch.randint(0, 256, (rows, columns // 2), dtype=torch.uint8, device=CUDA)
    scales = (torch.rand(rows, columns // width, device=CUDA) * 0.01).half()
    zeros = torch.randint(0, 17, scales.shape, device=CUDA).to(torch.uint8)
    order = torch.randperm(columns, device=CUDA) if "reordered" in group else None
    return Grouped4Linear(codes, scales, zeros, order=order, bias=bias)


def check(layers: list[Any], mode: str, largest: float) -> tuple[float, float]:
    """Return the relative error, of a first and of a second run, which must be the same."""
    columns, rows = layers[0].in_features, sum(part.out_features for part in layers)
    source = torch.randn(columns, device=CUDA) * largest
    norm = nn.RMSNorm(columns, eps=1e-5, device=CUDA) if mode != "add" else None
    exact = source.double()
    if norm is not None:
        norm.weight.data.uniform_(0.5, 2)
        norm.variance_epsilon = 1e-5
        exact = exact * torch.rsqrt(exact.square().mean() + 1e-5) * norm.weight.double()
    ordered = exact if layers[0].order is None else exact[layers[0].order]
    wanted = [wide(part) @ ordered + part.bias.double() for part in layers]
    before = torch.randn(rows, device=CUDA)
    target = before.clone()
    kind = kind_of(layers[0])
    program = PROGRAMS.setdefault(
        kind, Program({"KIND": int(kind), "HEAD": 64, "GROUP": 1, "QUERIES": 1, "CACHE_F16": 0})
    )
    compute = launch(program, Product(mode, [matrix_of(part) for part in layers], source, target, norm))
    errors = []
    for _ in range(2):
        target.copy_(before)
        compute()
        if mode == "gated":
            expected, found = nn.functional.silu(wanted[0]) * wanted[1], target[: rows // 2]
        else:
            expected, found = torch.cat(wanted) + (before.double() if mode == "add" else 0), target
        errors.append(((found.double() - expected).norm() / expected.norm()).item())
    return errors[0], errors[1]


def wide(part: Any) -> Any:
    return part.widened(torch.float64)


PROGRAMS: dict[Any, Program] = {}


if __name__ == "__main__":
    with torch.inference_mode():
        sys.exit(main())
