"""A server as its card shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import duration, number
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.address import host_of, is_readable_on_the_way, leaves_machine
from engine.catalog.servers.keeping import Tried
from engine.catalog.servers.listing import Server, server_of
from engine.errors import EngineError

Level = Literal["muted", "good", "bad"]


def _untested() -> str:
    return tr("Not tested since Halfbyte was started.")


@dataclass(frozen=True, slots=True)
class ServerRow:
    """``models`` are those it had when it was last asked; ``status`` says how that went, in a colour."""

    server: Server
    models: tuple[Checkpoint, ...] = ()
    status: str = field(default_factory=_untested)
    level: Level = "muted"
    busy: bool = False


def leaving_words(url: str) -> str:
    """Say that words leave this machine, and who could read them on the way; empty if they stay."""
    if not leaves_machine(url):
        return ""
    leaving = tr("What you write leaves this machine: it goes to {host}.").format(host=host_of(url))
    open_way = tr("The connection is not encrypted: others on the network could read it.")
    return f"{leaving} {open_way}" if is_readable_on_the_way(url) else leaving


def place_words(url: str) -> str:
    return leaving_words(url) or tr("On this machine: what you write stays here.")


def leaving_of(model: Checkpoint) -> str:
    """Say that what is written to a model leaves this machine; empty for one that is here."""
    server = server_of(model)
    return leaving_words(server.url) if server else ""


def tried_words(tried: Tried) -> tuple[str, Level]:
    """Return what came of a test, and its colour."""
    if tried.error:
        return error_words(tried.error), "bad"
    key = {"keyring": tr("Its key is in this system's keyring."), "memory": tr(KEY_IN_MEMORY), "": ""}[tried.key_kept]
    if not tried.answered_s:
        untried = tr("Kept without a test.")
        return f"{untried} {key}".strip(), "muted"
    in_ms = tr("{milliseconds} ms").format(milliseconds=number(tried.answered_s * 1000))
    took = in_ms if tried.answered_s < 1 else duration(tried.answered_s)
    words = tr("Answered in {time}: %Ln model(s).", "", len(tried.models)).format(time=took)
    return f"{words} {key}".strip(), "good"


def error_words(error: BaseException) -> str:
    return f"{error.message} {error.hint}".strip() if isinstance(error, EngineError) else tr("Halfbyte made a mistake.")


KEY_IN_MEMORY = QT_TR_NOOP("This system has no keyring: its key is kept until Halfbyte is closed, and written nowhere.")
