"""A context that was enlarged for a conversation belongs to it: there again when it is opened, after a restart too."""

from __future__ import annotations

from desktop.flows import context as flow_module
from desktop.flows.context import ContextFlow
from engine.chat.context import Enlargement
from tests.desktop.chat.test_kept import kept, stored

__all__ = ["kept", "stored"]


def gauge(kept):
    return kept.page.composer.gauge.words.text()


def test_it_is_loaded_when_the_conversation_is_opened_again(stored, kept):
    kept.load(chunks=["a"])
    kept.open("Nibbles")
    kept.page.enlarge(8192)
    kept.until(lambda: kept.page.room.state == "ready")
    assert gauge(kept).endswith("8,192 tokens")
    kept.restart()
    kept.load(chunks=["a"])
    assert gauge(kept).endswith("4,096 tokens")
    kept.open("Bytes")
    assert kept.page.room.state == "ready"
    kept.open("Nibbles")
    assert kept.page.room.state == "loading"
    kept.until(lambda: kept.page.room.state == "ready")
    assert gauge(kept).endswith("8,192 tokens")
    kept.ask("And now?")
    assert kept.page.room.conversation.messages[-1].origin.loading["context_tokens"] == 8192
    kept.open("Bytes")  # a larger one than needed stays: to load the model again would cost more than it saves
    assert kept.page.room.state == "ready"


def test_it_is_the_new_conversations_own(kept):
    kept.load(chunks=["a"])
    kept.page.enlarge(8192)
    kept.until(lambda: kept.page.room.state == "ready")
    kept.ask("first")
    assert kept.page.room.entry.options["context_tokens"] == 8192
    kept.click(kept.page.new)
    kept.ask("second")
    assert kept.page.room.entry.options["context_tokens"] == 0


def test_the_dialog_tells_of_it_and_leads_back(stored, kept, monkeypatch):
    monkeypatch.setattr(flow_module, "offered_enlargement", lambda *_, **__: Enlargement(16384, 1, True))
    flow = ContextFlow(kept.jobs, kept.page)
    kept.load(chunks=["a"])
    kept.open("Nibbles")
    flow.open()
    assert not flow.dialog.usual.isVisible() and not flow.dialog.own.isVisible()
    kept.until(lambda: flow.dialog.offer is not None)
    kept.click(flow.dialog.enlarge)
    kept.until(lambda: kept.page.room.state == "ready")
    flow.open()
    assert "its own: 16,384 tokens. Your settings have 4,096." in flow.dialog.own.text()
    kept.click(flow.dialog.usual)
    kept.until(lambda: kept.page.room.state == "ready" and gauge(kept).endswith("4,096 tokens"))
    kept.restart()
    kept.open("Nibbles")
    assert kept.page.room.choice.context_tokens == 0


def test_what_does_not_fit_the_memory_is_told_and_the_usual_one_loaded(stored, kept):
    kept.load(chunks=["Yes"], fitting_context=6000)
    kept.open("Nibbles")
    kept.page.enlarge(8192)
    kept.until(lambda: kept.page.room.state == "ready")
    assert "context of 8,192 tokens does not fit" in kept.page.keeping.words.text()
    assert gauge(kept).endswith("4,096 tokens")
    assert not kept.page.banner.isVisible()
    kept.ask("Does it answer?")
    assert kept.answer == "Yes"


def test_what_fits_in_no_size_is_told_once(stored, kept):
    kept.load(chunks=["Yes"], fitting_context=6000)
    kept.open("Nibbles")
    kept.model.path.write_text('{"fitting_context": 1000}')
    kept.page.enlarge(8192)
    kept.until(lambda: kept.page.room.state == "empty")
    kept.until(kept.page.banner.isVisible)
