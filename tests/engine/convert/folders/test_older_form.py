"""What transformers 5 writes is read by what stayed with transformers 4."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.convert.methods.older_form import for_transformers_4, older_config, older_tokenizer
from engine.errors import UnsupportedModel


def test_positions_and_width_keep_their_values() -> None:
    llama3 = {"rope_type": "llama3", "factor": 8.0, "rope_theta": 500000.0}
    older = older_config({"dtype": "bfloat16", "rope_parameters": llama3}, "m")
    assert older == {
        "torch_dtype": "bfloat16",
        "rope_theta": 500000.0,
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0},
    }
    plain = older_config({"rope_parameters": {"rope_type": "default", "rope_theta": 1e5}}, "m")
    assert plain == {"rope_theta": 1e5, "rope_scaling": None}


def test_what_it_has_no_words_for_is_refused() -> None:
    by_layer = {"full_attention": {"rope_theta": 1e6}, "sliding_attention": {"rope_theta": 1e4}}
    with pytest.raises(UnsupportedModel):
        older_config({"rope_parameters": by_layer}, "gemma")


def test_a_tokenizer_gets_a_class_that_was_there_before() -> None:
    older = older_tokenizer({"tokenizer_class": "TokenizersBackend", "extra_special_tokens": ["<a>"]})
    assert older == {"tokenizer_class": "PreTrainedTokenizerFast", "additional_special_tokens": ["<a>"]}


def test_an_old_folder_is_read_itself_and_a_new_one_through_links(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"torch_dtype": "float16"}))
    with for_transformers_4(tmp_path) as readable:
        assert readable == tmp_path
    (tmp_path / "config.json").write_text(json.dumps({"dtype": "float16"}))
    (tmp_path / "tokenizer.json").write_text("{}")
    with for_transformers_4(tmp_path) as readable:
        assert readable != tmp_path
        assert json.loads((readable / "config.json").read_text()) == {"torch_dtype": "float16"}
        assert (readable / "tokenizer.json").read_text() == "{}"
    assert not readable.exists()
    assert json.loads((tmp_path / "config.json").read_text()) == {"dtype": "float16"}, "the source stays as it is"
