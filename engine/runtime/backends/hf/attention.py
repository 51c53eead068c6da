"""Attention over a KV cache that is allocated once, in the way that transformers lets others plug in.

transformers makes no mask for an attention function that it does not know; this one needs none but its own.
The same code runs with transformers 4.57 and 5: their caches differ, the signatures used here do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch.nn.attention.bias import causal_lower_right  # pyright: ignore[reportMissingImports]
from transformers import AttentionInterface  # pyright: ignore
from transformers.cache_utils import Cache, CacheLayerMixin  # pyright: ignore[reportMissingImports]

Tensor = Any
NAME = "halfbyte"


@dataclass(slots=True)
class Place:
    """Where the tokens that are being computed stand.

    ``start`` is the first one's position; for a captured step it is in ``position``, on the device. ``masks`` are those
    of this computation, by the window: layers share them.
    """

    start: int = 0
    position: Tensor | None = None
    masks: dict[Any, Tensor] = field(default_factory=dict)


class Layer(CacheLayerMixin):
    """Keys and values of one layer, (1, heads, context, length) each, allocated when they are first written."""

    is_compileable = False
    is_sliding = False

    def __init__(self, context_tokens: int, place: Place) -> None:
        super().__init__()
        self._context_tokens = context_tokens
        self._place = place

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        def room(states: Tensor) -> Tensor:
            shape = (1, states.shape[1], self._context_tokens, states.shape[3])
            return torch.zeros(shape, dtype=states.dtype, device=states.device)

        self.keys, self.values = room(key_states), room(value_states)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the new tokens and return all that they may look at."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self._place.position is not None:
            self.keys.index_copy_(2, self._place.position, key_states)
            self.values.index_copy_(2, self._place.position, value_states)
            return self.keys, self.values
        start, end = self._place.start, self._place.start + key_states.shape[2]
        self.keys[:, :, start:end] = key_states
        self.values[:, :, start:end] = value_states
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_mask_sizes(self, *_: Any) -> tuple[int, int]:
        return self._context_tokens, 0

    def get_seq_length(self, *_: Any) -> int:
        return self._place.start

    def get_max_cache_shape(self) -> int:
        return self._context_tokens

    get_max_length = get_max_cache_shape


class Keep(Cache):
    """The cache of all layers; knows its place, which attention asks for."""

    def __init__(self, layers: int, context_tokens: int) -> None:
        self.place = Place()
        super().__init__(layers=[Layer(context_tokens, self.place) for _ in range(layers)])

    @property
    def bytes(self) -> int:
        tensors = [tensor for layer in self.layers for tensor in (layer.keys, layer.values) if tensor is not None]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None = None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    place: Place | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend from new tokens to all before them; (1, heads, tokens, length) in, (1, tokens, heads, length) out.

    ``s_aux``: the learned sink of each head (gpt-oss).
    """
    mask = attention_mask
    plain = softcap is not None or s_aux is not None
    later = not plain and _is_later(place, query, key, sliding_window)
    if later:
        mask = causal_lower_right(query.shape[2], key.shape[2])  # of no size: the flash kernel counts by itself
    elif place is not None:
        mask = _mask(place, query.shape[2], key.shape[2], sliding_window, query.device)
    if plain:
        return _plain(query, key, value, mask, scaling, softcap, s_aux), None
    causal = mask is None and query.shape[2] > 1
    shared = query.shape[1] // key.shape[1]
    if mask is not None and not later and shared > 1:  # the fused functions take a mask or shared heads, not both
        key, value = (states.repeat_interleave(shared, dim=1) for states in (key, value))
    answer = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, is_causal=causal, scale=scaling, enable_gqa=query.shape[1] != key.shape[1]
    )
    return answer.transpose(1, 2).contiguous(), None


def _is_later(place: Place | None, query: Tensor, key: Tensor, window: int | None) -> bool:
    """Tell a later part of a prompt on a GPU: all before it may be looked at, and it is causal in itself."""
    if place is None or place.position is not None or not query.is_cuda:
        return False
    return 1 < query.shape[2] < key.shape[2] and (window is None or key.shape[2] <= window)


def _mask(place: Place, count: int, length: int, window: int | None, device: Any) -> Tensor | None:
    """Return which key each token may look at; ``None`` where that is all before it."""
    if place.position is None and (window is None or length <= window) and (count == 1 or count == length):
        return None
    if window in place.masks:
        return place.masks[window]
    first = place.start if place.position is None else place.position
    rows = (torch.arange(count, device=device) + first).unsqueeze(1)
    columns = torch.arange(length, device=device).unsqueeze(0)
    seen = columns <= rows
    place.masks[window] = seen if window is None else seen & (columns > rows - window)
    return place.masks[window]


def _plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float | None,
    softcap: float | None,
    s_aux: Tensor | None,
) -> Tensor:
    """Attend step by step, for what the fused functions cannot do."""
    groups = query.shape[1] // key.shape[1]
    key, value = (states.repeat_interleave(groups, dim=1) for states in (key, value))
    scores = (query @ key.transpose(2, 3)).float() * (scaling or query.shape[-1] ** -0.5)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if mask is None and query.shape[2] > 1:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=query.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    if s_aux is not None:
        sinks = s_aux.float().view(1, -1, 1, 1).expand(1, -1, scores.shape[2], 1)
        weights = torch.softmax(torch.cat((scores, sinks), dim=-1), dim=-1)[..., :-1]
    else:
        weights = torch.softmax(scores, dim=-1)
    return (weights.to(value.dtype) @ value).transpose(1, 2).contiguous()


def register() -> None:
    """Make the function known to transformers; again does no harm."""
    AttentionInterface.register(NAME, attend)
