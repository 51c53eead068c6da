"""The servers that a person has added, and the models on them as entries like those of the library.

``servers.json`` has names, addresses and the models that were there when they were last asked for; no keys. A model
that is known gets a small file of its own, ``servers/<name>/<model>.server.json``: what a :class:`Checkpoint` points
at, and what the back end is given to load.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.address import leaves_machine, normal_url
from engine.catalog.state_file import StateFile
from engine.errors import DamagedFile, NotFound, Refused
from engine.paths import folders

PREFIX = "server:"
FORMAT_ID = "server"
ENDING = ".server.json"
LONGEST_NAME = 200  # of a model, written as the name of a file
NAME_HINT = "Use letters, digits, dots and dashes."
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Server:
    """A server by the name that the person calls it; ``url`` is the base of its protocol (``http://host:8000/v1``)."""

    name: str
    url: str

    @property
    def leaves_machine(self) -> bool:
        return leaves_machine(self.url)


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model on a server: what a ``.server.json`` file says."""

    server: Server
    model: str


class Servers:
    """The list on the disk."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or folders().data
        self._file = StateFile(self._folder / "servers.json")

    def all(self) -> tuple[Server, ...]:
        """Return the servers by name; entries that cannot be one are left out."""
        stored = self._file.read().get("servers")
        pairs = stored.items() if isinstance(stored, Mapping) else ()
        found = (Server(name, url) for name, url in pairs if isinstance(url, str) and NAME.fullmatch(name))
        return tuple(sorted(found, key=lambda server: server.name.lower()))

    def named(self, name: str) -> Server:
        """Return a server. Raises :class:`NotFound` with the names there are."""
        for server in self.all():
            if server.name.lower() == name.lower():
                return server
        names = ", ".join(server.name for server in self.all())
        raise NotFound(f"The server “{name}”", hint=f"There are: {names}." if names else "Add it: halfbyte servers add")

    def add(self, url: str, name: str) -> Server:
        """Keep a server, in place of one of the same name. Raises :class:`Refused` for a bad name or address."""
        if not NAME.fullmatch(name):
            raise Refused(f"“{name}” cannot be a server's name.", NAME_HINT)
        server = Server(name, normal_url(url))

        def change(state: dict) -> None:
            others = {known.name: known.url for known in self.all() if known.name.lower() != name.lower()}
            state["servers"] = {**others, server.name: server.url}

        self._change(change)
        return server

    def remove(self, name: str) -> Server:
        """Forget a server and return what it was. Raises :class:`NotFound`."""
        server = self.named(name)

        def change(state: dict) -> None:
            state["servers"].pop(server.name, None)
            _table(state.get("models")).pop(server.name, None)

        self._change(change)
        shutil.rmtree(self._models_folder(server), ignore_errors=True)
        return server

    def remember(self, server: Server, models: Iterable[str]) -> None:
        """Keep the names of the models that a server has, so that they can be chosen without asking it again."""
        usable = [model for model in models if _can_be_a_file(model)]

        def change(state: dict) -> None:
            state["models"] = {**_table(state.get("models")), server.name: usable}

        self._change(change)
        shutil.rmtree(self._models_folder(server), ignore_errors=True)
        for model in usable:
            self.checkpoint(server, model)

    def models(self, server: Server) -> tuple[str, ...]:
        """Return the names of the models that a server had when it was last asked."""
        names = _table(self._file.read().get("models")).get(server.name)
        return tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()

    def entries(self) -> tuple[Checkpoint, ...]:
        """Return the known models of all servers, as far as their files are there."""
        found = (self._entry(server, model) for server in self.all() for model in self.models(server))
        return tuple(entry for entry in found if entry.path.is_file())

    def checkpoint(self, server: Server, model: str) -> Checkpoint:
        """Return a model as an entry that a session can be opened with."""
        if not _can_be_a_file(model):
            raise Refused(f"“{model[:80]}” cannot be the name of a model on a server.")
        entry = self._entry(server, model)
        entry.path.parent.mkdir(parents=True, exist_ok=True)
        entry.path.write_text(json.dumps({"name": server.name, "url": server.url, "model": model}), "utf-8")
        return entry

    def _entry(self, server: Server, model: str) -> Checkpoint:
        return _checkpoint(self._models_folder(server) / f"{quote(model, safe='')}{ENDING}", server, model)

    def _models_folder(self, server: Server) -> Path:
        return self._folder / "servers" / server.name

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        if not self._file.change(change):
            raise Refused(f"{self._file.path} cannot be written.", "Check the folder's permissions and free space.")


def checkpoint_at(path: Path) -> Checkpoint:
    """Return the model that a ``.server.json`` file points at. Raises :class:`DamagedFile`."""
    found = read_model(path)
    return _checkpoint(path, found.server, found.model)


def server_of(checkpoint: Checkpoint) -> Server | None:
    """Return the server that a model is on; ``None`` for one that lies here."""
    told = _table(checkpoint.record.get("server"))
    return Server(told["name"], told["url"]) if told.keys() >= {"name", "url"} else None


def _checkpoint(path: Path, server: Server, model: str) -> Checkpoint:
    record = {"server": {"name": server.name, "url": server.url}}
    return Checkpoint(path, f"{PREFIX}{server.name}/{model}", FORMAT_ID, 0, record, label=model)


def _can_be_a_file(model: str) -> bool:
    return 0 < len(quote(model, safe="")) <= LONGEST_NAME


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def read_model(path: Path) -> RemoteModel:
    """Return what a ``.server.json`` file points at. Raises :class:`DamagedFile`."""
    try:
        stored = json.loads(path.read_text("utf-8"))
        return RemoteModel(Server(str(stored["name"]), normal_url(stored["url"])), str(stored["model"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Refused) as error:
        raise DamagedFile(str(path), "a server's address and a model's name in JSON", repr(error)) from error


def split_name(name: str) -> tuple[str, str]:
    """Return server and model of ``server:NAME/MODEL``; the model is empty if none was given."""
    server, _, model = name.removeprefix(PREFIX).partition("/")
    return server, model
