"""Every control of every page says what it is, can be reached by keyboard, and shows that it has the focus."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QScrollBar,
    QTextEdit,
    QWidget,
)

from desktop.app import App
from desktop.window import PLACES
from engine import settings as settings_file
from engine.errors import DiskFull
from tests.desktop.pages.test_convert import MADE, prepared
from tests.helpers.values import ENTRIES, FOLDER, MACHINE, SUGGESTION

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QProgressBar,
    QTextEdit,
)
# Parts of a control that has a name itself.
INNER = (QScrollBar, QHeaderView)


@pytest.fixture(scope="module")
def pages(qapp, tmp_path_factory):
    """Return the pages, filled as far as values fill them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALFBYTE_HOME", str(tmp_path_factory.mktemp("home")))
        before = qapp.palette(), qapp.styleSheet(), qapp.font()
        app = App(qapp, settings_file.load())
        app.machine.show_machine(MACHINE)
        app.suggestion.choose(FOLDER)
        app.suggestion.show_suggestion(SUGGESTION)
        app.models.show_entries(ENTRIES)
        app.convert.choose(FOLDER)
        app.convert.show_plan(prepared(made_before=True))
        app.machine.show_error(DiskFull(2, 1, "/models"))
        app.window.show()
        QApplication.processEvents()
        yield app
        app.window.hide()
        app.close()
        app.setParent(None)
        qapp.setPalette(before[0])
        qapp.setStyleSheet(before[1])
        qapp.setFont(before[2])


def controls(root: QWidget) -> list[QWidget]:
    """Return the controls of a page, without the parts that Qt makes for itself."""
    found = [widget for widget in root.findChildren(QWidget) if isinstance(widget, CONTROLS)]
    return [
        widget
        for widget in found
        if not isinstance(widget, INNER) and not _within_a_control(widget) and widget.objectName()[:3] != "qt_"
    ]


def _within_a_control(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent:
        if isinstance(parent, CONTROLS):
            return True
        parent = parent.parentWidget()
    return False


@pytest.mark.parametrize("name", [place.name for place in PLACES])
def test_every_control_has_a_name(pages, name):
    found = controls(pages.pages[name])
    assert found
    nameless = [widget for widget in found if not QAccessible.queryAccessibleInterface(widget).text(QAccessible.Name)]
    assert nameless == []


@pytest.mark.parametrize("name", [place.name for place in PLACES])
def test_every_control_is_in_the_tab_order(pages, name):
    unreachable = [
        widget
        for widget in controls(pages.pages[name])
        if not isinstance(widget, QProgressBar) and not widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    assert unreachable == []


@pytest.mark.parametrize("name", [place.name for place in PLACES])
def test_tab_leads_through_the_page_from_top_to_bottom(pages, qtbot, name):
    pages.window.show_page(name)
    QApplication.processEvents()
    page = pages.pages[name]
    page.focus_first()
    first = QApplication.focusWidget()
    seen = [first]
    while True:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        if focus in seen or not page.isAncestorOf(focus):
            break
        seen.append(focus)
    wanted = [w for w in controls(page) if w.isVisible() and w.isEnabled() and not isinstance(w, QProgressBar)]
    assert {widget for widget in wanted if not any(widget is got for got in seen)} <= {
        widget for widget in wanted if page.isAncestorOf(widget) and _before(widget, first, page)
    }


def _before(widget: QWidget, first: QWidget, page: QWidget) -> bool:
    """Tell whether the chain comes to ``widget`` before it comes to the page's first control."""
    return widget.mapTo(page, widget.rect().center()).y() <= first.mapTo(page, first.rect().center()).y()


def test_labels_belong_to_their_fields(pages):
    for field in controls(pages.options):
        if isinstance(field, QComboBox | QAbstractSpinBox | QPlainTextEdit):
            assert any(label.buddy() is field for label in pages.options.findChildren(QLabel)), field.accessibleName()
    for picker in (pages.suggestion.picker, pages.convert.picker):
        assert picker.name.buddy() is picker.list


def test_the_result_of_a_conversion_has_names_too(pages):
    pages.convert.show_made(MADE)
    assert pages.convert.chat.accessibleName() == "Chat with it"


@pytest.mark.parametrize("choice", ["light", "dark"])
@pytest.mark.parametrize("name", [place.name for place in PLACES])
def test_the_focus_can_be_seen(pages, qtbot, name, choice):
    pages.theme.choose(choice)
    pages.window.show_page(name)
    pages.window.activateWindow()
    page = pages.pages[name]
    QApplication.processEvents()
    for widget in controls(page):
        if not (widget.isVisible() and widget.isEnabled()) or isinstance(widget, QProgressBar):
            continue
        pages.window.sidebar.button(name).setFocus()
        QApplication.processEvents()
        without = widget.grab().toImage()
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        QApplication.processEvents()
        assert widget.grab().toImage() != without, widget.accessibleName()
