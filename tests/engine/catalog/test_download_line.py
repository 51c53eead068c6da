"""The line of downloads: order, pause, failure of one, and a restart."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.catalog.download import disk
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.line import DownloadLine, State
from engine.catalog.download.line_run import LineRun
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.staging import Staging
from engine.catalog.library import Library
from engine.errors import Cancelled, DamagedFile, DiskFull, Offline, Refused
from engine.events import Finished, Progress
from tests.helpers.downloads import QUICK, client, plan_for, said, weights
from tests.helpers.hub_server import Hub as Served
from tests.helpers.hub_server import serving

SIZE = 1_000_000


@pytest.fixture
def served():
    with serving() as served:
        yield served


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def plans(served: Served, count: int) -> list[DownloadPlan]:
    return [plan_for(served, {"m.gguf": weights(SIZE, number)}, f"acme/model-{number}") for number in range(count)]


def line_of(served: Served, library: Library, bytes_s: float = 0) -> DownloadLine:
    return DownloadLine(client(served), library, SpeedLimit(bytes_s))


def states(line: DownloadLine) -> list[State]:
    return [item.state for item in line.items]


def test_downloads_come_in_order_with_one_progress_for_all(served: Served, library: Library) -> None:
    first, second, third = plans(served, 3)
    line = line_of(served, library, 8e6)
    for plan in (first, second, third):
        line.add(plan)
    line.move(third.id, 0)
    *events, last = LineRun(line)
    assert isinstance(last, Finished)
    assert [made.path.parent.name for made in last.value] == ["model-2", "model-0", "model-1"]
    done = [event.done for event in events if isinstance(event, Progress)]
    totals = {event.total for event in events if isinstance(event, Progress)}
    assert done == sorted(done)
    assert done[-1] == 3 * SIZE
    assert totals == {3 * SIZE}
    assert states(line) == [State.DONE] * 3
    assert not (library.folder / ".downloads").exists()


def test_one_that_fails_does_not_stop_the_others(served: Served, library: Library) -> None:
    first, second = plans(served, 2)
    served.faults.add("corrupt", path="m.gguf", at=5, times=3)
    line = line_of(served, library)
    line.add(first)
    line.add(second)
    events = list(LineRun(line))
    assert states(line) == [State.FAILED, State.DONE]
    assert isinstance(line.items[0].error, DamagedFile)
    assert "is damaged" in said(events)
    line.resume(first.id)
    assert line.waiting
    list(LineRun(line))
    assert states(line) == [State.DONE, State.DONE]


def test_a_pause_lets_the_next_one_begin_and_keeps_what_is_here(served: Served, library: Library) -> None:
    first, second = plans(served, 2)
    line = line_of(served, library, 2e6)
    line.add(first)
    line.add(second)
    for event in LineRun(line):
        if isinstance(event, Progress) and event.done > SIZE / 4 and line.items[0].state is State.RUNNING:
            line.pause(first.id)
    assert states(line) == [State.PAUSED, State.DONE]
    line.resume(first.id)
    list(LineRun(line))
    assert states(line) == [State.DONE, State.DONE]


def test_what_is_added_while_it_runs_is_fetched_too(served: Served, library: Library) -> None:
    first, second = plans(served, 2)
    line = line_of(served, library, 4e6)
    line.add(first)
    for event in LineRun(line):
        if isinstance(event, Progress) and len(line.items) == 1:
            line.add(second)
    assert states(line) == [State.DONE, State.DONE]


@pytest.mark.parametrize("index", [0, 1])
def test_a_removed_one_leaves_nothing(served: Served, library: Library, index: int) -> None:
    both = plans(served, 2)
    line = line_of(served, library, 2e6)
    for plan in both:
        line.add(plan)
    removed = both[index]
    for event in LineRun(line):
        if isinstance(event, Progress) and event.done > SIZE / 4 and len(line.items) == 2:
            line.remove(removed.id)
    assert states(line) == [State.DONE]
    assert not Staging.of(library.folder, removed).folder.exists()
    assert not (library.folder / removed.repository).exists()


def test_a_restart_keeps_order_and_pauses(served: Served, library: Library) -> None:
    first, second, third = plans(served, 3)
    before = line_of(served, library, 2e6)
    for plan in (first, second, third):
        before.add(plan)
    before.move(third.id, 0)
    before.pause(first.id)
    run = LineRun(before)
    with pytest.raises(Cancelled):
        for event in run:
            if isinstance(event, Progress) and event.done > SIZE / 4:
                run.cancel()
    assert states(before) == [State.WAITING, State.PAUSED, State.WAITING]
    after = line_of(served, library)
    assert [item.plan for item in after.items] == [third, first, second]
    assert states(after) == states(before)
    list(LineRun(after))
    assert states(after) == [State.DONE, State.PAUSED, State.DONE]


@pytest.mark.parametrize("content", [None, "", "{", "[1]", '[{"id": 1}]', '{"a": 2}'])
def test_a_lost_order_is_rebuilt_from_the_disk(served: Served, library: Library, content: str | None) -> None:
    line = line_of(served, library)
    for plan in plans(served, 2):
        line.add(plan)
    file = library.folder / ".downloads" / "order.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert {item.plan.repository for item in line_of(served, library).items} == {"acme/model-0", "acme/model-1"}


def test_a_run_that_is_cancelled_before_it_begins_fetches_nothing(served: Served, library: Library) -> None:
    line = line_of(served, library)
    line.add(plans(served, 1)[0])
    run = LineRun(line)
    run.cancel()
    with pytest.raises(Cancelled):
        list(run)
    assert states(line) == [State.WAITING]


def test_only_one_app_has_the_line(served: Served, library: Library) -> None:
    first = DownloadLine.claimed(client(served), library)
    with pytest.raises(Refused, match="Another Halfbyte"):
        DownloadLine.claimed(client(served), library)
    first.close()
    assert not (library.folder / ".downloads").exists()
    DownloadLine.claimed(client(served), library).close()


def test_without_a_network_it_waits_and_goes_on_by_itself(served: Served, library: Library) -> None:
    line = line_of(served, library)
    line.add(plans(served, 1)[0])
    served.faults.add("status", value=503, times=2 * QUICK.attempts)
    seen = set()
    for event in LineRun(line, offline_wait_s=0.3):
        seen.add(line.items[0].state)
        if line.items[0].state is State.OFFLINE and isinstance(event, Progress):
            assert event.step == "waiting for the network"
            assert isinstance(line.items[0].error, Offline)
    assert State.OFFLINE in seen
    assert states(line) == [State.DONE]
    assert line.items[0].error is None


def test_one_that_waits_for_the_network_can_be_asked_to_try_at_once(served: Served, library: Library) -> None:
    line = line_of(served, library)
    line.add(plans(served, 1)[0])
    served.faults.add("status", value=503, times=2 * QUICK.attempts)
    began = time.monotonic()
    for _ in LineRun(line, offline_wait_s=60):
        if line.items[0].state is State.OFFLINE:
            line.resume(line.items[0].plan.id)
    assert states(line) == [State.DONE]
    assert time.monotonic() - began < 10


def test_a_full_disk_pauses_and_the_cause_is_known_after_a_restart(
    served: Served, library: Library, monkeypatch
) -> None:
    line = line_of(served, library)
    line.add(plans(served, 1)[0])
    with monkeypatch.context() as patch:
        patch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
        list(LineRun(line))
    after = line_of(served, library)
    for each in (line, after):
        assert states(each) == [State.PAUSED]
        assert isinstance(each.items[0].error, DiskFull)
    after.resume(after.items[0].plan.id)
    list(LineRun(after))
    assert states(after) == [State.DONE]


@pytest.mark.parametrize("goes_on", [True, False])
def test_what_goes_on_by_itself_after_a_restart(served: Served, library: Library, goes_on: bool) -> None:
    waiting, paused, elsewhere = plans(served, 3)
    line = line_of(served, library)
    line.add(waiting)
    line.add(paused)
    line.pause(paused.id)
    Staging.of(library.folder, elsewhere).remember(elsewhere)  # begun in a terminal and stopped there
    after = DownloadLine(client(served), library, goes_on=goes_on)
    found = {item.plan.id: item.state for item in after.items}
    assert found == {
        waiting.id: State.WAITING if goes_on else State.PAUSED,
        paused.id: State.PAUSED,
        elsewhere.id: State.PAUSED,
    }


def test_all_are_paused_and_go_on_together(served: Served, library: Library) -> None:
    line = line_of(served, library, 2e6)
    for plan in plans(served, 2):
        line.add(plan)
    for event in LineRun(line):
        if isinstance(event, Progress) and event.done > SIZE / 4:
            line.pause_all()
    assert states(line) == [State.PAUSED] * 2
    assert not line.waiting
    line.limit.bytes_s = 0
    line.resume_all()
    list(LineRun(line))
    assert states(line) == [State.DONE] * 2
    line.clear_done()
    assert line.items == ()


def test_a_removed_one_leaves_the_sum(served: Served, library: Library) -> None:
    big, small = plans(served, 2)
    line = line_of(served, library, 2e6)
    line.add(big)
    line.add(small)
    run = LineRun(line)
    last = None
    for event in run:
        if isinstance(event, Progress):
            last = event
            if event.done > SIZE / 2 and len(line.items) == 2:
                line.remove(big.id)
                line.limit.bytes_s = 0
    assert last and (last.done, last.total) == (SIZE, SIZE)
