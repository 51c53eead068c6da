"""Makes levels by Halfbyte and by llama.cpp's own quantizer: ``ID.ours`` and ``ID.native`` in a folder.

``python -m tests.helpers.both_quantizers SOURCE.gguf IMATRIX FOLDER`` reads a JSON list of id, level, overrides and
whether there is a matrix (``given`` or empty).
"""

import ctypes
import json
import os
import sys
from pathlib import Path

from engine.convert.methods import choose, importance, make
from engine.convert.methods.native import NativeLog, library
from engine.convert.recipes import Recipe


def main() -> None:
    source, imatrix, folder = map(Path, sys.argv[1:])
    recipes = [
        Recipe(name, level, level, "lossless", tuple((pattern, kind) for pattern, kind in overrides), given)
        for name, level, overrides, given in json.load(sys.stdin)
    ]
    for given in ("", "given"):
        wanted = [
            make.Wanted(folder / f"{recipe.id}.ours", folder / f"{recipe.id}.journal", recipe, "test")
            for recipe in recipes
            if recipe.imatrix == given
        ]
        matrix = imatrix if given else None
        task = make.Task(source, folder / "layout", "", wanted, 2, matrix)
        make.make(task, lambda done, total: None, print)
        for one in wanted:
            natively(source, folder / f"{one.recipe.id}.native", one.recipe, matrix)


def natively(source: Path, target: Path, recipe: Recipe, imatrix: Path | None) -> None:
    """Quantize with ``llama_model_quantize``; it does not note the matrix, which only its command line does."""
    binding = library()
    log = NativeLog(binding)
    matrix = importance.read(imatrix) if imatrix else None
    parameters, alive = choose.parameters_of(binding, recipe, matrix)
    notes = (
        [
            ("quantize.imatrix.dataset", matrix.datasets[0]),
            ("quantize.imatrix.entries_count", len(matrix.sums)),
            ("quantize.imatrix.chunks_count", matrix.chunks),
        ]
        if matrix
        else []
    )
    overrides = (binding.llama_model_kv_override * (len(notes) + 1))()
    for row, (key, value) in zip(overrides, notes, strict=False):
        row.key = key.encode()
        if isinstance(value, str):
            row.tag, row.value.val_str = binding.LLAMA_KV_OVERRIDE_TYPE_STR, value.encode()
        else:
            row.tag, row.value.val_i64 = binding.LLAMA_KV_OVERRIDE_TYPE_INT, value
    parameters.kv_overrides = overrides
    if binding.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(parameters)):
        raise SystemExit("".join(log.errors))
    del alive


if __name__ == "__main__":
    main()
