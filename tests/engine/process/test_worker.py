"""The process boundary on its bad days: each ends in the right error, and the next request works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.errors import Cancelled, DiskFull, EngineError, NotEnoughMemory, PackageMissing, WorkerCrashed
from engine.events import Finished, Token
from engine.process import host
from engine.process.host import BugError, Worker

MODULE = "tests.helpers.misbehaving_worker"
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="signals and limits of Linux")


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(MODULE, doing="the test")
    yield worker
    worker.close()


def works(worker: Worker) -> bool:
    return worker.ask("echo", text="still here").finish()["words"] == 2


def fails(worker: Worker, do: str, **arguments: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        worker.ask(do, **arguments).finish()
    return caught.value


def test_events_arrive_in_order_and_the_result_last(worker: Worker) -> None:
    events = list(worker.ask("echo", text="one two three"))
    assert [event.text for event in events if isinstance(event, Token)] == ["one", "two", "three"]
    assert isinstance(events[-1], Finished)
    assert events[-1].value["words"] == 3


def test_programs_where_the_app_was_started_are_not_run(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a model's folder, whose programs are nobody's: one that is called torch.py, or as the worker itself."""
    for name in (MODULE.partition(".")[0], "engine", "psutil", "numpy", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('it was run')")
    monkeypatch.chdir(tmp_path)
    assert works(worker)
    own = Worker(MODULE, doing="the test", python=Path(sys.executable))  # as that of an environment
    assert works(own)
    own.close()


def test_what_needs_the_main_thread_has_it(worker: Worker) -> None:
    events = list(worker.ask("on_the_main_thread", fails=False))
    assert isinstance(events[0], Token)
    assert events[-1] == Finished(True)
    assert isinstance(fails(worker, "on_the_main_thread", fails=True), DiskFull)
    assert works(worker)


def test_one_process_answers_many_requests(worker: Worker) -> None:
    pids = {worker.ask("echo", text="a").finish()["pid"] for _ in range(3)}
    assert pids == {worker.pid}
    assert worker.starts == 1


@linux_only
def test_a_segfault_is_a_sentence_with_the_last_log_lines(worker: Worker) -> None:
    error = fails(worker, "segfault")
    assert isinstance(error, WorkerCrashed)
    assert error.details["exit_code"] == -signal.SIGSEGV
    assert "SIGSEGV" in error.message
    assert "about to touch address zero" in error.details["log"]
    assert "Fatal Python error: Segmentation fault" in error.details["log"]
    assert works(worker)
    assert worker.starts == 2


@linux_only
def test_an_abort_carries_what_the_library_said(worker: Worker) -> None:
    error = fails(worker, "abort")
    assert isinstance(error, WorkerCrashed)
    assert "GGML_ASSERT" in error.details["log"]
    assert works(worker)


@linux_only
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGILL, signal.SIGBUS, signal.SIGTERM])
def test_a_signal_is_named(worker: Worker, number: int) -> None:
    error = fails(worker, "die_by", number=int(number))
    assert isinstance(error, WorkerCrashed)
    assert signal.Signals(number).name in error.message
    assert works(worker)


@linux_only
def test_running_out_of_memory_is_said_as_such(worker: Worker) -> None:
    assert isinstance(fails(worker, "eat_memory", limit_bytes=1 << 30), NotEnoughMemory)


@linux_only
def test_a_native_allocation_failure_is_memory_too(worker: Worker) -> None:
    assert isinstance(fails(worker, "native_allocation_fails"), NotEnoughMemory)
    assert works(worker)


def test_prints_never_reach_the_wire(worker: Worker) -> None:
    assert worker.ask("print_everywhere").finish() == "intact"
    assert works(worker)
    assert "native print" in worker.log
    assert worker.starts == 1


def test_a_library_cannot_eat_requests_from_standard_input(worker: Worker) -> None:
    assert worker.ask("read_stdin").finish() == ""
    assert works(worker)


def test_a_hang_ends_two_seconds_after_cancel(worker: Worker) -> None:
    request = worker.ask("hang")
    events = iter(request)
    next(events)
    started = time.monotonic()
    request.cancel()
    with pytest.raises(Cancelled):
        next(events)
    assert time.monotonic() - started < host.FORCE_AFTER_S + 2
    assert works(worker)


def test_a_hang_ends_at_its_time_limit(worker: Worker) -> None:
    with pytest.raises(WorkerCrashed, match=r"longer than 0\.5 seconds"):
        worker.ask("hang", limit_s=0.5).finish()
    assert works(worker)


@linux_only
def test_a_worker_that_never_speaks_again_is_ended(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "SILENCE_S", 2.5)
    with pytest.raises(WorkerCrashed, match="did not respond"):
        worker.ask("hang_holding_the_lock").finish()
    assert works(worker)


def test_cancel_between_events_keeps_the_process(worker: Worker) -> None:
    request = worker.ask("count_slowly")
    events = iter(request)
    next(events)
    request.cancel()
    with pytest.raises(Cancelled):
        for _ in events:
            pass
    assert works(worker)
    assert worker.starts == 1


def test_native_loops_can_poll_for_the_cancel(worker: Worker) -> None:
    request = worker.ask("poll")
    events = iter(request)
    next(events)
    request.cancel()
    with pytest.raises(Cancelled):
        for _ in events:
            pass
    assert works(worker)
    assert worker.starts == 1


def test_cancel_may_come_from_another_thread(worker: Worker) -> None:
    request = worker.ask("count_slowly")
    threading.Timer(0.3, request.cancel).start()
    with pytest.raises(Cancelled):
        request.finish()


def test_walking_away_from_a_request_stops_it(worker: Worker) -> None:
    for _ in worker.ask("count_slowly"):
        break
    assert works(worker)
    assert worker.starts == 1


def test_a_missing_package_is_named(worker: Worker) -> None:
    error = fails(worker, "missing_import")
    assert isinstance(error, PackageMissing)
    assert error.details["package"] == "a_package_that_is_not_there"
    assert works(worker)
    assert worker.starts == 1


def test_a_fault_of_the_world_keeps_its_data(worker: Worker) -> None:
    error = fails(worker, "world_fault")
    assert isinstance(error, DiskFull)
    assert error.details == {"needed_bytes": 10, "free_bytes": 5, "folder": "/models"}


def test_our_own_bug_carries_its_traceback(worker: Worker) -> None:
    with pytest.raises(BugError) as caught:
        worker.ask("our_bug").finish()
    assert "ZeroDivisionError" in caught.value.details
    assert works(worker)


def test_a_module_that_cannot_be_imported_is_a_crash_with_its_log() -> None:
    worker = Worker("engine.no_such_stage.worker")
    with pytest.raises(WorkerCrashed) as caught:
        worker.ask("anything").finish()
    assert "no_such_stage" in caught.value.details["log"]


def test_closing_leaves_no_process(worker: Worker) -> None:
    assert works(worker)
    pid = worker.pid
    assert pid is not None
    worker.close()
    assert not psutil.pid_exists(pid)


@linux_only
def test_the_thread_that_asked_may_end_before_the_worker(worker: Worker) -> None:
    thread = threading.Thread(target=works, args=(worker,))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert works(worker)
    assert worker.starts == 1


_APP = """
import sys
from engine.process.host import Worker
worker = Worker("tests.helpers.misbehaving_worker")
request = worker.ask({do!r})
next(iter(request))
print(worker.pid, flush=True)
sys.stdin.read()
"""


@linux_only
@pytest.mark.parametrize("do", ["hang", "hang_holding_the_lock", "count_slowly"])
def test_no_worker_outlives_an_app_that_was_killed(do: str) -> None:
    app = subprocess.Popen(
        [sys.executable, "-c", _APP.format(do=do)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    )
    assert app.stdout is not None
    assert app.stdin is not None
    with app.stdin, app.stdout:
        pid = int(app.stdout.readline())
        assert psutil.pid_exists(pid)
        app.kill()
        app.wait()
    deadline = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_variables_are_asked_for_whenever_a_process_starts() -> None:
    given = iter(({"HALFBYTE_TOLD": "first"}, {"HALFBYTE_TOLD": "second"}))
    worker = Worker(MODULE, environment=lambda: next(given))
    assert worker.ask("variable", name="HALFBYTE_TOLD").finish() == "first"
    assert worker.ask("variable", name="HALFBYTE_TOLD").finish() == "first"
    worker.kill()
    worker.close()
    assert worker.ask("variable", name="HALFBYTE_TOLD").finish() == "second"
    worker.close()
