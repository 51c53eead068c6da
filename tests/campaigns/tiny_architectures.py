"""The architectures that the campaign makes: how each is made tiny, and what its tokenizer is. Data, no torch.

``SMALL`` are settings that most configurations have; a model gets those that its own configuration knows.
"""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]

SMALL: Values = {
    "hidden_size": 64,
    "d_model": 64,
    "dim": 64,
    "n_embd": 64,
    "intermediate_size": 128,
    "ffn_dim": 128,
    "hidden_dim": 128,
    "d_ff": 128,
    "d_kv": 16,
    "n_inner": 128,
    "ffn_hidden_size": 128,
    "num_hidden_layers": 2,
    "num_layers": 2,
    "n_layer": 2,
    "n_layers": 2,
    "num_decoder_layers": 2,
    "num_attention_heads": 4,
    "num_heads": 4,
    "n_head": 4,
    "n_heads": 4,
    "num_key_value_heads": 2,
    "num_kv_heads": 2,
    "head_dim": 16,
    "attention_head_dim": 16,
    "max_position_embeddings": 256,
    "n_positions": 256,
    "max_seq_len": 256,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
    "moe_num_experts": 4,
    "moe_k": 2,
    "n_group": 1,
    "topk_group": 1,
    "q_lora_rank": 24,
    "kv_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
    "state_size": 16,
    "mamba_d_state": 16,
    "mamba_n_heads": 8,
    "mamba_d_head": 16,
    "mamba_n_groups": 1,
    "mamba_dt_rank": 8,
    "sliding_window": 64,
    "type_vocab_size": 2,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
    "block_auto_adjust_ff_dim": False,
    "block_dim": 64,
    "block_ff_dim": 128,
}
SMALL_VISION: Values = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "out_hidden_size": 64,
    "embed_dim": 32,
    "num_hidden_layers": 2,
    "depth": 2,
    "num_attention_heads": 2,
    "num_heads": 2,
    "head_dim": 16,
    "image_size": 56,
    "patch_size": 14,
    "projection_dim": 32,
    "num_channels": 3,
}

BYTES, SENTENCEPIECE, WORDPIECE, UNIGRAM = "bytes", "sentencepiece", "wordpiece", "unigram"
MARKED = "marked"  # BYTES, with the special tokens that some converters ask for
LATENT: Values = {"text": {"num_key_value_heads": 4, "head_dim": 8, "n_shared_experts": 1, "first_k_dense_replace": 1}}
MROPE: Values = {"rope_scaling": {"rope_type": "default", "type": "default", "mrope_section": [2, 3, 3]}}

# Class of transformers → what is special about it: "text" and "vision" settings, "top" ones of the whole, "tokenizer".
ARCHITECTURES: dict[str, Values] = {
    # dense
    "ApertusForCausalLM": {},
    "ArceeForCausalLM": {},
    "BitNetForCausalLM": {"tokenizer": SENTENCEPIECE, "text": {"tie_word_embeddings": True}},
    "BloomForCausalLM": {},
    "ChameleonForConditionalGeneration": {
        "top": {"vocabulary_map": {"<image>": 7}, "vq_config": {"base_channels": 32}}
    },
    "CohereForCausalLM": {},
    "Cohere2ForCausalLM": {"text": {"rotary_pct": 1.0}},
    "Ernie4_5ForCausalLM": {"tokenizer": SENTENCEPIECE},
    "Exaone4ForCausalLM": {},
    "FalconForCausalLM": {"text": {"new_decoder_architecture": True}},
    "GPT2LMHeadModel": {"text": {"n_ctx": 256}},
    "GPTBigCodeForCausalLM": {},
    "GPTNeoXForCausalLM": {},
    "GemmaForCausalLM": {"tokenizer": SENTENCEPIECE},
    "Gemma2ForCausalLM": {"tokenizer": SENTENCEPIECE},
    "Gemma3ForCausalLM": {"tokenizer": SENTENCEPIECE},
    "Gemma3nForCausalLM": {
        "tokenizer": SENTENCEPIECE,
        "text": {
            "hidden_size_per_layer_input": 16,
            "vocab_size_per_layer_input": 400,
            "num_kv_shared_layers": 0,
            "laurel_rank": 16,
            "num_hidden_layers": 5,
            "activation_sparsity_pattern": [0.95, 0.95, 0.0, 0.0, 0.0],
            "intermediate_size": [128] * 5,
            "layer_types": ["sliding_attention"] * 4 + ["full_attention"],
        },
    },
    "GlmForCausalLM": {"tokenizer": MARKED},
    "Glm4ForCausalLM": {"tokenizer": MARKED},
    "GraniteForCausalLM": {},
    "HunYuanDenseV1ForCausalLM": {},
    "LlamaForCausalLM": {},
    "LlamaModel": {},
    "MistralForCausalLM": {},
    "NemotronForCausalLM": {"tokenizer": SENTENCEPIECE},
    "OlmoForCausalLM": {},
    "Olmo2ForCausalLM": {},
    "Olmo3ForCausalLM": {},
    "PhiForCausalLM": {},
    "Phi3ForCausalLM": {"tokenizer": SENTENCEPIECE},
    "Qwen2ForCausalLM": {},
    "Qwen3ForCausalLM": {},
    "SeedOssForCausalLM": {},
    "SmolLM3ForCausalLM": {},
    "StableLmForCausalLM": {},
    "Starcoder2ForCausalLM": {},
    # mixture of experts
    "DbrxForCausalLM": {
        "text": {
            "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0},
            "ffn_config": {"ffn_hidden_size": 128, "moe_num_experts": 4, "moe_top_k": 2},
        }
    },
    "DeepseekV2ForCausalLM": LATENT,
    "DeepseekV3ForCausalLM": LATENT,
    "Dots1ForCausalLM": {"text": {"n_shared_experts": 1, "first_k_dense_replace": 1}},
    "Ernie4_5_MoeForCausalLM": {"tokenizer": SENTENCEPIECE},
    "Glm4MoeForCausalLM": {"tokenizer": MARKED},
    "GptOssForCausalLM": {},
    "GraniteMoeForCausalLM": {},
    "GraniteMoeSharedForCausalLM": {"text": {"shared_intermediate_size": 64}},
    "HunYuanMoEV1ForCausalLM": {
        "text": {"moe_intermediate_size": [32, 32], "moe_topk": [2, 2], "num_shared_expert": [1, 1]}
    },
    "Llama4ForCausalLM": {"text": {"intermediate_size_mlp": 128, "interleave_moe_layer_step": 1}},
    "MixtralForCausalLM": {},
    "OlmoeForCausalLM": {},
    "Qwen2MoeForCausalLM": {},
    "Qwen3MoeForCausalLM": {},
    # recurrent and hybrid
    "BambaForCausalLM": {"text": {"attn_layer_indices": [1]}},
    "FalconH1ForCausalLM": {"text": {"mamba_d_ssm": 128, "mamba_d_head": 16, "mamba_n_heads": 8, "head_dim": 16}},
    "FalconMambaForCausalLM": {},
    "GraniteMoeHybridForCausalLM": {"text": {"layer_types": ["mamba", "attention"], "shared_intermediate_size": 64}},
    "JambaForCausalLM": {
        "tokenizer": SENTENCEPIECE,
        "text": {"num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1},
    },
    "Lfm2ForCausalLM": {"text": {"layer_types": ["conv", "full_attention"]}},
    "MambaForCausalLM": {},
    "Mamba2ForCausalLM": {"text": {"num_heads": 8, "head_dim": 16, "n_groups": 1}},
    "Qwen3NextForCausalLM": {
        "text": {
            "num_hidden_layers": 4,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "linear_key_head_dim": 16,
            "linear_value_head_dim": 16,
        }
    },
    # encoders
    "BertModel": {"tokenizer": WORDPIECE},
    "BertForSequenceClassification": {"tokenizer": WORDPIECE},
    "DistilBertModel": {"tokenizer": WORDPIECE},
    "CamembertModel": {"tokenizer": UNIGRAM},
    "ModernBertModel": {},
    "RobertaModel": {},
    "XLMRobertaModel": {"tokenizer": UNIGRAM},
    "XLMRobertaForSequenceClassification": {"tokenizer": UNIGRAM},
    # encoder and decoder
    "T5ForConditionalGeneration": {"tokenizer": SENTENCEPIECE, "text": {"decoder_start_token_id": 0}},
    "T5EncoderModel": {"tokenizer": SENTENCEPIECE},
    "MT5ForConditionalGeneration": {"tokenizer": SENTENCEPIECE},
    "UMT5ForConditionalGeneration": {"tokenizer": SENTENCEPIECE},
    # with eyes or ears: the language model, and its projector
    "Gemma3ForConditionalGeneration": {"tokenizer": SENTENCEPIECE, "top": {"mm_tokens_per_image": 4}},
    "Glm4vForConditionalGeneration": {"tokenizer": MARKED, "text": MROPE},
    "Glm4vMoeForConditionalGeneration": {"tokenizer": MARKED, "text": MROPE},
    "GraniteSpeechForConditionalGeneration": {
        "parts": {
            "encoder_config": {
                "hidden_dim": 32,
                "num_layers": 2,
                "num_heads": 2,
                "dim_head": 16,
                "max_pos_emb": 32,
                "context_size": 16,
            },
            "projector_config": {
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 64,
                "encoder_hidden_size": 32,
                "vocab_size": 64,
            },
        }
    },
    "Idefics3ForConditionalGeneration": {"text": {"architectures": ["VLlama3ForCausalLM"]}},
    "InternVLForConditionalGeneration": {
        "parts": {"vision_config": {"image_size": [56, 56], "patch_size": [14, 14]}},
    },
    "JanusForConditionalGeneration": {
        "parts": {"vq_config": {"base_channels": 32, "num_embeddings": 64, "projection_dim": 64}},
        "vision": {"projection_dim": 64},
    },
    "Lfm2VlForConditionalGeneration": {
        "text": {"architectures": ["Lfm2ForCausalLM"], "layer_types": ["conv", "full_attention"]}
    },
    "Llama4ForConditionalGeneration": {
        "text": {"intermediate_size_mlp": 128, "interleave_moe_layer_step": 1},
        "vision": {"vision_output_dim": 32, "projector_input_dim": 32, "projector_output_dim": 32},
    },
    "LlavaForConditionalGeneration": {"tokenizer": MARKED, "parts": {"vision_config": {"model_type": "pixtral"}}},
    "Mistral3ForConditionalGeneration": {"tokenizer": MARKED},
    "Qwen2AudioForConditionalGeneration": {
        "parts": {
            "audio_config": {
                "d_model": 64,
                "encoder_layers": 2,
                "encoder_attention_heads": 2,
                "encoder_ffn_dim": 64,
                "num_hidden_layers": 2,
            }
        }
    },
    "Qwen2VLForConditionalGeneration": {"text": MROPE, "vision": {"hidden_size": 64}},
    "Qwen2_5_VLForConditionalGeneration": {"text": MROPE, "vision": {"fullatt_block_indexes": [1]}},
    "Qwen3VLForConditionalGeneration": {"text": MROPE, "vision": {"deepstack_visual_indexes": [0]}},
    "Qwen3VLMoeForConditionalGeneration": {"text": MROPE, "vision": {"deepstack_visual_indexes": [0]}},
    "SmolVLMForConditionalGeneration": {"text": {"architectures": ["VLlama3ForCausalLM"]}},
    "VoxtralForConditionalGeneration": {
        "parts": {"audio_config": {"num_mel_bins": 32, "hidden_size": 32, "intermediate_size": 128}}
    },
}

# Of these the projector is converted too.
WITH_PROJECTORS = frozenset(
    {
        "Idefics3ForConditionalGeneration",
        "Lfm2VlForConditionalGeneration",
        "SmolVLMForConditionalGeneration",
        "Gemma3ForConditionalGeneration",
        "Glm4vForConditionalGeneration",
        "Glm4vMoeForConditionalGeneration",
        "GraniteSpeechForConditionalGeneration",
        "InternVLForConditionalGeneration",
        "JanusForConditionalGeneration",
        "Llama4ForConditionalGeneration",
        "LlavaForConditionalGeneration",
        "Mistral3ForConditionalGeneration",
        "Qwen2AudioForConditionalGeneration",
        "Qwen2VLForConditionalGeneration",
        "Qwen2_5_VLForConditionalGeneration",
        "Qwen3VLForConditionalGeneration",
        "Qwen3VLMoeForConditionalGeneration",
        "VoxtralForConditionalGeneration",
    }
)
