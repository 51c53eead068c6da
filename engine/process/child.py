"""The worker's side: take requests from standard input, answer with events, end when the host does.

A worker module is started as ``python -m engine.<stage>.worker`` and ends with ``serve(handlers)``.
It imports its heavy libraries inside the handlers, so that a failed import is an answer and not a death.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.errors import EngineError, NotEnoughMemory, PackageMissing
from engine.events import Event, Finished
from engine.process import wire

Emit = Callable[[Event], None]
Handler = Callable[..., Iterator[Event]]


@dataclass(frozen=True, slots=True)
class Blocking:
    """A handler for libraries that must have the main thread: it is given a function that sends an event.

    What it returns is the request's result. Nobody looks for a cancel meanwhile: the host ends the process.
    """

    work: Callable[..., Any]


Handlers = Mapping[str, Handler | Blocking]

PARENT = "HALFBYTE_PARENT"
BEAT_S = 1.0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(make_handlers: Callable[[threading.Event], Handlers]) -> None:
    """Answer requests until standard input closes.

    ``make_handlers`` gets an event that is set while the running request is cancelled: long native calls poll it;
    between two events of a handler the loop itself looks.
    """
    lines_in, lines_out = _claim_streams()
    _die_with_parent()
    faulthandler.enable(sys.stderr)
    # Ctrl+C in a terminal reaches the whole group; the host decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop = _Loop(lines_out)
    threading.Thread(target=loop.read, args=(lines_in,), daemon=True, name="requests").start()
    threading.Thread(target=loop.beat, daemon=True, name="heartbeat").start()
    loop.run(make_handlers(loop.stop))


class _Loop:
    def __init__(self, lines_out: BinaryIO) -> None:
        self.stop = threading.Event()
        self._out = lines_out
        self._out_lock = threading.Lock()
        self._requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        self._running: int | None = None

    def read(self, lines_in: BinaryIO) -> None:
        for line in lines_in:
            record = wire.load(line)
            if "cancel" not in record:
                self._requests.put(record)
                continue
            self._cancelled.add(record["cancel"])
            if record["cancel"] == self._running:
                self.stop.set()
        os._exit(0)  # the host is gone or wants no more; native code may still be busy

    def beat(self) -> None:
        while True:
            self.send({"beat": time.monotonic()})
            time.sleep(BEAT_S)

    def send(self, record: dict[str, Any]) -> None:
        with self._out_lock, contextlib.suppress(BrokenPipeError):
            self._out.write(wire.dump(record))
            self._out.flush()

    def run(self, handlers: Handlers) -> None:
        while True:
            request = self._requests.get()
            number = request["ask"]
            self.stop.clear()
            self._running = number
            if number in self._cancelled:
                self.stop.set()
            end = self._answer(number, handlers, request["do"], request["with"])
            self._running = None
            self._cancelled.discard(number)
            self.send({"to": number, **end})

    def _send_event(self, number: int, event: Event) -> None:
        self.send({"to": number, **wire.event_record(event)})

    def _answer(self, number: int, handlers: Handlers, do: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            handler = handlers[do]
            if isinstance(handler, Blocking):
                emit = functools.partial(self._send_event, number)
                emit(Finished(handler.work(emit, **arguments)))
                return {"end": "done"}
            events = handler(**arguments)
            with contextlib.closing(events):  # type: ignore[type-var]
                for event in events:
                    self._send_event(number, event)
                    if self.stop.is_set():
                        return {"end": "cancelled"}
            return {"end": "cancelled" if self.stop.is_set() else "done"}
        except EngineError as error:
            return {"end": "cancelled"} if self.stop.is_set() else {"end": "error", "error": error.as_record()}
        except MemoryError:
            return {"end": "error", "error": NotEnoughMemory(0, _available_bytes()).as_record()}
        except ImportError as error:
            missing = PackageMissing(error.name or "an optional package", reason=str(error))
            traceback.print_exc()
            return {"end": "error", "error": missing.as_record()}
        except Exception as error:  # our own bug: the host shows it as one
            traceback.print_exc()
            return {"end": "bug", "what": repr(error), "traceback": traceback.format_exc()}


def _claim_streams() -> tuple[BinaryIO, BinaryIO]:
    """Keep the real streams for the wire; what libraries print on standard output goes to standard error."""
    lines_in = os.fdopen(os.dup(0), "rb")
    lines_out = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return lines_in, lines_out


def _die_with_parent() -> None:
    """End this process when its host dies, even by SIGKILL while native code holds the interpreter.

    A closed standard input ends it everywhere; Linux has a signal for it besides (prctl(2)), other Unix systems are
    watched. On Windows the host's job object does it.
    """
    parent = int(os.environ.get(PARENT, "0"))
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    elif sys.platform != "win32":
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True, name="parent").start()
    if parent and sys.platform != "win32" and os.getppid() != parent:
        os._exit(0)  # it died before we could ask to be told


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(BEAT_S)
    os._exit(0)


def _available_bytes() -> int:
    import psutil

    return psutil.virtual_memory().available


def main() -> None:
    """Run the worker named on the command line: what a packaged app has in place of ``python -m``."""
    import re
    import runpy

    if len(sys.argv) != 2 or not re.fullmatch(r"engine\.\w+\.worker", sys.argv[1]):
        sys.exit("halfbyte-worker is started by Halfbyte itself and not by hand")
    runpy.run_module(sys.argv.pop(), run_name="__main__", alter_sys=True)
