"""What is kept, what is forgotten, and what a damaged file does."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from engine.errors import Refused
from engine.measure.report import report_from
from engine.measure.store import Store, key_of
from engine.paths import Folders
from tests.helpers.reports import original, report


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Folders(tmp_path, tmp_path / "data", tmp_path / "cache", tmp_path), limit_bytes=250)


def test_reports_come_back_as_they_were(store: Store):
    kept = [original(), report("Q4_K_M", 0.05, 40.0, 2_000_000_000, gpu_bytes=0), report("Q8_0")]
    for number, each in enumerate(kept):
        store.save(str(number), each)
    assert sorted(store.reports(), key=lambda found: found.name) == sorted(kept, key=lambda found: found.name)
    assert store.report("1") == kept[1]
    assert store.report("none") is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"check": "x", "value": {}}', b"\xff\xfe", b"null"])
def test_what_is_damaged_is_as_good_as_not_there(store: Store, damage: bytes):
    store.save("k", report("Q8_0", 0.01, 30.0))
    store.keep("k", {"a": 1})
    for file in (*store.reports_folder.glob("*.json"), *store.reports_folder.parents[1].rglob("entries/*.json")):
        file.write_bytes(damage)
    assert store.reports() == ()
    assert store.entry("k") is None


def test_a_changed_number_is_noticed(store: Store):
    store.keep("k", {"perplexity": 24.1})
    (file,) = store.reports_folder.parents[1].rglob("entries/*.json")
    file.write_text(file.read_text("utf-8").replace("24.1", "14.1"), "utf-8")
    assert store.entry("k") is None


def test_latest_has_one_report_of_each_file(store: Store):
    old = report("Q8_0", 0.01)
    store.save("1", old)
    new = report_from({**report("Q8_0", 0.02).as_record(), "measured_at": "2026-12-01T00:00:00+00:00"})
    store.save("2", new)
    assert store.latest() == (new,)
    store.forget(new.sha256)
    assert store.reports() == ()


def test_the_oldest_references_make_room(store: Store):
    for number, key in enumerate(("old", "used", "new")):
        path = store.unfinished_reference(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100))
        finished = store.finish_reference(key) if key != "new" else path
        os.utime(finished, (number, number))
    assert store.reference("used")  # is used just now
    assert store.finish_reference("new").is_file()
    assert store.reference("old") is None
    assert store.reference("used")


def test_a_reference_larger_than_the_limit_stays_while_it_is_used(store: Store):
    path = store.unfinished_reference("big")
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(1000))
    assert store.finish_reference("big").is_file()


def test_only_one_measures_at_a_time(store: Store):
    refused = []

    def other() -> None:
        try:
            with store.alone():
                pass
        except Refused as error:
            refused.append(error)

    with store.alone():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    with store.alone():
        pass


def test_keys_depend_on_values_and_not_on_their_order():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1})
    assert key_of({"a": 1}) != key_of({"a": 2})
