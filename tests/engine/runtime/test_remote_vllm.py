"""The remote back end against what a real vLLM answered: recorded in ``tests/cases/servers/vllm.json``."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.servers.listing import Servers
from engine.errors import ContextTooLong, EngineError, NotFound, Offline, Refused
from engine.events import Event, Finished, Odds, Token
from engine.runtime.backends.remote import Remote
from engine.runtime.backends.remote_stream import Patience
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.results import Loaded, Usage
from tests.helpers.chat_server import Script, serving, words

RECORDED: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "cases" / "servers" / "vllm.json").read_text("utf-8")
)
ASKED = [{"role": "user", "content": "What is photosynthesis?"}]
CONTEXT = RECORDED["context_tokens"]


def body(name: str) -> bytes:
    return RECORDED["answers"][name]["body"].encode()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path))
    monkeypatch.setenv("HALFBYTE_SERVER_KEY_BOX", "sk-test")


@pytest.fixture
def script() -> Iterator[Script]:
    with serving(Script(models=body("models"), end="close", denied=body("wrong key"))) as served:
        yield served


def loaded(script: Script) -> tuple[Remote, Loaded]:
    servers = Servers()
    backend = Remote(threading.Event())
    backend.patience = Patience(first_s=5, between_s=5)
    events = list(backend.load(servers.checkpoint(servers.add(script.url, "box"), "starter").path, LoadOptions()))
    return backend, events[-1].value  # type: ignore[union-attr]


def said(script: Script, name: str, sampling: Sampling = Sampling(seed=7), **how: Any) -> list[Event]:  # noqa: B008
    """Return the events of an answer, or the error that is one, as the server sent it."""
    recorded = RECORDED["answers"][name]
    if recorded["status"] == 200:
        script.raw = body(name)
    else:
        script.status, script.body = recorded["status"], body(name)
    return list(loaded(script)[0].generate(how.pop("messages", ASKED), sampling, **how))


def text(events: list[Event], part: str = "answer") -> str:
    return "".join(event.text for event in events if isinstance(event, Token) and event.part == part)


def usage(events: list[Event]) -> Usage:
    assert isinstance(events[-1], Finished)
    return events[-1].value


def test_its_list_tells_the_dialect_and_the_context(script: Script) -> None:
    found = loaded(script)[1]
    assert (found.architecture, found.context_tokens) == ("vLLM", CONTEXT)


def test_ray_serve_is_asked_as_the_vllm_that_it_is(script: Script) -> None:
    """Its list as Ray 2.60.0 gave it, started with the file that Halfbyte writes."""
    metadata = {"model_id": "starter", "input_modality": "text", "max_request_context_length": 8192}
    entry = {"id": "starter", "object": "model", "owned_by": "organization-owner", "permission": []}
    script.models = {"data": [{**entry, "metadata": metadata}], "object": "list"}
    assert (loaded(script)[1].architecture, loaded(script)[1].context_tokens) == ("vLLM", 8192)


def test_an_answer_has_its_words_and_counts(script: Script) -> None:
    events = said(script, "answer", Sampling(seed=7, max_tokens=24))
    assert text(events).startswith("Photosynthesis is a vital biological process")
    assert (usage(events).prompt_tokens, usage(events).answer_tokens) == (34, 24)
    assert usage(events).finish_reason == "length"


def test_its_reasoning_is_thinking(script: Script) -> None:
    events = said(script, "thinking")
    assert text(events, "thinking").endswith("bacteria")
    assert text(events).startswith("It's a crucial process")


def test_what_continues_an_answer_is_no_thinking(script: Script) -> None:
    """Its parser takes whatever comes before ``</think>`` for reasoning, also where an answer goes on."""
    begun = [*ASKED, {"role": "assistant", "content": "Photosynthesis", "thinking": "Hm."}]
    events = said(script, "thinking", messages=begun, continue_last=True)
    assert text(events, "thinking") == ""
    assert "bacteria It's" in text(events)


def test_a_prompt_is_counted_by_the_server(script: Script) -> None:
    backend = loaded(script)[0]
    script.status, script.body = 200, b""
    script.answers = {"/tokenize": b'{"count": 34, "max_model_len": 2048, "tokens": [1, 9690]}'}
    total, parts = backend.count(ASKED, ["What is photosynthesis?"]) or (0, [])
    assert (total, parts) == (34, [8])
    assert script.asked[-1] == {"model": "starter", "messages": ASKED, "add_generation_prompt": True}
    assert backend.count(ASKED, ["x" * 150, "y" * 150]) == (34, [17, 17])  # more than there is by the guess
    assert backend.count([], []) == (0, [])


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"count": "many"}', b'{"count": -1}'])
def test_a_count_that_is_none_is_guessed(script: Script, answer: bytes) -> None:
    backend = loaded(script)[0]
    script.answers = {"/tokenize": answer}
    assert backend.count(ASKED, ["x"]) is None


def test_others_are_not_asked_to_count(script: Script) -> None:
    script.models = {"data": [{"id": "starter", "owned_by": "someone"}]}
    assert loaded(script)[0].count(ASKED, ["x"]) is None
    assert not script.asked


def test_a_conversation_that_is_too_long_leads_to_room(script: Script) -> None:
    with pytest.raises(ContextTooLong, match=r"takes 2,048 tokens and more; the context window holds 2,048") as caught:
        said(script, "too long")
    assert caught.value.details == {"used": CONTEXT + 1, "limit": CONTEXT, "at_least": True}


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("unknown model", NotFound, "“starter” was not found"),
        ("too many probabilities", Refused, "greater than max allowed: 20"),
        ("engine died", Offline, "it has a problem: EngineCore encountered an issue"),
        ("bad grammar", Refused, r"Expected '\)' at line 1"),
        ("longest answer beyond the context", Refused, "max_tokens=9000 cannot be greater"),
    ],
)
def test_its_errors_are_told(script: Script, name: str, kind: type[EngineError], words: str) -> None:
    with pytest.raises(kind, match=words):
        said(script, name)


@pytest.mark.parametrize(("longest", "asked"), [(CONTEXT - 1, CONTEXT - 1), (CONTEXT, None), (9000, None), (0, None)])
def test_a_longest_answer_beyond_its_context_is_left_to_it(script: Script, longest: int, asked: int | None) -> None:
    said(script, "answer", Sampling(seed=7, max_tokens=longest))
    assert script.asked[-1].get("max_tokens") == asked


def test_a_wrong_key_is_told(script: Script) -> None:
    script.key = "another"
    with pytest.raises(Refused, match=r"does not accept the key\. It says: Unauthorized"):
        loaded(script)


def test_several_tokens_of_one_piece_keep_their_probabilities(script: Script) -> None:
    events = said(script, "probabilities", Sampling(seed=7, logprobs=2))
    odds = [one for event in events if isinstance(event, Token) for one in event.odds]
    assert len(odds) == 3
    assert all(isinstance(one, Odds) and len(one.top) == 2 for one in odds)


def test_an_answer_that_comes_in_one_piece_has_no_speed(script: Script) -> None:
    script.raw, script.end = b"", "done"
    script.events = [
        *words(*["x"] * 40),
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 4_000_000}},
    ]
    took = usage(list(loaded(script)[0].generate(ASKED, Sampling(seed=7))))
    assert took.decode_tokens_s == 0
    assert took.answer_tokens == 4_000_000


def test_an_answer_without_a_word_was_waited_for(script: Script) -> None:
    script.events, script.end = words(usage={"prompt_tokens": 9, "completion_tokens": 1}), "done"
    took = usage(list(loaded(script)[0].generate(ASKED, Sampling(seed=7))))
    assert took.first_token_s > 0
    assert (took.answer_tokens, took.decode_tokens_s) == (1, 0)
