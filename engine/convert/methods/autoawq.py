"""Makes AWQ folders with AutoAWQ, the program that the format is from; it runs in an environment of its own.

Tried with AutoAWQ 0.2.9 and transformers 4.51.3. Source of what its pieces do: awq/models/base.py and
awq/quantize/quantizer.py of that version.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from awq import AutoAWQForCausalLM  # pyright: ignore[reportMissingImports]
from awq.models.auto import AWQ_CAUSAL_LM_MODEL_MAP, check_and_get_model_type  # pyright: ignore[reportMissingImports]
from awq.modules.linear import gemm  # pyright: ignore[reportMissingImports]
from awq.quantize.quantizer import AwqQuantizer  # pyright: ignore[reportMissingImports]
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # pyright: ignore

from engine.catalog.headers.shards import INDEX, read_json
from engine.convert.folders.recipes import FolderRecipe
from engine.convert.methods import pytorch
from engine.convert.methods.calibration import Samples
from engine.convert.methods.older_form import for_transformers_4
from engine.convert.methods.shards import copy_beside, write_json
from engine.convert.methods.within import OnLayers, Within
from engine.errors import UnsupportedModel

LIBRARY = "AutoAWQ"
BITS, AT_ONCE = 4, 16  # samples that run through a layer together


def make(
    source: Path,
    target: Path,
    recipe: FolderRecipe,
    samples_for: Callable[[Any], Samples],
    on_layers: OnLayers,
) -> dict[str, Any]:
    """Write ``target`` from the folder ``source``, calibrated on what ``samples_for`` gives a tokenizer; tell of it.

    ``on_layers`` is told how many layers are done, parts of one included, and how many there are. Raises
    :class:`UnsupportedModel` for a family that AutoAWQ does not know, and :class:`NotEnoughMemory`.
    """
    with for_transformers_4(source) as readable, pytorch.memory_explained(), Within(on_layers) as within:
        _refuse_unknown(readable, source.name)
        model = AutoAWQForCausalLM.from_pretrained(
            str(readable),
            torch_dtype=torch.float16,
            device_map=None,  # its own "auto" fills the card with all layers
            trust_remote_code=False,
        )
        tokenizer = AutoTokenizer.from_pretrained(readable, trust_remote_code=False, local_files_only=True)
        samples = samples_for(tokenizer)
        model.quantize(
            tokenizer,
            quant_config={"zero_point": True, "q_group_size": recipe.group, "w_bit": BITS, "version": "GEMM"},
            calib_data=[list(tokens) for tokens in samples.tokens],
            max_calib_samples=len(samples.tokens),
            max_calib_seq_len=len(samples.tokens[0]),  # it leaves longer ones out without a word
            n_parallel_calib_samples=AT_ONCE,
            quantizer_cls=_Quantizer,
            within=within,
        )
        model.save_quantized(str(target))
        quantization = model.quant_config.to_transformers_dict()
    del model
    gc.collect()
    for file in target.iterdir():
        if file.suffix != ".safetensors" and file.name != INDEX:
            file.unlink()  # the source's own come in their place
    table = {**read_json(source / "config.json"), "quantization_config": quantization}
    table["dtype" if "dtype" in table else "torch_dtype"] = "float16"
    write_json(target / "config.json", table)
    copy_beside(source, target)
    return {**samples.record, "device": pytorch.device().type}


def load(folder: Path, device: Any) -> Any:
    """Open a folder with AutoAWQ's own layers; on a processor too, where its own way asks for Intel's extension."""
    gemm.TRITON_AVAILABLE = False  # plain PyTorch: Triton would ask for a C compiler, for a result that is run once
    kind = _refuse_unknown(folder, folder.name)
    family = AWQ_CAUSAL_LM_MODEL_MAP[kind]
    _, config, quantization = family._load_config(family, str(folder), "", trust_remote_code=False)
    model = AutoModelForCausalLM.from_config(config, torch_dtype=torch.float16)
    family._load_quantized_modules(family, model, quantization, quantization.version, False, False)
    weights = {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}
    missing, unknown = model.load_state_dict(weights, strict=False)
    model.tie_weights()
    tied = {name for name in missing if name in (model._tied_weights_keys or ())}
    if unknown or set(missing) - tied:
        raise UnsupportedModel(
            folder.name, LIBRARY, f"its tensors are others: {sorted({*missing, *unknown} - tied)[:3]}"
        )
    return model.to(device).eval()


def _refuse_unknown(folder: Path, name: str) -> str:
    try:
        kind = check_and_get_model_type(str(folder), False)
        AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (TypeError, ValueError, KeyError) as error:
        raise UnsupportedModel(name, LIBRARY, f"{error}"[:300]) from error
    return kind


class _Quantizer(AwqQuantizer):
    """Tells which layer is finished: the last thing that is done to one is that its weights are packed.

    It also keeps the weights while scales are tried. AutoAWQ takes ``.cpu()`` for a copy, which on a processor it is
    not: each of its twenty tries would be multiplied onto the model (measured with two layers of the starter model:
    1.49 nats from the original instead of 0.03).
    """

    def __init__(self, *given: Any, within: Within, **named: Any) -> None:
        super().__init__(*given, **named)
        self._within = within
        self._done = 0
        within.finished(0, len(self.modules))
        within.begin(0)

    def _compute_best_scale(self, x: Any, w_mean: Any, x_mean: Any, module2inspect: Any, *given: Any) -> Any:
        kept = module2inspect.state_dict
        module2inspect.state_dict = lambda: {name: tensor.clone() for name, tensor in kept().items()}
        try:
            return super()._compute_best_scale(x, w_mean, x_mean, module2inspect, *given)
        finally:
            del module2inspect.state_dict

    def _apply_quant(self, module: Any, named_linears: Any) -> None:
        super()._apply_quant(module, named_linears)
        self._done += 1
        self._within.finished(self._done, len(self.modules))
        self._within.begin(self._done)
