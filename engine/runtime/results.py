"""What loading and answering report, as frozen values. Over a process boundary they are dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length", "context"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A loaded model.

    ``context_tokens`` is the window in force and ``trained_context`` the one the model was made for.
    ``template_known`` is false where the model brings no chat template and a plain one stands in.
    The bytes are what the runtime allocated, 0 where it does not say. ``sends_to`` is the host that all words are sent
    to, empty where they stay on this machine. ``draft`` is the draft model's name, empty without one;
    ``draft_complaint`` says why the one that was chosen is not used.
    """

    backend: str
    model_name: str
    architecture: str
    context_tokens: int
    trained_context: int
    layers: int
    gpu_layers: int
    threads: int
    load_s: float
    template_known: bool
    device: str = "CPU"
    weights_bytes: int = 0
    kv_cache_bytes: int = 0
    compute_bytes: int = 0
    sends_to: str = ""
    draft: str = ""
    draft_complaint: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one answer took.

    ``prompt_tokens`` counts the whole prompt, ``reused_tokens`` those of it that were still in the KV cache.
    ``first_token_s`` runs from the question to the first token; ``prompt_tokens_s`` counts processed tokens only;
    ``decode_tokens_s`` leaves the first token out, because the prompt made it. A rate is 0 where nothing was timed.
    ``finish_reason``: the model ended or a stop string came (``stop``), ``max_tokens`` (``length``), the window was
    full (``context``). ``seed`` gives the same answer again. Of ``guessed_tokens`` guessed ahead,
    ``accepted_tokens`` came true.
    """

    prompt_tokens: int
    reused_tokens: int
    answer_tokens: int
    first_token_s: float
    prompt_tokens_s: float
    decode_tokens_s: float
    peak_memory_bytes: int
    finish_reason: FinishReason
    seed: int
    guessed_tokens: int = 0
    accepted_tokens: int = 0
