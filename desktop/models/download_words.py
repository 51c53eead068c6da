"""A download in words, and what can be done with it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from desktop.faults import Button, Do, fault_of
from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import duration, size
from engine.catalog.download.item import Item, State
from engine.errors import DiskFull, EngineError
from engine.runtime import registry


class Deed(Enum):
    """What a person can do with one download."""

    PAUSE = "pause"
    RESUME = "resume"
    UP = "up"
    DOWN = "down"
    REMOVE = "remove"
    CHAT = "chat"
    SHOW = "show"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way of a download: cause and next step, and the ways on that lead elsewhere."""

    sentence: str
    level: Literal["warning", "bad"]
    ways: tuple[Button, ...] = ()


_STATES = {
    State.WAITING: QT_TR_NOOP("Waiting"),
    State.RUNNING: QT_TR_NOOP("Downloading"),
    State.OFFLINE: QT_TR_NOOP("Waiting for the network"),
    State.PAUSED: QT_TR_NOOP("Paused"),
    State.FAILED: QT_TR_NOOP("Stopped"),
    State.DONE: QT_TR_NOOP("Done"),
}
_DEEDS = {
    State.WAITING: (Deed.PAUSE,),
    State.RUNNING: (Deed.PAUSE,),
    State.OFFLINE: (Deed.RESUME, Deed.PAUSE),
    State.PAUSED: (Deed.RESUME,),
    State.FAILED: (Deed.RESUME,),
}
_RESUME_WORDS = {State.OFFLINE: QT_TR_NOOP("Try now"), State.FAILED: QT_TR_NOOP("Try again")}


def state_words(item: Item) -> str:
    if item.state is State.RUNNING and item.step == "check":
        return tr("Checking what is here")
    return tr(_STATES[item.state])


def what_words(item: Item) -> str:
    """Return what it is: “acme/model · 3 files · 4.0 GB”."""
    files = tr("%Ln file(s)", "", len(item.plan.files))
    return f"{item.plan.repository} · {files} · {size(item.plan.size_bytes)}"


def amount_words(item: Item) -> str:
    """Return how far it is: “1.2 GB of 4.0 GB · 95 MB/s · 29 s left”; empty once it is done."""
    if item.state is State.DONE:
        return ""
    words = [tr("{done} of {total}").format(done=size(item.done_bytes), total=size(item.plan.size_bytes))]
    if item.rate and item.state is State.RUNNING:
        words.append(tr("{size}/s").format(size=size(item.rate)))
    if item.remaining_s is not None and item.state is State.RUNNING:
        words.append(tr("{time} left").format(time=duration(item.remaining_s)))
    return " · ".join(words)


def obstacle(item: Item) -> Obstacle | None:
    """Return what is in the way, or ``None``."""
    error = item.error
    if error is None:
        return Obstacle(item.note, "warning") if item.note else None
    if isinstance(error, DiskFull):
        return _disk_full(error)
    if item.state is State.OFFLINE:
        wait = duration(max(1, item.try_at_s - time.monotonic()))
        again = tr("It is tried again in {time}.").format(time=wait)
        return Obstacle(f"{error.message} {again}", "warning")
    fault = fault_of(error)
    ways = tuple(way for way in fault.buttons if way.do not in (Do.RETRY, Do.COPY, Do.LIBRARY))
    return Obstacle(f"{fault.title}. {fault.sentence}", "bad", ways)


def deeds(item: Item) -> tuple[Deed, ...]:
    """Return what can be done with it, the likeliest first."""
    if item.state is not State.DONE:
        return (*_DEEDS[item.state], Deed.REMOVE)
    return (Deed.CHAT, Deed.SHOW, Deed.CLEAR) if can_chat(item) else (Deed.SHOW, Deed.CLEAR)


def deed_words(deed: Deed, item: Item) -> str:
    if deed is Deed.RESUME:
        return tr(_RESUME_WORDS.get(item.state, QT_TR_NOOP("Continue")))
    return tr(_DEED_WORDS[deed])


def can_chat(item: Item) -> bool:
    try:
        return bool(item.checkpoint and registry.for_checkpoint(item.checkpoint))
    except EngineError:
        return False


def removal_words(item: Item) -> str:
    """Return what removing it costs; empty if nothing is lost."""
    if item.state is State.DONE or not item.done_bytes:
        return ""
    return tr("What was fetched so far ({size}) is thrown away.").format(size=size(item.done_bytes))


def _disk_full(error: DiskFull) -> Obstacle:
    needed_bytes, free_bytes = error.details["needed_bytes"], error.details["free_bytes"]
    short, folder = max(0, needed_bytes - free_bytes), error.details["folder"]
    sentence = tr("The disk is full. Free {size} in {folder}, then continue. Nothing was lost.").format(
        size=size(short), folder=folder
    )
    ways = tuple(way for way in fault_of(error).buttons if way.do is not Do.RETRY)
    return Obstacle(sentence, "bad", ways)


_DEED_WORDS = {
    Deed.PAUSE: QT_TR_NOOP("Pause"),
    Deed.UP: QT_TR_NOOP("Move up"),
    Deed.DOWN: QT_TR_NOOP("Move down"),
    Deed.REMOVE: QT_TR_NOOP("Remove"),
    Deed.CHAT: QT_TR_NOOP("Chat with it"),
    Deed.SHOW: QT_TR_NOOP("Show in library"),
    Deed.CLEAR: QT_TR_NOOP("Clear"),
}
