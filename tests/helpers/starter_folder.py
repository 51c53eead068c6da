"""Makes a real Hugging Face model folder out of the starter model's GGUF file.

The weights are those of the file, dequantized; tokenizer, chat template and configuration are put back into the form
that the model was published in. ``python -m tests.helpers.starter_folder GGUF FOLDER`` does it by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.safetensors_folder import write_json, write_weights

LAYER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
OTHER_NAMES = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
CONTROL = 3  # gguf.TokenType.CONTROL


def write_starter_folder(gguf_file: Path, folder: Path, kind: str = "BF16", shards: int = 1) -> Path:
    """Write the folder and return it."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf_file)
    values = {name: field.contents() for name, field in reader.fields.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_weights(folder, _weights(reader, values), kind, shards)
    write_json(folder / "config.json", _config(values, kind))
    write_json(folder / "tokenizer.json", _tokenizer(values))
    write_json(folder / "tokenizer_config.json", _tokenizer_config(values))
    write_json(folder / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2})
    return folder


def _weights(reader: Any, values: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    from gguf.quants import dequantize

    heads = {"attn_q": values["llama.attention.head_count"], "attn_k": values["llama.attention.head_count_kv"]}
    weights = {}
    for tensor in reader.tensors:
        shape = tuple(int(extent) for extent in reversed(tensor.shape))
        numbers = dequantize(tensor.data, tensor.tensor_type).reshape(shape)
        name = tensor.name
        if name.startswith("blk."):
            _, layer, part, ending = name.split(".")
            numbers = _unpermuted(numbers, heads[part]) if part in heads else numbers
            name = f"model.layers.{layer}.{LAYER_NAMES[part]}.{ending}"
        weights[OTHER_NAMES.get(name, name)] = numbers
    return weights


def _unpermuted(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo the converter's reordering of rotary pairs: (heads, d/2, 2, n) → (heads, 2, d/2, n)."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _config(values: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": values["llama.embedding_length"],
        "intermediate_size": values["llama.feed_forward_length"],
        "max_position_embeddings": values["llama.context_length"],
        "model_type": "llama",
        "num_attention_heads": values["llama.attention.head_count"],
        "num_hidden_layers": values["llama.block_count"],
        "num_key_value_heads": values["llama.attention.head_count_kv"],
        "pad_token_id": 2,
        "rms_norm_eps": 1e-05,
        "rope_scaling": None,
        "rope_theta": int(values["llama.rope.freq_base"]),
        "tie_word_embeddings": True,
        "torch_dtype": {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}[kind],
        "use_cache": True,
        "vocab_size": values["llama.vocab_size"],
    }


def _special_tokens(values: dict[str, Any]) -> dict[int, dict[str, Any]]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokens, types = values["tokenizer.ggml.tokens"], values["tokenizer.ggml.token_type"]
    return {
        number: {"content": token, **flags}
        for number, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind == CONTROL
    }


def _tokenizer(values: dict[str, Any]) -> dict[str, Any]:
    """Return SmolLM2's tokenizer.json: digits one by one, then bytes."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": number, **token} for number, token in _special_tokens(values).items()],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, byte_level],
        },
        "post_processor": None,
        "decoder": {**byte_level, "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {token: number for number, token in enumerate(values["tokenizer.ggml.tokens"])},
            "merges": values["tokenizer.ggml.merges"],
        },
    }


def _tokenizer_config(values: dict[str, Any]) -> dict[str, Any]:
    return {
        "add_prefix_space": False,
        "added_tokens_decoder": {str(number): token for number, token in _special_tokens(values).items()},
        "bos_token": "<|im_start|>",
        "chat_template": values["tokenizer.chat_template"],
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": values["llama.context_length"],
        "pad_token": "<|im_end|>",
        "tokenizer_class": "GPT2Tokenizer",
        "unk_token": "<|endoftext|>",
        "vocab_size": values["llama.vocab_size"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dtype", choices=("BF16", "F16", "F32"), default="BF16")
    parser.add_argument("--shards", type=int, default=1)
    arguments = parser.parse_args()
    print(write_starter_folder(arguments.gguf, arguments.folder, arguments.dtype, arguments.shards))


if __name__ == "__main__":
    main()
