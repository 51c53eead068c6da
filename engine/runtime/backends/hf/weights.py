"""Fill a model with the tensors of its folder, one at a time: no more than one is ever held twice."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from accelerate import init_empty_weights  # pyright: ignore[reportMissingImports]
from safetensors import SafetensorError, safe_open
from torch import nn  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForCausalLM  # pyright: ignore

from engine.errors import Cancelled, DamagedFile, UnsupportedModel
from engine.events import Event
from engine.pace import Pace
from engine.runtime.backends.hf import attention
from engine.runtime.backends.hf.checkpoints import BACKEND, Packing, UnknownForm, packing_of
from engine.runtime.backends.hf.folder import Folder
from engine.runtime.backends.hf.nf4 import BLOCK, quantize_nf4, quantize_rows
from engine.runtime.backends.hf.packed import Grouped4Linear, Int8Linear, Nf4Linear, Packed

Tensor = Any
Convert = Callable[[Tensor, Tensor | None], Packed]

# Layers that some programs (GPTQModel) pack in the parts that they are made of.
_FUSED = {"gate_up_proj": ("gate_proj", "up_proj"), "qkv_proj": ("q_proj", "k_proj", "v_proj")}
_ROUTERS = ("gate", "router")  # of a mixture of experts: small, and quantizing them costs most
_LOADING = "Loading the model"


class _Mismatch(Exception):
    """Says that a folder's tensors are not those of the class, and need transformers' own conversion."""


def load_weights(
    folder: Folder, device: Any, dtype: Any, weights_as: str, stop: threading.Event
) -> Generator[Event, None, Any]:
    """Return the model on a device; ``weights_as``: ``bnb-nf4`` or ``bnb-int8`` quantizes on the way.

    Raises ``DamagedFile``, ``UnsupportedModel`` or ``Cancelled``.
    """
    attention.register()
    convert = _converters().get(weights_as)
    packing = packing_of(folder.quantization, folder.architecture) if folder.quantization else None
    try:
        model = yield from _streamed(folder, device, dtype, packing, convert, stop)
    except _Mismatch as error:
        if packing is not None:
            reason = f"its packed weights do not fit its class: {error}"
            raise UnsupportedModel(folder.architecture, BACKEND, reason) from error
        model = _loaded_by_transformers(folder, device, dtype, convert)
    return model.eval().requires_grad_(False)


def _converters() -> dict[str, Convert]:
    return {
        "bnb-nf4": lambda weight, bias: Nf4Linear(quantize_nf4(weight), bias),
        "bnb-int8": lambda weight, bias: Int8Linear(*quantize_rows(weight), bias),
    }


def _streamed(
    folder: Folder, device: Any, dtype: Any, packing: Packing | None, convert: Convert | None, stop: threading.Event
) -> Generator[Event, None, Any]:
    if not folder.shards:
        raise _Mismatch("safetensors files")
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(folder.config, dtype=dtype, attn_implementation=attention.NAME)
    model.tie_weights()
    filling = _Filling(model, dtype, packing, convert)
    pace, done = Pace("load", sum(shard.stat().st_size for shard in folder.shards)), 0
    for name, tensor in _tensors(folder.shards, device):
        filling.take(name, tensor)
        done += tensor.numel() * tensor.element_size()
        yield pace.at(done)
        if stop.is_set():
            raise Cancelled(_LOADING)
    filling.finish()
    model.tie_weights()
    absent = [name for name, parameter in model.named_parameters() if parameter.is_meta]
    if absent:
        raise _Mismatch(absent[0])
    return model.to(device)


def _tensors(shards: tuple[Path, ...], device: Any) -> Iterator[tuple[str, Tensor]]:
    for shard in shards:
        try:
            with safe_open(shard, framework="pt", device=str(device)) as file:
                for name in file.keys():  # noqa: SIM118 (it is no dictionary)
                    yield name, file.get_tensor(name)
        except SafetensorError as error:
            raise DamagedFile(str(shard), "safetensors", f"{error}"[:200]) from error


class _Filling:
    """Puts tensors where they belong; layers that come in parts are built when all are there."""

    def __init__(self, model: Any, dtype: Any, packing: Packing | None, convert: Convert | None) -> None:
        self._model = model
        self._dtype = dtype
        self._packing = packing
        self._convert = convert
        self._linear = dict(quantizable(model, output_too=bool(packing))) if packing or convert else {}
        self._fused = {piece: stem for stem in self._linear for piece in _pieces(stem)} if packing else {}
        self._parts: dict[str, dict[str, Tensor]] = defaultdict(dict)

    def take(self, name: str, tensor: Tensor) -> None:
        stem, part = self._split(name)
        if stem in self._linear or stem in self._fused:
            self._parts[stem][part] = tensor
            self._convert_complete(stem)
        else:
            self._set(name, tensor)

    def finish(self) -> None:
        pieces: dict[str, Packed] = {}
        for stem, parts in list(self._parts.items()):
            if self._packing and self._packing.mark in parts:
                layer = self._read(stem, parts)
                if stem in self._fused:
                    pieces[stem] = layer
                else:
                    self._replace(stem, layer)
            elif self._convert and "weight" in parts:
                self._replace(stem, self._convert(parts["weight"], parts.get("bias")))
            else:  # a layer that its makers left as it was
                for part, tensor in parts.items():
                    self._set(f"{stem}.{part}", tensor)
        self._parts.clear()
        for stem in dict.fromkeys(self._fused[piece] for piece in pieces):
            self._replace(stem, _joined([pieces.get(piece) for piece in _pieces(stem)], stem))

    def _read(self, stem: str, parts: dict[str, Tensor]) -> Packed:
        assert self._packing
        try:
            return self._packing.read(parts)
        except KeyError as error:
            raise _Mismatch(f"{stem}.{error.args[0]}") from error
        except UnknownForm as error:
            raise _Mismatch(f"{stem} is packed {error}, which is not read here") from error

    def _split(self, name: str) -> tuple[str, str]:
        if self._packing:
            for part in self._packing.parts:
                stem = name.removesuffix("." + part)
                if stem != name and (stem in self._linear or stem in self._fused):
                    return stem, part
        stem, _, part = name.rpartition(".")
        return stem, part

    def _convert_complete(self, stem: str) -> None:
        """Quantize at once what came whole, so that the wide tensor is freed."""
        parts, module = self._parts[stem], self._linear.get(stem)
        if self._convert and module and "weight" in parts and (module.bias is None or "bias" in parts):
            self._replace(stem, self._convert(parts["weight"], parts.get("bias")))
            del self._parts[stem]

    def _replace(self, stem: str, layer: Packed) -> None:
        module = self._linear[stem]
        if (layer.out_features, layer.in_features) != (module.out_features, module.in_features):
            expected = f"{module.out_features} × {module.in_features}"
            raise DamagedFile(stem, expected, f"{layer.out_features} × {layer.in_features}")
        parent, _, name = stem.rpartition(".")
        setattr(self._model.get_submodule(parent), name, layer)

    def _set(self, name: str, tensor: Tensor) -> None:
        owner, _, attribute = name.rpartition(".")
        try:
            module = self._model.get_submodule(owner)
        except AttributeError:
            if self._packing:  # such as an empty scale of the KV cache
                return
            raise _Mismatch(name) from None
        if attribute in module._parameters:
            expected = module._parameters[attribute]
            if expected.shape != tensor.shape:
                raise DamagedFile(name, f"the shape {tuple(expected.shape)}", f"{tuple(tensor.shape)}")
            value = tensor.to(self._dtype) if tensor.is_floating_point() else tensor
            module._parameters[attribute] = nn.Parameter(value, requires_grad=False)
        elif attribute in module._buffers:
            module._buffers[attribute] = tensor


def _pieces(stem: str) -> tuple[str, ...]:
    parent, _, name = stem.rpartition(".")
    return tuple(f"{parent}.{piece}" for piece in _FUSED.get(name, ()))


def _joined(layers: Sequence[Packed | None], stem: str) -> Packed:
    """Return a fused layer of its parts, whose rows follow each other."""
    found = [layer for layer in layers if isinstance(layer, Grouped4Linear)]
    if len(found) < len(layers) or not all(_same_order(found[0], layer) for layer in found):
        raise _Mismatch(f"{stem}.weight")
    biases = [layer.bias for layer in found if layer.bias is not None]
    codes, scales, zeros = (
        torch.cat([getattr(layer, name) for layer in found]) for name in ("codes", "scales", "zeros")
    )
    return Grouped4Linear(codes, scales, zeros, order=found[0].order, bias=torch.cat(biases) if biases else None)


def _same_order(one: Packed, other: Packed) -> bool:
    if one.order is None or other.order is None:
        return one.order is other.order
    return torch.equal(one.order, other.order)


def quantizable(model: Any, *, output_too: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield the linear layers that the formats quantize: all but the routers of experts, and most often the output."""
    output = None if output_too else model.get_output_embeddings()
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and module is not output and name.rpartition(".")[2] not in _ROUTERS:
            if (module.in_features * module.out_features) % BLOCK or module.in_features % 2:
                continue
            yield name, module


def _loaded_by_transformers(folder: Folder, device: Any, dtype: Any, convert: Convert | None) -> Any:
    """Load what needs transformers' own conversion (experts that it joins, other names), through main memory.

    Raises ``DamagedFile`` for a folder without all tensors, and ``UnsupportedModel``.
    """
    try:
        model, told = AutoModelForCausalLM.from_pretrained(
            folder.path,
            config=folder.config,
            dtype=dtype,
            attn_implementation=attention.NAME,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=bool(folder.shards),
            weights_only=True,
            output_loading_info=True,
        )
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise UnsupportedModel(folder.architecture, BACKEND, f"{error}"[:300]) from error
    if absent := sorted(told["missing_keys"]):  # which it has filled with random numbers
        raise DamagedFile(str(folder.path), f"the tensor {absent[0]}, which config.json describes", "none of that name")
    for name, module in list(quantizable(model)) if convert else ():
        assert convert is not None
        bias = None if module.bias is None else module.bias.data.to(device)
        parent, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(parent), attribute, convert(module.weight.data.to(device), bias))
    return model.to(device)
