"""Downloads from the local Hub: plans, and running them to their end."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.job import Download
from engine.catalog.download.plan import DownloadPlan, plan_download
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import Patience
from engine.catalog.tokens import Tokens
from engine.events import Event, Finished, Notice, Progress
from tests.helpers.hub_server import Hub as Served

NAME = "acme/Tiny-GGUF"
FILE = "Tiny-Q4_K_M.gguf"
QUICK = Patience(attempts=4, first_wait_s=0.01, longest_wait_s=0.05, connect_s=2, stall_s=0.4)


class Token(Tokens):
    """A token that is simply there."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(store=False)
        self.token = token

    def current(self) -> str | None:
        return self.token


def weights(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def client(served: Served, token: str | None = None, patience: Patience = QUICK) -> Hub:
    return Hub(served.url, Token(token), patience)


def plan_for(
    served: Served, files: Mapping[str, bytes] | None = None, name: str = NAME, entry: str = ""
) -> DownloadPlan:
    """Publish files if given, and plan to fetch the newest commit; the entry is the only GGUF file unless named."""
    if files is not None:
        served.publish(name, files)
    model = look_up(client(served), name)
    named = [file.path for file in model.files if file.path.endswith(".gguf")]
    return plan_download(model, model.files, entry=entry or (named[0] if len(named) == 1 else ""), endpoint=served.url)


def run(download: Download) -> tuple[Checkpoint, list[Event]]:
    """Run a download to its end."""
    events = list(download)
    last = events[-1]
    assert isinstance(last, Finished)
    return last.value, events


def fetched_bytes(events: list[Event]) -> list[float]:
    return [event.done for event in events if isinstance(event, Progress) and event.step == "download"]


def said(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Notice))


def files_below(folder: Path) -> dict[str, bytes]:
    """Return what lies below a folder, without records."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".halfbyte.json")
    }
