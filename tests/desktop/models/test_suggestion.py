from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desktop.models.suggestion import Suggestion, model_words, place_words, speed_words, step_for
from tests.helpers.values import FACTS, FITS, FOLDER, SUGGESTION, fit


def test_the_best_is_the_first_that_fits():
    assert SUGGESTION.best is FITS[0]
    assert Suggestion(FOLDER, FACTS, FITS[2:3]).best is None
    assert Suggestion(FOLDER, FACTS, ()).best is None


@pytest.mark.parametrize(
    ("row", "do", "label"),
    [
        (0, "convert", "Convert to Q4_K_M"),
        (2, "nothing", "F32 does not fit"),
        (3, "nothing", "AWQ INT4 cannot be used here yet"),
    ],
)
def test_the_step_of_a_folders_formats(row, do, label):
    step = step_for(SUGGESTION, FITS[row])
    assert (step.do, step.label, step.path) == (do, label, FOLDER)


def test_a_format_that_is_there_is_chatted_with():
    made = Path("/models/x-Q4_K_M.gguf")
    step = step_for(replace(SUGGESTION, made={"gguf-q4_k_m": made}), FITS[0])
    assert (step.do, step.path) == ("chat", made)


def test_a_gguf_file_is_chatted_with_as_it_is():
    step = step_for(replace(SUGGESTION, facts=replace(FACTS, format_id="gguf-q4_k_m")), FITS[0])
    assert (step.do, step.label, step.path) == ("chat", "Chat with this model", FOLDER)


def test_words():
    assert model_words(FACTS).startswith("8.0 billion parameters · llama · 32 layers · trained on 131,072 tokens")
    assert place_words(fit("gguf-q8_0", 1, place="gpu+cpu", gpu_layers=20), 32) == (
        "GPU and processor (20 of 32 layers on the GPU)"
    )
    assert [speed_words(speed) for speed in (None, 5.44, 57.3)] == ["–", "5.4 tokens/s", "57 tokens/s"]
