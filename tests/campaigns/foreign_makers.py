"""Foreign programs make checkpoints as people download them, and say themselves what these answer.

Each maker runs in an environment of its own, where its library is the one that it needs. A case is named after its
maker's program, its variant and its family; next to the folder lies ``NAME.npz`` with the program's own logits.
"""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

Make = Callable[[Path, Path], Any]  # from a folder to a folder; returns the model to ask, or None to load it anew
SAMPLES, SAMPLE_TOKENS = 8, 128
TEXT = Path(__file__).parents[2] / "resources" / "texts" / "calibrate" / "prose.txt"


def samples(source: Path) -> list[list[int]]:
    """Return tokens to calibrate on."""
    from tokenizers import Tokenizer

    tokens = Tokenizer.from_file(str(source / "tokenizer.json")).encode(TEXT.read_text("utf-8")).ids
    return [tokens[start : start + SAMPLE_TOKENS] for start in range(0, SAMPLES * SAMPLE_TOKENS, SAMPLE_TOKENS)]


# llm-compressor


def whole_rows(bits: int) -> dict[str, Any]:
    """Return a scheme with one scale a row."""
    weights = {"num_bits": bits, "type": "int", "symmetric": True, "strategy": "channel"}
    return {"config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}


def llm_compressor(
    scheme: str | dict[str, Any], by: str = "gptq", actorder: str | None = None, in_memory: bool = False, **more: Any
) -> Make:
    def make(source: Path, target: Path) -> Any:
        from datasets import Dataset  # pyright: ignore[reportMissingImports]
        from llmcompressor import oneshot  # pyright: ignore[reportMissingImports]
        from llmcompressor.modifiers.quantization import (  # pyright: ignore[reportMissingImports]
            GPTQModifier,
            QuantizationModifier,
        )
        from transformers import AutoModelForCausalLM, AutoTokenizer  # pyright: ignore

        how = {"targets": "Linear", "scheme": scheme} if isinstance(scheme, str) else scheme
        told: dict[str, Any] = {"ignore": ["lm_head"], **how, **more}
        recipe = GPTQModifier(**told, actorder=actorder) if by == "gptq" else QuantizationModifier(**told)
        model = AutoModelForCausalLM.from_pretrained(source, torch_dtype="auto")
        rows = [{"input_ids": row, "attention_mask": [1] * len(row)} for row in samples(source)]
        oneshot(
            model=model, dataset=Dataset.from_list(rows), recipe=recipe, max_seq_length=SAMPLE_TOKENS,
            num_calibration_samples=SAMPLES,
        )  # fmt: skip
        kept = copy.deepcopy(model) if in_memory else None
        model.save_pretrained(target, save_compressed=True)
        AutoTokenizer.from_pretrained(source).save_pretrained(target)
        return kept

    return make


# GPTQModel: its own form, AutoGPTQ's, and AutoAWQ's


def gptq_model(method: str = "gptq", form: str = "gptq", **settings: Any) -> Make:
    def make(source: Path, target: Path) -> Any:
        from gptqmodel import GPTQModel, QuantizeConfig  # pyright: ignore[reportMissingImports]
        from gptqmodel.quantization import FORMAT, METHOD  # pyright: ignore[reportMissingImports]

        from engine.convert.methods.gptq import BACKENDS  # the kernels that need neither a compiler nor a network

        more = {"bits": 4, "group_size": 128, **settings}
        how = QuantizeConfig(method=METHOD(method), format=FORMAT(form), **more)
        model = GPTQModel.load(str(source), how, trust_remote_code=False)
        rows = [{"input_ids": row, "attention_mask": [1] * len(row)} for row in samples(source)]
        model.quantize(rows, batch_size=1, backend=BACKENDS[method], calibration_data_min_length=1)
        model.save(str(target))
        return None

    return make


# AutoAWQ and AutoGPTQ, archived


def auto_awq(version: str = "GEMM", kept: tuple[str, ...] = (), group: int = 128, zero_point: bool = True) -> Make:
    def make(source: Path, target: Path) -> Any:
        from awq import AutoAWQForCausalLM  # pyright: ignore[reportMissingImports]
        from transformers import AutoTokenizer  # pyright: ignore

        model = AutoAWQForCausalLM.from_pretrained(str(source), torch_dtype=torch.float16)
        how: dict[str, Any] = {"zero_point": zero_point, "q_group_size": group, "w_bit": 4, "version": version}
        if kept:
            how["modules_to_not_convert"] = list(kept)
        tokenizer = AutoTokenizer.from_pretrained(source)
        model.quantize(
            tokenizer, quant_config=how, calib_data=samples(source), max_calib_samples=SAMPLES,
            max_calib_seq_len=SAMPLE_TOKENS,
        )  # fmt: skip
        model.save_quantized(str(target))
        tokenizer.save_pretrained(target)
        return None

    return make


def auto_gptq(*, desc_act: bool, sym: bool = True, group: int = 128) -> Make:
    """Let AutoGPTQ's own layers pack and compute: its way through a whole model asks for a CUDA card.

    With ``desc_act`` the columns' groups are mixed, as they are when the strongest come first.
    """

    def make(source: Path, target: Path) -> Any:
        from auto_gptq.quantization.quantizer import Quantizer  # pyright: ignore[reportMissingImports]
        from auto_gptq.utils.import_utils import (  # pyright: ignore[reportMissingImports]
            dynamically_import_QuantLinear,
        )
        from transformers import AutoModelForCausalLM  # pyright: ignore

        chosen = {"use_triton": False, "desc_act": desc_act, "group_size": group, "bits": 4}
        layer_class = dynamically_import_QuantLinear(**chosen, disable_exllama=True, disable_exllamav2=True)
        model = AutoModelForCausalLM.from_pretrained(source, torch_dtype=torch.float32)
        generator = torch.Generator().manual_seed(7)
        for name, linear in list(model.named_modules()):
            if not isinstance(linear, torch.nn.Linear) or name == "lm_head":
                continue
            rows, columns = linear.weight.shape
            order = torch.randperm(columns, generator=generator) if desc_act else torch.arange(columns)
            scales, zeros = [], []
            for start in range(0, columns, group):
                quantizer = Quantizer()
                quantizer.configure(4, perchannel=True, sym=sym, mse=False)
                part = order[start : start + group]
                quantizer.find_params(linear.weight.data[:, part], weight=True)
                linear.weight.data[:, part] = quantizer.quantize(linear.weight.data[:, part])
                scales.append(quantizer.scale)
                zeros.append(quantizer.zero)
            g_idx = torch.empty(columns, dtype=torch.int32)
            g_idx[order] = torch.arange(columns, dtype=torch.int32) // group
            layer = layer_class(4, group, columns, rows, linear.bias is not None, weight_dtype=torch.float32)
            layer.pack(linear, torch.cat(scales, 1), torch.cat(zeros, 1), g_idx)
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, layer)
        _save_as_auto_gptq(model, source, target, {"desc_act": desc_act, "sym": sym, "group_size": group})
        return model

    return make


def _save_as_auto_gptq(model: Any, source: Path, target: Path, settings: dict[str, Any]) -> None:
    """Write what ``save_quantized`` of AutoGPTQ 0.7.1 does (modeling/_base.py)."""
    from safetensors.torch import save_file

    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in model.state_dict().items()
    }
    half.pop("lm_head.weight")  # tied
    name = f"gptq_model-4bit-{settings['group_size']}g.safetensors"
    save_file({key: tensor.clone().contiguous() for key, tensor in half.items()}, target / name, {"format": "pt"})
    told = {"bits": 4, "damp_percent": 0.01, "static_groups": False, "true_sequential": True, "quant_method": "gptq"}
    config = json.loads((source / "config.json").read_text("utf-8"))
    config |= {"quantization_config": told | settings | {"model_name_or_path": None}, "torch_dtype": "float16"}
    (target / "config.json").write_text(json.dumps(config), "utf-8")
    (target / "quantize_config.json").write_text(json.dumps(told | settings), "utf-8")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / file, target / file)


# bitsandbytes through transformers


def bits_and_bytes(**settings: Any) -> Make:
    shard = settings.pop("max_shard_size", "5GB")

    def make(source: Path, target: Path) -> Any:
        from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig  # pyright: ignore

        how = BitsAndBytesConfig(**settings)
        model = AutoModelForCausalLM.from_pretrained(
            source, quantization_config=how, dtype=torch.bfloat16, device_map="cpu"
        )
        model.save_pretrained(target, max_shard_size=shard)
        AutoTokenizer.from_pretrained(source).save_pretrained(target)
        return None

    return make


NF4 = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16}
KEEPS_ONE = ["lm_head", "model.layers.1.mlp.down_proj"]

PROGRAMS: dict[str, dict[str, tuple[str, Make]]] = {
    "llm-compressor": {
        "w4a16": ("llama", llm_compressor("W4A16")),
        "w4a16-asym": ("llama", llm_compressor("W4A16_ASYM")),
        "w4a16-actorder-weight": ("llama", llm_compressor("W4A16", actorder="weight")),
        "w4a16-rtn": ("llama", llm_compressor("W4A16", by="rounding")),
        "w4a16-ignore-some": ("llama", llm_compressor("W4A16", by="rounding", ignore=["lm_head", "re:.*down_proj"])),
        "w4a16-qwen2": ("qwen2", llm_compressor("W4A16", by="rounding")),
        "w4a16-phi3": ("phi3", llm_compressor("W4A16", by="rounding")),
        "w4a16-untied": ("llama-untied", llm_compressor("W4A16", by="rounding")),
        "w4a16-output-too": ("llama-untied", llm_compressor("W4A16", by="rounding", ignore=[])),
        "w4a16-whole-rows": ("llama", llm_compressor(whole_rows(4), by="rounding")),
        "w8a16": ("llama", llm_compressor("W8A16", by="rounding")),
        "w8a16-whole-rows": ("llama", llm_compressor(whole_rows(8), by="rounding")),
        "w8a8": ("llama", llm_compressor("INT8", by="rounding")),
        "fp8-dynamic": ("llama", llm_compressor("FP8_DYNAMIC", by="rounding")),
        "fp8": ("llama", llm_compressor("FP8", by="rounding")),
        "nvfp4a16": ("llama", llm_compressor("NVFP4A16", by="rounding")),
        "mxfp4a16": ("llama", llm_compressor("MXFP4A16", by="rounding")),
    },
    "llm-compressor-2025": {
        "w4a16-actorder-group": ("llama", llm_compressor("W4A16", actorder="group")),
        "w4a16-asym-actorder-group": ("llama", llm_compressor("W4A16_ASYM", actorder="group", in_memory=True)),
    },
    "gptqmodel": {
        "sym": ("llama", gptq_model(desc_act=False)),
        "sym-desc-act": ("llama", gptq_model(desc_act=True, act_group_aware=False)),
        "asym": ("llama", gptq_model(desc_act=False, sym=False)),
        "asym-desc-act": ("llama", gptq_model(desc_act=True, act_group_aware=False, sym=False)),
        "v2-sym": ("llama", gptq_model(form="gptq_v2", desc_act=False)),
        "v2-asym": ("llama", gptq_model(form="gptq_v2", desc_act=True, act_group_aware=False, sym=False)),
        "whole-rows": ("llama", gptq_model(desc_act=False, act_group_aware=False, group_size=-1)),
        "8-bits": ("llama", gptq_model(desc_act=False, bits=8)),
        "3-bits": ("llama", gptq_model(desc_act=False, bits=3)),
        "skips-layer": ("llama", gptq_model(desc_act=False, dynamic={r"-:.*\.1\.mlp\.down_proj": {}})),
        "output-too": ("llama-untied", gptq_model(desc_act=False, lm_head=True)),
        "qwen2": ("qwen2", gptq_model(desc_act=True, act_group_aware=False)),
        "mistral": ("mistral", gptq_model(desc_act=False)),
        "gemma2": ("gemma2", gptq_model(desc_act=False)),
        "gemma3": ("gemma3", gptq_model(desc_act=False)),
        "phi3": ("phi3", gptq_model(desc_act=False)),
        "awq": ("llama", gptq_model("awq", "gemm")),
        "awq-qwen2": ("qwen2", gptq_model("awq", "gemm")),
        "awq-gemv": ("llama", gptq_model("awq", "gemv")),
        "awq-gemv-fast": ("llama", gptq_model("awq", "gemv_fast")),
    },
    "autogptq": {
        "sym": ("llama", auto_gptq(desc_act=False)),
        "desc-act": ("llama", auto_gptq(desc_act=True)),
        "asym": ("llama", auto_gptq(desc_act=False, sym=False)),
        "qwen2": ("qwen2", auto_gptq(desc_act=True)),
    },
    "autoawq": {
        "gemm": ("llama", auto_awq()),
        "gemm-group-64": ("llama", auto_awq(group=64)),
        "gemm-untied": ("llama-untied", auto_awq(kept=("lm_head",))),
        "gemm-qwen2": ("qwen2", auto_awq()),
        "gemm-mistral": ("mistral", auto_awq()),
        "gemm-phi3": ("phi3", auto_awq()),
        "gemv": ("llama", auto_awq("GEMV")),
        "gemv-fast": ("llama", auto_awq("GEMVFast")),
    },
    "bitsandbytes": {
        "nf4": ("llama", bits_and_bytes(**NF4)),
        "nf4-double": ("llama", bits_and_bytes(**NF4, bnb_4bit_use_double_quant=True)),
        "nf4-sharded": ("llama", bits_and_bytes(**NF4, bnb_4bit_use_double_quant=True, max_shard_size="20MB")),
        "nf4-skips-layer": ("llama", bits_and_bytes(**NF4, llm_int8_skip_modules=KEEPS_ONE)),
        "nf4-qwen2": ("qwen2", bits_and_bytes(**NF4)),
        "nf4-qwen3": ("qwen3", bits_and_bytes(**NF4)),
        "nf4-gemma2": ("gemma2", bits_and_bytes(**NF4)),
        "nf4-gemma3": ("gemma3", bits_and_bytes(**NF4)),
        "nf4-phi3": ("phi3", bits_and_bytes(**NF4, bnb_4bit_use_double_quant=True)),
        "fp4": ("llama", bits_and_bytes(load_in_4bit=True, bnb_4bit_quant_type="fp4")),
        "int8": ("llama", bits_and_bytes(load_in_8bit=True)),
        "int8-qwen2": ("qwen2", bits_and_bytes(load_in_8bit=True)),
    },
}


def opened(program: str, folder: Path) -> Any:
    """Open a checkpoint with the program that wrote it."""
    if program == "gptqmodel":
        from engine.convert.methods import gptq

        return gptq.load(folder, torch.device("cpu"))
    if program == "autoawq":
        from engine.convert.methods import autoawq

        return autoawq.load(folder, torch.device("cpu"))
    from transformers import AutoModelForCausalLM  # pyright: ignore

    return AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", torch_dtype="auto")


def quantization_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text("utf-8")).get("quantization_config") or {}
