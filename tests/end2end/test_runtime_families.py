"""The llama.cpp back end with models that are not like the starter: tiny ones, of random weights."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.convert.plan import plan
from engine.convert.run import Conversion
from engine.errors import Cancelled, UnsupportedModel
from engine.events import Event, Finished, Notice, Progress, PromptRead, Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.helpers.byte_models import write_bert, write_mamba
from tests.helpers.tiny_models import write_tiny_model

GREEDY = Sampling(temperature=0.0, max_tokens=12)
ONE = Sampling(temperature=0.0, max_tokens=1)


def session_of(path: Path, **options: int) -> Session:
    return Session(Checkpoint(path, path.stem, "gguf-f16", 0), LoadOptions(**{"threads": 1, **options}))


def asked(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def ids(events: list[Event]) -> list[int]:
    return [token for event in events if isinstance(event, Token) for token in event.ids]


def reused(events: list[Event]) -> int:
    return next(event.reused_tokens for event in events if isinstance(event, PromptRead))


def prompt_tokens(events: list[Event]) -> int:
    return next(event.prompt_tokens for event in events if isinstance(event, PromptRead))


@pytest.fixture
def mamba(tmp_path: Path) -> Iterator[Session]:
    with session_of(write_mamba(tmp_path / "mamba.gguf"), context_tokens=2048, batch_tokens=64) as session:
        yield session


def cold(session: Session, messages: list[dict[str, str]]) -> list[int]:
    session.close()
    return ids(list(session.generate(messages, GREEDY)))


def test_a_recurrent_state_goes_on_but_never_back(mamba: Session):
    first, other = asked("The quick brown fox."), asked("The quick brown dog?")
    expected = cold(mamba, other)
    assert len(set(expected)) > 1
    mamba.close()
    computed = prompt_tokens(list(mamba.generate(first, ONE)))
    follow_up = [*first, {"role": "assistant", "content": " jumps"}, *asked("over")]
    assert reused(list(mamba.generate(follow_up, GREEDY))) == computed
    events = list(mamba.generate(other, GREEDY))
    assert reused(events) == 0
    assert ids(events) == expected


def test_a_recurrent_model_is_right_after_a_cancelled_prompt(mamba: Session):
    expected = cold(mamba, asked("Hello."))
    job = mamba.generate(asked("word" * 450), GREEDY)
    with pytest.raises(Cancelled):
        for event in job:
            if isinstance(event, Progress) and event.done > 0:
                threading.Thread(target=job.cancel).start()
    assert ids(list(mamba.generate(asked("Hello."), GREEDY))) == expected


@pytest.fixture(scope="module")
def sliding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convert a Gemma 3 that looks back over 32 tokens in half of its layers."""
    folder = tmp_path_factory.mktemp("gemma")
    changes = {"sliding_window": 32, "sliding_window_pattern": 2, "max_position_embeddings": 2048}
    source = write_tiny_model("gemma3_text", folder / "model", **changes)
    last = list(Conversion(plan(source, "gguf-f16", folder / "gemma.gguf")))[-1]
    assert isinstance(last, Finished)
    return last.value.path


def test_a_sliding_window_that_has_moved_on_is_read_again(sliding: Path):
    shared = "ab cd " * 60
    first, second = asked(shared + "ef " * 200), asked(shared + "gh")
    with session_of(sliding, context_tokens=2048, batch_tokens=32) as session:
        expected = cold(session, second)
        session.close()
        list(session.generate(first, ONE))
        events = list(session.generate(second, GREEDY))
        assert reused(events) == 0  # the window's cache holds the last 256 tokens only
        assert ids(events) == expected
        third = [*second, {"role": "assistant", "content": "x"}, *asked("ij")]
        assert reused(list(session.generate(third, GREEDY))) > 100  # and going on needs no more


def test_a_model_without_a_template_gets_a_plain_one_and_says_so(sliding: Path):
    with session_of(sliding, context_tokens=256) as session:
        events = list(session.load())
        assert events[-1].value["template_known"] is False
        assert any(isinstance(event, Notice) and "template" in event.text for event in events)


def test_a_model_that_makes_no_text_is_refused(tmp_path: Path):
    with session_of(write_bert(tmp_path / "bert.gguf")) as session, pytest.raises(UnsupportedModel, match="embeddings"):
        list(session.load())
