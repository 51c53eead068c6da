"""What a job does in its thread, and what the main thread hears of it."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QObject, Slot

from desktop.jobs import JOIN_MS, Call, Jobs, JobThread, Latest, joined
from engine.errors import Cancelled, NotFound
from engine.events import Finished, Notice, Progress, PromptRead, Token


class Steps:
    """A job of given events; an exception among them is raised, a number is a pause in seconds."""

    def __init__(self, *steps):
        self.steps = steps
        self.stopped = threading.Event()
        self.thread = None

    def __iter__(self):
        self.thread = threading.current_thread()
        for step in self.steps:
            if self.stopped.is_set():
                raise Cancelled
            if isinstance(step, Exception):
                raise step
            if isinstance(step, float):
                self.stopped.wait(step)
            else:
                yield step

    def cancel(self):
        self.stopped.set()


class Ear(QObject):
    """Receive every signal of a thread, in order, with the thread that it was heard in."""

    def __init__(self, thread: JobThread):
        super().__init__()
        self.heard = []
        self.threads = set()
        for signal in ("progressed", "noticed", "prompt_read", "tokens", "finished", "failed"):
            getattr(thread, signal).connect(getattr(self, f"on_{signal}"))

    def _hear(self, what):
        self.heard.append(what)
        self.threads.add(threading.current_thread())

    @Slot(Progress)
    def on_progressed(self, progress):
        self._hear(progress)

    @Slot(Notice)
    def on_noticed(self, notice):
        self._hear(notice)

    @Slot(PromptRead)
    def on_prompt_read(self, read):
        self._hear(read)

    @Slot(list)
    def on_tokens(self, tokens):
        self._hear(tokens)

    @Slot(object)
    def on_finished(self, value):
        self._hear(("finished", value))

    @Slot(Exception)
    def on_failed(self, error):
        self._hear(error)


def run(qtbot, job, ends="finished"):
    thread = JobThread(job)
    ear = Ear(thread)
    with qtbot.waitSignal(getattr(thread, ends), timeout=5000):
        thread.start()
    assert thread.wait()
    return ear


def test_events_arrive_in_order_in_the_main_thread(qtbot):
    job = Steps(Notice("read this"), PromptRead(5, 2, 0.1), Token("a"), Progress("x", 1, 2), Token("b"), Finished(7))
    ear = run(qtbot, job)
    kinds = [type(event) for event in ear.heard]
    assert kinds == [Notice, PromptRead, list, Progress, list, tuple]
    assert ear.heard[-1] == ("finished", 7)
    assert ear.threads == {threading.main_thread()}
    assert job.thread is not threading.main_thread()


def test_a_fast_job_is_heard_at_most_every_33_ms(qtbot):
    tokens = [step for number in range(200) for step in (Token(f"{number} ", ids=(number,)), 0.001)]
    started = time.monotonic()
    ear = run(qtbot, Steps(*tokens, Finished()))
    most = (time.monotonic() - started) * 1000 / JOIN_MS + 2
    lists = [event for event in ear.heard if isinstance(event, list)]
    assert len(lists) <= most
    assert "".join(token.text for pieces in lists for token in pieces) == "".join(f"{n} " for n in range(200))
    assert [number for pieces in lists for token in pieces for number in token.ids] == list(range(200))


def test_a_slow_token_is_not_held_back_until_the_next(qtbot):
    thread = JobThread(Steps(Token("a"), 0.005, Token("b"), 30.0, Token("c"), Finished()))
    ear = Ear(thread)
    thread.start()
    qtbot.waitUntil(lambda: "".join(t.text for e in ear.heard for t in e) == "ab", timeout=2000)
    with qtbot.waitSignal(thread.failed):
        thread.cancel()
    thread.wait()


def test_joining_keeps_parts_apart_and_the_newest_progress():
    events = [
        Token("a", "thinking", (1,)),
        Token("b", "thinking", (2,)),
        Token("c", ids=(3,)),
        Progress("read", 1, 9),
        Progress("read", 2, 9),
        Progress("write", 0, 9),
        Finished(),
    ]
    assert list(joined(events)) == [
        [Token("ab", "thinking", (1, 2)), Token("c", "answer", (3,))],
        Progress("read", 2, 9),
        Progress("write", 0, 9),
        Finished(),
    ]


EVENTS = st.one_of(
    st.builds(Token, st.text(max_size=3), st.sampled_from(["answer", "thinking"]), st.just((1,))),
    st.builds(Progress, st.sampled_from(["read", "write"]), st.integers(0, 9), st.just(9)),
    st.builds(Notice, st.text(max_size=3)),
)


@given(st.lists(EVENTS, max_size=30))
def test_joining_loses_nothing_but_old_progress(events):
    told = list(joined(events))
    flat = [piece for item in told for piece in (item if isinstance(item, list) else [item])]
    for part in ("answer", "thinking"):
        before, after = ([e for e in some if isinstance(e, Token) and e.part == part] for some in (events, flat))
        assert "".join(token.text for token in before) == "".join(token.text for token in after)
        assert sum(len(token.ids) for token in before) == sum(len(token.ids) for token in after)
    assert [e for e in events if isinstance(e, Notice)] == [e for e in flat if isinstance(e, Notice)]
    newest = {e.step: e for e in events if isinstance(e, Progress)}
    assert newest == {e.step: e for e in flat if isinstance(e, Progress)}


def test_an_error_ends_the_job_after_what_came_before(qtbot):
    ear = run(qtbot, Steps(Token("half"), NotFound("x")), ends="failed")
    assert [type(event) for event in ear.heard] == [list, NotFound]


def test_an_error_after_finished_counts(qtbot):
    ear = run(qtbot, Steps(Finished(1), Cancelled()), ends="failed")
    assert [type(event) for event in ear.heard] == [Cancelled]


def test_a_job_without_an_end_is_our_bug(qtbot):
    ear = run(qtbot, Steps(Token("a")), ends="failed")
    assert isinstance(ear.heard[-1], RuntimeError)


def test_cancel_reaches_the_job(qtbot):
    thread = JobThread(Steps(60.0, Finished()))
    with qtbot.waitSignal(thread.failed) as failure:
        thread.start()
        thread.cancel()
    assert isinstance(failure.args[0], Cancelled)
    thread.wait()


def test_a_deleted_owner_cancels_and_hears_nothing(qtbot):
    owner = QObject()
    job = Steps(Token("a"), 60.0, Finished())
    thread = JobThread(job, owner)
    runner = thread._runner
    thread.start()
    qtbot.waitUntil(lambda: job.thread is not None)
    owner.deleteLater()
    qtbot.waitUntil(job.stopped.is_set)
    assert runner.wait_for_end(4000)


def test_a_call_gives_its_value(qtbot):
    assert run(qtbot, Call(divmod, 7, 2)).heard == [("finished", (3, 1))]


def test_a_call_gives_its_error(qtbot):
    ear = run(qtbot, Call(divmod, 7, 0), ends="failed")
    assert isinstance(ear.heard[0], ZeroDivisionError)


def test_a_cancelled_call_drops_its_value(qtbot):
    go = threading.Event()
    call = Call(go.wait, 5, doing="Waiting")
    thread = JobThread(call)
    with qtbot.waitSignal(thread.failed) as failure:
        thread.start()
        thread.cancel()
        go.set()
    assert failure.args[0].message == "Waiting was cancelled."
    thread.wait()


def test_jobs_lists_what_runs(qtbot):
    jobs = Jobs()
    with qtbot.waitSignals([jobs.started, jobs.ended]):
        thread = jobs.start(Steps(0.05, Finished()), "Reading")
        assert jobs.running == (thread,)
    assert jobs.running == ()
    thread.wait()


def test_closing_cancels_all(qtbot):
    jobs = Jobs()
    slow = [Steps(60.0, Finished()) for _ in range(3)]
    for job in slow:
        jobs.start(job)
    assert jobs.close()
    assert all(job.stopped.is_set() for job in slow)


def test_only_the_newest_counts(qtbot):
    latest = Latest(Jobs())
    heard = []
    latest.finished.connect(heard.append)
    latest.failed.connect(heard.append)
    stale = Steps(0.05, Finished("stale"))
    latest.start(stale)
    with qtbot.waitSignal(latest.finished):
        latest.start(Steps(0.15, Finished("new")))
    assert heard == ["new"]
    assert stale.stopped.is_set()


def test_the_newest_tells_progress_and_failure(qtbot):
    latest = Latest(Jobs())
    with qtbot.waitSignals([latest.progressed, latest.failed]):
        latest.start(Steps(Progress("x", 1, 2), NotFound("y")))


@pytest.mark.parametrize("count", [1, 50])
def test_many_threads_leave_nothing_behind(qtbot, qapp, count):
    from desktop.jobs import _Runner

    for _ in range(count):
        run(qtbot, Call(int))
    qtbot.waitUntil(lambda: not qapp.findChildren(_Runner), timeout=2000)


def test_threads_are_started_in_one_place():
    files = (Path(__file__).parents[2] / "desktop").rglob("*.py")
    assert {file.name for file in files if re.search(r"\bQThread\b|Thread\(", file.read_text())} == {"jobs.py"}
