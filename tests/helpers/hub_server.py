"""A local server that speaks the Hub's protocol, for tests with the real client library.

It serves search, model information, the file tree, and files by redirects to a second server that stands for the CDN.
Sources of the protocol: huggingface_hub 2.4 (hf_api.py, file_download.py, utils/_http.py) and the Hub's API pages.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.helpers.hub_faults import Fault, Faults, wrong_bytes
from tests.helpers.hub_repository import Content, Repository

PIECE_BYTES = 64 << 10
SENDFILE_BYTES = 4 << 20
SORTS = {"downloads": "downloads", "likes": "likes", "trendingScore": "trendingScore", "lastModified": "lastModified"}


@dataclass
class Request:
    """One request as it was served. ``token`` is what it carried; ``sent_bytes`` counts headers and body."""

    method: str
    path: str
    byte_range: str
    token: str
    stage: str
    status: int = 0
    sent_bytes: int = 0
    body_bytes: int = 0
    received_bytes: int = 0


@dataclass
class Hub:
    """The state that both servers share. Tokens in ``tokens`` are valid; ``accepted`` pairs have a gate open.

    ``round_trip_s`` delays each new connection and each answer; ``connection_bytes_s`` limits each connection.
    """

    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    accepted: set[tuple[str, str]] = field(default_factory=set)
    faults: Faults = field(default_factory=Faults)
    log: list[Request] = field(default_factory=list)
    round_trip_s: float = 0.0
    connection_bytes_s: float = 0.0
    tree_page: int = 1000
    url: str = ""
    cdn_url: str = ""

    def publish(
        self, name: str, files: Mapping[str, bytes | Path], *, gated: str = "", private: bool = False, **about: Any
    ) -> str:
        """Add a commit to a repository, made if need be, and return its hash."""
        repository = self.repositories.setdefault(name, Repository(name, gated=gated, private=private, about=about))
        return repository.commit(files)

    def body_bytes(self, path: str = "") -> int:
        """Return how many bytes of files were sent whose path contains ``path``."""
        return sum(request.body_bytes for request in self.log if request.stage == "cdn" and path in request.path)

    @property
    def traffic_bytes(self) -> int:
        return sum(request.sent_bytes + request.received_bytes for request in self.log)


class _Reset(Exception):
    """The connection is to be cut."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        time.sleep(self.server.hub.round_trip_s)  # what the handshake takes
        self._first = True

    def log_message(self, format: str, *values: Any) -> None:
        pass

    def do_GET(self) -> None:
        hub = self.server.hub
        head = len(self.raw_requestline) + sum(len(key) + len(value) + 4 for key, value in self.headers.items()) + 2
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        path = unquote(urlsplit(self.path).path)
        self.request_log = Request(self.command, path, self.headers.get("Range", ""), token, "api", received_bytes=head)
        hub.log.append(self.request_log)
        time.sleep(hub.round_trip_s)
        try:
            self._route(path, parse_qs(urlsplit(self.path).query))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except _Reset:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    do_HEAD = do_GET

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    # Routes

    def _route(self, path: str, query: dict[str, list[str]]) -> None:
        if path.startswith("/cdn/"):
            name, commit, file = re.fullmatch(r"/cdn/([^/]+/[^/]+)/([^/]+)/(.+)", path, re.DOTALL).groups()  # type: ignore
            return self._file("cdn", name, commit, file)
        if found := re.fullmatch(r"/api/resolve-cache/models/([^/]+/[^/]+)/([^/]+)/(.+)", path, re.DOTALL):
            return self._file("cdn", *found.groups())
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path, re.DOTALL):
            return self._resolve(*found.groups())
        if self._answered_wrong("api", path):
            return None
        if path == "/api/models":
            return self._search(query)
        if path == "/api/whoami-v2":
            known = self.request_log.token in self.server.hub.tokens
            return self._json({"name": "tester", "type": "user"}) if known else self._deny(401, "")
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            return self._info(found[1], found[2] or "main", query)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+)", path):
            return self._tree(found[1], found[2], query)
        return self._deny(404, "EntryNotFound")

    def _search(self, query: dict[str, list[str]]) -> None:
        def one(key: str) -> str:
            return query.get(key, [""])[0]

        found = [
            repository.info(repository.head, files=False)
            for repository in self.server.hub.repositories.values()
            if not repository.private
        ]
        found = [
            row
            for row in found
            if one("search").lower() in row["id"].lower()
            and one("author") in ("", row["author"])
            and one("pipeline_tag") in ("", row.get("pipeline_tag"))
            and all(tag in row["tags"] for tag in query.get("filter", []))
        ]
        if key := SORTS.get(one("sort")):
            found.sort(key=lambda row: row.get(key, 0), reverse=True)
        start, limit = int(one("cursor") or 0), int(one("limit") or 1000)
        headers = {}
        if start + limit < len(found):
            rest = "&".join(f"{quote(key)}={quote(v)}" for key, vs in query.items() for v in vs if key != "cursor")
            headers["Link"] = f'<{self.server.hub.url}/api/models?{rest}&cursor={start + limit}>; rel="next"'
        wanted = {"id", "_id", "modelId", *query.get("expand", [])}
        rows = found[start : start + limit]
        self._json(
            [{k: v for k, v in row.items() if k in wanted} for row in rows] if "expand" in query else rows, headers
        )

    def _info(self, name: str, revision: str, query: dict[str, list[str]]) -> None:
        repository = self._readable(name, files=False)
        commit = repository and repository.resolve(unquote(revision))
        if repository and commit:
            self._json(repository.info(commit, sizes="blobs" in query))
        elif repository:
            self._deny(404, "RevisionNotFound")

    def _tree(self, name: str, revision: str, query: dict[str, list[str]]) -> None:
        repository = self._readable(name, files=False)
        commit = repository and repository.resolve(unquote(revision))
        if not repository or not commit:
            return self._deny(404, "RevisionNotFound") if repository else None
        listed, size = repository.tree(commit), self.server.hub.tree_page
        start = int(query.get("cursor", ["0"])[0])
        headers = {}
        if start + size < len(listed):
            url = f"{self.server.hub.url}/api/models/{name}/tree/{revision}?recursive=True&cursor={start + size}"
            headers["Link"] = f'<{url}>; rel="next"'
        return self._json(listed[start : start + size], headers)

    def _resolve(self, name: str, revision: str, file: str) -> None:
        self.request_log.stage = "resolve"
        if self._answered_wrong("resolve", file):
            return
        repository = self._readable(name, files=True)
        if repository is None:
            return
        commit = repository.resolve(unquote(revision))
        content = commit and repository.commits[commit].get(file)
        if not commit or not content:
            self._deny(404, "EntryNotFound" if commit else "RevisionNotFound", {"X-Repo-Commit": commit or ""})
            return
        said = "0" * 40 if self.server.hub.faults.take(["commit"], "resolve", file) else commit
        headers = {"X-Repo-Commit": said, "Accept-Ranges": "bytes", "ETag": f'"{content.etag}"'}
        where = f"{quote(name)}/{commit}/{quote(file)}"
        lies = self.server.hub.faults.take(["size"], "resolve", file)
        size = content.size + sum(int(fault.value) for fault in lies)
        if content.lfs:
            headers |= {"X-Linked-Size": str(size), "X-Linked-ETag": headers.pop("ETag")}
            self._send(302, {**headers, "Location": f"{self.server.hub.cdn_url}/cdn/{where}?Signature=s3cret"}, b"")
        else:
            self._send(307, {**headers, "Location": f"/api/resolve-cache/models/{where}"}, b"")

    def _readable(self, name: str, *, files: bool) -> Repository | None:
        """Return a repository that this request may read; gated ones show their information to everybody."""
        hub, token = self.server.hub, self.request_log.token
        repository = hub.repositories.get(name)
        if token and token not in hub.tokens:
            self._deny(401, "", {"X-Error-Message": "Invalid credentials in Authorization header"})
        elif repository is None or (repository.private and (token, name) not in hub.accepted):
            self._deny(404 if token else 401, "RepoNotFound")
        elif files and repository.gated and (token, name) not in hub.accepted:
            message = f"Access to model {name} is restricted."
            self._deny(403 if token else 401, "GatedRepo", {"X-Error-Message": message})
        else:
            return repository
        return None

    # Answers

    def _answered_wrong(self, stage: Any, path: str) -> bool:
        for fault in self.server.hub.faults.take(["call", "status"], stage, path):
            if fault.action:
                fault.action()
            if fault.what == "status":
                self._send(int(fault.value), dict(fault.headers), b'{"error": "as commanded"}')
                return True
        return False

    def _deny(self, status: int, code: str, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, {"X-Error-Code": code, **(headers or {})}, json.dumps({"error": code}).encode())

    def _json(self, value: Any, headers: Mapping[str, str] | None = None) -> None:
        self._send(200, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())

    def _send(self, status: int, headers: Mapping[str, str], body: bytes | None, length: int | None = None) -> None:
        self.request_log.status = status
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body or b"") if length is None else length))
        self.request_log.sent_bytes += sum(map(len, self._headers_buffer)) + 2  # type: ignore[attr-defined]
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)
            self.request_log.sent_bytes += len(body)

    def _file(self, stage: Any, name: str, commit: str, file: str) -> None:
        self.request_log.stage = stage
        if self._answered_wrong(stage, file):
            return
        hub = self.server.hub
        repository = hub.repositories.get(name)
        content = repository and repository.commits.get(commit, {}).get(file)
        if not content:
            self._deny(404, "EntryNotFound")
            return
        wanted = None if hub.faults.take(["no range"], stage, file) else _range(self.headers.get("Range"), content.size)
        start, end = wanted or (0, content.size)
        if wanted and (shifts := hub.faults.take(["shift"], stage, file)):
            start += int(shifts[0].value)
        size = content.size + sum(int(fault.value) for fault in hub.faults.take(["size"], stage, file))
        headers = {"ETag": f'"{content.etag}"', "Accept-Ranges": "bytes", "X-Repo-Commit": commit}
        if wanted and start >= end:
            self._send(416, {**headers, "Content-Range": f"bytes */{size}"}, b"")
            return
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._send(206 if wanted else 200, headers, None, (end - start) if wanted else size)
        if self.command == "GET":
            self._body(
                content,
                start,
                end,
                hub.faults.take(["cut", "stall", "slow", "corrupt", "swap"], stage, file, start, end),
            )

    def _body(self, content: Content, start: int, end: int, faults: list[Fault]) -> None:
        hub = self.server.hub
        if not faults and not hub.connection_bytes_s and isinstance(content.data, Path):
            self._sendfile(content.data, start, end)
            return
        read = wrong_bytes(content, faults)
        rates = [fault.value for fault in faults if fault.what == "slow"] + [hub.connection_bytes_s]
        pauses = sorted((fault for fault in faults if fault.what in ("cut", "stall")), key=lambda fault: fault.at)
        offset, began = start, time.monotonic()
        while offset < end:
            stop = pauses[0].at if pauses and pauses[0].at > offset else end
            if pauses and pauses[0].at <= offset:
                _misbehave(pauses.pop(0))
                continue
            piece = read(offset, min(PIECE_BYTES, stop - offset))
            self.wfile.write(piece)
            offset += len(piece)
            self._count(len(piece))
            if rate := min((rate for rate in rates if rate), default=0):
                time.sleep(max(0.0, (offset - start) / rate - (time.monotonic() - began)))

    def _sendfile(self, path: Path, start: int, end: int) -> None:
        self.wfile.flush()
        with path.open("rb") as file:
            while start < end:
                sent = os.sendfile(self.connection.fileno(), file.fileno(), start, min(SENDFILE_BYTES, end - start))
                if not sent:
                    raise BrokenPipeError
                start += sent
                self._count(sent)

    def _count(self, sent: int) -> None:
        self.request_log.sent_bytes += sent
        self.request_log.body_bytes += sent


def _misbehave(fault: Fault) -> None:
    if fault.what == "cut":
        raise _Reset
    time.sleep(fault.value)


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if not found:
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1 if last else size)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that hangs up is what these tests are about

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving(**state: Any) -> Iterator[Hub]:
    """Serve a Hub and its CDN on two free ports of this machine while the block runs."""
    hub = Hub(**state)
    servers = [_Server(hub), _Server(hub)]
    hub.url, hub.cdn_url = (server.url for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
