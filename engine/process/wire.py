"""One JSON object a line, in both directions.

Host to worker::

    {"ask": 1, "do": "generate", "with": {…}}      carry out a request
    {"cancel": 1}                                  stop it

Worker to host::

    {"beat": 12.5}                                 the process is alive (its clock, seconds)
    {"to": 1, "event": "Token", "text": "Hel"}     an event of request 1
    {"to": 1, "end": "done"}                       its last line: done, cancelled, error or bug
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from engine.events import Event, Finished, Notice, Odds, Progress, PromptRead, Token

EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Progress, Notice, PromptRead, Token, Finished)}


def event_record(event: Event) -> dict[str, Any]:
    """Return an event as JSON values; a dataclass as ``Finished.value`` becomes a dictionary."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    if isinstance(event, Token) and not event.odds:
        del fields["odds"]
    if isinstance(event, Finished) and dataclasses.is_dataclass(event.value):
        fields["value"] = dataclasses.asdict(event.value)  # type: ignore[arg-type]
    return {"event": type(event).__name__, **fields}


def event_of(record: dict[str, Any]) -> Event:
    """Rebuild the event of a line. Raises ``KeyError`` for an unknown name, ``TypeError`` for wrong fields."""
    kind = EVENTS[record["event"]]
    fields = {name: value for name, value in record.items() if name not in ("event", "to")}
    if kind is Token and "ids" in fields:
        fields["ids"] = tuple(fields["ids"])
    if kind is Token and "odds" in fields:
        fields["odds"] = tuple(map(Odds.of, fields["odds"]))
    return kind(**fields)


def dump(record: dict[str, Any]) -> bytes:
    """Return one line, newline included. Text stays readable; NaN is refused, because JSON has none."""
    return (
        json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
        + b"\n"
    )


def load(line: bytes) -> dict[str, Any]:
    """Parse one line. Raises ``ValueError`` for anything that is not a JSON object."""
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError(f"not an object: {line[:80]!r}")
    return record
