"""What a configuration is completed to: a family's defaults, and what its constructor derives from them.

Source: the configuration classes of transformers 4.57.6. ``packaging/config_table.py`` tells, by trying, which of the
rules here a family follows; a row of the table names them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.convert.standin.lacking import Lacking

Values = dict[str, Any]
Rule = Callable[[Values], None]


def completed(given: Values, table: Mapping[str, Any]) -> Values:
    """Return a configuration with everything that its family adds to it.

    Raises :class:`Lacking` for a family that transformers knows and ``table`` does not, and ``ValueError`` for one that
    nobody knows: there transformers gives up as well, and the converter reads the file as it is.
    """
    family = given.get("model_type", "")
    if family == "mistral" and "layer_types" in given:
        family = "ministral"  # as AutoConfig takes it
    if not isinstance(family, str) or not family or family not in table:
        if family not in table[""].get("families", [family]):
            raise ValueError(f"no model type {family!r}")
        raise Lacking(f"the configuration of the model type “{family}”")
    return of_row(family, given, table)


def of_row(name: str, given: Values, table: Mapping[str, Any]) -> Values:
    """Return a configuration as the row ``name`` of the table completes it."""
    row = table[name]
    renamed = row.get("renamed", {})
    values = {**table[""]["defaults"], **row["defaults"]}
    values.update((renamed.get(name, name), value) for name, value in given.items() if name != "torch_dtype")
    values["dtype"] = given.get("dtype", given.get("torch_dtype"))
    for part, kind in row.get("parts", {}).items():
        own = values.get(part)
        own = own if isinstance(own, dict) else {}
        if "." in kind:  # always of the same class, whatever it says
            values[part] = of_row(kind, own, table)
        else:
            values[part] = completed({"model_type": kind, **own}, table)
    if isinstance(values.get("id2label"), dict):
        values["id2label"] = {int(number): label for number, label in values["id2label"].items()}
    for rule in row.get("derived", ()):
        RULES[rule](values)
    return values


def _key_value_heads(values: Values) -> None:
    if values["num_key_value_heads"] is None:
        values["num_key_value_heads"] = values["num_attention_heads"]


def _head_width(values: Values) -> None:
    if values.get("head_dim") is None:
        values["head_dim"] = values["hidden_size"] // values["num_attention_heads"]


def _rope_type(values: Values) -> None:
    scaling = values["rope_scaling"]
    if scaling and "type" in scaling:
        values["rope_scaling"] = {**scaling, "rope_type": scaling["type"]}


def _longrope(values: Values) -> None:
    scaling = values["rope_scaling"]
    if scaling and scaling.get("type") in ("su", "yarn"):
        values["rope_scaling"] = {**scaling, "type": "longrope"}


def _multimodal_rope(values: Values) -> None:
    scaling = values["rope_scaling"]
    if scaling and "type" in scaling:
        kind = "default" if scaling["type"] == "mrope" else scaling["type"]
        values["rope_scaling"] = {**scaling, "type": kind, "rope_type": kind}


def _window_if_used(values: Values) -> None:
    if not values["use_sliding_window"]:
        values["sliding_window"] = None


def _layer_types(windowed: Callable[[Values, int], bool]) -> Rule:
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


def _linear_attention(values: Values) -> None:
    values["layer_types"] = values["layer_types"] or [
        "linear_attention" if (layer + 1) % values.get("full_attention_interval", 4) else "full_attention"
        for layer in range(values["num_hidden_layers"])
    ]


def _all_full(values: Values) -> None:
    values["layer_types"] = values["layer_types"] or ["full_attention"] * values["num_hidden_layers"]


def _inner_width(values: Values) -> None:
    values["intermediate_size"] = int(values["expand"] * values["hidden_size"])


def _time_step_rank(values: Values) -> None:
    if values["time_step_rank"] == "auto":
        values["time_step_rank"] = -(-values["hidden_size"] // 16)


def _mamba_dt_rank(values: Values) -> None:
    if values["mamba_dt_rank"] == "auto":
        values["mamba_dt_rank"] = -(-values["hidden_size"] // 16)


def _width_of_latent_heads(values: Values) -> None:
    values.setdefault("head_dim", values["qk_rope_head_dim"])
    values["qk_head_dim"] = values["qk_nope_head_dim"] + values["qk_rope_head_dim"]


def _t5(values: Values) -> None:
    if values.get("num_decoder_layers") is None:
        values["num_decoder_layers"] = values["num_layers"]


def _window_pattern(values: Values) -> None:
    pattern = values["sliding_window_pattern"]
    if values["layer_types"] is None:
        values["layer_types"] = [
            "sliding_attention" if (layer + 1) % pattern and layer < values["num_hidden_layers"] else "full_attention"
            for layer in range(values["num_hidden_layers"])
        ]


def _encoder_layers(values: Values) -> None:
    values["num_hidden_layers"] = values["encoder_layers"]


def _mamba_head_width(values: Values) -> None:
    if values["mamba_d_head"] == "auto":
        values["mamba_d_head"] = values["mamba_expand"] * values["hidden_size"] // values["mamba_n_heads"]


def _mamba_width(values: Values) -> None:
    inner = values["mamba_d_ssm"]
    inner = values["mamba_expand"] * values["hidden_size"] if inner is None else inner
    if values["mamba_d_head"] == "auto":
        values["mamba_d_head"] = inner // values["mamba_n_heads"]


def _one_key(values: Values) -> None:
    values.setdefault("num_key_value_heads", 1 if values["multi_query"] else values["n_head"])


def _no_scaling(values: Values) -> None:
    values.setdefault("rope_scaling", None)


def _image_token(values: Values) -> None:
    words = values["vocabulary_map"]
    values["image_token_id"] = words.get("<image>") if words else None


def _llama4(values: Values) -> None:
    layers, step = values["num_hidden_layers"], values["interleave_moe_layer_step"]
    interval = values.get("no_rope_layer_interval", 4)
    values["no_rope_layers"] = values["no_rope_layers"] or [int((layer + 1) % interval != 0) for layer in range(layers)]
    values["moe_layers"] = values["moe_layers"] or list(range(step - 1, layers, step))
    values["layer_types"] = values["layer_types"] or [
        "chunked_attention" if no_rope else "full_attention" for no_rope in values["no_rope_layers"]
    ]


def _gemma3n(values: Values) -> None:
    layers, width, pattern = (
        values["num_hidden_layers"],
        values["intermediate_size"],
        values["activation_sparsity_pattern"],
    )
    _layer_types(lambda _, layer: bool((layer + 1) % 5))(values)
    values["intermediate_size"] = [width] * layers if isinstance(width, int) else width
    if pattern is None:
        sparse = 10 if layers > 10 else 0
        values["activation_sparsity_pattern"] = [0.95] * sparse + [0.0] * (layers - sparse)


RULES: dict[str, Rule] = {
    "key_value_heads": _key_value_heads,
    "head_width": _head_width,
    "rope_type": _rope_type,
    "longrope": _longrope,
    "multimodal_rope": _multimodal_rope,
    "window_if_used": _window_if_used,
    "windowed_from": _layer_types(_windowed_from),
    "every_second_windowed": _layer_types(lambda values, layer: bool((layer + 1) % 2)),
    "all_but_every_fourth_windowed": _layer_types(lambda values, layer: bool((layer + 1) % 4)),
    "all_full": _all_full,
    "gemma3": _gemma3,
    "smollm3": _smollm3,
    "gpt_neox": _gpt_neox,
    "falcon": _falcon,
    "no_dense_layers": _no_dense_layers,
    "linear_attention": _linear_attention,
    "inner_width": _inner_width,
    "time_step_rank": _time_step_rank,
    "mamba_dt_rank": _mamba_dt_rank,
    "latent_heads": _width_of_latent_heads,
    "decoder_layers": _t5,
    "window_pattern": _window_pattern,
    "encoder_layers": _encoder_layers,
    "mamba_head_width": _mamba_head_width,
    "mamba_width": _mamba_width,
    "one_key": _one_key,
    "no_scaling": _no_scaling,
    "image_token": _image_token,
    "llama4": _llama4,
    "gemma3n": _gemma3n,
}
