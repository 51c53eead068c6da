"""The remote back end against llama.cpp's real server with the real starter model: it answers as the local one does.

Needs llama-server: the environment variable HALFBYTE_LLAMA_SERVER has its path, or it is on the PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine import texts
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.listing import Servers
from engine.chat.conversation import Conversation
from engine.chat.turn import Turn
from engine.errors import Cancelled, ContextTooLong, Refused
from engine.events import Event, Finished, Odds, PromptRead, Token
from engine.measure.options import MeasureOptions
from engine.measure.report import Report
from engine.measure.run import Measurement
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from engine.texts import Text

PROGRAM = os.environ.get("HALFBYTE_LLAMA_SERVER") or shutil.which("llama-server")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="llama-server is not installed")

KEY = "sk-only-for-this-test"
MODEL = "smollm2"
CONTEXT = 1024
GREEDY = Sampling(temperature=0.0, max_tokens=32, seed=1)
QUESTIONS = ("What is the capital of France?", "Schreibe einen Satz über Äpfel 🍎 und Öl.", "List three colours.")


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def server(starter: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = f"--alias {MODEL} --port {port} -t 1 -tb 1 -c {CONTEXT} -np 1 --api-key {KEY} --cache-ram 0".split()
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("wb") as out:
        assert PROGRAM
        process = subprocess.Popen([PROGRAM, "-m", str(starter.path), *options], stdout=out, stderr=out)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/health", process, log)
            yield Running(f"http://127.0.0.1:{port}/v1", process)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text("utf-8", "replace")[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail("llama-server did not start")


@pytest.fixture
def remote(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("HALFBYTE_SERVER_KEY_BOX", KEY)
    servers = Servers()
    with Session(servers.checkpoint(servers.add(server.url, "box"), MODEL)) as session:
        yield session


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def odds(events: list[Event]) -> list[Odds]:
    return [one for event in events if isinstance(event, Token) for one in event.odds]


def asked(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def test_greedy_answers_equal_those_of_the_local_back_end(remote: Session, starter: Checkpoint) -> None:
    with Session(starter, LoadOptions(context_tokens=CONTEXT, threads=1)) as local:
        for question in QUESTIONS:
            here, there = list(local.generate(asked(question), GREEDY)), list(remote.generate(asked(question), GREEDY))
            assert text(there) == text(here)
            told, known = there[-1].value, here[-1].value  # type: ignore[union-attr]
            for count in ("prompt_tokens", "answer_tokens", "finish_reason"):
                assert told[count] == known[count], count
            assert told["decode_tokens_s"] > 0
            assert told["prompt_tokens_s"] > 0
            assert 0 < told["first_token_s"] < 60
    assert remote.record["context_tokens"] == CONTEXT
    assert remote.record["sends_to"] == ""


def test_forms_are_followed_there_too(remote: Session) -> None:
    schema = '{"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}'
    answer = text(list(remote.generate(asked(QUESTIONS[0]), replace(GREEDY, max_tokens=80, json_schema=schema))))
    assert list(json.loads(answer)) == ["city"]
    grammar = 'root ::= "It is " ("red" | "green") "."'
    assert text(list(remote.generate(asked(QUESTIONS[2]), replace(GREEDY, grammar=grammar)))) in (
        "It is red.",
        "It is green.",
    )


def test_tokens_are_as_likely_there_as_here(remote: Session, starter: Checkpoint) -> None:
    sampling = replace(GREEDY, max_tokens=8, logprobs=3)
    with Session(starter, LoadOptions(context_tokens=CONTEXT, threads=1)) as local:
        here, there = (odds(list(session.generate(asked(QUESTIONS[0]), sampling))) for session in (local, remote))
    assert len(here) == len(there) == 8
    for one, other in zip(here, there, strict=True):
        assert one.text == other.text
        assert one.logprob == pytest.approx(other.logprob, abs=0.05)
        assert [word for word, _ in one.top] == [word for word, _ in other.top]


def test_a_second_turn_reuses_the_first(remote: Session) -> None:
    first = Turn(remote, Conversation(), "Name a colour.", GREEDY)
    list(first)
    second = Turn(remote, first.conversation, "And another?", GREEDY)
    read = next(event for event in second if isinstance(event, PromptRead))
    assert 0 < read.reused_tokens < read.prompt_tokens


def test_a_cancel_frees_the_server_for_the_next_question(remote: Session) -> None:
    job = remote.generate(asked("Write a very long story."), Sampling(temperature=0.0, seed=1, max_tokens=900))
    came = 0
    with pytest.raises(Cancelled):
        for event in job:
            came += isinstance(event, Token)
            if came == 3:
                threading.Thread(target=job.cancel).start()
    assert 3 <= came < 300
    pid = remote.worker_pid
    started_s = time.monotonic()
    assert text(list(remote.generate(asked("Hi"), Sampling(temperature=0.0, seed=1, max_tokens=2))))
    assert time.monotonic() - started_s < 10, "the server still worked on the cancelled answer"
    assert remote.worker_pid == pid, "the worker had to be killed"


def test_an_answer_is_written_on(remote: Session) -> None:
    messages = [*asked("What is the capital of France?"), {"role": "assistant", "content": "The capital of France is"}]
    written = text(list(remote.generate(messages, GREEDY, continue_last=True)))
    assert "Paris" in written
    assert not written.startswith("The capital")


def test_a_prompt_that_is_too_long_is_told_in_tokens(remote: Session) -> None:
    with pytest.raises(ContextTooLong) as caught:
        list(remote.generate(asked("word " * 2000), GREEDY))
    assert caught.value.details["limit"] == CONTEXT


def test_a_wrong_key_is_told(remote: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFBYTE_SERVER_KEY_BOX", "sk-wrong")
    with pytest.raises(Refused, match="does not accept the key"):
        list(remote.generate(asked("Hi"), GREEDY))


def test_a_server_that_dies_in_the_middle_leaves_what_it_wrote(server: Running, remote: Session) -> None:
    turn = Turn(remote, Conversation(), "Write a very long story.", Sampling(temperature=0.0, seed=1, max_tokens=900))
    with pytest.raises(Exception, match=r"broke off|failed|cannot be reached"):
        for event in turn:
            if isinstance(event, Token) and len(turn.answer.content) > 20:
                server.process.kill()
    assert len(turn.answer.content) > 20
    assert turn.answer.ending == "failed"


def test_a_measurement_through_the_server_agrees_with_one_of_the_file(
    server: Running, starter: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALFBYTE_SERVER_KEY_BOX", KEY)
    servers = Servers()
    there = servers.checkpoint(servers.add(server.url, "box"), MODEL)
    options = MeasureOptions(
        tokens=128, window_tokens=128, repeats=2, prompt_tokens=64, answer_tokens=16, threads=1, context_tokens=512
    )
    text = texts.texts("measure")[:1]
    here = measured(starter, starter, options, text)
    remote = measured(there, starter, options, text)
    assert remote.quality.perplexity.value == pytest.approx(here.quality.perplexity.value, rel=0.02)
    found = remote.quality.divergence  # another build, and one token at a time: rounded otherwise
    assert found
    assert 0 <= found.mean.value < 0.01
    assert found.same_top.value > 0.9
    assert remote.memory is None
    assert remote.speed
    assert remote.speed.decode_tokens_s.median > 1
    assert remote.speed.first_token_s.median >= 0.001
    assert "box" in remote.device


def measured(model: Checkpoint, against: Checkpoint, options: MeasureOptions, text: Sequence[Text]) -> Report:
    *_, last = Measurement(model, against, options, text)
    assert isinstance(last, Finished)
    return last.value
