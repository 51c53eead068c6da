"""The servers that a person has added, and the models on them as entries like those of the library.

``servers.json`` has names and addresses, no keys. A model that is used gets a small file of its own,
``servers/<name>/<model>.server.json``: what a :class:`Checkpoint` points at, and what the back end is given to load.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.address import leaves_machine, normal_url
from engine.catalog.state_file import StateFile
from engine.errors import DamagedFile, NotFound, Refused
from engine.paths import folders

PREFIX = "server:"
FORMAT_ID = "server"
ENDING = ".server.json"
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
            raise Refused(f"“{name}” cannot be a server's name.", "Use letters, digits, dots and dashes.")
        server = Server(name, normal_url(url))

        def change(state: dict) -> None:
            others = {known.name: known.url for known in self.all() if known.name.lower() != name.lower()}
            state["servers"] = {**others, server.name: server.url}

        if not self._file.change(change):
            raise Refused(f"{self._file.path} cannot be written.", "Check the folder's permissions and free space.")
        return server

    def remove(self, name: str) -> Server:
        """Forget a server and return what it was. Raises :class:`NotFound`."""
        server = self.named(name)
        self._file.change(lambda state: state["servers"].pop(server.name, None))
        return server

    def checkpoint(self, server: Server, model: str) -> Checkpoint:
        """Return a model as an entry that a session can be opened with."""
        if not model or len(quote(model, safe="")) > 200:
            raise Refused(f"“{model[:80]}” cannot be the name of a model on a server.")
        path = self._folder / "servers" / server.name / f"{quote(model, safe='')}{ENDING}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"name": server.name, "url": server.url, "model": model}), "utf-8")
        return Checkpoint(path, f"{PREFIX}{server.name}/{model}", FORMAT_ID, 0, label=model)


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
