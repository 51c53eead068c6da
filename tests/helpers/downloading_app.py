"""An app that downloads, to be killed: a process that has everything imported forks one child for each download.

    python -m tests.helpers.downloading_app

Each line of standard input is ``{"endpoint": …, "library": …, "repository": …}``; the answers are ``{"pid": …}`` at
once and ``{"end": …}`` when the child has ended: ``done``, ``killed``, or the kind and message of the error. A child
continues the download that it finds unfinished in the library, as the app does after a restart.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any


class App:
    """The driver's side."""

    def __init__(self, process: subprocess.Popen[str], answers: IO[str], orders: IO[str]) -> None:
        self._process = process
        self._answers = answers
        self._orders = orders

    def start(self, **order: str) -> int:
        """Begin a download and return the process that does it."""
        print(json.dumps(order), file=self._orders, flush=True)
        return json.loads(self._answers.readline())["pid"]

    def end(self) -> dict[str, Any]:
        """Wait for the end of the download that was begun last."""
        return json.loads(self._answers.readline())


@contextlib.contextmanager
def app() -> Iterator[App]:
    command = [sys.executable, "-m", "tests.helpers.downloading_app"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield App(process, process.stdout, process.stdin)
        process.stdin.close()


def _download(order: Mapping[str, str]) -> dict[str, Any]:
    from engine.catalog.download.job import Download
    from engine.catalog.download.plan import plan_download
    from engine.catalog.download.staging import unfinished
    from engine.catalog.hub.client import Hub
    from engine.catalog.hub.model import look_up
    from engine.catalog.hub.patience import Patience
    from engine.catalog.library import Library
    from engine.errors import EngineError

    hub = Hub(order["endpoint"], patience=Patience(attempts=5, first_wait_s=0.02, longest_wait_s=0.2, stall_s=0.5))
    library = Library(Path(order["library"]))
    try:
        waiting = [each.plan for each in unfinished(library.folder)]
        if not waiting:
            model = look_up(hub, order["repository"])
            waiting = [plan_download(model, model.files, entry="model.gguf")]
        for _ in Download(waiting[0], hub, library):
            pass
    except EngineError as error:
        return {"end": error.kind, "message": f"{error.message} {error.hint}"}
    return {"end": "done", "commit": waiting[0].commit}


def _main() -> None:
    import huggingface_hub.utils  # noqa: F401  # what takes time is imported once, before the forks

    import engine.catalog.download.job
    import engine.catalog.hub.model  # noqa: F401

    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.write(writing, json.dumps(_download(json.loads(line))).encode())
            os._exit(0)
        os.close(writing)
        print(json.dumps({"pid": child}), flush=True)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        os.waitpid(child, 0)
        print(said.decode() or '{"end": "killed"}', flush=True)


if __name__ == "__main__":
    _main()
