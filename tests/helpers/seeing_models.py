"""A tiny model that sees, as published ones lie in a folder: Idefics3's names and shapes, random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.helpers.safetensors_folder import write_json, write_weights
from tests.helpers.tiny_models import families, tiny_weights, write_tiny_model

Weights = dict[str, NDArray[np.float32]]
WIDTH, PATCH, IMAGE, INNER, LAYERS, SCALE = 32, 14, 56, 64, 2, 2


def write_seeing_model(folder: Path, left_out: str = "") -> Path:
    """Write a model folder; tensors whose name has ``left_out`` in it are not there."""
    text = families()["llama"]["config"]
    vision = {
        "model_type": "idefics3_vision",
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "image_size": IMAGE,
        "patch_size": PATCH,
        "num_attention_heads": 2,
        "num_hidden_layers": LAYERS,
        "hidden_act": "gelu_pytorch_tanh",
        "layer_norm_eps": 1e-6,
    }
    changes = {
        "architectures": ["Idefics3ForConditionalGeneration"],
        "model_type": "idefics3",
        "scale_factor": SCALE,
        "text_config": {**text, "architectures": ["VLlama3ForCausalLM"], "model_type": "llama"},
        "vision_config": vision,
    }
    write_tiny_model("llama", folder, **changes)
    size = {"height": IMAGE, "width": IMAGE, "longest_edge": IMAGE, "shortest_edge": IMAGE}
    write_json(folder / "preprocessor_config.json", {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": size})
    weights = {_of_text(name): values for name, values in tiny_weights("llama").items()} | _eyes(text["hidden_size"])
    kept = {name: values for name, values in weights.items() if not left_out or left_out not in name}
    write_weights(folder, kept)
    return folder


def _of_text(name: str) -> str:
    return name.replace("model.", "model.text_model.", 1) if name.startswith("model.") else name


def _eyes(text_width: int) -> Weights:
    shapes: dict[str, tuple[int, ...]] = {
        "connector.modality_projection.proj.weight": (text_width, WIDTH * SCALE**2),
        "vision_model.embeddings.patch_embedding.weight": (WIDTH, 3, PATCH, PATCH),
        "vision_model.embeddings.patch_embedding.bias": (WIDTH,),
        "vision_model.embeddings.position_embedding.weight": ((IMAGE // PATCH) ** 2, WIDTH),
        "vision_model.post_layernorm.weight": (WIDTH,),
        "vision_model.post_layernorm.bias": (WIDTH,),
    }
    for layer in range(LAYERS):
        inside = {f"self_attn.{part}_proj": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
        inside |= {
            "mlp.fc1": (INNER, WIDTH),
            "mlp.fc2": (WIDTH, INNER),
            "layer_norm1": (WIDTH,),
            "layer_norm2": (WIDTH,),
        }
        for part, shape in inside.items():
            shapes[f"vision_model.encoder.layers.{layer}.{part}.weight"] = shape
            shapes[f"vision_model.encoder.layers.{layer}.{part}.bias"] = shape[:1]
    random = np.random.RandomState(7)
    return {f"model.{name}": random.standard_normal(shape).astype(np.float32) * 0.05 for name, shape in shapes.items()}
