"""The access token is found in the documented order and kept in the keyring or, said openly, nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from keyring.backends.fail import Keyring as NoKeyring

from engine.catalog import tokens as tokens_module
from engine.catalog.tokens import Source, Tokens
from engine.errors import Refused

TOKEN = "hf_AbCdEfGhIjKlMnOp"


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


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in tokens_module.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(tokens_module, "_hf_login", lambda: "")


def test_a_kept_token_is_in_the_keyring_and_found_by_the_next_start() -> None:
    store = Store()
    assert Tokens(store).keep(f"  {TOKEN}\n") is Source.KEYRING
    after = Tokens(store)
    assert (after.current(), after.source) == (TOKEN, Source.KEYRING)
    after.forget()
    assert store.held == {}
    assert (after.current(), after.source) == (None, Source.NONE)


def test_the_environment_comes_first_and_hf_login_last(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(Store())
    monkeypatch.setattr(tokens_module, "_hf_login", lambda: "hf_from_the_login")
    assert (tokens.current(), tokens.source) == ("hf_from_the_login", Source.HF_LOGIN)
    tokens.keep(TOKEN)
    assert tokens.current() == TOKEN
    monkeypatch.setenv("HF_TOKEN", "hf_from_the_environment")
    assert (tokens.current(), tokens.source) == ("hf_from_the_environment", Source.ENVIRONMENT)
    monkeypatch.delenv("HF_TOKEN")
    assert (tokens.current(), tokens.source) == (TOKEN, Source.KEYRING)


def test_without_a_keyring_it_is_kept_for_the_session_and_no_file_holds_it(home: Path, tmp_path: Path) -> None:
    tokens = Tokens(NoKeyring())
    assert tokens.keep(TOKEN) is Source.SESSION
    assert (tokens.current(), tokens.source) == (TOKEN, Source.SESSION)
    assert "until Halfbyte closes" in tokens.source.words
    assert Tokens(NoKeyring()).current() is None
    assert not any(TOKEN in file.read_text("utf-8", "replace") for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.parametrize("wrong", ["", "hf_with space in it", "hf_new\nline: header", "hf_ünicode", "short"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as caught:
        Tokens(Store()).keep(wrong)
    assert not wrong or wrong not in caught.value.message
    if wrong:
        monkeypatch.setenv("HF_TOKEN", wrong)
        with pytest.raises(Refused, match="HF_TOKEN"):
            Tokens(Store()).current()


def test_no_token_is_in_a_representation() -> None:
    tokens = Tokens(Store())
    tokens.keep(TOKEN)
    assert TOKEN not in repr(tokens)


def test_a_plain_text_store_is_not_a_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring import core

    monkeypatch.setattr(core, "load_env", Store)
    assert tokens_module.system_store() is None
    monkeypatch.setattr(Store, "__module__", "keyring.backends.SecretService")
    assert isinstance(tokens_module.system_store(), Store)


def test_the_best_of_the_systems_own_stores_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from keyring import core
    from keyring.backends import SecretService, kwallet

    class Weak(Store):
        viable, priority = True, 1

    class Strong(Store):
        viable, priority = True, 5

    monkeypatch.setattr(core, "load_env", lambda: None)
    monkeypatch.setattr(core, "load_config", lambda: None)
    monkeypatch.setattr(SecretService, "Keyring", Weak)
    monkeypatch.setattr(kwallet, "DBusKeyring", Strong)
    assert isinstance(tokens_module.system_store(), Strong)
    monkeypatch.setattr(Strong, "viable", False)
    assert isinstance(tokens_module.system_store(), Weak)
