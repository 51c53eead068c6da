"""Numbers, sizes and dates have the form of the person's system."""

from __future__ import annotations

import datetime

import pytest
from PySide6.QtCore import QLocale, Qt

from desktop.dates import day, day_of_year, moment, month, time_of_day
from desktop.language import tr
from desktop.models.conversation_rows import when_words
from desktop.models.library_model import day_words
from desktop.models.suggestion import speed_words
from desktop.pages.machine import MachinePage
from desktop.quantities import duration, number, percent, short_number, size, use_system_form
from desktop.widgets.fields import Number
from engine import quantities
from tests.helpers.hands import words_on
from tests.helpers.values import MACHINE

DAY = datetime.date(2026, 11, 24)
TIME = datetime.time(14, 5)


@pytest.fixture
def german():
    QLocale.setDefault(QLocale("de_DE"))


@pytest.mark.parametrize("count", [None, 0, 1, 999, 1000, 99_949, 1.5e9, 123e9, 2.5e12])
def test_without_a_language_sizes_are_those_of_the_command_line(count):
    assert size(count) == quantities.size(count)


@pytest.mark.parametrize("seconds", [0, 59.4, 60, 3599, 3600, 90_061])
def test_without_a_language_spans_are_those_of_the_command_line(seconds):
    assert duration(seconds) == quantities.duration(seconds)


def test_without_a_language_there_are_thousands():
    assert [number(1234567), number(1234.5, 2), short_number(0.6), percent(0.125, 1)] == [
        "1,234,567",
        "1,234.50",
        "0.6",
        "12.5%",
    ]


def test_a_german_system_has_its_comma(german):
    assert size(1.5e9) == "1,5 GB"
    assert [number(1234567), short_number(0.6), percent(0.125, 1)] == ["1.234.567", "0,6", "12,5%"]
    assert tr("%Ln token(s)", "", 8192) == "8.192 tokens"


def test_the_pages_of_a_german_system_have_its_comma_and_its_dates(german, qtbot):
    page = MachinePage()
    qtbot.addWidget(page)
    page.show()
    page.show_machine(MACHINE)
    assert "18,3 GB of 24,0 GB" in words_on(page)
    assert speed_words(5.4) == "5,4 tokens/s"
    assert day_words(1_700_000_000) == "14. Nov. 2023"
    assert when_words(1_700_000_000, DAY) == "14. Nov. 2023"


def test_a_german_types_a_comma(german, qtbot):
    field = Number(0, 10)
    qtbot.addWidget(field)
    field.selectAll()
    qtbot.keyClicks(field, "0,25")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert field.value() == 0.25


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("C", ("24 Nov 2026", "24 Nov", "November 2026", "14:05")),
        ("en_GB", ("24 Nov 2026", "24 Nov", "November 2026", "14:05")),
        ("de_DE", ("24. Nov. 2026", "24. Nov.", "November 2026", "14:05")),
        ("da_DK", ("24. nov. 2026", "24. nov.", "november 2026", "14.05")),
        ("es_ES", ("24 de nov de 2026", "24 de nov", "noviembre de 2026", "14:05")),
        ("ja_JP", ("2026年11月24日", "11月24日", "2026年11月", "14:05")),
        ("hu_HU", ("2026. nov. 24.", "nov. 24.", "2026. november", "14:05")),
    ],
)
def test_dates_have_the_order_of_their_country(locale, words):
    QLocale.setDefault(QLocale(locale))
    assert (day(DAY), day_of_year(DAY), month(DAY), time_of_day(TIME)) == words


def test_no_country_loses_its_day():
    for locale in QLocale.matchingLocales(
        QLocale.Language.AnyLanguage, QLocale.Script.AnyScript, QLocale.Country.AnyCountry
    ):
        QLocale.setDefault(locale)
        assert locale.toString(24) in day_of_year(DAY) or "24" in day_of_year(DAY), locale.name()


def test_what_is_no_time_stays_as_it_is():
    assert moment("some day") == "some day"
    assert moment("2026-11-24T14:05:00").startswith("24 Nov 2026, 14:05")


def test_a_language_is_left_as_it_is(german):
    use_system_form()
    assert QLocale().language() is QLocale.Language.German


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 files are left"), (1, "1 file is left"), (1024, "1,024 files are left")]
)
def test_english_has_two_forms(count, words):
    assert tr("%Ln file(s) (is|are) left", "", count) == words


def test_other_brackets_stay():
    assert tr("%Ln file(s) (of {folder})", "", 2) == "2 files (of {folder})"
