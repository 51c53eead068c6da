"""Turns tiny plain folders into ones whose weights are already quantized, in the forms that publishers use.

The packed numbers are random: what is tested is how they are read, and not what a model makes of them.
``python -m tests.helpers.quantized_folders FOLDER`` writes one folder for each form.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.safetensors_folder import stored, write_json
from tests.helpers.tiny_models import tiny_weights, write_tiny_model

Array = NDArray[Any]
Stored = tuple[str, str, tuple[int, ...], bytes]  # name, type, shape, bytes
BLOCK = [16, 16]  # 128 in published models: here so that several are in a tensor
GROUP = 32


def write_quantized(form: str, folder: Path, **changes: Any) -> Path:
    """Write a folder of one of the ``FORMS``; ``changes`` replace values of its ``quantization_config``."""
    family, settings, pack = FORMS[form]
    write_tiny_model(family, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    write_json(folder / "config.json", {**config, "quantization_config": {**settings, **changes}})
    tensors = [made for name, values in tiny_weights(family).items() for made in _made(name, values, pack)]
    _write_file(folder / "model.safetensors", tensors)
    return folder


def _made(name: str, values: Array, pack: Callable[[str, Array], Iterator[Stored]]) -> Iterator[Stored]:
    packed = values.ndim == 3 or (values.ndim == 2 and "proj" in name)
    yield from pack(name, values) if packed and not name.endswith("_bias") else [_plain(name, values)]


def _plain(name: str, values: Array, kind: str = "BF16") -> Stored:
    return name, kind, values.shape, stored(values, kind)


def _random(name: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(name.encode()))


def _scales(name: str, *shape: int) -> Array:
    return (_random(name).random_sample(shape) * 0.01 + 0.001).astype(np.float32)


def _integers(name: str, kind: str, *shape: int) -> Stored:
    types = {"I32": np.int32, "U8": np.uint8}
    drawn = _random(name).randint(np.iinfo(types[kind]).min, np.iinfo(types[kind]).max, shape, np.int64)
    return name, kind, shape, drawn.astype(types[kind]).tobytes()


def _fp8(name: str, values: Array) -> Stored:
    bits = _random(name).randint(0, 256, values.shape).astype(np.uint8)
    bits[(bits & 0x7F) == 0x7F] = 0x30  # NaN
    return name, "F8_E4M3", values.shape, bits.tobytes()


def _fp8_blocks(name: str, values: Array) -> Iterator[Stored]:
    yield _fp8(name, values)
    blocks = [-(-length // size) for length, size in zip(values.shape, BLOCK, strict=True)]
    yield _plain(f"{name}_scale_inv", _scales(name, *blocks), "F32")


def _fp8_channels(name: str, values: Array) -> Iterator[Stored]:
    yield _fp8(name, values)
    yield _plain(f"{name}_scale", _scales(name, len(values), 1))


def _fp8_tensor(name: str, values: Array) -> Iterator[Stored]:
    yield _fp8(name, values)
    yield _plain(f"{name}_scale", _scales(name), "F32")
    yield _plain(name.replace(".weight", ".input_scale"), _scales(name), "F32")


def _gptq(name: str, values: Array) -> Iterator[Stored]:
    stem, (rows, columns) = name.removesuffix(".weight"), values.shape
    order = np.arange(columns, dtype=np.int32) // GROUP
    _random(name).shuffle(order)
    yield _integers(f"{stem}.qweight", "I32", columns // 8, rows)
    yield _integers(f"{stem}.qzeros", "I32", columns // GROUP, rows // 8)
    yield _plain(f"{stem}.scales", _scales(name, columns // GROUP, rows), "F16")
    yield f"{stem}.g_idx", "I32", (columns,), order.tobytes()


def _awq(name: str, values: Array) -> Iterator[Stored]:
    stem, (rows, columns) = name.removesuffix(".weight"), values.shape
    yield _integers(f"{stem}.qweight", "I32", columns, rows // 8)
    yield _integers(f"{stem}.qzeros", "I32", columns // GROUP, rows // 8)
    yield _plain(f"{stem}.scales", _scales(name, columns // GROUP, rows), "F16")


def _int4(name: str, values: Array) -> Iterator[Stored]:
    rows, columns = values.shape
    yield _integers(f"{name}_packed", "I32", rows, columns // 8)
    yield _plain(f"{name}_scale", _scales(name, rows, columns // GROUP))
    yield f"{name}_shape", "I64", (2,), np.asarray(values.shape, np.int64).tobytes()


def _int4_zeros(name: str, values: Array) -> Iterator[Stored]:
    yield from _int4(name, values)
    yield _integers(f"{name}_zero_point", "I32", len(values) // 8, values.shape[1] // GROUP)


def _nf4(name: str, values: Array) -> Iterator[Stored]:
    yield _integers(name, "U8", values.size // 2, 1)
    yield _integers(f"{name}.absmax", "U8", values.size // 64)
    yield _plain(f"{name}.quant_map", _scales(name, 16), "F32")


def _mxfp4(name: str, values: Array) -> Iterator[Stored]:
    experts, columns, rows = values.shape  # the plain form has them the other way round
    yield _integers(f"{name}_blocks", "U8", experts, rows, columns // 32, 16)
    exponents = _random(name).randint(116, 124, (experts, rows, columns // 32)).astype(np.uint8)  # 127 stands for 1
    yield f"{name}_scales", "U8", exponents.shape, exponents.tobytes()


def _only_experts(pack: Callable[[str, Array], Iterator[Stored]]) -> Callable[[str, Array], Iterator[Stored]]:
    return lambda name, values: pack(name, values) if values.ndim == 3 else iter([_plain(name, values)])


def _compressed(form: str, **weights: Any) -> dict[str, Any]:
    groups = {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", **weights}}}
    return {"quant_method": "compressed-tensors", "format": form, "config_groups": groups, "ignore": ["lm_head"]}


_FP8 = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": BLOCK}
_INT4 = _compressed("pack-quantized", strategy="group", group_size=GROUP, symmetric=True)
_CHANNELS = _compressed("float-quantized", strategy="channel", num_bits=8, type="float")
_GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": True, "sym": False}
# Form → family, its quantization_config, and what makes stored tensors of a weight.
FORMS: dict[str, tuple[str, dict[str, Any], Callable[[str, Array], Iterator[Stored]]]] = {
    "fp8": ("qwen3", _FP8, _fp8_blocks),
    "fp8-channels": ("llama", _CHANNELS, _fp8_channels),
    "fp8-modelopt": ("llama", {"quant_method": "modelopt", "quant_algo": "FP8"}, _fp8_tensor),
    "gptq": ("llama", _GPTQ, _gptq),
    "gptq-v2": ("qwen2", {**_GPTQ, "checkpoint_format": "gptq_v2"}, _gptq),
    "int4": ("llama", _INT4, _int4),
    "int4-zeros": ("qwen3", _INT4, _int4_zeros),
    "mxfp4": ("gpt_oss", {"quant_method": "mxfp4", "modules_to_not_convert": []}, _only_experts(_mxfp4)),
    "awq": ("llama", {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True}, _awq),
    "nf4": ("llama", {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, _nf4),
}


def _write_file(path: Path, tensors: list[Stored]) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, kind, shape, content in tensors:
        places = [offset, offset + len(content)]
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": places}
        offset += len(content)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(content for *_, content in tensors))


if __name__ == "__main__":
    for each in FORMS:
        print(write_quantized(each, Path(sys.argv[1]) / each))
