"""One token through a Llama-shaped model: five launches a layer instead of some thirty.

The norm goes with the product after it, rotation and cache with attention, the residual with the product before it.
What runs between two products stays in float32.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.attention import Keep
from engine.runtime.backends.hf.cuda.driver import Launch, Program
from engine.runtime.backends.hf.cuda.matrix import Kind, Unfit, address, kind_of, matrix_of, widen
from engine.runtime.backends.hf.cuda.products import Product, launch

Tensor = Any

# Families whose layers are built alike, biases and norms of heads aside.
FAMILIES = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_HEADS = frozenset({64, 96, 128})  # the lengths that the attention kernel is written for
_MOST_QUERIES = 4  # query heads in a block: more than a tile of the tensor cores has room for
_CHANGING = frozenset({"dynamic", "longrope"})  # rotations that depend on how long the text is


class LlamaStep:
    """The launches for one token. Raises :class:`Unfit` or ``CannotCompile``: then there are none."""

    def __init__(self, module: Any, keep: Keep) -> None:
        config = module.config
        _check(config)
        self._module = module
        self._keep = keep
        self._config = config
        self._length = module.model.layers[0].self_attn.head_dim
        self._group = config.num_attention_heads // config.num_key_value_heads
        self._queries, blocks = _shared_out(self._group)
        self._blocks = blocks * config.num_key_value_heads
        self._programs: dict[Kind, Program] = {}
        self._buffers(next(module.parameters()).device)
        self._launches = list(self._all())

    def __call__(self, token: Tensor, position: Tensor) -> Tensor:
        """Return the scores after a token (int64, (1, 1)) at a position (int64, (1,)): float32, always the same tensor.

        ``position`` must be the tensor that the step was made with: see :attr:`position`.
        """
        assert position is self.position
        self._hidden.copy_(self._module.get_input_embeddings()(token).view(-1))
        for compute in self._launches:
            compute()
        return self._scores

    def widen_prompts(self) -> None:
        """Let prompts too be computed with our kernel for four bits; PyTorch alone takes many times the memory."""
        for layer in self._module.modules():
            if hasattr(layer, "codes") and kind_of(layer) >= Kind.NF4:
                layer.widened = partial(widen, self._program(kind_of(layer)), matrix_of(layer))

    def _buffers(self, device: Any) -> None:
        config = self._config

        def room(count: int, dtype: Any = torch.float32) -> Tensor:
            return torch.zeros(count, dtype=dtype, device=device)

        heads, key_heads = config.num_attention_heads, config.num_key_value_heads
        self.position = room(1, torch.int64)
        self._hidden = room(config.hidden_size)
        self._heads = room((heads + 2 * key_heads) * self._length)
        self._attended = room(heads * self._length)
        self._active = room(config.intermediate_size)
        self._scores = room(self._module.get_output_embeddings().out_features)
        processors = torch.cuda.get_device_properties(device).multi_processor_count
        self._splits = max(1, min(32, processors // self._blocks))
        self._partial = room(heads * self._splits * (self._length + 4))
        self._done = room(self._blocks, torch.int32)
        context_tokens = self._keep.layers[0].keys.shape[2]
        positions = torch.arange(context_tokens, device=device).unsqueeze(0)
        turns = self._module.model.rotary_emb(self._hidden, positions)
        if turns[0].shape[-1] != self._length:
            raise Unfit("a rotation of a part of each head")
        self._turns = [turn[0, :, : self._length // 2].float().contiguous() for turn in turns]

    def _all(self) -> Iterator[Launch]:
        for number, layer in enumerate(self._module.model.layers):
            attention, mlp = layer.self_attn, layer.mlp
            heads = (attention.q_proj, attention.k_proj, attention.v_proj)
            yield self._product("store", heads, self._hidden, self._heads, layer.input_layernorm)
            yield self._attention(number, attention)
            yield self._product("add", [attention.o_proj], self._attended, self._hidden)
            gated = (mlp.gate_proj, mlp.up_proj)
            yield self._product("gated", gated, self._hidden, self._active, layer.post_attention_layernorm)
            yield self._product("add", [mlp.down_proj], self._active, self._hidden)
        output = self._module.get_output_embeddings()
        yield self._product("store", [output], self._hidden, self._scores, self._module.model.norm)

    def _product(self, mode: str, layers: Sequence[Any], source: Tensor, target: Tensor, norm: Any = None) -> Launch:
        product = Product(mode, [matrix_of(layer) for layer in layers], source, target, norm)
        return launch(self._program(product.kind), product)

    def _program(self, kind: Kind) -> Program:
        if kind not in self._programs:
            half = self._keep.layers[0].keys.dtype == torch.float16
            defines = {"KIND": kind, "HEAD": self._length, "GROUP": self._group, "CACHE_F16": half}
            defines["QUERIES"] = self._queries
            self._programs[kind] = Program({name: int(value) for name, value in defines.items()})
        return self._programs[kind]

    def _attention(self, number: int, attention: Any) -> Launch:
        config, layer = self._config, self._keep.layers[number]
        gains = [
            None if norm is None else norm.weight.detach().float().contiguous()
            for norm in (getattr(attention, "q_norm", None), getattr(attention, "k_norm", None))
        ]
        pointers = (
            *(self._heads, layer.keys, layer.values, *self._turns, *gains),
            *(self._partial, self._done, self._attended, self.position),
        )
        argument = struct.pack(
            "<11Q4i2f",
            *map(address, pointers),
            layer.keys.shape[2],
            config.num_attention_heads,
            config.num_key_value_heads,
            _window(config, attention),
            attention.scaling,
            config.rms_norm_eps,
        )
        program = self._program(kind_of(attention.q_proj))
        launch = program.launch("attention", self._blocks, 128, argument, down=self._splits)
        launch.argument.held = gains
        return launch


def _check(config: Any) -> None:
    rotation = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    length = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    reasons = {
        "a graphics card older than Turing": torch.cuda.get_device_capability() < (7, 5),
        f"layers of the family {config.model_type}": config.model_type not in FAMILIES,
        f"heads of {length} values": length not in _HEADS,
        f"the activation {config.hidden_act}": config.hidden_act != "silu",
        "a rotation that changes with the length": rotation.get("rope_type", rotation.get("type")) in _CHANGING,
    }
    for reason, holds in reasons.items():
        if holds:
            raise Unfit(reason)


def _shared_out(group: int) -> tuple[int, int]:
    """Share out the query heads of a key head, as evenly as can be; return how many a block has, and the blocks."""
    blocks = -(-group // _MOST_QUERIES)
    return -(-group // blocks), blocks


def _window(config: Any, attention: Any) -> int:
    told = getattr(attention, "sliding_window", None)
    if config.model_type == "mistral":
        told = config.sliding_window
    return int(told or 0)
