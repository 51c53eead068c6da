"""Recurrent layers (Mamba, RWKV, short convolutions, delta nets): which they are, and the state they carry.

Source: llama.cpp 0c1e57098, src/llama-arch.cpp (``llm_arch_is_recurrent``), src/llama-hparams.cpp (``n_embd_r``,
``n_embd_s``), src/llama-model.cpp (``create_memory``: both states are F32) and src/models/.
"""

from __future__ import annotations

from engine.catalog.headers.hyperparameters import Hyperparameters

ALL_RECURRENT = frozenset({"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7", "falcon-h1"})
WITHOUT_KV_HEADS = frozenset({"jamba", "granitehybrid", "lfm2", "lfm2moe", "plamo2", "kimi-linear"})
WITHOUT_KV_HEADS_OR_FEED_FORWARD = frozenset({"nemotron_h", "nemotron_h_moe"})
FULL_ATTENTION_EVERY = {"qwen3next": 4, "qwen35": 4, "qwen35moe": 4}

STATE_VALUE_BYTES = 4


def recurrent_layers(known: Hyperparameters) -> tuple[bool, ...]:
    """Return which layers carry a recurrent state."""
    if known.architecture in ALL_RECURRENT:
        return (True,) * known.layers
    if known.architecture in FULL_ATTENTION_EVERY:
        return _between_full_attention(known)
    kv_heads = known.for_each_layer("attention.head_count_kv")
    if known.architecture in WITHOUT_KV_HEADS:
        return tuple(count == 0 for count in kv_heads)
    if known.architecture in WITHOUT_KV_HEADS_OR_FEED_FORWARD:
        feed_forward = known.for_each_layer("feed_forward_length")
        return tuple(count == 0 and width == 0 for count, width in zip(kv_heads, feed_forward, strict=True))
    return (False,) * known.layers


def _between_full_attention(known: Hyperparameters) -> tuple[bool, ...]:
    if isinstance(known.value("attention.recurrent_layers"), tuple):
        return tuple(bool(flag) for flag in known.for_each_layer("attention.recurrent_layers"))
    every = known.number("full_attention_interval", FULL_ATTENTION_EVERY[known.architecture])
    return tuple(every == 0 or (layer + 1) % every != 0 for layer in range(known.layers))


def recurrent_state_bytes(known: Hyperparameters, recurrent: tuple[bool, ...]) -> int:
    """Return the bytes of all recurrent layers' states for one sequence."""
    return sum(recurrent) * (_rolling_values(known) + _state_values(known)) * STATE_VALUE_BYTES


def _rolling_values(known: Hyperparameters) -> int:
    """Return the values of one layer's convolution window (RWKV: of its shifted tokens)."""
    if known.number("wkv.head_size"):
        return known.number("token_shift_count", 2) * known.width
    if known.number("shortconv.l_cache"):
        return known.width * (known.number("shortconv.l_cache") - 1)
    steps = max(known.number("ssm.conv_kernel") - 1, 0)
    if known.number("kda.head_dim"):
        return 3 * (steps or 3) * known.number("attention.head_count") * known.number("kda.head_dim")
    groups = 2 * known.number("ssm.group_count") * known.number("ssm.state_size")
    return steps * (known.number("ssm.inner_size") + groups)


def _state_values(known: Hyperparameters) -> int:
    """Return the values of one layer's state proper."""
    if known.number("wkv.head_size"):
        return known.width * known.number("wkv.head_size")
    if known.number("kda.head_dim"):
        return known.number("kda.head_dim") ** 2 * known.number("attention.head_count")
    return known.number("ssm.state_size") * known.number("ssm.inner_size")
