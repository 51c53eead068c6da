"""Garbage is collected while the app is at rest, and not while a job runs."""

from __future__ import annotations

import gc
import threading

import pytest

from desktop.garbage import GarbageTime
from desktop.jobs import Call, Jobs


@pytest.fixture
def jobs(qapp):
    jobs = Jobs()
    yield jobs
    jobs.close()


@pytest.fixture
def garbage_time(jobs):
    gc.enable()  # as in the app; tests/desktop/conftest.py turns it off
    time = GarbageTime(jobs)
    yield time
    time.end()
    gc.disable()


@pytest.fixture
def collections():
    seen = []

    def note(phase, info):
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_no_full_collection_comes_by_itself(garbage_time, collections):
    kept = [[number] for number in range(200_000)]
    assert 1 in collections
    assert 2 not in collections
    assert len(kept) == 200_000


def test_it_waits_for_the_jobs_to_end(garbage_time, jobs, collections, qtbot):
    wait = threading.Event()
    thread = jobs.start(Call(wait.wait, 5))
    collections.clear()
    garbage_time.collect_at_rest()
    assert 2 not in collections
    with qtbot.waitSignal(thread.finished):
        wait.set()
    garbage_time.collect_at_rest()
    assert 2 in collections


def test_the_old_ways_come_back(jobs):
    before = gc.get_threshold()
    GarbageTime(jobs).end()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_it_turns_on_again_what_the_start_turned_off(jobs):
    gc.disable()
    time = GarbageTime(jobs)
    assert gc.isenabled()
    time.end()
    gc.disable()  # as the other tests have it
