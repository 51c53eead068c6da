"""Model folders scored and timed through PyTorch; skipped where torch is not installed."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the optional group cuda is not installed")
transformers = pytest.importorskip("transformers", reason="the optional group cuda is not installed")
pytest.importorskip("accelerate", reason="the optional group cuda is not installed")

from engine.errors import Cancelled  # noqa: E402
from engine.events import Finished  # noqa: E402
from engine.measure.methods import torch_scorer  # noqa: E402
from engine.measure.methods.speed import timings  # noqa: E402
from engine.measure.methods.torch_runner import TorchRunner  # noqa: E402
from engine.measure.methods.torch_scorer import TorchScorer  # noqa: E402
from engine.measure.options import MeasureOptions  # noqa: E402
from tests.device.torch_folders import Shape, write_folder  # noqa: E402
from tests.helpers.byte_tokenizer import byte_tokenizer  # noqa: E402

TINY = Shape(256, 2, 512, 4, 2, 259)
OPTIONS = MeasureOptions(window_tokens=48, threads=1, repeats=2, prompt_tokens=16, answer_tokens=4, context_tokens=64)
TEXT = "Tell me about the sea, and what lies beyond it."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_folder(tmp_path_factory.mktemp("measured") / "plain", TINY, "plain")
    next(made.glob("*.safetensors")).rename(made / "model.safetensors")
    byte_tokenizer().save(str(made / "tokenizer.json"))
    return made


def opened(folder: Path, stop: threading.Event) -> TorchScorer:
    scorer = TorchScorer(stop)
    list(scorer.load(folder, OPTIONS))
    return scorer


@pytest.mark.parametrize("rows_bytes", [4 * 259, 5 * 4 * 259, 64 << 20])
def test_the_scores_are_those_of_transformers(folder: Path, rows_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_scorer, "LOGITS_BYTES", rows_bytes)
    scorer = opened(folder, threading.Event())
    window = scorer.tokens(TEXT)
    got = np.concatenate(list(scorer.logits(window, 20)))
    reference = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=scorer._model.module.dtype)
    with torch.inference_mode():
        expected = reference(torch.tensor([window])).logits[0, 20:-1].float().numpy()
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=0.05)
    assert (got.argmax(1) == expected.argmax(1)).mean() > 0.9


def test_scoring_can_be_stopped(folder: Path) -> None:
    stop = threading.Event()
    scorer = opened(folder, stop)
    stop.set()
    with pytest.raises(Cancelled):
        list(scorer.logits(scorer.tokens(TEXT), 20))


def test_a_folder_is_timed(folder: Path) -> None:
    runner = TorchRunner(threading.Event())
    loaded = list(runner.load(folder, OPTIONS))[-1]
    assert isinstance(loaded, Finished)
    assert loaded.value.context_tokens == OPTIONS.context_tokens
    spreads = list(timings(runner, OPTIONS, threading.Event()))[-1]
    assert isinstance(spreads, Finished)
    assert all(spread.median > 0 for spread in spreads.value.values())
    assert runner.gpu_bytes() is None
