"""A repository becomes a GGUF file in one job, against a local server that speaks the Hub's protocol."""

from __future__ import annotations

from pathlib import Path

from engine.catalog.download.plan import plan_download
from engine.catalog.find import looking_up
from engine.catalog.hub.client import Hub as Client
from engine.catalog.library import Library
from engine.convert.from_hub import FromHub, obstacles
from engine.events import Finished
from tests.helpers.hub_server import serving
from tests.helpers.tiny_models import write_tiny_model

NAME = "someone/tiny"


def test_fetched_and_converted_in_one_job(tmp_path: Path) -> None:
    folder = write_tiny_model("llama", tmp_path / "source")
    with serving() as server:
        server.publish(NAME, {file.name: file for file in folder.iterdir()})
        hub, library = Client(server.url), Library(tmp_path / "library")
        found = _result(looking_up(hub, NAME))
        (variant,) = found.variants.all
        fetched = plan_download(found.model, variant.files, endpoint=hub.endpoint)
        assert obstacles(variant, fetched, ["gguf-f16"], library.folder) == []
        (made,) = _result(FromHub(fetched, ["gguf-f16"], hub, library))
        assert made.path.suffix == ".gguf"
        fetched_bytes = server.body_bytes()
        assert _result(FromHub(fetched, ["gguf-f16"], hub, library)) == (made,)
        assert server.body_bytes() == fetched_bytes, "nothing is fetched twice"


def _result(job):
    last = list(job)[-1]
    assert isinstance(last, Finished)
    return last.value
