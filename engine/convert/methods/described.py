"""Whether a folder's weights are those that its config.json describes, before any of them is read.

Libraries fill what is missing with random numbers and only warn: the result would be compared with such an original.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate import init_empty_weights  # pyright: ignore[reportMissingImports]
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, __version__  # pyright: ignore

from engine.convert.methods.older_form import for_transformers_4
from engine.errors import DamagedFile

ROTARY = ".rotary_emb.inv_freq"  # computed by every class now; folders of the first Llamas still have it
UNKNOWN = (ValueError, KeyError, OSError)  # of a model that transformers has no class for: its maker says so

Shape = tuple[int, ...]


def check(source: Path, files: tuple[Path, ...]) -> None:
    """Raise :class:`DamagedFile` where the safetensors ``files`` have other tensors than config.json describes.

    A folder whose tensors have other names than those of its class is left to whoever knows how to read it.
    """
    if not all(file.suffix == ".safetensors" for file in files):
        return
    if __version__.startswith("4."):
        with for_transformers_4(source) as readable:
            model = _skeleton(readable, source)
    else:
        model = _skeleton(source, source)
    if model is None:
        return
    there = {name: shape for file in files for name, shape in _shapes(file).items()}
    _check_shapes(model, there, source / "config.json")
    if all(name in model.state_dict() or name.endswith(ROTARY) for name in there):
        _check_missing(model, there, source)


def _skeleton(readable: Path, source: Path) -> Any:
    """Return the model without weights; ``None`` where transformers has no class for it."""
    try:
        config = AutoConfig.from_pretrained(readable, trust_remote_code=False, local_files_only=True)
        with init_empty_weights():
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except UNKNOWN:
        return None
    except Exception as error:  # foreign code on foreign data
        reason = " ".join(f"{error}".split())[:200].rstrip(".")
        raise DamagedFile(str(source / "config.json"), "a model's configuration", reason) from error
    model.tie_weights()
    return model


def _shapes(file: Path) -> dict[str, Shape]:
    try:
        with safe_open(file, framework="pt") as opened:
            return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedFile(str(file), "safetensors", f"{error}"[:200]) from error


def _check_shapes(model: Any, there: Mapping[str, Shape], config: Path) -> None:
    for name, parameter in model.named_parameters(remove_duplicate=False):
        told, found = tuple(parameter.shape), there.get(name)
        if found is not None and found != told:
            raise DamagedFile(str(config), f"{name} of the shape {found}, as the weights have", f"{told}")


def _check_missing(model: Any, there: Mapping[str, Shape], source: Path) -> None:
    names: dict[int, list[str]] = defaultdict(list)
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names[id(parameter)].append(name)  # one tensor of several names is stored under one of them
    needless = [re.compile(pattern) for pattern in getattr(model, "_keys_to_ignore_on_load_missing", None) or ()]
    for group in names.values():
        if any(name in there or any(pattern.search(name) for pattern in needless) for name in group):
            continue
        raise DamagedFile(str(source), f"the tensor {group[0]}, which config.json describes", "none of that name")
