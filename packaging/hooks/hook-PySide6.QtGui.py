"""PyInstaller's hook, in place of its own: Qt's plugins without those that are left out, and so without what they need.

Where GTK is installed on the build machine, its theme plugin would drag all of GTK in.
"""

import contents
from PyInstaller.utils.hooks.qt import add_qt6_dependencies

hiddenimports, _binaries, datas = add_qt6_dependencies("hook-PySide6.QtGui.py")
binaries = [entry for entry in _binaries if not contents.is_left_out(str(entry[0]))]
