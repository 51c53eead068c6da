from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from desktop.models.plan_words import fact_words, made_words, prepare
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.folders import plan as folder_plans
from engine.convert.folders.plan import FolderPlan
from engine.convert.plan import Plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "someone" / "tiny"
    folder.mkdir(parents=True)
    save_file({"model.embed_tokens.weight": np.ones((32, 64), np.float16)}, folder / "model.safetensors")
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 0}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_each_format_has_the_plan_of_its_kind(folder, tmp_path):
    library = Library(tmp_path / "models")
    assert isinstance(prepare(folder, "gguf-q8_0", library).plan, Plan)
    prepared = prepare(folder, "bnb-nf4", library)
    assert isinstance(prepared.plan, FolderPlan)
    assert ("Makes", "tiny-NF4") in fact_words(prepared)
    assert not prepared.made_before


def test_what_is_made_before_is_a_folder_too(folder, tmp_path):
    (folder.parent / "tiny-NF4").mkdir()
    assert prepare(folder, "bnb-nf4", Library(tmp_path / "models")).made_before


def test_a_missing_package_is_an_obstacle_with_its_remedy(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(folder_plans, "versions_here", lambda name, packages: dict.fromkeys(packages, ""))
    obstacles = prepare(folder, "gptq-int4-g128", Library(tmp_path / "models")).plan.obstacles
    assert any("gptqmodel" in obstacle and "environments set-up cuda" in obstacle for obstacle in obstacles)


def test_says_what_a_result_was_calibrated_on(tmp_path):
    calibration = {"texts": ["prose", "code"], "samples": 128, "sample_tokens": 512}
    made = Checkpoint(tmp_path, "tiny-GPTQ-INT4", "gptq-int4-g128", 1, {"calibration": calibration})
    assert ("Calibrated on", "128 samples of 512 tokens: prose, code") in made_words(made)
