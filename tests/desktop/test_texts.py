"""Every text in the window's source is led through translation, in a form that Qt's own tools find."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import desktop
from tests.helpers.sources import Source, marked, misused, texts, unshown, untranslated

FOLDER = Path(desktop.__file__).parent
SOURCES = [Source(path) for path in sorted(FOLDER.rglob("*.py"))]
# What is read in a terminal, in the log and in the report of a mistake stays English; names stay names.
LEFT = {
    "crashes.py": ("Crash in native code\n\n{}", "{}, {} threads, {} of {} free", "The end of the log:"),
    "display.py": None,
    "faults.py": ("\nIn the worker:\n{}", "not installed"),
    "flows/folders.py": ("The end of the log:", "The last crash report:"),
    "logs.py": None,
    "models/deed.py": ("get and convert",),
    "models/machine_words.py": ("{}, CUDA {}",),
    "theme/fonts.py": None,
    "widgets/serve_dialog.py": ("vLLM {}.",),
    "widgets/sidebar.py": ("Halfbyte",),
    "window.py": ("Halfbyte", "{} – Halfbyte"),
}


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, str]]:
    """Return the places of untranslated words by file."""
    return {source.path.relative_to(FOLDER).as_posix(): dict(untranslated(source)) for source in SOURCES}


def source_of(tmp_path, text: str) -> Source:
    file = tmp_path / "module.py"
    file.write_text(text)
    return Source(file)


def test_every_text_is_translated(found):
    more = [
        place
        for name, places in found.items()
        for place, words in places.items()
        if (left := LEFT.get(name, ())) is not None and words not in left
    ]
    assert more == []


def test_nothing_is_left_out_that_is_not_there(found):
    for name, left in LEFT.items():
        there = set(found[name].values())
        assert there if left is None else set(left) <= there, name


def test_every_translation_can_be_found_and_filled():
    assert [place for source in SOURCES for place in misused(source)] == []


def test_every_constant_is_translated_where_it_is_shown():
    shared = {name for source in SOURCES for name in marked(source) if not name.startswith("_")}
    assert [place for source in SOURCES for place in unshown(source, shared)] == []


def test_the_tool_of_qt_finds_them_all(tmp_path):
    tool = shutil.which("pyside6-lupdate", path=Path(sys.executable).parent)
    if tool is None:
        pytest.skip("PySide6 has no tools here")
    made = tmp_path / "halfbyte.ts"
    subprocess.run([tool, "-silent", "-extensions", "py", FOLDER, "-ts", made], check=True, capture_output=True)
    found = {message.text for message in ElementTree.parse(made).iter("source")}
    ours = {text for source in SOURCES for text in texts(source)}
    assert ours - found == set()


@pytest.mark.parametrize(
    "line",
    [
        'label("Send")',
        'widget.setToolTip("Open" if here else tr("Close"))',
        'words = f"{count} files are left"',
        'words = f"{size(done)} of {size(total)}"',
        'menu.addAction(icon("copy"), f"Copy {name}")',
        '_STATES = {1: "Waiting for it"}',
        'raise Refused("It is not there.", tr("Look elsewhere."))',
    ],
)
def test_a_text_that_is_not_translated_is_found(tmp_path, line):
    assert len(list(untranslated(source_of(tmp_path, line)))) == 1


@pytest.mark.parametrize(
    "line",
    [
        'label(tr("Send"), "primary")',
        'widget.setObjectName("One of many")',
        'LOG.info("Start of %s", name)',
        'if kind == "new chat": pass',
        'x: Literal["new chat"] = make()',
        '"""Say what it is."""',
        'made = {"First token": tr("First token")}',
        'words = f"{name}: {size(total)}"',
    ],
)
def test_what_nobody_reads_is_left_alone(tmp_path, line):
    assert list(untranslated(source_of(tmp_path, line))) == []


@pytest.mark.parametrize(
    "line",
    [
        'tr(f"{count} files")',
        "words = f\"{tr('Open')} {name}\"",
        'tr("Open " + name)',
        'tr("%Ln file(s)").format(n=2)',
        'tr("Some files", "", 2)',
        'self.tr("%Ln file(s)", "", 2)',
        'tr("{size} of {total}").format(size=1)',
    ],
)
def test_a_wrong_translation_is_found(tmp_path, line):
    assert len(list(misused(source_of(tmp_path, line)))) == 1


def test_a_constant_that_is_shown_as_it_is_is_found(tmp_path):
    source = source_of(tmp_path, '_HELP = QT_TR_NOOP("Help")\nshow(tr(_HELP))\nshow(_HELP)\nshow(self.tr(_HELP))')
    assert [place.rpartition(":")[0].rpartition(":")[2] for place in unshown(source, set())] == ["3", "4"]
