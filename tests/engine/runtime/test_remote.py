"""The remote back end against a server that answers, cuts, stalls and lies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.servers.listing import Servers
from engine.errors import Cancelled, ContextTooLong, EngineError, InvalidForm, NotFound, Offline, Refused
from engine.events import Event, Finished, Notice, Odds, PromptRead, Token
from engine.runtime.backends.remote import Remote
from engine.runtime.backends.remote_stream import Patience, chunk_of, events_in
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.results import Loaded, Usage
from engine.runtime.session import Session
from tests.helpers.chat_server import NAME, Script, serving, words

ASKED = [{"role": "user", "content": "Hello?"}]
SAMPLING = Sampling(seed=7, temperature=0.0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path))
    monkeypatch.setenv("HALFBYTE_SERVER_KEY_BOX", "sk-test")  # no test asks the system's keyring


@pytest.fixture
def script() -> Iterator[Script]:
    with serving(Script()) as served:
        yield served


def model_file(script: Script, model: str = NAME) -> Path:
    servers = Servers()
    return servers.checkpoint(servers.add(script.url, "box"), model).path


def loaded(script: Script, stop: threading.Event | None = None) -> Remote:
    backend = Remote(stop or threading.Event())
    backend.patience = Patience(first_s=5, between_s=5)
    list(backend.load(model_file(script), LoadOptions()))
    return backend


def answered(script: Script, sampling: Sampling = SAMPLING, **how: Any) -> tuple[str, str, Usage]:
    events = list(loaded(script).generate(ASKED, sampling, **how))
    return text(events), text(events, "thinking"), events[-1].value  # type: ignore[union-attr]


def text(events: list[Event], part: str = "answer") -> str:
    return "".join(event.text for event in events if isinstance(event, Token) and event.part == part)


def test_an_answer_comes_with_the_servers_own_counts(script: Script) -> None:
    usage = {"prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}
    script.events = [*words("Hel", "lo"), {"choices": [], "usage": usage}]
    answer, thinking, took = answered(script)
    assert (answer, thinking) == ("Hello", "")
    assert (took.prompt_tokens, took.reused_tokens, took.answer_tokens) == (12, 8, 5)
    assert (took.finish_reason, took.seed) == ("stop", 7)
    assert script.keys[-1] == "sk-test"


def test_each_server_is_asked_in_its_own_words(script: Script) -> None:
    script.events = words("x")
    sampling = Sampling(top_k=3, min_p=0.1, repeat_penalty=1.2, seed=5, max_tokens=9, stop=("END",))
    expected = {
        "vllm": {"top_k": 3, "min_p": 0.1, "repetition_penalty": 1.2},
        "llamacpp": {"top_k": 3, "min_p": 0.1, "repeat_penalty": 1.2, "return_progress": True},
        "someone": {},
    }
    for owner, own in expected.items():
        script.owner = owner
        answered(script, sampling)
        asked = script.asked[-1]
        shared = {"model", "messages", "stream", "stream_options", "temperature", "top_p", "seed", "max_tokens", "stop"}
        assert {name: value for name, value in asked.items() if name not in shared} == own
        assert (asked["seed"], asked["max_tokens"], asked["stop"]) == (5, 9, ["END"])


def test_a_form_and_the_odds_are_asked_for_as_each_server_takes_them(script: Script) -> None:
    script.events = words("x")
    schema = {"type": "object"}
    grammar = {"grammar": "root ::= [x]"}
    for owner, own in {"vllm": {"structured_outputs": grammar}, "llamacpp": grammar}.items():
        script.owner = owner
        answered(script, Sampling(grammar="root ::= [x]", logprobs=3))
        asked = script.asked[-1]
        assert {name: asked.get(name) for name in own} == own
        assert (asked["logprobs"], asked["top_logprobs"]) == (True, 3)
        answered(script, Sampling(json_schema='{"type": "object"}'))
        assert script.asked[-1]["response_format"]["json_schema"]["schema"] == schema
        assert "logprobs" not in script.asked[-1]
    script.owner = "someone"
    with pytest.raises(Refused, match="cannot hold an answer to a grammar"):
        answered(script, Sampling(grammar="root ::= [x]"))
    with pytest.raises(InvalidForm, match="line 1, column 2"):
        answered(script, Sampling(json_schema="{x}"))


def test_the_odds_that_a_server_tells_come_with_its_words(script: Script) -> None:
    told = {"token": "Par", "logprob": -0.1, "top_logprobs": [{"token": "Par", "logprob": -0.1}, {"token": 3}]}
    chunk = {"delta": {"content": "Par"}, "logprobs": {"content": [told, {"token": "?"}, None, {"logprob": "much"}]}}
    script.events = [{"choices": [chunk]}, *words("is")]
    events = list(loaded(script).generate(ASKED, Sampling(logprobs=2)))
    assert [event.odds for event in events if isinstance(event, Token)] == [(Odds("Par", -0.1, (("Par", -0.1),)),), ()]


def test_a_new_seed_is_drawn_and_told(script: Script) -> None:
    script.events = words("x")
    took = answered(script, Sampling(seed=-1))[2]
    assert took.seed == script.asked[-1]["seed"] >= 0


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_that_the_server_parts_is_thinking(script: Script, field: str) -> None:
    script.events = [{"choices": [{"delta": {field: "Hm."}}]}, *words("Yes.")]
    assert answered(script)[:2] == ("Yes.", "Hm.")


def test_white_space_around_thinking_that_the_server_parts_is_left_out(script: Script) -> None:
    """As vLLM 0.33's parser for Qwen3 hands it on; between words it stays."""
    pieces = [{"reasoning": piece} for piece in ("\n", "Hm", ".\n", "\nTwo.", "\n")]
    pieces += [{"content": piece} for piece in ("\n\n", " ", "Yes.\n", "\n  No.")]
    script.events = [*({"choices": [{"delta": piece}]} for piece in pieces), *words("!")]
    assert answered(script)[:2] == ("Yes.\n\n  No.!", "Hm.\n\nTwo.")


def test_white_space_that_begins_an_answer_without_thinking_stays(script: Script) -> None:
    script.events = words("  indented")
    assert answered(script)[0] == "  indented"


def test_thinking_within_the_answer_is_parted_here(script: Script) -> None:
    script.events = words("<thi", "nk>Hm.</th", "ink>\n\nYes.")
    assert answered(script)[:2] == ("Yes.", "Hm.")


def test_a_stop_string_that_the_server_overlooks_ends_the_answer(script: Script) -> None:
    script.events, script.end = words("one E", "ND two"), "stall"
    answer, _, took = answered(script, Sampling(seed=1, stop=("END",)))
    assert (answer, took.finish_reason) == ("one ", "stop")
    assert script.hung_up.wait(5), "the server was left writing"


@pytest.mark.parametrize(("tokens", "longest", "reason"), [(4, 4, "length"), (4, 0, "context"), (4, 9, "context")])
def test_length_tells_the_longest_answer_from_a_full_window(
    script: Script, tokens: int, longest: int, reason: str
) -> None:
    script.events = words("x", finish="length", usage={"completion_tokens": tokens})
    assert answered(script, Sampling(seed=1, max_tokens=longest))[2].finish_reason == reason


def test_progress_of_the_prompt_is_told(script: Script) -> None:
    progress = {"total": 30, "cache": 10, "processed": 30, "time_ms": 5}
    script.events = [{"choices": [], "prompt_progress": progress}, *words("x")]
    events = list(loaded(script).generate(ASKED, SAMPLING))
    read = next(event for event in events if isinstance(event, PromptRead))
    assert (read.prompt_tokens, read.reused_tokens) == (30, 10)


@pytest.mark.parametrize("end", ["cut", "close"])
def test_a_stream_that_breaks_off_keeps_what_came_and_is_no_success(script: Script, end: str) -> None:
    script.events, script.end = words("Hel", "lo")[:-1], end
    came: list[Event] = []
    with pytest.raises(Offline):
        for event in loaded(script).generate(ASKED, SAMPLING):
            came.append(event)  # noqa: PERF402 (what came before the error counts)
    assert text(came) == "Hello"


@pytest.mark.parametrize("before", [True, False], ids=["before the headers", "between two pieces"])
def test_silence_ends_after_its_limit(script: Script, before: bool) -> None:
    script.stall_before, script.end, script.events = before, "stall", words("x")[:-1]
    backend = loaded(script)
    backend.patience = Patience(first_s=0.3 if before else 5, between_s=0.3)
    started_s = time.monotonic()
    with pytest.raises(Offline, match="nothing came"):
        list(backend.generate(ASKED, SAMPLING))
    assert time.monotonic() - started_s < 3


@pytest.mark.parametrize("before", [True, False], ids=["before the headers", "between two pieces"])
def test_a_cancel_ends_at_once_and_hangs_up(script: Script, before: bool) -> None:
    script.stall_before, script.end, script.events = before, "stall", words("x")[:-1]
    stop = threading.Event()
    backend = loaded(script, stop)
    threading.Timer(0.2, stop.set).start()
    started_s = time.monotonic()
    with pytest.raises(Cancelled):
        list(backend.generate(ASKED, SAMPLING))
    assert time.monotonic() - started_s < 1.5
    assert script.hung_up.wait(5), "the server goes on working for nobody"
    stop.clear()
    script.stall_before, script.end, script.events = False, "done", words("again")
    assert text(list(backend.generate(ASKED, SAMPLING))) == "again"


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "said"),
    [
        (403, b"", {}, Refused, "does not accept the key"),
        (404, b'{"error": {"message": "no such model"}}', {}, NotFound, "“tiny”"),
        (429, b"", {"Retry-After": "7"}, Refused, "too many requests"),
        (500, b"oh", {}, Offline, "error 500"),
        (503, b'{"error": {"message": "Loading model", "code": 503}}', {}, Offline, "Loading model"),
        (400, b'{"error": {"message": "bad top_p"}}', {}, Refused, "bad top_p"),
        (302, b"", {"Location": "http://elsewhere/"}, Refused, "another address"),
        (418, b"<html>", {}, Refused, "418"),
    ],
)
def test_each_status_is_an_error_of_its_own(
    script: Script, status: int, body: bytes, headers: dict[str, str], kind: type[EngineError], said: str
) -> None:
    script.status, script.body, script.headers = status, body, headers
    with pytest.raises(kind, match=said) as caught:
        answered(script)
    assert "sk-test" not in str(caught.value.as_record())
    if status == 429:
        assert "7 s" in caught.value.hint


def test_a_context_that_is_too_small_is_told_in_tokens(script: Script) -> None:
    script.status = 400
    script.body = (
        b'{"error": {"type": "exceed_context_size_error", "message": "m", "n_prompt_tokens": 90, "n_ctx": 64}}'
    )
    with pytest.raises(ContextTooLong, match="90"):
        answered(script)


def test_an_error_within_the_stream_is_raised(script: Script) -> None:
    script.events = [*words("Hel")[:-1], {"error": {"message": "out of memory", "code": 500}}]
    with pytest.raises(Offline, match="out of memory"):
        answered(script)


def test_a_wrong_key_is_told(script: Script) -> None:
    script.key = "another"
    with pytest.raises(Refused, match="does not accept the key"):
        loaded(script)


def test_nothing_listens(script: Script) -> None:
    script.url = "http://127.0.0.1:9/v1"
    with pytest.raises(Offline, match="nothing listens"):
        loaded(script)


def test_an_unknown_model_names_those_there_are(script: Script) -> None:
    with pytest.raises(NotFound) as caught:
        list(Remote(threading.Event()).load(model_file(script, "large"), LoadOptions()))
    assert NAME in caught.value.hint


@pytest.mark.parametrize("models", [b"<html>", b"[]", b'{"data": 3}', b'{"data": [{"name": "x"}]}', b"9" * 10_000])
def test_a_server_of_another_kind_is_no_openai_server(script: Script, models: bytes) -> None:
    script.models = models
    with pytest.raises(Refused, match="OpenAI"):
        loaded(script)


def test_a_stream_of_nonsense_is_refused(script: Script) -> None:
    script.events = ["nonsense"] * 10
    with pytest.raises(Refused, match="JSON"):
        answered(script)


LIES = [
    {"choices": None},
    {"choices": [None]},
    {"choices": [{"delta": {"content": 5}}]},
    {"choices": [{"delta": "x"}]},
    {"usage": {"prompt_tokens": -3, "completion_tokens": "many", "prompt_tokens_details": []}},
    {"timings": {"predicted_per_second": -1}, "prompt_progress": {"total": -1, "cache": 5}},
    "[1, 2]",
]


def test_lies_are_not_believed_and_spoil_no_answer(script: Script) -> None:
    script.events = [*LIES, *words("Hel", "lo")]
    answer, _, took = answered(script)
    assert answer == "Hello"
    assert (took.prompt_tokens, took.answer_tokens) == (0, 2)
    assert took.decode_tokens_s >= 0


def test_words_that_leave_the_machine_are_marked(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.catalog.servers.address.is_loopback", lambda host: False)
    monkeypatch.setenv("NO_PROXY", "*")
    events = list(Remote(threading.Event()).load(model_file(script), LoadOptions()))
    warnings = [event.text for event in events if isinstance(event, Notice) and event.level == "warning"]
    assert any("leaves this machine" in text for text in warnings)
    assert any("not encrypted" in text for text in warnings)
    record = events[-1].value  # type: ignore[union-attr]
    assert isinstance(record, Loaded)
    assert record.sends_to == "127.0.0.1"


def test_on_this_machine_there_is_no_mark(script: Script) -> None:
    events = list(Remote(threading.Event()).load(model_file(script), LoadOptions()))
    assert not any(isinstance(event, Notice) for event in events)
    assert events[-1].value.sends_to == ""  # type: ignore[union-attr]
    assert events[-1].value.context_tokens == 2048  # type: ignore[union-attr]


def test_continuing_is_asked_for_where_it_is_known_and_refused_elsewhere(script: Script) -> None:
    script.events = words("lo")
    answered(script, continue_last=True)
    assert script.asked[-1]["continue_final_message"] is True
    script.owner = "someone"
    with pytest.raises(Refused, match="write on"):
        answered(script, continue_last=True)


def test_a_session_runs_it_in_the_ordinary_worker(script: Script) -> None:
    script.events = words("Hel", "lo", usage={"prompt_tokens": 3, "completion_tokens": 2})
    servers = Servers()
    checkpoint = servers.checkpoint(servers.add(script.url, "box"), NAME)
    with Session(checkpoint) as session:
        events = list(session.generate(ASKED, SAMPLING))
        assert session.backend == "remote"
    assert text(events) == "Hello"
    assert isinstance(events[-1], Finished)
    assert events[-1].value["prompt_tokens"] == 3


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)), st.data())
def test_events_are_found_wherever_pieces_break(texts: list[str], data: st.DataObject) -> None:
    stream = b"".join(f"data: {text}\r\n\r\n".encode() for text in texts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert list(events_in(iter(pieces))) == texts


@given(st.text())
def test_no_text_breaks_the_reading_of_a_chunk(text: str) -> None:
    chunk_of(text)
