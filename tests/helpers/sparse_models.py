"""Writes GGUF files of real shapes whose weights are a hole in the file: gigabytes that take kilobytes of disk.

llama.cpp reads their headers as it would any other's, so it can be asked what it would do with such a model.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from engine.formats import ModelFacts
from engine.recommend.tensor_types import tensors_at

ALIGNMENT = 32
# What llama.cpp wants to know besides facts, of the models in tests/cases/models.
FURTHER: dict[str, dict[str, int | float]] = {
    "deepseek2": {
        "leading_dense_block_count": 1,
        "expert_feed_forward_length": 1408,
        "expert_shared_count": 2,
        "attention.kv_lora_rank": 512,
        "rope.dimension_count": 64,
    },
    "gpt-oss": {"expert_feed_forward_length": 2880},
    "mamba": {"ssm.time_step_rank": 160},
    "phi3": {"rope.dimension_count": 96},
    "qwen3moe": {"expert_feed_forward_length": 768},
}
EPSILONS = {"attention.layer_norm_rms_epsilon": 1e-5, "attention.layer_norm_epsilon": 1e-5}


def write_sparse(facts: ModelFacts, metadata: Mapping[str, Any], path: Path, level: str = "F16") -> Path:
    """Write a model without weights and without a vocabulary; ``metadata`` is in GGUF's terms."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, facts.architecture)
    further = FURTHER.get(facts.architecture, {}) | EPSILONS
    values = dict(metadata) | {f"{facts.architecture}.{key}": value for key, value in further.items()}
    for key, value in values.items():
        if key.startswith("general.") or (value == 0 and "expert" in key):
            continue
        if isinstance(value, tuple):
            writer.add_array(key, list(value))
        elif isinstance(value, float):
            writer.add_float32(key, value)
        else:
            writer.add_uint32(key, value)
    writer.add_string("tokenizer.ggml.model", "no_vocab")
    data_bytes = 0
    for tensor in tensors_at(facts, level):
        kind = np.dtype("float32" if tensor.type == "F32" else "float16")
        writer.add_tensor_info(tensor.name, tensor.shape[::-1], kind, tensor.bytes)
        data_bytes += -(-tensor.bytes // ALIGNMENT) * ALIGNMENT
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    header_bytes = -(-path.stat().st_size // ALIGNMENT) * ALIGNMENT
    os.truncate(path, header_bytes + data_bytes)
    return path
