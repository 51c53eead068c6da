"""Puts a ``config.json`` into GGUF's terms: the metadata that the converter would write, as far as facts need them.

Source: llama.cpp 0c1e57098, conversion/ (``set_gguf_parameters`` of ``TextModel`` and of the families).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.catalog.headers.configuration import Config

Settings = dict[str, Any]

# transformers' class → llama.cpp's architecture.
ARCHITECTURES: dict[str, str] = {
    "Afmoe": "afmoe",
    "Apertus": "apertus",
    "Arcee": "arcee",
    "Baichuan": "baichuan",
    "BaiChuan": "baichuan",
    "BailingMoe": "bailingmoe",
    "BailingMoeV2": "bailingmoe2",
    "Bamba": "granitehybrid",
    "BitNet": "bitnet",
    "Bloom": "bloom",
    "Cohere": "command-r",
    "Cohere2": "cohere2",
    "Dbrx": "dbrx",
    "Deepseek": "deepseek",
    "DeepseekV2": "deepseek2",
    "DeepseekV3": "deepseek2",
    "Dots1": "dots1",
    "Ernie4_5": "ernie4_5",
    "Ernie4_5_": "ernie4_5",
    "Ernie4_5_Moe": "ernie4_5-moe",
    "Exaone": "exaone",
    "Exaone4": "exaone4",
    "Falcon": "falcon",
    "FalconH1": "falcon-h1",
    "FalconMamba": "mamba",
    "GPT2LMHeadModel": "gpt2",
    "GPTNeoX": "gptneox",
    "Gemma": "gemma",
    "Gemma2": "gemma2",
    "Gemma3": "gemma3",
    "Gemma3n": "gemma3n",
    "Glm": "chatglm",
    "Glm4": "glm4",
    "Glm4Moe": "glm4moe",
    "GptOss": "gpt-oss",
    "Granite": "granite",
    "GraniteMoe": "granitemoe",
    "GraniteMoeHybrid": "granitehybrid",
    "GraniteMoeShared": "granitemoe",
    "HunYuanDenseV1": "hunyuan-dense",
    "HunYuanMoEV1": "hunyuan-moe",
    "InternLM2": "internlm2",
    "InternLM3": "llama",
    "Jamba": "jamba",
    "Lfm2": "lfm2",
    "Lfm2Moe": "lfm2moe",
    "Llama": "llama",
    "Llama4": "llama4",
    "Llava": "llama",
    "Mamba": "mamba",
    "Mamba2": "mamba2",
    "MiniCPM": "minicpm",
    "MiniMaxM2": "minimax-m2",
    "Ministral3": "mistral3",
    "Mistral": "llama",
    "Mistral3": "mistral3",
    "Mixtral": "llama",
    "Nemotron": "nemotron",
    "NemotronH": "nemotron_h",
    "Olmo": "olmo",
    "Olmo2": "olmo2",
    "Olmo3": "olmo2",
    "Olmoe": "olmoe",
    "Phi": "phi2",
    "Phi3": "phi3",
    "PhiMoE": "phimoe",
    "Qwen2": "qwen2",
    "Qwen2Moe": "qwen2moe",
    "Qwen2VL": "qwen2vl",
    "Qwen2_5_VL": "qwen2vl",
    "Qwen3": "qwen3",
    "Qwen3Moe": "qwen3moe",
    "Qwen3Next": "qwen3next",
    "Qwen3VL": "qwen3vl",
    "Qwen3VLMoe": "qwen3vlmoe",
    "Qwen3_5": "qwen35",
    "Qwen3_5Moe": "qwen35moe",
    "SeedOss": "seed_oss",
    "SmolLM3": "smollm3",
    "StableLm": "stablelm",
    "Starcoder2": "starcoder2",
    "Xverse": "xverse",
}
CLASS_ENDINGS = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "Model")


def architecture(config: Config) -> str:
    """Return llama.cpp's name of the architecture; one that is not in the table keeps its own."""
    for name in config.names("architectures"):
        stem = next((name.removesuffix(ending) for ending in CLASS_ENDINGS if name.endswith(ending)), name)
        if found := ARCHITECTURES.get(stem) or ARCHITECTURES.get(name):
            return found
    model_type = str(config.value("model_type") or "unknown")
    spelled = model_type.removesuffix("_text").replace("_", "").lower()
    return next((gguf for name, gguf in ARCHITECTURES.items() if name.replace("_", "").lower() == spelled), model_type)


def metadata(config: Config) -> dict[str, Any]:
    """Return the settings as GGUF metadata."""
    name = architecture(config)
    settings = _common(config)
    settings |= FAMILIES.get(name, _nothing_more)(config)
    return {"general.architecture": name, **{f"{name}.{key}": value for key, value in settings.items()}}


def _common(config: Config) -> Settings:
    heads = config.number("num_attention_heads", "n_head", "n_heads", default=0)
    settings: Settings = {
        "block_count": config.number("n_layers", "num_hidden_layers", "n_layer", "num_layers"),
        "context_length": config.number("max_position_embeddings", "n_ctx", "n_positions", "seq_length", default=0),
        "embedding_length": config.number("hidden_size", "n_embd", "d_model", "dim"),
        "attention.head_count": heads,
        "attention.head_count_kv": config.number("num_key_value_heads", "n_kv_heads", default=heads),
        "expert_count": config.number("num_local_experts", "num_experts", "n_routed_experts", default=0),
        "expert_used_count": config.number("num_experts_per_tok", "num_experts_per_token", "top_k_experts", default=0),
        "vocab_size": config.number("vocab_size", default=0),
    }
    feed_forward = config.value("dense_intermediate_size", "intermediate_size", "n_inner", "ffn_dim", "hidden_dim")
    settings["feed_forward_length"] = feed_forward if isinstance(feed_forward, int) else 0
    if config.has("head_dim"):
        settings["attention.key_length"] = settings["attention.value_length"] = config.number("head_dim")
    return settings


def _nothing_more(config: Config) -> Settings:
    return {}


def _windowed(config: Config) -> Settings:
    """Return the window, and which layers have one where ``layer_types`` lists them."""
    window = config.number("sliding_window", default=0)
    kinds = config.names("layer_types")
    pattern = {"attention.sliding_window_pattern": tuple(kind == "sliding_attention" for kind in kinds)}
    return {"attention.sliding_window": window, **(pattern if kinds and window else {})}


def _window_only(config: Config) -> Settings:
    return {"attention.sliding_window": config.number("sliding_window", default=0)}


def _gemma3(config: Config) -> Settings:
    return {} if config.value("sliding_window_pattern") == 1 else _window_only(config)


def _gemma3n(config: Config) -> Settings:
    shared = {"attention.shared_kv_layers": config.number("num_kv_shared_layers", default=0)}
    feed_forward = config.value("intermediate_size")
    if isinstance(feed_forward, list):  # one for each layer
        shared["feed_forward_length"] = max((size for size in feed_forward if isinstance(size, int)), default=0)
    return {**_windowed(config), **shared}


def _llama4(config: Config) -> Settings:
    kinds = config.names("layer_types")
    everywhere = {"attention.sliding_window": 0} if kinds and set(kinds) == {"full_attention"} else {}
    return {"feed_forward_length": config.number("intermediate_size_mlp"), **everywhere}


def _cohere(config: Config) -> Settings:
    return {"context_length": config.number("model_max_length", "max_position_embeddings", default=0)}


def _phi2(config: Config) -> Settings:
    return {"feed_forward_length": 4 * config.number("hidden_size", "n_embd")}


def _gpt2(config: Config) -> Settings:
    return {"feed_forward_length": 4 * config.number("n_embd")}


def _falcon(config: Config) -> Settings:
    return {
        "context_length": 2048,
        "feed_forward_length": 4 * config.number("hidden_size"),
        "attention.head_count_kv": config.number("num_kv_heads", "n_head_kv", default=1),
    }


def _deepseek2(config: Config) -> Settings:
    rank, rope = config.number("kv_lora_rank", default=512), config.number("qk_rope_head_dim")
    return {
        "attention.head_count_kv": 1,
        "attention.key_length": rank + rope,
        "attention.value_length": rank,
        "attention.key_length_mla": config.number("qk_nope_head_dim") + rope,
        "attention.value_length_mla": config.number("v_head_dim"),
    }


def _mamba(config: Config) -> Settings:
    width = config.number("hidden_size", "d_model")
    return {
        "context_length": 1 << 20,
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "attention.head_count_kv": 0,
        "ssm.conv_kernel": config.number("conv_kernel", "d_conv", default=4),
        "ssm.inner_size": config.number("intermediate_size", "d_inner", default=2 * width),
        "ssm.state_size": config.number("state_size", "d_state", default=16),
    }


def _mamba2(config: Config) -> Settings:
    width, expand = config.number("hidden_size", "d_model", "dim"), config.number("mamba_expand", "expand", default=2)
    return {
        "context_length": 1 << 20,
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "attention.head_count_kv": 0,
        "ssm.conv_kernel": config.number("conv_kernel", "mamba_d_conv", "d_conv", default=4),
        "ssm.inner_size": config.number("mamba_d_ssm", "intermediate_size", "d_inner", default=expand * width),
        "ssm.state_size": config.number("state_size", "mamba_d_state", "d_state", default=128),
        "ssm.group_count": config.number("mamba_n_groups", "n_groups", default=1),
    }


def _mamba_part(config: Config) -> Settings:
    """Return the recurrent settings of a model that has attention layers too."""
    expanded = config.number("mamba_expand", default=2) * config.number("hidden_size")
    return {
        "ssm.conv_kernel": config.number("mamba_d_conv", "conv_kernel", default=4),
        "ssm.inner_size": config.number("mamba_d_ssm", default=expanded),
        "ssm.state_size": config.number("mamba_d_state", "ssm_state_size", default=128),
        "ssm.group_count": config.number("mamba_n_groups", "n_groups", default=1),
    }


def _only_where(config: Config, attends: Callable[[str], bool], *lists: str) -> Settings:
    """Return the key and value heads of each layer: none for those that a list of layer kinds names recurrent."""
    heads = config.number("num_key_value_heads", default=config.number("num_attention_heads", default=0))
    kinds = next((config.names(name) for name in lists if config.names(name)), ())
    return {"attention.head_count_kv": tuple(heads if attends(kind) else 0 for kind in kinds)} if kinds else {}


def _jamba(config: Config) -> Settings:
    heads, layers = config.number("num_key_value_heads"), config.number("num_hidden_layers")
    offset, period = config.number("attn_layer_offset"), max(config.number("attn_layer_period"), 1)
    attends = (layer >= offset and (layer - offset) % period == 0 for layer in range(min(layers, 512)))
    width = config.number("hidden_size", "mamba_d_model")
    return {
        "attention.head_count_kv": tuple(heads if there else 0 for there in attends),
        "ssm.conv_kernel": config.number("mamba_d_conv", default=4),
        "ssm.inner_size": config.number("mamba_expand", default=2) * width,
        "ssm.state_size": config.number("mamba_d_state", default=16),
    }


def _granite_hybrid(config: Config) -> Settings:
    where = _only_where(config, lambda kind: kind == "attention", "layer_types")
    return {**where, **_mamba_part(config)}


def _lfm2(config: Config) -> Settings:
    where = _only_where(config, lambda kind: kind in ("attention", "full_attention"), "layer_types")
    return {**where, "shortconv.l_cache": config.number("conv_L_cache", default=3)}


def _lfm2_dense(config: Config) -> Settings:
    """Add the width that the family computes from the one it names (two thirds, scaled, rounded up)."""
    width = config.number("block_ff_dim", "intermediate_size", default=0)
    if config.flag("block_auto_adjust_ff_dim", default=True):
        scale, step = config.value("block_ffn_dim_multiplier"), max(config.number("block_multiple_of", default=256), 1)
        width = int(2 * width / 3 * (scale if isinstance(scale, int | float) else 1))
        width = -(-width // step) * step
    return {**_lfm2(config), "feed_forward_length": width}


def _delta_net(config: Config) -> Settings:
    kinds = config.names("layer_types")
    recurrent = {"attention.recurrent_layers": tuple(kind == "linear_attention" for kind in kinds)} if kinds else {}
    return {
        **recurrent,
        "full_attention_interval": config.number("full_attention_interval", default=4),
        "ssm.conv_kernel": config.number("linear_conv_kernel_dim"),
        "ssm.state_size": config.number("linear_key_head_dim"),
        "ssm.group_count": config.number("linear_num_key_heads"),
        "ssm.inner_size": config.number("linear_value_head_dim") * config.number("linear_num_value_heads"),
    }


def _nemotron_h(config: Config) -> Settings:
    kinds = config.names("hybrid_override_pattern") or config.names("layers_block_type")
    heads, feed_forward = config.number("num_key_value_heads"), config.number("intermediate_size", default=0)
    attends = tuple(heads if kind in ("*", "attention", "full_attention") else 0 for kind in kinds)
    feeds = tuple(feed_forward if kind in ("-", "E", "mlp", "moe") else 0 for kind in kinds)
    where = {"attention.head_count_kv": attends, "feed_forward_length": feeds} if kinds else {}
    inner = config.number("mamba_num_heads", default=0) * config.number("mamba_head_dim", default=0)
    return {**where, **_mamba_part(config), **({"ssm.inner_size": inner} if inner else {})}


FAMILIES: Mapping[str, Callable[[Config], Settings]] = {
    "afmoe": _window_only,
    "cohere2": _window_only,
    "command-r": _cohere,
    "deepseek2": _deepseek2,
    "exaone4": _windowed,
    "falcon": _falcon,
    "falcon-h1": _mamba_part,
    "gemma2": _window_only,
    "gemma3": _gemma3,
    "gemma3n": _gemma3n,
    "gpt-oss": _window_only,
    "gpt2": _gpt2,
    "granitehybrid": _granite_hybrid,
    "jamba": _jamba,
    "lfm2": _lfm2_dense,
    "lfm2moe": _lfm2,
    "llama4": _llama4,
    "mamba": _mamba,
    "mamba2": _mamba2,
    "nemotron_h": _nemotron_h,
    "olmo2": _windowed,
    "phi2": _phi2,
    "qwen35": _delta_net,
    "qwen35moe": _delta_net,
    "qwen3next": _delta_net,
}
