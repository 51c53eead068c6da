"""Time limits and failures of the parts of a probe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from engine.errors import PackageMissing
from engine.machine.parts import Outcome, Part, run
from engine.machine.unavailable import Unavailable


def outcomes(*parts: Part, stop: threading.Event | None = None) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in run(parts, stop or threading.Event())}


def failing(error: Exception) -> Callable[[], Any]:
    def read() -> Any:
        raise error

    return read


def test_a_part_that_hangs_costs_its_limit_and_no_more() -> None:
    released = threading.Event()
    start = time.monotonic()
    found = outcomes(Part("hangs", 0.3, lambda: released.wait(30)), Part("works", 5.0, lambda: 7))
    elapsed_s = time.monotonic() - start
    released.set()

    assert found["works"].value == 7
    row = found["hangs"].missing
    assert row is not None
    assert "did not answer within 0.3 seconds" in row.reason
    assert row.hint
    assert 0.3 <= elapsed_s < 1.5


def test_two_parts_that_hang_cost_the_longer_limit_once() -> None:
    released = threading.Event()
    start = time.monotonic()
    found = outcomes(*(Part(f"part {limit}", limit, lambda: released.wait(30)) for limit in (0.2, 0.4)))
    elapsed_s = time.monotonic() - start
    released.set()
    assert all(outcome.missing for outcome in found.values())
    assert elapsed_s < 1.5


def test_an_answer_after_the_limit_is_not_counted_twice() -> None:
    late = threading.Event()

    def slow() -> int:
        late.wait(0.5)
        return 1

    seen = [
        outcome.name for outcome in run([Part("slow", 0.1, slow), Part("slower", 2.0, lambda: time.sleep(0.8))], late)
    ]
    assert sorted(seen) == ["slow", "slower"]


def test_the_worlds_fault_is_told_in_its_own_words() -> None:
    row = outcomes(Part("llama.cpp", 1.0, failing(PackageMissing("llama-cpp-python"))))["llama.cpp"].missing
    assert row is not None
    assert row.reason.startswith("The package llama-cpp-python cannot be loaded")
    assert "pip install" in row.hint


def test_a_reading_that_could_not_be_taken_has_its_reason() -> None:
    row = outcomes(Part("sysctl", 1.0, failing(Unavailable("sysctl cannot be started."))))["sysctl"].missing
    assert row is not None
    assert row.reason == "sysctl cannot be started."


def test_our_own_mistake_becomes_a_row_too() -> None:
    row = outcomes(Part("memory", 1.0, failing(ZeroDivisionError("division by zero"))))["memory"].missing
    assert row is not None
    assert "ZeroDivisionError" in row.reason
    assert "bug report" in row.hint


def test_a_stop_ends_the_waiting() -> None:
    stop, released = threading.Event(), threading.Event()
    threading.Timer(0.2, stop.set).start()
    start = time.monotonic()
    assert outcomes(Part("hangs", 30.0, lambda: released.wait(30)), stop=stop) == {}
    released.set()
    assert time.monotonic() - start < 2
