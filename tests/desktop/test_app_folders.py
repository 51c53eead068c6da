"""The app's folders: what they take, what may go, and the text for a bug report."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from desktop.flows.folders import FoldersFlow, diagnostics, erasing_words
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.models.app_folders import app_folders, clean
from desktop.pages.settings import SettingsPage
from engine.environments import places
from engine.machine import gpu_parts
from engine.paths import folders
from engine.runtime import kept_prompts
from engine.settings import DEFAULTS
from tests.helpers.hands import press, words_on


def write(path: Path, count: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * count)
    return path


def filled() -> dict[str, Path]:
    where = folders()
    return {
        "model": write(where.models / "a" / "m.gguf", 5000),
        "talk": write(where.data / "conversations.sqlite3", 300),
        "cache": write(kept_prompts.file_for("k"), 70),
        "sidecar": write(kept_prompts.sidecar(kept_prompts.file_for("k")), 7),
        "log": write(where.logs / "window.log", 20),
        "old": write(where.logs / "window.log.1", 30),
    }


def test_each_file_counts_in_one_folder(home):
    filled()
    taken = {folder.path: folder.taken_bytes for folder in app_folders(folders().models)}
    assert taken[folders().models] == 5000 and taken[folders().data] == 300
    assert taken[kept_prompts.folder()] == 77 and taken[folders().cache] == 0 and taken[folders().logs] == 50


def test_what_was_set_up_on_request_does_not_count_as_conversations(home):
    write(places.root() / "cuda" / "torch.so", 900)
    write(gpu_parts.folder("1") / "libggml-vulkan.so", 80)
    taken = {folder.path: folder.taken_bytes for folder in app_folders(folders().models)}
    assert (taken[places.root()], taken[gpu_parts.home()], taken[folders().data]) == (900, 80, 0)


def test_cleaning_deletes_only_what_can_go(home):
    files = filled()
    for folder in app_folders(folders().models):
        clean(folder)
    assert [name for name, file in files.items() if file.exists()] == ["model", "talk", "log"]


def test_the_page_shows_and_cleans(qtbot, home):
    filled()
    owner = QObject()
    jobs = Jobs(owner)
    page = SettingsPage(DEFAULTS)
    qtbot.addWidget(page)
    flow = FoldersFlow(State(jobs, DEFAULTS), page)
    page.resize(700, 3000)
    page.show()
    qtbot.waitUntil(lambda: "Models: 5.0 kB" in words_on(page.folders))
    (delete,) = [b for b in page.folders.findChildren(QObject) if _name(b) == "Delete the KV caches"]
    press(delete)
    qtbot.waitUntil(lambda: "Read prompts (KV caches): 0 B" in words_on(page.folders))
    press(page.about.copy)
    qtbot.waitUntil(lambda: "The last crash report" in QGuiApplication.clipboard().text())
    assert flow.parent() is not None and jobs.close()


def test_all_is_deleted_only_after_its_sizes_were_agreed_to(qtbot, home, tmp_path):
    filled()
    jobs = Jobs(owner := QObject())
    page = SettingsPage(DEFAULTS)
    qtbot.addWidget(page)
    flow = FoldersFlow(State(jobs, DEFAULTS), page)
    page.resize(700, 3000)
    page.show()
    qtbot.waitUntil(page.folders.erase.isEnabled)
    press(page.folders.erase)
    assert "Models: 5.0 kB\n" in words_on(flow.asked) and "In all 5.4 kB" in words_on(flow.asked)
    with qtbot.assertNotEmitted(flow.erasing_chosen):
        press(flow.asked.keep)
    press(page.folders.erase)
    with qtbot.waitSignal(flow.erasing_chosen):
        press(flow.asked.deed)
    assert owner is not None and jobs.close()


def test_models_that_lie_elsewhere_are_said_to_stay(home, tmp_path):
    filled()
    elsewhere = write(tmp_path / "elsewhere" / "m.gguf", 900).parent
    words = erasing_words(app_folders(elsewhere), folders())
    assert f"What lies in {elsewhere} stays." in words and "900" not in words


def test_a_limit_of_nothing_deletes_the_kept_prompts_and_says_how_much(qtbot, home):
    files = filled()
    jobs = Jobs(owner := QObject())
    page = SettingsPage(DEFAULTS)
    qtbot.addWidget(page)
    flow = FoldersFlow(State(jobs, DEFAULTS), page)
    page.show()
    row = page.rows["kept_prompts_gb"]
    row.editor.setValue(3.0)
    assert flow._thinking.isActive() and not row.outcome.isVisible()
    flow._thinking.setInterval(1)
    row.editor.setValue(0.0)
    qtbot.waitUntil(row.outcome.isVisible)
    assert row.outcome.text() == "70 B of kept prompts were deleted."
    assert not files["cache"].exists() and not files["sidecar"].exists()
    assert owner is not None and jobs.close()


def test_diagnostics_do_not_name_the_person(home, monkeypatch):
    write(folders().logs / "window.log", 0).write_text(f"a file in {Path.home()}/x failed")
    said = diagnostics(None)
    assert "a file in ~/x failed" in said and str(Path.home()) not in said and "PySide6" in said


def _name(thing: QObject) -> str:
    return thing.accessibleName() if hasattr(thing, "accessibleName") else ""
