"""Which layers keep keys and values, for how many heads, and which look back only over a window.

This is what llama.cpp does, not what a paper says: it knows a window only for the architectures named here, and keeps
the whole context for the others (Mistral's and Phi-3's windows, for example, are not used).
Source: llama.cpp 0c1e57098, ``load_arch_hparams`` of the files in src/models/, ``llama_hparams::set_swa_pattern``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.catalog.headers.hyperparameters import Hyperparameters


@dataclass(frozen=True, slots=True)
class WindowRule:
    """How an architecture mixes windowed and full layers.

    Every ``period``-th layer is full, the first of each period if ``full_first``; 1: all are full unless the file lists
    them. ``default`` is the window of a file that names none, ``always`` the one that is used whatever the file says.
    """

    period: int
    full_first: bool = False
    default: int = 0
    always: int = 0
    applies: Callable[[int], bool] = lambda layers: True


WINDOW_RULES: dict[str, WindowRule] = {
    "afmoe": WindowRule(4),
    "cohere2": WindowRule(4),
    "cohere2moe": WindowRule(4, full_first=True),
    "exaone-moe": WindowRule(4, default=128),
    "exaone4": WindowRule(4, default=4096, applies=lambda layers: layers == 64),
    "gemma2": WindowRule(2, default=4096),
    "gemma3": WindowRule(6),
    "gemma3n": WindowRule(5),
    "gemma4": WindowRule(1),
    "gpt-oss": WindowRule(2),
    "granite_swa": WindowRule(1),
    "laguna": WindowRule(4, full_first=True),
    "lfm2": WindowRule(0),
    "llama4": WindowRule(4, default=8192, always=8192),
    "mellum": WindowRule(4),
    "mimo2": WindowRule(1),
    "olmo2": WindowRule(4),
    "plamo3": WindowRule(8),
    "smallthinker": WindowRule(4, full_first=True, always=4096),
    "step35": WindowRule(1),
}

# Layers from this one on read the cache of an earlier layer.
FIRST_SHARED_LAYER = {"gemma3n": 20}


def windows(known: Hyperparameters, recurrent: tuple[bool, ...]) -> tuple[int, ...]:
    """Return each layer's window in tokens, 0 where it attends to everything or keeps no keys."""
    rule = WINDOW_RULES.get(known.architecture)
    if rule is None or not rule.applies(known.layers):
        return (0,) * known.layers
    length = known.number("attention.sliding_window", rule.default, highest=1 << 40)
    if length and rule.always:
        length = rule.always
    windowed = _windowed(known, rule)
    return tuple(length if windowed[layer] and not recurrent[layer] else 0 for layer in range(known.layers))


def _windowed(known: Hyperparameters, rule: WindowRule) -> tuple[bool, ...]:
    pattern = known.value("attention.sliding_window_pattern")
    if isinstance(pattern, tuple):
        return tuple(bool(flag) for flag in known.for_each_layer("attention.sliding_window_pattern"))
    period = known.number("attention.sliding_window_pattern", rule.period)
    if period == 0:
        return (True,) * known.layers
    full = 0 if rule.full_first else period - 1
    return tuple(layer % period != full for layer in range(known.layers))


def cached_heads(known: Hyperparameters, recurrent: tuple[bool, ...]) -> tuple[int, ...]:
    """Return the key and value heads that each layer keeps; 0 for recurrent layers and those that share another's."""
    heads = known.for_each_layer("attention.head_count_kv", known.number("attention.head_count"))
    shared_from = FIRST_SHARED_LAYER.get(known.architecture, known.layers)
    shared_from = min(shared_from, known.layers - known.number("attention.shared_kv_layers"))
    both = known.architecture == "falcon-h1"  # attention and a recurrent part side by side in each layer
    return tuple(
        count if (both or not recurrent[layer]) and layer < shared_from else 0 for layer, count in enumerate(heads)
    )
