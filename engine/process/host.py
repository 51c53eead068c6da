"""The host's side of a worker: start it, ask it, cancel, kill, and say in words how it ended.

A worker that died is started anew by the next request, so a crash costs one request and never the app.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from engine.errors import Cancelled, EngineError, Refused, WorkerCrashed, from_record
from engine.events import Event, Finished
from engine.process import death, outside, wire
from engine.process.child import PARENT

FORCE_AFTER_S = 2.0  # a cancelled request that has not ended by then is ended by killing its process
SILENCE_S = 60.0  # heartbeats come every second; a process this silent holds its interpreter lock for good
LOG_LINES = 200

# Linux sends the parent-death signal when the *thread* that started the child ends (prctl(2)). A QThread is
# short-lived, so one thread that lives as long as the process starts them all.
_launcher = ThreadPoolExecutor(1, thread_name_prefix="worker-launcher")


class BugError(Exception):
    """Report our own mistake in a worker; ``details`` is its traceback."""

    def __init__(self, what: str, details: str) -> None:
        super().__init__(what)
        self.details = details


class Worker:
    """One worker process. Thread-safe; requests are answered in the order they were asked.

    ``python`` is the interpreter that runs the module; ``None`` is the app's own. ``environment`` are variables beside
    the inherited ones; a function is asked for them whenever a process is started.
    """

    def __init__(
        self,
        module: str,
        doing: str = "work",
        environment: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
        python: Path | None = None,
    ) -> None:
        self.module = module
        self.doing = doing
        self.starts = 0  # how often a process was started: a change means that its state is gone
        self._environment = environment or {}
        self.python = python
        self._process: _Process | None = None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def alive(self) -> bool:
        process = self._process
        return process is not None and process.alive

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.popen.pid if process and process.alive else None

    @property
    def log(self) -> str:
        """The last lines that the process wrote to standard error."""
        process = self._process
        return "\n".join(process.log) if process else ""

    def ask(self, do: str, *, limit_s: float | None = None, **arguments: Any) -> Request:
        """Send a request; iterate over the result for its events.

        ``limit_s`` ends a request that takes longer by killing the process.
        """
        with self._lock:
            if not self.alive:
                variables = self._environment() if callable(self._environment) else self._environment
                self._process = _Process(self.module, variables, self.python)
                self.starts += 1
            assert self._process is not None
            request = Request(self._process, next(self._numbers), self.doing, limit_s)
            self._process.send_request(request, {"ask": request.number, "do": do, "with": arguments})
            return request

    def kill(self) -> None:
        """End the process now. Whoever waits for it gets :class:`WorkerCrashed`, or :class:`Cancelled` if asked for."""
        if self._process:
            self._process.kill()

    def close(self) -> None:
        """Let the process end by closing its input; after two seconds it is killed."""
        with self._lock:
            if self._process:
                self._process.close()
                self._process = None


class Request:
    """The events of one request. Iterate once; :attr:`result` is the value of its ``Finished``."""

    def __init__(self, process: _Process, number: int, doing: str, limit_s: float | None) -> None:
        self.number = number
        self.result: Any = None
        self._process = process
        self._doing = doing
        self._limit_s = limit_s
        self._cancelled = False
        self._ended = threading.Event()
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def deliver(self, line: dict[str, Any]) -> None:
        """Take a line from the thread that reads the process."""
        if "end" in line:
            self._ended.set()
        self._lines.put(line)

    def __iter__(self) -> Iterator[Event]:
        """Yield events; raise the request's ``EngineError``, ``Cancelled``, or ``BugError``."""
        try:
            yield from self._events()
        finally:
            if not self._ended.is_set():  # the consumer walked away
                self.cancel()

    def cancel(self) -> None:
        """Ask the request to stop; kill the process if it has not stopped after two seconds."""
        if self._cancelled or self._ended.is_set():
            return
        self._cancelled = True
        self._process.send({"cancel": self.number})
        timer = threading.Timer(FORCE_AFTER_S, self._force)
        timer.daemon = True
        timer.start()

    def finish(self) -> Any:
        """Run to the end and return the result, for requests whose events nobody watches."""
        for _ in self:
            pass
        return self.result

    def _force(self) -> None:
        if not self._ended.is_set():
            self._process.kill()

    def _events(self) -> Iterator[Event]:
        deadline = time.monotonic() + self._limit_s if self._limit_s else None
        while True:
            line = self._next_line(deadline)
            if "event" in line:
                event = wire.event_of(line)
                if isinstance(event, Finished):
                    self.result = event.value
                yield event
                continue
            self._process.forget(self)
            if line["end"] != "done":
                raise self._error(line)
            return

    def _next_line(self, deadline: float | None) -> dict[str, Any]:
        while True:
            try:
                return self._lines.get(
                    timeout=1.0 if deadline is None else max(0.01, min(1.0, deadline - time.monotonic()))
                )
            except queue.Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    self._process.give_up(f"it took longer than {self._limit_s:g} seconds")
                    deadline = None
                elif self._process.silent_s > SILENCE_S:
                    self._process.give_up(f"it did not respond for {SILENCE_S:g} seconds")

    def _error(self, line: dict[str, Any]) -> Exception:
        if line["end"] == "cancelled" or (self._cancelled and line["end"] == "died"):
            return Cancelled(self._doing[:1].upper() + self._doing[1:])
        if line["end"] == "error":
            return from_record(line["error"])
        if line["end"] == "bug":
            return BugError(line["what"], line["traceback"])
        return self._process.epitaph(self._doing)


class _Process:
    """A started process with the threads that read it."""

    def __init__(self, module: str, environment: Mapping[str, str], python: Path | None) -> None:
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self._requests: dict[int, Request] = {}
        self._lock = threading.Lock()
        self._dead = False
        self._reason = ""
        self._last_beat = time.monotonic()
        self._memory_before = death.oom_kills()
        self.popen: subprocess.Popen[bytes] = _launcher.submit(_start, module, environment, python).result()
        stderr = threading.Thread(target=self._read_log, daemon=True, name=f"{module} log")
        stderr.start()
        threading.Thread(target=self._read, args=(stderr,), daemon=True, name=f"{module} events").start()

    @property
    def alive(self) -> bool:
        return not self._dead and self.popen.poll() is None

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self._last_beat

    def send_request(self, request: Request, record: dict[str, Any]) -> None:
        with self._lock:
            self._requests[request.number] = request
            if self._dead:
                request.deliver({"end": "died"})
        self.send(record)

    def send(self, record: dict[str, Any]) -> None:
        assert self.popen.stdin is not None
        with self._lock, contextlib.suppress(OSError, ValueError):  # a dead process: the reader tells
            self.popen.stdin.write(wire.dump(record))
            self.popen.stdin.flush()

    def forget(self, request: Request) -> None:
        self._requests.pop(request.number, None)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()

    def give_up(self, reason: str) -> None:
        self._reason = reason
        self._last_beat = time.monotonic()
        self.kill()

    def _close_input(self) -> None:
        assert self.popen.stdin is not None
        with self._lock, contextlib.suppress(OSError):  # what a dead process did not read is lost
            self.popen.stdin.close()

    def close(self) -> None:
        self._close_input()
        try:
            self.popen.wait(FORCE_AFTER_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.popen.wait()

    def epitaph(self, doing: str) -> EngineError:
        """Say how the process ended. Call after it has."""
        log = "\n".join(self.log)
        code = self.popen.returncode
        if not self._reason and death.was_memory(code, log, self._memory_before):
            return death.memory_error(log)
        return WorkerCrashed(code, log, doing, self._reason or death.in_words(code))

    def _read(self, stderr: threading.Thread) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as lines:
            for line in lines:
                self._last_beat = time.monotonic()
                try:
                    record = wire.load(line)
                except ValueError:
                    self.log.append(repr(line))
                    continue
                request = self._requests.get(record.get("to", 0))
                if request:
                    request.deliver(record)
        self.popen.wait()
        stderr.join(1.0)  # its last lines say why
        self._close_input()
        with self._lock:
            self._dead = True
            for request in self._requests.values():
                request.deliver({"end": "died"})

    def _read_log(self) -> None:
        assert self.popen.stderr is not None
        with self.popen.stderr as lines:
            while line := lines.readline(4096):
                self.log.append(line.decode("utf-8", "replace").rstrip())


def _start(module: str, environment: Mapping[str, str], python: Path | None) -> subprocess.Popen[bytes]:
    try:
        with outside.libraries_hidden() if python else contextlib.nullcontext():
            popen = subprocess.Popen(
                _command(module, python),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(environment, python),
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
    except OSError as error:
        raise Refused(f"The worker process cannot be started: {error}", "Install Halfbyte again.") from error
    if sys.platform == "win32":
        from engine.process import windows

        windows.die_with_us(popen)
    return popen


def _command(module: str, python: Path | None) -> list[str]:
    if python is None and outside.is_frozen():
        suffix = ".exe" if sys.platform == "win32" else ""
        return [str(Path(sys.executable).with_name("halfbyte-worker" + suffix)), module]
    # -P: the folder in which the app was started is not searched for modules. It may be a model's, with a torch.py.
    return [str(python or sys.executable), "-P", "-m", module]


def _environment(extra: Mapping[str, str], python: Path | None) -> dict[str, str]:
    inherited = outside.variables_for_python(python) if python else dict(os.environ)
    search = [str(outside.source_folder()), *filter(None, [inherited.get("PYTHONPATH")])]
    return {
        **inherited,
        "PYTHONPATH": os.pathsep.join(search),
        "PYTHONIOENCODING": "utf-8",
        "GOMP_SPINCOUNT": "1000",  # libgomp's barriers spin: beside one busy process 100 tokens/s fell to 0.3
        "GGML_NO_BACKTRACE": "1",  # a failed assert would start a debugger for its backtrace
        PARENT: str(os.getpid()),
        **extra,
    }
