"""The access token of the Hub: where it comes from and where it is kept.

It is kept in the system's keyring, never in a file of ours, in a log or in an error. Where the system has no keyring it
is kept until the app closes, and :meth:`Tokens.keep` says so.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from engine.errors import Refused

SERVICE = "Halfbyte"
ACCOUNT = "huggingface.co"
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")  # huggingface_hub 2.4, utils/_auth.py
# The system's own stores. Others (keyrings.alt) write plain text into files.
SYSTEM_STORES = {
    "SecretService": "Keyring",
    "libsecret": "Keyring",
    "kwallet": "DBusKeyring",
    "macOS": "Keyring",
    "Windows": "WinVaultKeyring",
}
PLAUSIBLE = re.compile(r"[A-Za-z0-9_.\-]{8,512}")


class Source(StrEnum):
    """Where the token in use comes from."""

    NONE = "none"
    ENVIRONMENT = "environment"
    KEYRING = "keyring"
    SESSION = "session"
    HF_LOGIN = "hf login"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Source.NONE: "No access token is set.",
    Source.ENVIRONMENT: "The token of the environment variable HF_TOKEN is used.",
    Source.KEYRING: "The token is kept in the system's keyring.",
    Source.SESSION: "This system has no keyring: the token is kept until Halfbyte closes.",
    Source.HF_LOGIN: "The token of “hf auth login” is used.",
}


class Tokens:
    """Finds, keeps and forgets the token. Reading a keyring may ask the person to unlock it: call it from a job."""

    def __init__(self, store: Any = None) -> None:
        self._store = store
        self._kept: tuple[str, Source] | None = None
        self._looked = False
        self.source = Source.NONE

    def current(self) -> str | None:
        """Return the token in use: the environment's, ours, or that of ``hf auth login``; ``None`` without one.

        Raises :class:`Refused` for one that cannot be sent.
        """
        token, self.source = self._find()
        return _checked(token, self.source) if token else None

    def keep(self, token: str) -> Source:
        """Keep a token and say where. Raises :class:`Refused` for what cannot be one."""
        token = _checked(token.strip(), Source.NONE)
        self.forget()
        kept_in = Source.SESSION
        if store := self._keyring():
            # Each system's store has errors of its own, and none may show the token.
            with contextlib.suppress(Exception):
                store.set_password(SERVICE, ACCOUNT, token)
                kept_in = Source.KEYRING
        self._kept = token, kept_in
        return kept_in

    def forget(self) -> None:
        """Forget the token that was kept; those of the environment and of ``hf auth login`` are not ours."""
        self._kept, self._looked = None, True
        if store := self._keyring():
            with contextlib.suppress(Exception):
                if store.get_password(SERVICE, ACCOUNT) is not None:
                    store.delete_password(SERVICE, ACCOUNT)

    def __repr__(self) -> str:
        return f"Tokens({self.source})"

    def _find(self) -> tuple[str, Source]:
        for variable in VARIABLES:
            if token := os.environ.get(variable, "").strip():
                return token, Source.ENVIRONMENT
        if not self._looked:
            self._looked, self._kept = True, self._stored()
        if self._kept:
            return self._kept
        token = _hf_login()
        return token, Source.HF_LOGIN if token else Source.NONE

    def _stored(self) -> tuple[str, Source] | None:
        if store := self._keyring():
            with contextlib.suppress(Exception):
                token = store.get_password(SERVICE, ACCOUNT)
                return (token, Source.KEYRING) if token else None
        return None

    def _keyring(self) -> Any:
        """Return the store; ``False`` where there is none."""
        if self._store is None:
            self._store = system_store() or False
        return self._store


class Given(Tokens):
    """One token, as it was typed; it is kept nowhere. Raises :class:`Refused` for what cannot be one."""

    def __init__(self, token: str) -> None:
        super().__init__(store=False)
        self._token = _checked(token.strip(), Source.NONE)

    def current(self) -> str | None:
        return self._token


def _checked(token: str, source: Source) -> str:
    """Return a token that can be a header's value: an error about it would show it."""
    if not PLAUSIBLE.fullmatch(token):
        raise Refused(
            f"This is not an access token. {source.words if source is not Source.NONE else ''}".rstrip(),
            "Copy it whole from huggingface.co/settings/tokens.",
        )
    return token


def system_store() -> Any:
    """Return the system's keyring; ``None`` where there is none that protects what it keeps."""
    try:
        from keyring import core
    except ImportError:
        return None
    chosen = core.load_env() or core.load_config()
    if chosen is None:
        return max(_own_stores(), key=lambda store: store.priority, default=None)
    for store in getattr(chosen, "backends", [chosen]):
        if type(store).__module__.rsplit(".", 1)[-1] in SYSTEM_STORES:
            return store
    return None


def _own_stores() -> Iterator[Any]:
    """Yield those of the system's stores that work here.

    ``keyring.get_keyring`` would look for plug-ins in everything that is installed, which takes half a second.
    """
    elsewhere = {"darwin": "macOS", "win32": "Windows"}
    own = elsewhere.get(sys.platform)
    for module, name in SYSTEM_STORES.items():
        if module != own and (own or module in elsewhere.values()):
            continue
        with contextlib.suppress(Exception):  # each store has its own way to say that it is not there
            store = getattr(importlib.import_module(f"keyring.backends.{module}"), name)
            if store.viable:
                yield store()


def _hf_login() -> str:
    from huggingface_hub import constants
    from huggingface_hub.utils import get_token

    return "" if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else (get_token() or "")
