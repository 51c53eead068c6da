"""Which servers can be measured, and what is said of those that cannot."""

from __future__ import annotations

import threading

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.listing import Servers
from engine.errors import NotFound, UnsupportedModel
from engine.measure.methods.remote_model import RemoteScorer
from engine.measure.options import MeasureOptions
from engine.measure.registry import row_for
from tests.helpers.chat_server import NAME, Script, serving


def entry(url: str, model: str = NAME) -> Checkpoint:
    servers = Servers()
    return servers.checkpoint(servers.add(url, "box"), model)


def load(checkpoint: Checkpoint, options: MeasureOptions = MeasureOptions()) -> None:  # noqa: B008
    scorer = RemoteScorer(threading.Event())
    try:
        list(scorer.load(checkpoint.path, options))
    finally:
        scorer.close()


def test_a_server_that_tells_nothing_of_a_text_is_refused_with_the_reason() -> None:
    with serving(Script(owner="vllm")) as script:
        with pytest.raises(UnsupportedModel, match=r"llama\.cpp's server does"):
            load(entry(script.url))
        assert script.asked == []


def test_a_model_that_the_server_has_no_more_is_not_found() -> None:
    with serving(Script(owner="llamacpp")) as script, pytest.raises(NotFound):
        load(entry(script.url, "gone"))


def test_a_context_smaller_than_a_window_is_refused() -> None:
    with serving(Script(owner="llamacpp")) as script, pytest.raises(UnsupportedModel, match="smaller than a window"):
        load(entry(script.url), MeasureOptions(window_tokens=4096))


def test_servers_have_a_row() -> None:
    assert row_for("server").scorer.endswith(":RemoteScorer")
