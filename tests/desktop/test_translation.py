"""What is seen on the pages and in the dialogs is translated, or comes from the engine or the person."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication, QWidget

from desktop.app import App
from desktop.faults import fault_of, versions
from desktop.models.compare import Room
from desktop.models.compare_table import place_words
from desktop.models.serve_words import cards_for
from desktop.models.server_rows import ServerRow
from desktop.widgets.bug_dialog import BugDialog
from desktop.widgets.chat.answer_dialog import AnswerDialog
from desktop.widgets.chat.context_dialog import ContextDialog
from desktop.widgets.chat.folder_dialog import FolderDialog
from desktop.widgets.chat.link_dialog import LinkDialog as AnswerLinkDialog
from desktop.widgets.choice_dialog import ChoiceDialog
from desktop.widgets.confirm_dialog import ConfirmDialog
from desktop.widgets.controls import label
from desktop.widgets.duel.duel_dialog import DuelDialog
from desktop.widgets.link_dialog import LinkDialog
from desktop.widgets.serve_dialog import ServeDialog
from desktop.widgets.server_dialog import ServerDialog
from desktop.widgets.steering.prompt_dialog import PromptDialog
from desktop.widgets.steering.settings_dialog import SettingsDialog
from desktop.widgets.token_dialog import TokenDialog
from desktop.window import PLACES
from engine import settings as settings_file
from engine.catalog.download.item import State
from engine.catalog.servers.listing import Server
from engine.chat.context import WHEN_FULL, Filling
from engine.chat.enlarging import Enlargement
from engine.chat.presets import BUNDLED as PRESETS
from engine.chat.prompts import BUNDLED as PROMPTS
from engine.chat.steering import SOURCES
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.recipes import RECIPES
from engine.errors import DiskFull, Offline
from engine.formats import FORMATS
from engine.handover.cards import CARDS
from engine.measure.export import footnote
from engine.paths import folders
from engine.settings import TABLE
from tests.desktop.chat.test_about_answer import ODDS
from tests.desktop.pages.test_compare import FOUND
from tests.desktop.pages.test_convert import MADE, prepared
from tests.desktop.pages.test_downloads import DONE, PAUSED, RUNNING, WAITING, failed
from tests.desktop.test_faults import EXAMPLES
from tests.helpers.brackets import bracketed, said, strings, untranslated
from tests.helpers.chats import RICH
from tests.helpers.values import ENTRIES, FOLDER, GB, MACHINE, SUGGESTION

FULL, OFFLINE = DiskFull(2, 1, "/models"), Offline("host.example")
SERVER = Server("Attic", "http://attic.example:8080/v1")
# Names that no language changes, keys, and marks of fields.
NAMES = ["Halfbyte", "Hugging Face", "Ctrl", "Shift", "GGUF", "SHA", "GPU", "llama.cpp", "CUDA", "Safetensors", "hf_…"]
ADDRESSES = ["https://host.example/settings/tokens", "https://host.example/", "attic.example"]


@pytest.fixture(scope="module")
def pages(qapp, tmp_path_factory):
    """Return the pages in the language of brackets, filled as far as values fill them."""
    with pytest.MonkeyPatch.context() as patch, bracketed():
        patch.setenv("HALFBYTE_HOME", str(tmp_path_factory.mktemp("home")))
        before = qapp.palette(), qapp.styleSheet(), qapp.font()
        app = App(qapp, settings_file.load())
        app.machine.show_machine(MACHINE)
        app.suggestion.choose(FOLDER)
        app.suggestion.show_suggestion(SUGGESTION)
        app.models.show_entries(ENTRIES)
        app.convert.choose(FOLDER)
        app.convert.show_plan(prepared(made_before=True))
        app.convert.show_made(MADE)
        app.compare.show_room(Room(16 * GB))
        app.compare.show_comparison(FOUND)
        app.downloads.show_items((RUNNING, WAITING, PAUSED, failed(FULL), failed(OFFLINE, State.OFFLINE)))
        app.servers.show_servers([ServerRow(SERVER)])
        app.machine.show_error(FULL)
        app.window.show()
        QApplication.processEvents()
        yield app
        app.window.hide()
        app.close()
        app.setParent(None)
        qapp.setPalette(before[0])
        qapp.setStyleSheet(before[1])
        qapp.setFont(before[2])


@pytest.fixture(scope="module")
def data(pages):
    """Return the texts that are not the window's own."""
    ranked = [row for row in pages.compare.formats.rows if row.contender.report]
    return strings(
        *(
            MACHINE,
            SUGGESTION,
            FOLDER,
            ENTRIES,
            prepared(),
            MADE,
            FOUND,
            RUNNING,
            WAITING,
            PAUSED,
            DONE,
            SERVER,
            RICH,
            PRESETS,
            PROMPTS,
        ),
        *(f"{FOLDER} was not found. Check the name.", FULL.message, FULL.hint, OFFLINE.message, OFFLINE.hint),
        *(TABLE, WHEN_FULL, FORMATS, RECIPES, FOLDER_RECIPES, NAMES, versions().split(), folders()),
        *(place_words(row) for row in ranked),
        *(footnote(row.contender.report) for row in ranked),
        *(QLocale().standaloneMonthName(month, QLocale.FormatType.ShortFormat) for month in range(1, 13)),
        *(choice.replace("_", " ").capitalize() for setting in TABLE.values() for choice in setting.choices),
        *(SOURCES, [card.name for card in CARDS], [list(odds) for odds in ODDS], failed(FULL), ADDRESSES),
    )


def leaks(root: QWidget, data: list[str]) -> str:
    return "\n".join(sorted({f"{words}: {text!r}" for text in said(root) if (words := untranslated(text, data))}))


@pytest.mark.parametrize("name", [place.name for place in PLACES])
def test_a_page_is_translated(pages, data, name):
    assert leaks(pages.pages[name], data) == ""


def test_the_window_is_translated(pages, data):
    assert leaks(pages.window.sidebar, data) == ""


def _context(parent: QWidget) -> ContextDialog:
    dialog = ContextDialog("", "drop_oldest", parent, counting=True)
    dialog.show_filling(Filling(1000, 100, (50, 60, 40), 20, 250), asking=True)
    dialog.show_offer(Enlargement(8192, 300_000_000, True))
    dialog.show_own(8192, 4096)
    return dialog


DIALOGS = {
    "about an answer": lambda page: AnswerDialog(RICH, ODDS, page),
    "context": _context,
    "model settings": lambda page: SettingsDialog(page.room.steering, PRESETS, page),
    "system prompt": lambda page: PromptDialog("", PROMPTS, page),
    "duel": lambda page: DuelDialog([ENTRIES[0].checkpoint] * 2, None, page.transcript.press, page),
    "folder": lambda page: FolderDialog("", "", page),
    "link of an answer": lambda page: AnswerLinkDialog("https://host.example/", page),
    "link": lambda page: LinkDialog("https://host.example/", page),
    "bug": lambda page: BugDialog(replace(fault_of(ValueError("")), details=""), page),
    "server": lambda page: ServerDialog(SERVER, page),
    "new server": lambda page: ServerDialog(None, page),
    "token": lambda page: TokenDialog("https://host.example", True, page),
    "serve": lambda page: ServeDialog(ENTRIES[1].checkpoint, cards_for(MACHINE), page),
    "confirm": lambda page: ConfirmDialog("", "", "", page),
    "choice": lambda page: ChoiceDialog("", "", [], page),
}


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_is_translated(pages, data, name):
    with bracketed():
        dialog = DIALOGS[name](pages.chat)
        found = leaks(dialog, data)
        dialog.deleteLater()
    assert found == ""


def test_a_text_that_is_not_translated_is_found(pages, data):
    with bracketed():
        said_of_it = label("Not translated")
    assert leaks(said_of_it, data) == "Not translated: 'Not translated'"


def test_every_kind_of_fault_is_translated(data):
    with bracketed():
        faults = [fault_of(error) for error in EXAMPLES.values()]
    for fault in faults:
        assert untranslated(fault.title, ()) == ""
        assert [untranslated(button.label, ()) for button in fault.buttons] == [""] * len(fault.buttons)
