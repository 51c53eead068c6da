from __future__ import annotations

import os
import subprocess
import sys
from subprocess import PIPE

import pytest
from PySide6.QtCore import Qt

from desktop.theme.colours import CONTRAST_DARK, DARK
from desktop.theme.motion import Motion, is_reduced
from desktop.theme.theme import Theme
from desktop.theme.wishes import HIGH_CONTRAST, LESS_MOTION, Wishes
from desktop.widgets.progress_line import ProgressLine
from engine.events import Progress
from tests.helpers.person import SYSTEM_PYTHON, why_not


@pytest.fixture
def motion(qapp):
    motion = Motion(qapp, Wishes(), "all")
    yield motion
    motion.choose("all")


def test_reduced_motion_stops_what_moves_by_itself(motion, qapp, qtbot):
    line = ProgressLine("Reading")
    qtbot.addWidget(line)
    assert (line.bar.minimum(), line.bar.maximum()) == (0, 0)  # moves
    motion.choose("reduced")
    assert is_reduced()
    assert qapp.cursorFlashTime() == 0
    assert not qapp.isEffectEnabled(Qt.UIEffect.UI_AnimateCombo)
    line.restart("Reading")
    assert line.bar.maximum() > 0
    line.show_progress(Progress("reading", 7, None, "files"))
    assert (line.bar.value(), line.bar.maximum() > 0, line.words.text()) == (0, True, "Reading: 7 files")
    motion.choose("all")
    assert not is_reduced()
    assert qapp.cursorFlashTime() > 0


def test_what_the_system_wishes_counts_only_where_it_is_followed(motion):
    motion._wishes._wish(LESS_MOTION)
    assert not is_reduced()
    heard = []
    motion.changed.connect(heard.append)
    motion.choose("system")
    motion.choose("all")
    assert heard == [True, False]


def test_high_contrast_follows_the_system_when_its_answer_comes(qapp):
    before = qapp.palette(), qapp.styleSheet(), qapp.font()
    wishes = Wishes()
    theme = Theme(qapp, "dark", wishes=wishes)
    assert theme.colours is DARK
    wishes._wish(HIGH_CONTRAST)
    assert theme.colours is CONTRAST_DARK
    theme.choose("dark", "normal")
    assert theme.colours is DARK
    qapp.setPalette(before[0])
    qapp.setStyleSheet(before[1])
    qapp.setFont(before[2])


PORTAL = """
from gi.repository import Gio, GLib
XML = '<node><interface name="org.freedesktop.portal.Settings"><method name="Read"><arg type="s" direction="in"/>' \
      '<arg type="s" direction="in"/><arg type="v" direction="out"/></method></interface></node>'
def answer(connection, sender, path, interface, method, asked, call):
    told = {"contrast": ("u", 1), "enable-animations": ("b", False)}.get(asked.unpack()[1])
    if told:
        call.return_value(GLib.Variant("(v)", (GLib.Variant("v", GLib.Variant(*told)),)))
    else:
        call.return_dbus_error("org.freedesktop.portal.Error.NotFound", "not a setting")
def ready(connection, name):
    node = Gio.DBusNodeInfo.new_for_xml(XML)
    connection.register_object("/org/freedesktop/portal/desktop", node.interfaces[0], answer, None, None)
owned = lambda connection, name: print(flush=True)
Gio.bus_own_name(Gio.BusType.SESSION, "org.freedesktop.portal.Desktop", 0, ready, owned, None)
GLib.MainLoop().run()
"""
ASKING = """
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from desktop.theme.wishes import Wishes
app = QApplication([])
QApplication.platformName = staticmethod(lambda: "xcb")
wishes = Wishes()
wishes.ask()
QTimer.singleShot(2000, app.quit)
app.exec()
print(wishes.high_contrast, wishes.less_motion)
"""


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_the_desktops_portal_is_asked():
    """A real bus, with a portal that has two of the four settings."""
    with subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=PIPE, stderr=PIPE
    ) as bus:
        address = bus.stdout.readline().decode().strip()
        environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": address, "QT_QPA_PLATFORM": "offscreen"}
        with subprocess.Popen([SYSTEM_PYTHON, "-c", PORTAL], env=environment, stdout=PIPE) as portal:
            portal.stdout.readline()
            ask = [sys.executable, "-c", ASKING]
            told = subprocess.run(ask, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout
            portal.kill()
        bus.kill()
    assert told.split() == ["True", "True"]
