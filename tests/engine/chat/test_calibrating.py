from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.chat.calibrating import OnConversations
from engine.chat.export import words
from engine.chat.export.words import NAME, said, words_file
from engine.chat.history.store import History
from engine.convert.folders.plan import FolderPlan
from engine.convert.plan import Options, Plan, plan
from engine.errors import Refused
from engine.events import Event, Finished
from engine.paths import folders
from tests.helpers.chats import say

LONG = "What shall we plant in the garden this year? " * 100


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    file = tmp_path / "chats.sqlite3"
    with History(file) as history:
        say(history, LONG, "Beans.")
        shelved = say(history, "And tomatoes?", LONG)
        history.change(shelved.id, archived=True).result()
        gone = say(history, "a secret", "a deleted one")
        history.delete(gone.id).result()
    return file


class Noted:
    """A job that notes what its plan is calibrated on, and what the file says while it runs."""

    def __init__(self, planned: Plan | FolderPlan) -> None:
        (self.file,) = planned.options.calibration
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def __iter__(self) -> Iterator[Event]:
        yield Finished((self.file, self.file.read_text("utf-8"), self.cancelled))


def planned(tmp_path: Path) -> Plan:
    return plan(tmp_path / "none", "gguf-q4_k_m", tmp_path / "x.gguf", None, Options(computes_importance=True))


def test_all_that_was_said_and_not_deleted(store: Path) -> None:
    found = said(store)
    assert found.text == "\n\n".join((LONG, "Beans.", "And tomatoes?", LONG))
    assert found.messages == 4


def test_nobody_has_chatted_yet(tmp_path: Path) -> None:
    assert said(tmp_path / "none.sqlite3").messages == 0
    with pytest.raises(Refused, match="too short"), words_file(tmp_path / "none.sqlite3"):
        pass


def test_the_words_lie_in_a_file_only_while_the_job_runs(store: Path, tmp_path: Path) -> None:
    (finished,) = list(OnConversations(planned(tmp_path), Noted, store))
    assert isinstance(finished, Finished)
    file, text, _ = finished.value
    assert (file.name, text) == (NAME, said(store).text)
    assert file.is_relative_to(folders().cache)
    assert not file.exists()
    assert list((folders().cache / "calibration").iterdir()) == []


def test_a_job_that_is_cancelled_before_it_begins(store: Path, tmp_path: Path) -> None:
    job = OnConversations(planned(tmp_path), Noted, store)
    job.cancel()
    (finished,) = list(job)
    assert isinstance(finished, Finished)
    assert finished.value[2]


def test_the_same_words_are_the_same_file_for_who_goes_on(store: Path) -> None:
    def told(path: Path) -> tuple[str, int, int]:
        return str(path), path.stat().st_size, path.stat().st_mtime_ns

    with words_file(store) as file:
        first = told(file)
        if os.name != "nt":
            assert file.stat().st_mode & 0o077 == 0
    with words_file(store) as file:
        assert told(file) == first


def test_what_a_killed_app_left_is_removed(store: Path) -> None:
    left = folders().cache / "calibration" / "0123456789abcdef"
    left.mkdir(parents=True)
    os.utime(left, (0, 0))
    with words_file(store):
        assert not left.exists()


def test_too_little_is_refused_with_the_next_step(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "LEAST_CHARACTERS", 10_000_000)
    with pytest.raises(Refused) as caught, words_file(store):
        pass
    assert "Chat a little more" in caught.value.hint
