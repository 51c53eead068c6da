"""Names of tensors: from Hugging Face's to GGUF's (``model.layers.0.self_attn.q_proj`` → ``blk.0.attn_q``).

The table covers the decoder families; a name that it does not know stays as it is. Source: llama.cpp 0c1e57098,
gguf-py/gguf/tensor_mapping.py and conversion/.
"""

from __future__ import annotations

import re

LAYER = re.compile(r"^(?:.*?\.)?(?:layers|h|blocks)\.(?P<layer>\d+)\.(?P<rest>.+)$")
WRAPPERS = re.compile(r"language_model\.|text_model\.|^lfm\.")
ENDINGS = ("weight", "bias", "qweight", "qzeros", "scales", "g_idx", "weight_packed", "weight_scale")

_ATTENTION = r"(?:self_attn|self_attention|attention|attn|attn\.attention|norm_attn_norm\.attn)"
_FEED_FORWARD = r"(?:mlp|feed_forward|ffn|residual_mlp)"
_EXPERTS = r"(?:mlp|feed_forward|block_sparse_moe|mixer|moe)\.experts(?:\.\d+)?"
_SHARED = r"(?:(?:mlp|feed_forward|block_sparse_moe|mixer)\.)(?:shared_experts?|shared_mlp)"
_ROUTER = r"(?:mlp|block_sparse_moe|feed_forward|mixer)\.(?:gate|router)"
_MAMBA = r"(?:mixer|mamba|linear_attn)"

# Within a layer: the first pattern that fits the whole name, without its ending, gives the GGUF name.
IN_LAYER: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (rf"{_EXPERTS}\.(?:gate_proj|w1)", "ffn_gate_exps"),
        (rf"{_EXPERTS}\.(?:up_proj|w3)", "ffn_up_exps"),
        (rf"{_EXPERTS}\.(?:down_proj(?:_bias|_blocks)?|w2)", "ffn_down_exps"),
        (rf"{_EXPERTS}\.gate_up_proj(?:_bias|_blocks)?|block_sparse_moe\.input_linear", "ffn_gate_up_exps"),
        (r"block_sparse_moe\.output_linear", "ffn_down_exps"),
        (rf"{_SHARED}\.gate_proj", "ffn_gate_shexp"),
        (rf"{_SHARED}\.up_proj", "ffn_up_shexp"),
        (rf"{_SHARED}\.down_proj", "ffn_down_shexp"),
        (r"mlp\.shared_expert_gate", "ffn_gate_inp_shexp"),
        (r"shared_mlp\.input_linear", "ffn_gate_up_shexp"),
        (r"shared_mlp\.output_linear", "ffn_down_shexp"),
        (rf"{_ROUTER}(?:\.layer|\.wg|\.gate)?|router\.proj", "ffn_gate_inp"),
        (r".*\.(?:e_score_correction_bias|e_score_correction|expert_bias)", "exp_probs_b"),
        (rf"{_ATTENTION}\.(?:q_proj|wq|query)", "attn_q"),
        (rf"{_ATTENTION}\.(?:k_proj|wk|key)", "attn_k"),
        (rf"{_ATTENTION}\.(?:v_proj|wv|value)", "attn_v"),
        (rf"{_ATTENTION}\.(?:qkv_proj|query_key_value|Wqkv|c_attn|wqkv)|linear_attn\.in_proj_qkv", "attn_qkv"),
        (rf"{_ATTENTION}\.(?:o_proj|out_proj|dense|c_proj|wo)", "attn_output"),
        (rf"{_ATTENTION}\.(?:q_norm|q_layernorm|query_layernorm)", "attn_q_norm"),
        (rf"{_ATTENTION}\.(?:k_norm|k_layernorm|key_layernorm)", "attn_k_norm"),
        (rf"{_ATTENTION}\.sinks", "attn_sinks"),
        (rf"{_ATTENTION}\.q_a_proj", "attn_q_a"),
        (rf"{_ATTENTION}\.q_b_proj", "attn_q_b"),
        (rf"{_ATTENTION}\.kv_a_proj_with_mqa", "attn_kv_a_mqa"),
        (rf"{_ATTENTION}\.kv_b_proj", "attn_kv_b"),
        (rf"{_ATTENTION}\.q_a_layernorm", "attn_q_a_norm"),
        (rf"{_ATTENTION}\.kv_a_layernorm", "attn_kv_a_norm"),
        (r"self_attn\.gate_proj|linear_attn\.in_proj_z", "attn_gate"),
        (r"linear_attn\.in_proj_qkvz", "attn_qkvz"),
        (r"linear_attn\.in_proj_ba", "ssm_ba"),
        (r"linear_attn\.in_proj_a", "ssm_alpha"),
        (r"linear_attn\.in_proj_b", "ssm_beta"),
        (rf"(?:{_FEED_FORWARD}\.(?:gate_proj|c_fc_0)|feed_forward\.w1)", "ffn_gate"),
        (rf"{_FEED_FORWARD}\.(?:up_proj|w3|c_fc_1|c_fc|dense_h_to_4h|fc1|gate_up_proj)", "ffn_up"),
        (rf"{_FEED_FORWARD}\.(?:down_proj|w2|c_proj|dense_4h_to_h|fc2)", "ffn_down"),
        (r"conv\.conv", "shortconv.conv"),
        (r"conv\.in_proj", "shortconv.in_proj"),
        (r"conv\.out_proj", "shortconv.out_proj"),
        (rf"{_MAMBA}\.in_proj", "ssm_in"),
        (rf"{_MAMBA}\.conv1d", "ssm_conv1d"),
        (rf"{_MAMBA}\.x_proj", "ssm_x"),
        (rf"{_MAMBA}\.(?:dt_proj|dt_bias)", "ssm_dt"),
        (rf"{_MAMBA}\.A_log", "ssm_a"),
        (rf"{_MAMBA}\.D", "ssm_d"),
        (rf"{_MAMBA}\.norm", "ssm_norm"),
        (rf"{_MAMBA}\.out_proj", "ssm_out"),
        (r"mamba\.dt_layernorm", "ssm_dt_norm"),
        (r"mamba\.b_layernorm", "ssm_b_norm"),
        (r"mamba\.c_layernorm", "ssm_c_norm"),
        (r"mixer\.q_proj", "attn_q"),
        (r"mixer\.k_proj", "attn_k"),
        (r"mixer\.v_proj", "attn_v"),
        (r"mixer\.o_proj", "attn_output"),
        (r"mixer\.up_proj", "ffn_up"),
        (r"mixer\.down_proj", "ffn_down"),
        (r"input_layernorm|ln_1|attention_norm|operator_norm|norm|norm_1|attention_layernorm|ln_mlp", "attn_norm"),
        (r"ln_attn", "attn_norm_2"),
        (r"post_self_attn_layernorm|post_attention_norm", "post_attention_norm"),
        (r"(?:pre_feedforward|post_attention|pre_ff|feedforward)_layernorm|ln_2|ffn_norm|norm_2", "ffn_norm"),
        (r"post_feedforward_layernorm|post_mlp_layernorm", "post_ffw_norm"),
    )
)

_MODEL = r"(?:model\.|transformer\.|gpt_neox\.|backbone\.)"
OUTSIDE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (rf"{_MODEL}?(?:embed_tokens|wte|word_embeddings|embed_in|embeddings?|tok_embeddings)", "token_embd"),
        (r"(?:model\.)?(?:lm_head|embed_out|output|output_layer|head)", "output"),
        (r"(?:transformer\.)?wpe", "position_embd"),
        (r"(?:model\.)?embedding_norm", "token_embd_norm"),
        (rf"{_MODEL}?(?:norm|ln_f|norm_f|final_layer_norm|final_layernorm)", "output_norm"),
        (r"model\.embed_tokens_per_layer", "per_layer_token_embd"),
        (r"model\.per_layer_model_projection", "per_layer_model_proj"),
    )
)

# These put a norm between attention and the residual; elsewhere ``post_attention_layernorm`` precedes the next part.
NORM_AFTER_ATTENTION = frozenset(
    {"gemma2", "gemma3", "gemma3n", "gemma4", "olmo2", "exaone4", "gpt-oss", "seed_oss", "glm4moe", "qwen3next"}
)


def gguf_name(name: str, architecture: str) -> str:
    """Return the GGUF name of a tensor; experts of a layer, stored one by one, share the name of the merged tensor."""
    plain = WRAPPERS.sub("", name)
    stem, dot, ending = plain.rpartition(".")
    if ending not in ENDINGS:
        stem, dot, ending = plain, "", ""
    place = LAYER.match(stem)
    if place is None:
        found = _first(OUTSIDE, stem)
        return f"{found}{dot}{ending}" if found else name
    rest = place["rest"]
    found = _first(IN_LAYER, rest)
    if rest == "post_attention_layernorm" and architecture in NORM_AFTER_ATTENTION:
        found = "post_attention_norm"
    if found is None:
        return name
    return f"blk.{int(place['layer'])}.{found}{_ending(rest, found, ending)}"


def _first(table: tuple[tuple[re.Pattern[str], str], ...], stem: str) -> str | None:
    return next((name for pattern, name in table if pattern.fullmatch(stem)), None)


def _ending(rest: str, found: str, ending: str) -> str:
    """Return the ending in GGUF's terms: some tensors have none in Hugging Face's."""
    if found == "exp_probs_b" or rest.endswith(("dt_bias", "_proj_bias")):
        return ".bias"
    if ending:
        return f".{ending}"
    return "" if found in ("ssm_a", "ssm_d") else ".weight"
