from __future__ import annotations

from dataclasses import replace

from PySide6.QtGui import QGuiApplication

from desktop.pages.machine import MachinePage
from engine.errors import Refused
from engine.events import Progress
from tests.helpers.hands import press, words_on
from tests.helpers.values import MACHINE


def test_it_shows_a_machine(qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    page.show_machine(MACHINE)
    text = words_on(page)
    for words in ("2 cores", "Intel Xeon", "18.3 GB of 24.0 GB", "210 GB free of 500 GB", "RTX 4060"):
        assert words in text
    assert "Why is my GPU not used?" in text
    assert "built without CUDA" in text


def test_a_new_look_replaces_the_old_one(qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    page.show_machine(MACHINE)
    page.show_machine(replace(MACHINE, gpus=(), missing=()))
    assert "RTX" not in words_on(page)
    assert "No GPU is used" in words_on(page)


def test_without_a_card_it_is_said_what_the_packages_are_worth(qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    page.show_machine(MACHINE)
    assert "No NVIDIA card" not in words_on(page.environments)
    page.show_machine(replace(MACHINE, gpus=()))
    assert "No NVIDIA card was found here" in words_on(page.environments)


def test_looking_again_is_asked_for(qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    page.show_machine(MACHINE)
    with qtbot.waitSignal(page.refresh_wanted):
        press(page.refresh)
    page.show_busy()
    assert not page.refresh.isEnabled()
    page.show_progress(Progress("memory bandwidth", 7, 8, "steps"))
    assert page.progress.words.text() == "Memory bandwidth: 7 of 8"


def test_it_is_copied_as_text(qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    assert not page.copy.isEnabled()
    page.show_machine(MACHINE)
    press(page.copy)
    assert "Intel Xeon Platinum 8481C" in QGuiApplication.clipboard().text()


def test_a_fault_leaves_what_is_known(qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    page.show_machine(MACHINE)
    page.show_busy()
    page.show_error(Refused("It is not possible."))
    assert page.refresh.isEnabled()
    assert "Intel Xeon" in words_on(page) and "It is not possible." in words_on(page)
