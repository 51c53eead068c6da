"""The two palettes can be read, the stylesheet has every name that it uses, and the theme follows its setting."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QIcon, QPalette

from desktop.theme.colours import CONTRAST_DARK, CONTRAST_LIGHT, DARK, LIGHT, PALETTES, contrast, current
from desktop.theme.icons import app_icon, folder, icon, pixmap
from desktop.theme.stylesheet import stylesheet
from desktop.theme.theme import Theme

GROUNDS = ("window", "surface", "sunken", "hover")
TEXT = [
    *((text, ground) for text in ("text", "text_muted") for ground in GROUNDS),
    *((text, ground) for text in ("accent", "good", "warning", "bad") for ground in ("window", "surface")),
    *(("text", ground) for ground in ("accent_soft", "good_soft", "warning_soft", "bad_soft")),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("on_accent", "accent_pressed"),
    ("on_accent_soft", "accent_soft"),
    ("text_muted", "accent_soft"),
]
MARKS = [
    *(("border_strong", ground) for ground in ("window", "surface")),
    *(("accent", ground) for ground in (*GROUNDS, "bad_soft", "warning_soft", "accent_soft")),
    *((term, ground) for term in ("weights", "kv_cache", "compute", "runtime") for ground in ("surface", "sunken")),
]

every_palette = pytest.mark.parametrize(
    "colours", PALETTES, ids=lambda colours: f"{colours.name}{'-contrast' if colours.high_contrast else ''}"
)


@pytest.fixture
def theme(qapp):
    before = qapp.palette(), qapp.styleSheet(), qapp.font()
    yield Theme(qapp, "light")
    qapp.setPalette(before[0])
    qapp.setStyleSheet(before[1])
    qapp.setFont(before[2])


def test_the_formula_is_wcags():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#336699", "#336699") == 1


@every_palette
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_can_be_read(colours, text, ground):
    assert contrast(getattr(colours, text), getattr(colours, ground)) >= (7 if colours.high_contrast else 4.5)


@every_palette
@pytest.mark.parametrize(("mark", "ground"), MARKS)
def test_marks_can_be_seen(colours, mark, ground):
    assert contrast(getattr(colours, mark), getattr(colours, ground)) >= (4.5 if colours.high_contrast else 3)


@every_palette
def test_the_stylesheet_is_filled_in_and_its_pictures_exist(colours):
    text = stylesheet(colours, 10)
    assert "$" not in text
    pictures = re.findall(r'url\("(.+?)"\)', text)
    assert pictures
    assert all(folder().joinpath(picture).is_file() for picture in pictures)


def test_the_theme_switches_live(theme, qapp):
    heard = []
    theme.changed.connect(heard.append)
    theme.choose("dark")
    assert current() is DARK is theme.colours
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == DARK.window
    assert DARK.surface in qapp.styleSheet()
    theme.choose("dark")
    theme.choose("light")
    assert heard == [DARK, LIGHT]


def test_high_contrast_is_a_choice_of_its_own(theme, qapp):
    theme.choose("light", "high")
    assert current() is CONTRAST_LIGHT is theme.colours
    theme.choose("dark", "high")
    assert current() is CONTRAST_DARK is theme.colours
    assert "border: 3px solid" in qapp.styleSheet()
    theme.choose("dark", "normal")
    assert current() is DARK


def test_the_theme_follows_the_system(theme, qapp, monkeypatch):
    monkeypatch.setattr(Theme, "_wanted", lambda self: DARK)
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme.colours is DARK


def test_one_icon_serves_both_themes(theme):
    picture = icon("check", "accent")
    for choice, colours in (("light", LIGHT), ("dark", DARK)):
        theme.choose(choice)
        assert _inks(picture.pixmap(QSize(64, 64))) == {colours.accent}


def test_a_disabled_icon_is_dimmed(theme):
    assert _inks(icon("check").pixmap(QSize(64, 64), QIcon.Mode.Disabled)) == {LIGHT.text_disabled}


def test_an_icon_is_sharp_at_200_percent(theme):
    picture = pixmap("machine", "text", 20, 2.0)
    assert picture.size() == QSize(40, 40)
    assert picture.devicePixelRatio() == 2


def test_an_icon_survives_being_copied(theme):
    picture = QIcon(icon("check", "accent"))
    picture.addPixmap(pixmap("check", "bad", 16))  # makes the copy its own: the engine is cloned
    assert not picture.pixmap(QSize(64, 64)).isNull()


def test_the_app_icon_has_its_sizes():
    assert QSize(256, 256) in app_icon().availableSizes()


def test_every_icon_can_be_drawn_in_any_colour(theme):
    for file in folder().glob("*.svg"):
        assert "currentColor" in file.read_text() or file.stem.endswith(("-light", "-dark")) or file.stem == "halfbyte"
        assert _inks(pixmap(file.stem, "text", 24)), file.name


def _inks(picture) -> set[str]:
    """Return the colours of the picture's opaque pixels."""
    image = picture.toImage()
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


def test_an_installed_app_has_its_icons():
    metadata = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    included = metadata["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["resources/icons"] == "desktop/resources/icons"
