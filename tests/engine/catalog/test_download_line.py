"""The line of downloads: order, pause, failure of one, and a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.line import DownloadLine, State
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.staging import Staging
from engine.catalog.library import Library
from engine.errors import Cancelled, DamagedFile
from engine.events import Finished, Progress
from tests.helpers.downloads import client, plan_for, said, weights
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
    *events, last = line.run()
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
    events = list(line.run())
    assert states(line) == [State.FAILED, State.DONE]
    assert isinstance(line.items[0].error, DamagedFile)
    assert "is damaged" in said(events)
    line.resume(first.id)
    assert line.waiting
    list(line.run())
    assert states(line) == [State.DONE, State.DONE]


def test_a_pause_lets_the_next_one_begin_and_keeps_what_is_here(served: Served, library: Library) -> None:
    first, second = plans(served, 2)
    line = line_of(served, library, 2e6)
    line.add(first)
    line.add(second)
    for event in line.run():
        if isinstance(event, Progress) and event.done > SIZE / 4 and line.items[0].state is State.RUNNING:
            line.pause(first.id)
    assert states(line) == [State.PAUSED, State.DONE]
    line.resume(first.id)
    list(line.run())
    assert states(line) == [State.DONE, State.DONE]


def test_what_is_added_while_it_runs_is_fetched_too(served: Served, library: Library) -> None:
    first, second = plans(served, 2)
    line = line_of(served, library, 4e6)
    line.add(first)
    for event in line.run():
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
    for event in line.run():
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
    run = before.run()
    with pytest.raises(Cancelled):
        for event in run:
            if isinstance(event, Progress) and event.done > SIZE / 4:
                run.cancel()
    assert states(before) == [State.WAITING, State.PAUSED, State.WAITING]
    after = line_of(served, library)
    assert [item.plan for item in after.items] == [third, first, second]
    assert states(after) == states(before)
    list(after.run())
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
    run = line.run()
    run.cancel()
    with pytest.raises(Cancelled):
        list(run)
    assert states(line) == [State.WAITING]
