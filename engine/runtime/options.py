"""What a person may choose about loading and about sampling, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.settings import Settings

# The types that llama.cpp keeps a KV cache in (ggml.h, enum ggml_type; common/arg.cpp, kv_cache_types).
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "iq4_nl", "q4_1", "q4_0")
PLAIN_CACHE_TYPES = frozenset({"f32", "f16", "bf16"})  # the others are quantized

# What is guessed at once: five tokens took twice as long as one on a CPU, and each true guess saves one.
GUESS_TOKENS = 4

# The formats that plain weights can be quantized to while they are loaded.
WHILE_LOADING = ("bnb-nf4", "bnb-int8")


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model is loaded.

    ``gpu_layers`` -1 offloads as many layers as fit; ``threads`` 0 takes the physical cores that may be used.
    ``batch_tokens`` is how many prompt tokens are computed at once; ``cache_type`` one of :data:`CACHE_TYPES`.
    ``weights_as`` is one of :data:`WHILE_LOADING`, or "" for the weights as they are. ``flash_attention`` is used
    wherever the model can; a quantized cache needs it. ``guess_tokens`` are guessed at once at most, 0 for none;
    ``draft`` is the GGUF file of a small model that guesses them, "" to guess them from what was already said.
    """

    context_tokens: int = 4096
    gpu_layers: int = -1
    threads: int = 0
    batch_tokens: int = 512
    cache_type: str = "f16"
    weights_as: str = ""
    flash_attention: bool = True
    guess_tokens: int = 0
    draft: str = ""

    @classmethod
    def from_settings(cls, settings: Settings) -> LoadOptions:
        names = ("context_tokens", "gpu_layers", "threads", "cache_type", "flash_attention")
        draft = settings["draft_model"]
        guess_tokens = GUESS_TOKENS if settings["guess_ahead"] or draft else 0
        return cls(**{name: settings[name] for name in names}, guess_tokens=guess_tokens, draft=draft)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, and where an answer ends.

    ``temperature`` 0 takes the likeliest token. ``seed`` -1 draws a new one, which the answer's usage tells.
    ``max_tokens`` 0 means: until the model ends or the context is full. The answer ends before the first of ``stop``.
    ``json_schema`` or ``grammar`` (GBNF), as text, is the form that the answer is held to. ``logprobs`` is how many of
    the likeliest tokens are told with each token; 0: nothing is.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int = -1
    max_tokens: int = 0
    stop: tuple[str, ...] = ()
    json_schema: str = ""
    grammar: str = ""
    logprobs: int = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Sampling:
        names = ("temperature", "top_k", "top_p", "min_p", "repeat_penalty", "seed", "max_tokens")
        return cls(**{name: settings[name] for name in names})

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Sampling:
        """Rebuild from JSON values, where ``stop`` is a list."""
        return cls(**{**record, "stop": tuple(record.get("stop", ()))})
