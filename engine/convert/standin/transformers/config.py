"""``AutoConfig``: a folder's ``config.json`` over the defaults of its family, and what the family derives from them.

Source: the configuration classes of transformers 4.57.6; their defaults are in ``defaults.json``, which
``packaging/config_table.py`` writes.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.convert.standin.lacking import Lacking

Values = dict[str, Any]
TABLE = Path(__file__).with_name("defaults.json")


class Config:
    """A configuration, as values by name."""

    def __init__(self, values: Values) -> None:
        self.values = values

    def to_dict(self) -> Values:
        """Return the values; the caller may change them."""
        return copy.deepcopy(self.values)


class AutoConfig:
    """The class that the converter asks for a configuration."""

    @staticmethod
    def from_pretrained(folder: Path | str, **options: Any) -> Config:
        """Read a folder's configuration. Raises :class:`Lacking` for a family that is not in the table."""
        del options  # trust_remote_code and the like: nothing here ever runs code of the folder
        return Config(complete(json.loads((Path(folder) / "config.json").read_text("utf-8"))))


@functools.cache
def table() -> Mapping[str, Any]:
    """Return the defaults of each family, and of all under an empty name."""
    return json.loads(TABLE.read_text("utf-8"))


def complete(given: Values) -> Values:
    """Return a configuration with everything that its family adds to it."""
    family = given.get("model_type", "")
    if family == "mistral" and "layer_types" in given:
        family = "ministral"  # as AutoConfig takes it
    row = table().get(family)
    if not family or row is None:
        raise Lacking(f"the configuration of the model type “{family}”")
    renamed = row.get("renamed", {})
    values = {**table()[""]["defaults"], **row["defaults"]}
    values.update((renamed.get(name, name), value) for name, value in given.items() if name != "torch_dtype")
    values["dtype"] = given.get("dtype", given.get("torch_dtype"))
    for name, part in row.get("parts", {}).items():
        values[name] = complete({**(values.get(name) or {}), "model_type": part})
    for derive in DERIVED.get(family, ()):
        derive(values)
    return values


def _key_value_heads(values: Values) -> None:
    if values["num_key_value_heads"] is None:
        values["num_key_value_heads"] = values["num_attention_heads"]


def _head_width(values: Values) -> None:
    if values["head_dim"] is None:
        values["head_dim"] = values["hidden_size"] // values["num_attention_heads"]


def _rope_type(values: Values) -> None:
    scaling = values["rope_scaling"]
    if scaling and "type" in scaling:
        values["rope_scaling"] = {**scaling, "rope_type": scaling["type"]}


def _longrope(values: Values) -> None:
    scaling = values["rope_scaling"]
    if scaling and scaling.get("type") in ("su", "yarn"):
        values["rope_scaling"] = {**scaling, "type": "longrope"}


def _window_if_used(values: Values) -> None:
    if not values["use_sliding_window"]:
        values["sliding_window"] = None


def _layer_types(windowed: Callable[[Values, int], bool]) -> Callable[[Values], None]:
    def derive(values: Values) -> None:
        if values["layer_types"] is None:
            values["layer_types"] = [
                "sliding_attention" if windowed(values, layer) else "full_attention"
                for layer in range(values["num_hidden_layers"])
            ]

    return derive


def _windowed_from(values: Values, layer: int) -> bool:
    return values["sliding_window"] is not None and layer >= values["max_window_layers"]


def _gemma3(values: Values) -> None:
    values["_sliding_window_pattern"] = values.get("sliding_window_pattern", 6)
    if values["use_bidirectional_attention"]:
        values["sliding_window"] = values["sliding_window"] // 2 + 1
    _layer_types(lambda known, layer: bool((layer + 1) % known["_sliding_window_pattern"]))(values)


def _smollm3(values: Values) -> None:
    if values["no_rope_layers"] is None:
        interval = values["no_rope_layer_interval"]
        values["no_rope_layers"] = [int((layer + 1) % interval != 0) for layer in range(values["num_hidden_layers"])]
    windowed = values["use_sliding_window"] and values["sliding_window"] is not None
    _layer_types(lambda known, layer: windowed and not known["no_rope_layers"][layer])(values)


def _gpt_neox(values: Values) -> None:
    values["partial_rotary_factor"] = values["rotary_pct"]
    values["rope_theta"] = values["rotary_emb_base"]


def _falcon(values: Values) -> None:
    values["hidden_size"] = values.pop("n_embed", None) or values["hidden_size"]
    if values["num_kv_heads"] is None:
        values["num_kv_heads"] = values["num_attention_heads"]
    if values["ffn_hidden_size"] is None:
        values["ffn_hidden_size"] = 4 * values["hidden_size"]


def _no_dense_layers(values: Values) -> None:
    values["mlp_only_layers"] = values["mlp_only_layers"] or []


DERIVED: dict[str, tuple[Callable[[Values], None], ...]] = {
    "llama": (_key_value_heads, _head_width, _rope_type),
    "mistral": (_key_value_heads,),
    "mixtral": (_key_value_heads,),
    "qwen2": (_window_if_used, _key_value_heads, _rope_type, _layer_types(_windowed_from)),
    "qwen3": (_window_if_used, _key_value_heads, _rope_type, _layer_types(_windowed_from)),
    "qwen3_moe": (_window_if_used, _rope_type, _no_dense_layers),
    "gemma2": (_layer_types(lambda values, layer: bool((layer + 1) % 2)),),
    "gemma3_text": (_gemma3,),
    "phi": (_key_value_heads, _rope_type),
    "phi3": (_key_value_heads, _longrope),
    "granite": (_key_value_heads,),
    "olmo": (_key_value_heads,),
    "olmo2": (_key_value_heads,),
    "smollm3": (_key_value_heads, _smollm3, _rope_type),
    "stablelm": (_rope_type,),
    "starcoder2": (_rope_type,),
    "gpt_neox": (_gpt_neox, _rope_type),
    "falcon": (_falcon,),
    "nemotron": (_head_width,),
}
