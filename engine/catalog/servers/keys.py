"""The keys of servers: in the system's keyring, under the server's address, and sent to that address alone.

An environment variable comes first: for systems without a keyring, and for programs.
"""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any

from engine.catalog.tokens import SERVICE, system_store
from engine.errors import Refused

VARIABLE = "HALFBYTE_SERVER_KEY"
SENDABLE = re.compile(r"[\x21-\x7e]{1,4096}")  # what a header's value may hold (RFC 9110, section 5.5), without blanks


def variable_of(name: str) -> str:
    """Return the environment variable for the key of a server: ``HALFBYTE_SERVER_KEY_MY_BOX``."""
    return f"{VARIABLE}_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"


class ServerKeys:
    """Finds, keeps and forgets keys. Reading a keyring may ask the person to unlock it: call it from a job."""

    def __init__(self, store: Any = None) -> None:
        """``store`` stands in for the system's keyring; ``False``: there is none."""
        self._store = store
        self._held: set[str] = set()

    def find(self, name: str, url: str) -> str:
        """Return the key of a server; empty without one. Raises :class:`Refused` for one that cannot be sent."""
        key = os.environ.get(variable_of(name), "").strip()
        if not key and (store := self._keyring()):
            with contextlib.suppress(Exception):  # each system's store has errors of its own, and none may show the key
                key = store.get_password(SERVICE, url) or ""
        return _checked(key) if key else ""

    def keep(self, url: str, key: str) -> bool:
        """Keep a key and return whether it is kept: without a keyring it is not, and goes into no file instead."""
        key = _checked(key.strip())
        if store := self._keyring():
            with contextlib.suppress(Exception):
                store.set_password(SERVICE, url, key)
                return True
        return False

    def hold(self, name: str, key: str) -> None:
        """Keep a key until this process ends, its workers included: for systems without a keyring."""
        os.environ[variable_of(name)] = _checked(key.strip())
        self._held.add(variable_of(name))

    def held(self, name: str) -> str:
        """Return the key that :meth:`hold` keeps under a name; empty without one."""
        return os.environ.get(variable_of(name), "") if variable_of(name) in self._held else ""

    def let_go(self, name: str) -> None:
        """Forget what :meth:`hold` keeps under a name; a variable that the person has set stays."""
        if variable_of(name) in self._held:
            os.environ.pop(variable_of(name), None)
            self._held.discard(variable_of(name))

    def forget(self, url: str) -> None:
        if store := self._keyring():
            with contextlib.suppress(Exception):
                if store.get_password(SERVICE, url) is not None:
                    store.delete_password(SERVICE, url)

    def _keyring(self) -> Any:
        if self._store is None:
            self._store = system_store() or False
        return self._store


def _checked(key: str) -> str:
    """Return a key that can be a header's value: an error about it would show it."""
    if not SENDABLE.fullmatch(key):
        raise Refused(
            "This is not a key that can be sent: it is empty or has blanks or letters outside of ASCII in it."
        )
    return key
