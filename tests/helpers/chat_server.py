"""A small server of OpenAI's protocol that does what it is told: answers, cuts, stalls and lies."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

NAME = "tiny"


@dataclass
class Script:
    """What the server does. ``events`` are sent as data each: JSON values, or strings as they are.

    ``end``: ``done`` sends the mark of the end, ``close`` leaves it out, ``cut`` resets the connection, ``stall``
    waits. ``denied`` is what a wrong key gets, ``answers`` what other paths do.
    ``stall_before`` waits before the headers. ``raw`` is sent in place of events. ``key`` is the one that is accepted.
    """

    events: Sequence[Any] = ()
    end: str = "done"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: bytes = b""
    key: str = ""
    answers: dict[str, bytes] = field(default_factory=dict)
    denied: bytes = b'{"error": {"message": "Invalid API Key"}}'
    owner: str = "vllm"
    models: Any = None
    stall_before: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""


def words(*texts: str, finish: str = "stop", **more: Any) -> list[Any]:
    """Return the events of an answer in these pieces."""
    deltas = [{"choices": [{"delta": {"content": text}, "finish_reason": None}]} for text in texts]
    return [*deltas, {"choices": [{"delta": {}, "finish_reason": finish}], **more}]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, format: str, *values: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self._denied():
            return
        card = {"id": NAME, "owned_by": self.script.owner, "max_model_len": 2048}
        listed = {"data": [card]} if self.script.models is None else self.script.models
        self._whole(200, json.dumps(listed).encode() if not isinstance(listed, bytes) else listed)

    def do_POST(self) -> None:
        script = self.script
        script.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self._denied():
            return
        if self.path in script.answers:
            self._whole(200, script.answers[self.path])
            return
        if script.status != 200:
            self._whole(script.status, script.body)
            return
        if script.stall_before:
            self._wait()
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.end_headers()
        with contextlib.suppress(OSError):
            self._stream()

    def _stream(self) -> None:
        script = self.script
        self.wfile.write(script.raw)
        for event in script.events:
            data = event if isinstance(event, str) else json.dumps(event)
            self.wfile.write(f"data: {data}\n\n".encode())
        if script.end == "done":
            self.wfile.write(b"data: [DONE]\n\n")
        elif script.end == "stall":
            self._wait()
        elif script.end == "cut":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _wait(self) -> None:
        """Wait for the test's end or until the client has gone."""
        self.connection.settimeout(0.05)
        while not self.script.released.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    self.script.hung_up.set()
                    return

    def _denied(self) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.script.keys.append(given)
        if self.script.key and given != self.script.key:
            self._whole(401, self.script.denied)
            return True
        return False

    def _whole(self, status: int, body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **self.script.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def serving(script: Script) -> Iterator[Script]:
    """Run the server in this process; ``script.url`` is its address."""
    handler = type("Handler", (_Handler,), {"script": script})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
