"""Importance matrices of random numbers, for every weight of a model that has one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.catalog.facts import read_facts
from engine.convert.methods.importance import Importance, Sums


def random_importance(model: Path, chunks: int = 2, chunk_tokens: int = 512) -> Importance:
    """Return positive sums for the matrices of a model's layers."""
    random = np.random.RandomState(1)
    sums = {
        tensor.name: Sums(
            random.gamma(0.5, 1.0, (1, tensor.shape[0])).astype(np.float32),
            np.array([chunks * chunk_tokens], np.int64),
        )
        for tensor in read_facts(model).tensors
        if tensor.layer is not None and len(tensor.shape) > 1
    }
    return Importance(sums, ("random",), chunks, chunk_tokens)
