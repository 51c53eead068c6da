"""Search and look-up on the local Hub: values, paging, pinning, and errors that say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from engine.catalog.hub.address import Address, parse_address
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import Again, Patience, Retries
from engine.catalog.hub.search import search
from engine.catalog.hub.values import Query
from engine.catalog.tokens import Tokens
from engine.errors import AccessNeeded, Cancelled, NotFound, Offline, Refused
from tests.helpers.hub_server import Hub as Served
from tests.helpers.hub_server import serving

QUICK = Patience(attempts=4, first_wait_s=0.01, longest_wait_s=0.02, connect_s=2, stall_s=1)
FILES = {"config.json": b"{}", "model.gguf": b"GGUF" * 100}


class Token(Tokens):
    """A token that is simply there."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(store=False)
        self.token = token

    def current(self) -> str | None:
        return self.token


@pytest.fixture
def served():
    with serving(tokens={"hf_good_token"}) as served:
        yield served


def client(served: Served, token: str | None = None) -> Hub:
    return Hub(served.url, Token(token), QUICK)


# Addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme/Tiny-1B", Address("acme/Tiny-1B")),
        (" acme/Tiny-1B/ ", Address("acme/Tiny-1B")),
        ("acme/Tiny-1B@v1.0", Address("acme/Tiny-1B", "v1.0")),
        ("https://huggingface.co/acme/Tiny-1B", Address("acme/Tiny-1B")),
        ("https://huggingface.co/acme/Tiny-1B?library=transformers#x", Address("acme/Tiny-1B")),
        ("huggingface.co/acme/Tiny-1B/tree/main", Address("acme/Tiny-1B", "main")),
        ("hf.co/acme/Tiny-1B:Q4_K_M", Address("acme/Tiny-1B")),
        ("ollama run hf.co/acme/Tiny-1B-GGUF:Q4_K_M", Address("acme/Tiny-1B-GGUF")),
        ("https://hf.co/acme/Tiny/blob/main/Q4/a%20b.gguf", Address("acme/Tiny", "main", "Q4/a b.gguf")),
        (
            "https://huggingface.co/acme/Tiny/resolve/abc123/x.gguf?download=true",
            Address("acme/Tiny", "abc123", "x.gguf"),
        ),
        ("https://huggingface.co/acme/Tiny/tree/refs%2Fpr%2F7", Address("acme/Tiny", "refs/pr/7")),
        ("https://huggingface.co/acme/Tiny/tree/refs/pr/7/Q4", Address("acme/Tiny", "refs/pr/7", "Q4")),
        ("https://huggingface.co/acme/Tiny/discussions/3", Address("acme/Tiny")),
        ("https://huggingface.co/acme/Tiny.git", Address("acme/Tiny")),
        ("hf://acme/Tiny/x.gguf", Address("acme/Tiny", "", "x.gguf")),
        ("http://127.0.0.1:99/hub/acme/Tiny/tree/v2", Address("acme/Tiny", "v2")),
    ],
)
def test_an_address_is_taken_apart(text: str, expected: Address) -> None:
    assert parse_address(text, "http://127.0.0.1:99/hub") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpt2",
        "https://huggingface.co/",
        "https://huggingface.co/acme",
        "https://huggingface.co/datasets/acme/text",
        "datasets/acme/text",
        "https://huggingface.co/collections/acme/nice-123",
        "https://example.org/acme/Tiny",
        "https://huggingface.co.example.org/acme/Tiny",
        "https://[bad/acme/Tiny",
        "../etc/passwd",
        "acme/..",
        "acme/a--b",
        "acme/ünicode",
        "a" * 50 + "/" + "b" * 50,
        "file:///acme/Tiny",
    ],
)
def test_what_is_no_address_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_address(text)
    assert caught.value.hint


# Search


def test_a_search_is_sorted_filtered_and_paged(served: Served) -> None:
    for number in range(7):
        served.publish(
            f"acme/model-{number}", FILES, downloads=number, likes=-number + 10, tags=["gguf"] * (number % 2)
        )
    served.publish("other/model-x", FILES, downloads=99, tags=["gguf"], pipeline_tag="text-generation")
    hub = client(served)
    first = search(hub, Query("model", author="acme", sort="downloads", page_size=3))
    assert [row.name for row in first.rows] == ["acme/model-6", "acme/model-5", "acme/model-4"]
    second = search(hub, Query(), first.next)
    third = search(hub, Query(), second.next)
    assert [row.downloads for row in (*second.rows, *third.rows)] == [3, 2, 1, 0]
    assert third.next == ""
    assert [row.name for row in search(hub, Query(task="text-generation")).rows] == ["other/model-x"]
    assert len(search(hub, Query("MODEL", tags=("gguf",), sort="likes")).rows) == 4


def test_a_row_has_what_an_estimate_needs_and_survives_nonsense(served: Served) -> None:
    served.publish(
        "acme/big",
        FILES,
        safetensors={"parameters": {"BF16": 70, "I32": 5}, "total": 75},
        gguf={"total": 1, "architecture": "llama", "context_length": 8192},
        gated="manual",
        tags=["license:mit"],
    )
    served.publish(
        "acme/odd", FILES, safetensors="x", gguf=[1], downloads="many", likes=-3, tags=[1, "a"], pipeline_tag=4
    )
    rows = {row.name: row for row in search(client(served), Query()).rows}
    big, odd = rows["acme/big"], rows["acme/odd"]
    assert (big.parameters, big.stored_types, big.context_tokens) == (75, {"BF16": 70, "I32": 5}, 8192)
    assert (big.gated, big.author, big.architecture) == ("manual", "acme", "llama")
    assert (odd.parameters, odd.downloads, odd.likes, odd.tags, odd.task) == (0, 0, 0, ("a",), "")


# Look-up


def test_a_model_is_pinned_to_the_commit_that_was_looked_at(served: Served) -> None:
    old = served.publish("acme/tiny", FILES, cardData={"license": "apache-2.0"}, tags=["base_model:acme/parent"])
    served.tree_page = 1
    model = look_up(client(served), "https://hf.co/acme/tiny/blob/main/model.gguf")
    new = served.publish("acme/tiny", {"model.gguf": b"GGUF other"})
    assert (model.commit, model.licence, model.base_models) == (old, "apache-2.0", ("acme/parent",))
    assert {file.path: file.size_bytes for file in model.files} == {"config.json": 2, "model.gguf": 400}
    weights = model.file("model.gguf")
    assert weights and len(weights.sha256) == 64
    assert look_up(client(served), "acme/tiny").commit == new
    assert look_up(client(served), f"acme/tiny@{old}").commit == old


def test_the_listing_is_of_the_commit_even_if_the_branch_moves_between_two_calls(served: Served) -> None:
    old = served.publish("acme/tiny", FILES)
    served.faults.add("call", path="/tree/", action=lambda: served.publish("acme/tiny", {"other.gguf": b"GGUF"}))
    model = look_up(client(served), "acme/tiny")
    assert model.commit == old
    assert {file.path for file in model.files} == set(FILES)


def test_a_gated_model_shows_its_files_and_says_what_to_do(served: Served) -> None:
    served.publish("acme/gated", FILES, gated="manual")
    hub = client(served)
    model = look_up(hub, "acme/gated")
    assert model.gated == "manual"
    with (
        pytest.raises(AccessNeeded) as caught,
        hub.open(hub.file_url(model.name, model.commit, "model.gguf"), model.name, {}),
    ):
        pass
    assert caught.value.details == {"repo": "acme/gated", "url": f"{served.url}/acme/gated"}


def test_a_token_opens_what_it_may_and_goes_to_the_hub_alone(served: Served) -> None:
    served.publish("acme/gated", FILES, gated="auto")
    served.accepted.add(("hf_good_token", "acme/gated"))
    hub = client(served, "hf_good_token")
    model = look_up(hub, "acme/gated")
    with hub.open(hub.file_url(model.name, model.commit, "model.gguf"), model.name, {}) as response:
        assert response.read() == FILES["model.gguf"]
    assert {request.token for request in served.log if request.stage != "cdn"} == {"hf_good_token"}
    assert {request.token for request in served.log if request.stage == "cdn"} == {""}


@pytest.mark.parametrize(
    ("address", "token", "kind", "words"),
    [
        ("acme/nowhere", None, NotFound, "If it is private"),
        ("acme/nowhere", "hf_good_token", NotFound, "acme/nowhere"),
        ("acme/tiny@v9", None, NotFound, "revision"),
        ("acme/tiny", "hf_wrong_token", Refused, "does not accept the access token"),
    ],
)
def test_an_error_says_what_to_do(
    served: Served, address: str, token: str | None, kind: type[Exception], words: str
) -> None:
    served.publish("acme/tiny", FILES)
    with pytest.raises(kind) as caught:
        look_up(client(served, token), address)
    error = caught.value
    assert words in f"{error.message} {error.hint}"  # type: ignore[attr-defined]
    assert token is None or token not in f"{error!r}{error.details}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_what_may_pass_is_tried_again_and_told(served: Served, status: int) -> None:
    served.publish("acme/tiny", FILES)
    served.faults.add("status", value=status, times=2, stage="api")
    told: list[str] = []
    assert look_up(client(served), "acme/tiny", on_wait=lambda words, _: told.append(words)).name == "acme/tiny"
    assert len(told) == 2
    assert all("trying again" in words for words in told)


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {"RateLimit": '"api";r=0;t=1'}])
def test_a_rate_limit_is_obeyed_as_long_as_it_asks(served: Served, headers: dict[str, str]) -> None:
    served.publish("acme/tiny", FILES)
    served.faults.add("status", value=429, stage="api", headers=headers)
    began = time.monotonic()
    look_up(client(served), "acme/tiny")
    assert 1 <= time.monotonic() - began < 3


def test_while_the_hub_asks_for_quiet_nobody_asks(served: Served) -> None:
    served.publish("acme/tiny", FILES)
    served.faults.add("status", value=429, stage="api", headers={"Retry-After": "1"})
    hub = client(served)
    threads = [threading.Thread(target=look_up, args=(hub, "acme/tiny")) for _ in range(3)]
    threads[0].start()
    time.sleep(0.2)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.3)
    assert len(served.log) == 1
    for thread in threads:
        thread.join()
    assert len(served.log) == 1 + 3 * 2


def test_a_wait_without_end_is_an_answer(served: Served) -> None:
    served.publish("acme/tiny", FILES)
    served.faults.add("status", value=429, stage="api", headers={"Retry-After": "99999"})
    with pytest.raises(Refused, match="asks to wait for 27 h"):
        look_up(client(served), "acme/tiny")


def test_a_wait_ends_when_it_is_stopped(served: Served) -> None:
    served.publish("acme/tiny", FILES)
    served.faults.add("status", value=503, stage="api", headers={"Retry-After": "60"})
    stop = threading.Event()
    with pytest.raises(Cancelled):
        look_up(client(served), "acme/tiny", stop, lambda _words, _wait_s: stop.set())


def test_a_server_that_is_not_there_is_offline() -> None:
    with pytest.raises(Offline) as caught:
        look_up(Hub("http://127.0.0.1:9", Token(), QUICK), "acme/tiny")
    assert "127.0.0.1" in caught.value.message


def test_a_server_that_is_not_the_hub_is_named(served: Served) -> None:
    served.faults.add("status", value=200, stage="api", times=9, headers={"Content-Type": "text/html"})
    with pytest.raises(Refused, match="does not say which commit"):
        look_up(client(served), "acme/tiny")


def test_waits_double_within_their_limit() -> None:
    patience = Patience(attempts=99, first_wait_s=1, longest_wait_s=8)
    waits = []
    for failures in range(1, 7):
        retries = Retries(patience, threading.Event())
        retries._failures = failures
        waits.append(retries.wait_s(Again("x", Offline("x"))))
    for wait_s, longest in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert longest / 2 <= wait_s <= longest


SCRIPT = """
import sys
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import Patience
assert not {"huggingface_hub", "httpx2", "requests", "yaml"} & set(sys.modules), "heavy imports"
from engine.errors import EngineError
try:
    hub = Hub(patience=Patience(attempts=2, first_wait_s=0.01))
    print(look_up(hub, "acme/gated").name, hub.tokens.current())
except EngineError as error:
    print(error.kind, error.message)
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HF_TOKEN": "hf_good_token"}, "acme/gated hf_good_token"),
        ({"HF_HUB_OFFLINE": "1"}, "Offline 127.0.0.1 cannot be reached: HF_HUB_OFFLINE is set."),
        ({"HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": "{served}", "HF_TOKEN": "hf_good_token"}, "acme/gated"),
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, "Offline"),
    ],
)
def test_the_environment_is_honoured(served: Served, environment: dict[str, str], said: str) -> None:
    served.publish("acme/gated", FILES, gated="auto")
    plain = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    chosen = {key: value.format(served=served.url) for key, value in environment.items()}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**plain, "HF_ENDPOINT": served.url, **chosen},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith(said), done.stderr
