"""Addresses of servers, the list of them, and where their keys go."""

from __future__ import annotations

import contextlib
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.servers.address import is_readable_on_the_way, leaves_machine, normal_url
from engine.catalog.servers.client import ServerClient
from engine.catalog.servers.keys import ServerKeys, variable_of
from engine.catalog.servers.listing import Server, Servers, read_model, split_name
from engine.errors import DamagedFile, EngineError, NotFound, Offline, Refused

KEY = "sk-0123456789abcdef"


class Store:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.held.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        self.held[service, account] = password

    def delete_password(self, service: str, account: str) -> None:
        del self.held[service, account]


@pytest.mark.parametrize(
    ("given_as", "url"),
    [
        ("localhost:8080", "http://localhost:8080/v1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1"),
        ("box.example", "https://box.example/v1"),
        ("https://host/openai/v1/chat/completions", "https://host/openai/v1"),
        ("[::1]:9000", "http://[::1]:9000/v1"),
    ],
)
def test_addresses_are_completed(given_as: str, url: str) -> None:
    assert normal_url(given_as) == url
    assert normal_url(url) == url


@pytest.mark.parametrize("bad", ["", "ftp://host", "https://me:secret@host", "http://host:x", "two words", "h?k=1"])
def test_what_is_no_address_is_refused_without_its_password(bad: str) -> None:
    with pytest.raises(Refused) as caught:
        normal_url(bad)
    assert "secret" not in str(caught.value.as_record())


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with contextlib.suppress(EngineError):
        assert normal_url(normal_url(text)) == normal_url(text)


@pytest.mark.parametrize(
    ("url", "leaves", "readable"),
    [
        ("http://localhost:1/v1", False, False),
        ("http://127.8.8.8/v1", False, False),
        ("http://[::1]/v1", False, False),
        ("http://192.168.0.2/v1", True, True),
        ("https://localhost.example/v1", True, False),
    ],
)
def test_it_is_known_what_leaves_this_machine(url: str, leaves: bool, readable: bool) -> None:
    assert (leaves_machine(url), is_readable_on_the_way(url)) == (leaves, readable)


def test_a_server_is_kept_found_in_any_case_and_removed(tmp_path: Path) -> None:
    servers = Servers(tmp_path)
    servers.add("localhost:1", "Box")
    servers.add("localhost:2", "box")
    assert [(server.name, server.url) for server in Servers(tmp_path).all()] == [("box", "http://localhost:2/v1")]
    assert servers.remove("BOX").name == "box"
    with pytest.raises(NotFound):
        servers.named("box")


def test_a_model_with_any_name_becomes_an_entry(tmp_path: Path) -> None:
    servers = Servers(tmp_path)
    server = servers.add("localhost:1", "box")
    for model in ("org/Model-7B", "../../etc/passwd", "with blank:tag"):
        entry = servers.checkpoint(server, model)
        assert entry.path.parent == tmp_path / "servers" / "box"
        assert (entry.title, split_name(entry.name)) == (model, ("box", model))
        assert read_model(entry.path).model == model


def test_a_file_that_points_nowhere_is_damaged(tmp_path: Path) -> None:
    for content in ("", "[]", '{"name": "x", "url": 5, "model": "m"}'):
        file = tmp_path / "m.server.json"
        file.write_text(content)
        with pytest.raises(DamagedFile):
            read_model(file)


def test_a_key_is_in_the_keyring_for_its_address_alone(tmp_path: Path) -> None:
    store = Store()
    keys = ServerKeys(store)
    assert keys.keep("https://a/v1", f" {KEY}\n")
    Servers(tmp_path).add("https://a/v1", "a")
    assert ServerKeys(store).find("a", "https://a/v1") == KEY
    assert ServerKeys(store).find("a", "https://b/v1") == ""
    assert not any(KEY in file.read_text() for file in tmp_path.rglob("*") if file.is_file())
    keys.forget("https://a/v1")
    assert store.held == {}


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert variable_of("my.box-2") == "HALFBYTE_SERVER_KEY_MY_BOX_2"
    monkeypatch.setenv("HALFBYTE_SERVER_KEY_MY_BOX_2", KEY)
    assert ServerKeys(False).find("my.box-2", "https://a/v1") == KEY


def test_without_a_keyring_a_key_is_not_kept_and_this_is_said() -> None:
    assert not ServerKeys(False).keep("https://a/v1", KEY)


def test_what_cannot_be_sent_is_refused_and_not_shown() -> None:
    with pytest.raises(Refused) as caught:
        ServerKeys(Store()).keep("https://a/v1", "geheimnis\nX-Evil: 1")
    assert "geheimnis" not in str(caught.value.as_record())


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"", "ended the connection; it may have been stopped"), (b"HTTP/1.1 404 Not Found\r\n\r\n{}", "list of models")],
)
def test_a_server_that_ends_or_is_another_is_told_so(answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:

        def serve() -> None:
            taken, _ = line.accept()
            with taken:
                taken.recv(4096)
                taken.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{line.getsockname()[1]}/v1"
        with ServerClient(Server("x", url)) as client, pytest.raises(EngineError, match=said):
            client.models()


def test_a_name_that_nobody_knows_and_silence_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with ServerClient(Server("x", "http://no-such-host.invalid/v1")) as client, pytest.raises(Offline, match="typing"):
        client.models()
    monkeypatch.setattr("engine.catalog.servers.client.LIST_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with ServerClient(Server("x", url)) as client, pytest.raises(Offline, match="does not answer; it may be busy"):
            client.models()
