"""What can be had of a model: of its own repository and of others, ranked, with every gap told and nothing raised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.catalog.find import looking_up
from engine.catalog.hub.account import keep_checked
from engine.catalog.hub.outlook import MLX_ALONE, NO_TEXT, SIZE_UNKNOWN, outlook
from engine.catalog.hub.surroundings import look_around
from engine.catalog.hub.values import FoundModel
from engine.catalog.offers import ranked
from engine.catalog.reading_offers import Offers, ReadingOffers
from engine.catalog.tokens import Source, Tokens
from engine.errors import Cancelled, Refused
from engine.events import Finished, Progress
from engine.formats import Family
from tests.helpers.downloads import client
from tests.helpers.hub_models import about, folder, gguf, stock
from tests.helpers.hub_server import Hub, serving
from tests.helpers.machines import machine

ORIGINAL, READY = "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
GATED, OPEN = "meta-llama/Meta-Llama-3-8B-Instruct", "bartowski/Meta-Llama-3-8B-Instruct-GGUF"
LAPTOP = machine({"free_gib": 12})
TOKEN = "hf_abcdefgh12345"


@pytest.fixture
def served():
    with serving(tokens={TOKEN}) as served:
        stock(served)
        yield served


def offers_of(served: Hub, name: str, token: str | None = None) -> Offers:
    hub = client(served, token)
    *_, looked_up = looking_up(hub, name)
    *_, last = ReadingOffers(hub, looked_up.value, LAPTOP, 4096)
    assert isinstance(last, Finished)
    return last.value


def test_an_original_is_offered_ready_made_by_others_and_made_here(served: Hub) -> None:
    offers = offers_of(served, ORIGINAL)
    best = offers.best
    assert best and (best.model.name, best.made_here) == (READY, False)
    made = {offer.format_id for offer in offers.all if offer.made_here}
    ready = {offer.format_id for offer in offers.all if not offer.made_here}
    assert "gguf-q4_k_s" in made and "gguf-q4_k_m" in ready
    assert not made & ready, "a level that is ready needs not be made"
    assert [row.name for row in offers.relatives.quantized] == [READY]
    assert offers.access is None and offers.problem is None


def test_a_quantized_model_knows_its_original(served: Hub) -> None:
    offers = offers_of(served, READY)
    assert offers.relatives.original and offers.relatives.original.model.name == ORIGINAL
    assert offers.relatives.ready is None
    assert all(offer.fit and offer.variant.facts for offer in offers.all)


def test_a_gated_model_says_so_and_is_found_elsewhere(served: Hub) -> None:
    offers = offers_of(served, GATED)
    assert offers.access and offers.access.details["url"] == f"{served.url}/{GATED}"
    assert offers.best and offers.best.model.name == OPEN
    own = [offer for offer in offers.all if offer.model.name == GATED]
    assert [offer.fit for offer in own] == [None]


def test_a_token_opens_the_gate(served: Hub) -> None:
    served.accepted.add((TOKEN, GATED))
    offers = offers_of(served, GATED, TOKEN)
    assert offers.access is None
    assert any(offer.made_here for offer in offers.all if offer.model.name == GATED)


def test_what_is_known_grows_and_nothing_is_listed_twice(served: Hub) -> None:
    hub = client(served)
    *_, looked_up = looking_up(hub, READY)
    job = ReadingOffers(hub, looked_up.value, LAPTOP, 4096)
    known = [sum(offer.fit is not None for offer in job.found.all)]
    for event in job:
        if isinstance(event, Progress):
            known.append(sum(offer.fit is not None for offer in job.found.all))
            titles = [offer.title for offer in job.found.all]
            assert sorted(titles) == sorted(set(titles))
    assert known[0] == 0 and known[-1] == 6 and known == sorted(known)


def test_a_search_for_relatives_that_fails_leaves_what_was_read(served: Hub) -> None:
    hub = client(served)
    *_, looked_up = looking_up(hub, READY)
    served.faults.add("status", stage="api", path="/api/models", value=500, times=99)
    *_, last = ReadingOffers(hub, looked_up.value, LAPTOP, 4096)
    assert last.value.problem is not None
    assert len([offer for offer in last.value.all if offer.fit]) == 6


def test_reading_offers_can_be_cancelled_before_and_while_it_runs(served: Hub) -> None:
    hub = client(served)
    *_, looked_up = looking_up(hub, READY)
    job = ReadingOffers(hub, looked_up.value, LAPTOP, 4096)
    with pytest.raises(Cancelled):
        for event in job:
            if isinstance(event, Progress):
                job.cancel()
    stopped = ReadingOffers(hub, looked_up.value, LAPTOP, 4096)
    stopped.cancel()
    with pytest.raises(Cancelled):
        list(stopped)


def test_a_model_of_eighty_shards_has_facts(served: Hub) -> None:
    served.publish("acme/Many-Shards", folder("SmolLM2-135M", 80), **about("SmolLM2-135M"))
    offers = offers_of(served, "acme/Many-Shards")
    plain = [offer for offer in offers.all if not offer.made_here]
    assert plain[0].variant.facts and len(plain[0].variant.files) >= 80
    assert offers.best and offers.best.made_here


def test_what_does_not_fit_or_is_broken_stands_last(served: Hub) -> None:
    served.publish("acme/Mixed-GGUF", {"a-Q4_K_M.gguf": gguf("Qwen2.5-0.5B", "Q4_K_M"), "b-Q8_0.gguf": b"GGUFnothing"})
    offers = offers_of(served, "acme/Mixed-GGUF")
    assert [offer.title for offer in offers.all] == ["Q4_K_M", "Q8_0"]
    assert offers.all[1].variant.problem and not offers.all[1].works
    assert ranked(reversed(offers.all)) == offers.all


# Rows of a search


@pytest.mark.parametrize(
    ("tags", "family"),
    [(("gguf",), Family.GGUF), (("awq",), Family.AWQ), (("gptq",), Family.GPTQ), ((), Family.GGUF)],
)
def test_a_row_is_judged_by_what_its_repository_has(tags: tuple[str, ...], family: Family) -> None:
    found = FoundModel("a/b", tags=tags, parameters=8_000_000_000, task="text-generation")
    seen = outlook(found, LAPTOP).fit
    assert seen and seen.format.family is family


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"task": "text-to-image"}, NO_TEXT), ({"tags": ("mlx",)}, MLX_ALONE), ({"parameters": 0}, SIZE_UNKNOWN)],
)
def test_a_row_without_an_outlook_says_why(changes: dict, reason: str) -> None:
    found = replace(FoundModel("a/b", parameters=1_000_000_000), **changes)
    assert outlook(found, LAPTOP).reason == reason


# The account


class Store:
    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, account: str) -> str | None:
        return self.held.get((service, account))

    def set_password(self, service: str, account: str, password: str) -> None:
        self.held[service, account] = password

    def delete_password(self, service: str, account: str) -> None:
        del self.held[service, account]


def test_a_token_is_kept_only_after_the_hub_knew_it(served: Hub) -> None:
    hub, store = client(served), Store()
    hub.tokens = Tokens(store)
    with pytest.raises(Refused) as refused:
        keep_checked(hub, "hf_not_known_here")
    assert store.held == {} and "hf_not_known" not in f"{refused.value.message} {refused.value.hint}"
    kept = keep_checked(hub, f" {TOKEN}\n")
    assert (kept.name, kept.source, list(store.held.values())) == ("tester", Source.KEYRING, [TOKEN])
    assert all(TOKEN not in request.path for request in served.log)


def test_the_environment_is_told_without_its_passwords(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:secret@proxy.example:3128")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub = client(served)
    hub.tokens = Tokens(False)
    found = look_around(hub)
    assert (found.endpoint, found.is_mirror, found.token) == (served.url, True, Source.ENVIRONMENT)
    assert "https: proxy.example:3128" in found.proxies
    assert "secret" not in str(found) and TOKEN not in str(found)
