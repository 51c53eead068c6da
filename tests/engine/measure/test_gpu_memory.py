"""The memory of a card is read of the card that is computed on, and of no other."""

from __future__ import annotations

import os
import sys

import pytest

from engine.machine import nvidia_smi, nvml
from engine.machine.cuda_cards import VISIBLE
from engine.machine.unavailable import Unavailable
from engine.measure.methods import gpu_memory
from engine.measure.methods.gpu_memory import used_by, used_on_card
from tests.engine.machine.test_cuda_cards import FIRST, SECOND, cards_of
from tests.helpers.recorded import Recorded

TOTAL = 42949672960


@pytest.mark.parametrize(("uuid", "free_gb"), [(FIRST, 2), (SECOND, 40), (SECOND.lower(), 40)])
def test_of_two_cards_the_one_of_this_process_is_read(
    monkeypatch: pytest.MonkeyPatch, uuid: str, free_gb: float
) -> None:
    monkeypatch.setenv(VISIBLE, uuid)
    monkeypatch.setattr(nvml, "read", cards_of(2, 40).nvml)
    assert used_on_card() == TOTAL - free_gb * 10**9


def test_which_of_two_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "read", cards_of(2, 40).nvml)
    for told in ("0", ""):
        monkeypatch.setenv(VISIBLE, told)
        assert used_on_card() is None


def test_a_card_alone_needs_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VISIBLE, raising=False)
    card = Recorded.load("rtx-4090-linux")
    (device,) = card.nvml()["devices"]
    monkeypatch.setattr(nvml, "read", card.nvml)
    assert used_on_card() == device["total_bytes"] - device["free_bytes"]


def test_without_the_package_nvidia_smi_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app's own environments have no nvidia-ml-py."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert used_by(os.getpid()) is None
    values = cards_of(2, 40).nvml()
    monkeypatch.setattr(nvidia_smi, "read", lambda sources: values)
    monkeypatch.setenv(VISIBLE, SECOND)
    assert used_on_card() == TOTAL - 40 * 10**9


def test_without_a_driver_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise Unavailable("no driver")

    monkeypatch.setattr(gpu_memory.nvml, "read", absent)
    monkeypatch.setattr(gpu_memory.nvidia_smi, "read", absent)
    assert used_on_card() is None
