"""A small file of Halfbyte's own state: JSON with a schema version, written whole or not at all.

None of these files is needed to use a model. One that is missing begins anew; one that was cut off or is no JSON is put
aside and begins anew; one of an older version is migrated on a copy in memory; one of a newer version is read as far as
it is understood and never written.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

Migration = Callable[[dict[str, Any]], dict[str, Any]]


class StateFile:
    """One file. ``migrations[n]`` turns version ``n`` into version ``n + 1``; their number is the version now."""

    def __init__(self, path: Path, migrations: Sequence[Migration] = (lambda state: state,)) -> None:
        self.path = path
        self._migrations = tuple(migrations)

    @property
    def schema(self) -> int:
        return len(self._migrations)

    def read(self) -> dict[str, Any]:
        """Return the state, without its version; empty where there is none."""
        state = self._stored()
        version = _version(state)
        for migration in self._migrations[version:]:
            state = migration(copy.deepcopy(state))
        state.pop("schema", None)
        return state

    def change(self, change: Callable[[dict[str, Any]], None]) -> bool:
        """Apply a change to the state on the disk and return whether it was kept; a newer version's is left alone.

        Several processes may do so at once. A folder that cannot be written keeps nothing, and nobody fails for it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=5):
                if _version(self._stored()) > self.schema:
                    return False
                state = self.read()
                change(state)
                self._write(state)
        except (OSError, TimeoutError):
            return False
        return True

    def _stored(self) -> dict[str, Any]:
        try:
            state = json.loads(self.path.read_text("utf-8"))
        except OSError:
            return {}
        except (ValueError, RecursionError):
            self._put_aside()
            return {}
        if isinstance(state, dict):
            return state
        self._put_aside()
        return {}

    def _put_aside(self) -> None:
        with contextlib.suppress(OSError):
            self.path.replace(self.path.with_name(self.path.name + ".damaged"))

    def _write(self, state: dict[str, Any]) -> None:
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"schema": self.schema, **state}, ensure_ascii=False), "utf-8")
        temporary.replace(self.path)


def _version(state: dict[str, Any]) -> int:
    version = state.get("schema", 0)
    return version if isinstance(version, int) and version >= 0 else 0
