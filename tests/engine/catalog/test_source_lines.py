"""The open connections of a download: a stop hangs all of them up, whatever state they are in."""

from __future__ import annotations

import socket

import httpx2

from engine.catalog.download.source import Lines


class Stream:
    """What a transport tells of the connection behind an answer."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def get_extra_info(self, what: str) -> socket.socket | None:
        return self._line if what == "socket" else None


def answer(line: socket.socket) -> httpx2.Response:
    return httpx2.Response(200, extensions={"network_stream": Stream(line)})


def test_all_that_are_open_are_hung_up() -> None:
    ours, theirs = socket.socketpair()
    lines = Lines()
    with ours, theirs, lines.held(answer(ours)):
        lines.hang_up()
        assert theirs.recv(1) == b""


def test_one_that_is_closed_or_not_told_of_stops_no_stop() -> None:
    closed, other = socket.socketpair()
    ours, theirs = socket.socketpair()
    lines = Lines()
    closed.close()
    with other, ours, theirs, lines.held(answer(closed)), lines.held(httpx2.Response(200)), lines.held(answer(ours)):
        lines.hang_up()
        assert theirs.recv(1) == b""
