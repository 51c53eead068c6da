"""A worker that does what native code does on its bad days; for the tests of the process boundary."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from engine.errors import DiskFull
from engine.events import Event, Finished, Notice, Progress, Token
from engine.process.child import Blocking, Emit, Handlers, serve


def echo(text: str) -> Iterator[Event]:
    for word in text.split():
        yield Token(word)
    yield Finished({"words": len(text.split()), "pid": os.getpid()})


def variable(name: str) -> Iterator[Event]:
    yield Finished(os.environ.get(name, ""))


def segfault() -> Iterator[Event]:
    print("about to touch address zero")
    yield Token("before")
    import ctypes

    ctypes.string_at(0)


def abort() -> Iterator[Event]:
    yield Token("before")
    os.write(2, b"GGML_ASSERT(!key.empty()) failed\n")
    os.abort()


def native_allocation_fails() -> Iterator[Event]:
    yield Token("before")
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def eat_memory(limit_bytes: int) -> Iterator[Event]:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    yield Token("before")
    hoard = [bytearray(64 << 20) for _ in range(10_000)]
    yield Finished(len(hoard))


def print_everywhere() -> Iterator[Event]:
    print('{"to": 1, "end": "done"}')
    sys.stdout.write("half a line")
    sys.stdout.flush()
    os.write(1, b"native print\n")
    subprocess.run(["echo", "a child's print"], check=True)
    yield Finished("intact")


def read_stdin() -> Iterator[Event]:
    yield Finished(os.read(0, 100).decode())


def hang() -> Iterator[Event]:
    yield Token("before")
    time.sleep(3600)


def hang_holding_the_lock() -> Iterator[Event]:
    yield Token("before")
    import ctypes

    ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the interpreter lock: no heartbeat, no cancel


def count_slowly() -> Iterator[Event]:
    for number in range(10_000):
        yield Progress("counting", number, 10_000, "steps")
        time.sleep(0.01)


def missing_import() -> Iterator[Event]:
    yield Notice("importing")
    import a_package_that_is_not_there  # noqa: F401  # pyright: ignore[reportMissingImports]


def world_fault() -> Iterator[Event]:
    yield Notice("writing")
    raise DiskFull(10, 5, "/models")


def our_bug() -> Iterator[Event]:
    yield Notice("dividing")
    _ = 1 / 0


def die_by(number: int) -> Iterator[Event]:
    yield Token("before")
    os.kill(os.getpid(), number)
    signal.pause()


def on_the_main_thread(emit: Emit, fails: bool) -> bool:
    emit(Token("before"))
    if fails:
        raise DiskFull(10, 5, "/models")
    return threading.current_thread() is threading.main_thread()


def make_handlers(stop: threading.Event) -> Handlers:
    def poll() -> Iterator[Event]:
        yield Token("before")
        stop.wait(30)
        yield Finished("stopped" if stop.is_set() else "waited in vain")

    functions = (
        echo, variable, segfault, abort, native_allocation_fails, eat_memory, print_everywhere, read_stdin, hang,
        hang_holding_the_lock, count_slowly, missing_import, world_fault, our_bug, die_by, poll,
    )  # fmt: skip
    return {
        **{function.__name__: function for function in functions},
        "on_the_main_thread": Blocking(on_the_main_thread),
    }


if __name__ == "__main__":
    serve(make_handlers)
