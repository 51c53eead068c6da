"""The starter model with a draft model: the same answers, guesses that come true, and refusals that say why."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.convert.plan import plan
from engine.convert.run import Conversion
from engine.events import Notice, Token
from engine.runtime.drafting import draft_bytes
from engine.runtime.options import GUESS_TOKENS, LoadOptions, Sampling
from engine.runtime.session import Session
from tests.helpers.program import program
from tests.helpers.tiny_models import write_tiny_model

LIST = [{"role": "user", "content": "Count from one to forty in words."}]
LONGER = [*LIST, {"role": "assistant", "content": "one, two"}, {"role": "user", "content": "Now backwards."}]


@pytest.fixture(scope="module")
def draft(starter: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a cheaper level of the starter model: other weights, the same vocabulary."""
    folder = tmp_path_factory.mktemp("draft")
    command = [sys.executable, "-m", "tests.helpers.native_levels", str(starter.path), str(folder), "Q2_K"]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "Q2_K.gguf"


def with_draft(starter: Checkpoint, file: Path | str) -> Session:
    options = LoadOptions(context_tokens=1024, threads=1, guess_tokens=GUESS_TOKENS if file else 0, draft=str(file))
    return Session(starter, options)


def ids(events: Sequence[Any]) -> list[int]:
    return [number for event in events if isinstance(event, Token) for number in event.ids]


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_draft_model_changes_nothing_of_what_is_answered(starter: Checkpoint, draft: Path, temperature: float):
    sampling, answers, accepted = Sampling(temperature=temperature, seed=3, max_tokens=60), [], 0
    for file in ("", draft):
        with with_draft(starter, file) as session:
            told: list[list[Any]] = [list(session.generate(messages, sampling)) for messages in (LIST, LONGER, LIST)]
            answers.append([ids(events) for events in told])
            accepted = sum(events[-1].value["accepted_tokens"] for events in told)
            assert session.record["draft"] == (draft.stem if file else "")
    assert answers[0] == answers[1]
    assert accepted > 0


def test_a_conversation_longer_than_what_the_draft_model_sees(starter: Checkpoint, draft: Path):
    numbers = " ".join(str(number) for number in range(200))
    messages = [{"role": "user", "content": f"{numbers}\nGo on."}]
    sampling, answers = Sampling(temperature=0.0, max_tokens=40), []
    for file in ("", draft):
        with with_draft(starter, file) as session:
            events: list[Any] = list(session.generate(messages, sampling))
            answers.append(
                (ids(events), events[-1].value["prompt_tokens"], file and events[-1].value["accepted_tokens"])
            )
    (plain, length, _), (guessing, _, accepted) = answers
    assert length > 512
    assert accepted > 0
    assert plain == guessing


def test_what_a_draft_model_takes_is_foretold(starter: Checkpoint, draft: Path):
    peaks = []
    for file in ("", draft):
        with with_draft(starter, file) as session:
            events: list[Any] = list(session.generate(LIST, Sampling(max_tokens=40, seed=1)))
            peaks.append(events[-1].value["peak_memory_bytes"])
    assert peaks[1] - peaks[0] == pytest.approx(draft_bytes(draft), rel=0.25)


def refused(starter: Checkpoint, file: Path) -> str:
    """Return why a draft model is not used; the model is loaded and answers all the same."""
    with with_draft(starter, file) as session:
        events: list[Any] = list(session.load())
        assert ids(list(session.generate(LIST, Sampling(max_tokens=2))))
    complaint = events[-1].value["draft_complaint"]
    assert [event.text for event in events if isinstance(event, Notice)] == [complaint]
    assert file.name in complaint
    return complaint


def test_another_vocabulary_is_refused_with_what_differs(starter: Checkpoint, tmp_path: Path):
    source = write_tiny_model("llama", tmp_path / "model")
    last: Any = list(Conversion(plan(source, "gguf-f16", tmp_path / "other.gguf")))[-1]
    reason = r"It has another vocabulary: its token \d+ is “.+”, and this model's is “.+”\."
    assert re.search(reason, refused(starter, last.value.path))


def test_what_cannot_be_a_draft_model_is_refused(starter: Checkpoint, tmp_path: Path):
    assert "It is the model itself." in refused(starter, starter.path)
    assert refused(starter, tmp_path / "gone.gguf").endswith("Choose another draft model in the settings, or none.")
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(b"GGUF")
    assert "torn.gguf" in refused(starter, torn)


def test_the_terminal_takes_a_draft_model(starter: Checkpoint, draft: Path, tmp_path: Path):
    command = program("chat", str(starter.path), "Count from one to forty in words.", "--draft-model", str(draft))
    ran = subprocess.run(
        [*command, "--json", "--max-tokens", "60", "--temperature", "0"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HALFBYTE_HOME": str(tmp_path)},
    )
    usage = json.loads(ran.stdout.splitlines()[-1])["value"]["messages"][-1]["usage"]
    assert usage["guessed_tokens"] >= usage["accepted_tokens"] > 0
