"""Adding, changing, testing and forgetting a server, against one that answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.library import Library
from engine.catalog.servers.keeping import Draft, Tried, forget_server, keep_draft, try_server
from engine.catalog.servers.keys import ServerKeys
from engine.catalog.servers.listing import Server, Servers, server_of
from engine.errors import DamagedFile, Offline, Refused
from tests.engine.catalog.test_servers import KEY, Store
from tests.helpers.chat_server import NAME, Script, serving


@pytest.fixture
def script() -> Iterator[Script]:
    with serving(Script(key=KEY)) as served:
        yield served


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    return Servers(tmp_path)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> ServerKeys:
    monkeypatch.delenv("HALFBYTE_SERVER_KEY_BOX", raising=False)
    return ServerKeys(Store())


def kept(script: Script, servers: Servers, keys: ServerKeys) -> Tried:
    return keep_draft(Draft(script.url, "box", KEY), servers, keys)


def test_what_answers_is_kept_with_its_models_and_its_key(script: Script, servers: Servers, keys: ServerKeys) -> None:
    tried = kept(script, servers, keys)
    assert (tried.key_kept, [model.name for model in tried.models]) == ("keyring", [NAME])
    assert tried.answered_s > 0
    assert servers.all() == (tried.server,)
    (entry,) = servers.entries()
    assert server_of(entry) == tried.server
    assert Library(entry.path.parent).find(str(entry.path)) == entry  # as the chat opens it
    assert keys.find("box", script.url) == KEY


def test_what_does_not_answer_is_not_kept_unless_it_is_wanted(servers: Servers, keys: ServerKeys) -> None:
    draft = Draft("http://127.0.0.1:9", "box")
    with pytest.raises(Offline):
        keep_draft(draft, servers, keys)
    assert servers.all() == ()
    assert keep_draft(draft, servers, keys, untried=True).models == ()
    assert servers.all() == (Server("box", "http://127.0.0.1:9/v1"),)
    assert isinstance(try_server(servers.all()[0], servers, keys).error, Offline)


def test_a_wrong_key_is_not_kept(script: Script, servers: Servers, keys: ServerKeys) -> None:
    with pytest.raises(Refused, match="does not accept the key"):
        keep_draft(Draft(script.url, "box", "sk-wrong"), servers, keys)
    assert keys.find("box", script.url) == ""


def test_without_a_keyring_a_key_lasts_as_long_as_the_app(script: Script, servers: Servers, keys: ServerKeys) -> None:
    keys = ServerKeys(False)
    tried = kept(script, servers, keys)
    assert tried.key_kept == "memory"
    assert keys.find("box", script.url) == KEY
    renamed = keep_draft(Draft(script.url, "tower", before=tried.server), servers, keys)
    assert (keys.find("box", script.url), keys.find("tower", script.url)) == ("", KEY)
    forget_server(renamed.server, servers, keys)
    assert keys.find("tower", script.url) == ""


def test_a_new_name_leaves_nothing_of_the_old(script: Script, servers: Servers, keys: ServerKeys) -> None:
    before = kept(script, servers, keys).server
    keep_draft(Draft(script.url, "tower", before=before), servers, keys)
    assert [server.name for server in servers.all()] == ["tower"]
    assert [entry.name for entry in servers.entries()] == [f"server:tower/{NAME}"]


def test_a_kept_key_goes_to_no_other_address(script: Script, servers: Servers, keys: ServerKeys) -> None:
    before = kept(script, servers, keys).server
    with serving(Script()) as other:
        with pytest.raises(Refused, match="another one now"):
            keep_draft(Draft(other.url, "box", before=before), servers, keys)
        assert other.keys == []
        keep_draft(Draft(other.url, "box", before=before, forget_key=True), servers, keys)
        assert other.keys == [""]
    assert keys.find("box", script.url) == ""


def test_a_name_belongs_to_one_server(script: Script, servers: Servers, keys: ServerKeys) -> None:
    kept(script, servers, keys)
    with pytest.raises(Refused, match="already"):
        keep_draft(Draft(script.url, "BOX", KEY), servers, keys)
    with pytest.raises(Refused, match="cannot be a server's name"):
        keep_draft(Draft(script.url, "a/b", KEY), servers, keys)


def test_what_is_gone_from_a_server_is_gone_here(script: Script, servers: Servers, keys: ServerKeys) -> None:
    server = kept(script, servers, keys).server
    script.models = {"data": [{"id": "other"}, {"id": "x" * 300}]}
    assert len(try_server(server, servers, keys).models) == 2
    assert [entry.title for entry in servers.entries()] == ["other"]  # the other name is too long for a file
    forget_server(server, servers, keys)
    assert servers.entries() == ()
    assert keys.find("box", script.url) == ""


def test_a_spoilt_file_of_a_model_is_damaged(script: Script, servers: Servers, keys: ServerKeys) -> None:
    kept(script, servers, keys)
    (entry,) = servers.entries()
    entry.path.write_text("{}")
    with pytest.raises(DamagedFile):
        Library(entry.path.parent).find(str(entry.path))
