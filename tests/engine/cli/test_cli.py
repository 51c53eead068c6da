"""The command line: what it prints for people and for programs, and its exit codes. Real workers, a scripted model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine import cli
from engine.catalog import starter
from tests.helpers.scripts import recorded, script


@pytest.fixture(autouse=True)
def without_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_sources", lambda: iter(()))


def test_machine_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["machine"]) == 0
    out = capsys.readouterr().out
    assert "Processor" in out
    assert "Memory" in out


def test_machine_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["machine", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["memory"]["total_bytes"] > 0
    assert found["cpu"]["usable_physical_cores"] >= 1


def test_an_empty_library_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["library"]) == 0
    assert "convert" in capsys.readouterr().out


def test_library_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["library", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"] == []


def test_an_answer_is_all_that_standard_output_gets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = script(tmp_path, chunks=[{"thinking": "Well."}, "Par", "is", "."])
    assert cli.main(["chat", str(model.path), "What is the capital of France?", "--seed", "7"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "Paris.\n"
    assert "Well." in captured.err
    assert "tokens/s" in captured.err
    asked = recorded(model)[0]
    assert asked["messages"][-1]["content"] == "What is the capital of France?"
    assert asked["sampling"]["seed"] == 7


def test_events_for_programs_are_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = script(tmp_path, chunks=["Hel", "lo"])
    assert cli.main(["chat", str(model.path), "Hi", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "".join(event["text"] for event in events if event["event"] == "Token") == "Hello"
    assert events[-1]["event"] == "Finished"


def test_markup_in_an_answer_is_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = script(tmp_path, chunks=["[bold]not bold[/] :smile: ", "[red"])
    assert cli.main(["chat", str(model.path), "Hi"]) == 0
    assert capsys.readouterr().out == "[bold]not bold[/] :smile: [red\n"


def test_a_crash_says_so_and_exits_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = script(tmp_path, chunks=["Half an ", "answer"], fail="crash", after=1)
    assert cli.main(["chat", str(model.path), "Hi"]) == cli.EXIT_WORLD
    captured = capsys.readouterr()
    assert captured.out.startswith("Half an ")
    assert "SIGSEGV" in captured.err
    assert "Try again" in captured.err


def test_an_unknown_model_is_the_worlds_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "no-such-model", "Hi"]) == cli.EXIT_WORLD
    assert "was not found" in capsys.readouterr().err


def test_a_wrong_command_line_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fly"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_a_setting_out_of_range_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chat", "x", "Hi", "--temperature", "9"]) == 2
    assert "temperature" in capsys.readouterr().err


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("machine", "suggest", "library", "convert", "chat"))


def test_ctrl_c_stops_the_answer_and_exits_with_130(tmp_path: Path) -> None:
    model = script(tmp_path, chunks=["word "] * 1000, tokens_per_s=50)
    command = [sys.executable, "-m", "desktop", "chat", str(model.path), "Hi"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"word"
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == cli.EXIT_CANCELLED
    assert time.monotonic() - started < 5
    assert b"Traceback" not in errors


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    model = script(tmp_path, chunks=["line\n"] * 5000)
    command = f"{sys.executable} -m desktop chat {model.path} Hi --json | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("group", ["chats", "servers", "data", "environments"])
def test_a_group_without_a_command_lists(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main([group, "list"])  # of conversations it says that nobody has chatted yet
    listed = capsys.readouterr()
    assert cli.main([group]) == code != 2
    assert capsys.readouterr() == listed
    assert cli.main([group, "no-such-command"]) == 2
