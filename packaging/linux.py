"""Pack the frozen app for Linux: a .deb, and an archive that runs from any folder."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "packaging" / "linux"
APP_ID = "org.halfbyte.Halfbyte"
HOME = Path("opt/halfbyte")
MAINTAINER = "The Halfbyte authors <packages@halfbyte.invalid>"
# What Qt and the executables take from the system; everything else is inside. libc6: that of the build machine.
DEPENDS = (
    "libc6 (>= 2.36), libstdc++6 (>= 12), libgcc-s1, libegl1, libgl1, libfontconfig1, libfreetype6, "
    "libwayland-client0, libwayland-cursor0, libdrm2"
)
CONTROL = """\
Package: halfbyte
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size_kib}
Depends: {depends}
Section: science
Priority: optional
Description: run language models on your own machine
 Halfbyte looks at the computer, says which language models fit it and in which
 format, fetches or makes that format, measures what it costs in quality, and
 chats with it. A small model is inside: the first answer needs no network.
"""


def build_deb(app: Path, out: Path, version: str) -> Path:
    """Write ``halfbyte_<version>_<architecture>.deb`` and return it. Removing it leaves models and conversations."""
    architecture = _output("dpkg", "--print-architecture")
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        tree = Path(scratch) / "halfbyte"
        lay_out(app, tree, version)
        _write_control(tree, version, architecture)
        made = out / f"halfbyte_{version}_{architecture}.deb"
        _call("dpkg-deb", "--root-owner-group", "-Zxz", "-z6", "--build", str(tree), str(made))
    return made


def build_portable(app: Path, out: Path, version: str) -> Path:
    """Write ``halfbyte-<version>-<machine>.tar.zst``: unpack anywhere, start ``halfbyte``."""
    made = out / f"halfbyte-{version}-linux-{os.uname().machine}.tar.zst"
    command = [
        "tar",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "-I",
        "zstd -9 -T0",
        "-cf",
        str(made),
    ]
    _call(*command, "-C", str(app.parent), app.name)
    return made


def lay_out(app: Path, tree: Path, version: str) -> None:
    """Fill ``tree`` with the files of the package, as they will lie below ``/``."""
    shutil.copytree(app, tree / HOME, symlinks=True)
    _link(tree / "usr/bin/halfbyte", f"/{HOME}/halfbyte")
    share = tree / "usr/share"
    _copy(FILES / f"{APP_ID}.desktop", share / "applications" / f"{APP_ID}.desktop")
    _copy(FILES / f"{APP_ID}.mime.xml", share / "mime/packages" / f"{APP_ID}.xml")
    _copy(ROOT / "resources/icons/halfbyte.svg", share / f"icons/hicolor/scalable/apps/{APP_ID}.svg")
    _copy(FILES / "lintian-overrides", share / "lintian/overrides/halfbyte")
    _write(share / "metainfo" / f"{APP_ID}.metainfo.xml", metainfo(version).encode())
    _write(share / "man/man1/halfbyte.1.gz", _gzip((FILES / "halfbyte.1").read_bytes()))
    _write(share / "doc/halfbyte/copyright", copyright_text().encode())
    _write(share / "doc/halfbyte/changelog.gz", _gzip(changelog(version).encode()))
    _write(share / "doc/halfbyte/CHANGELOG.md.gz", _gzip((ROOT / "CHANGELOG.md").read_bytes()))
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or _is_program(path, tree) else 0o644)


def metainfo(version: str) -> str:
    """Return the AppStream data of a version."""
    text = (FILES / f"{APP_ID}.metainfo.xml").read_text("utf-8")
    return text.replace("@VERSION@", version).replace("@DATE@", time.strftime("%Y-%m-%d", time.gmtime()))


def changelog(version: str) -> str:
    """Return Debian's change log of the package; what changed for people is in CHANGELOG.md beside it."""
    return (
        f"halfbyte ({version}) unstable; urgency=medium\n\n  * Halfbyte {version}: see CHANGELOG.md.gz.\n\n"
        f" -- {MAINTAINER}  {format_datetime(datetime.now(UTC))}\n"
    )


def copyright_text() -> str:
    """Return Debian's copyright file: the app's own licence, and where those of the components lie."""
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: Halfbyte\n\nFiles: *\nCopyright: 2026 The Halfbyte authors\nLicense: Apache-2.0\n"
        " On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n"
        f"Comment: the licences of all bundled components are in /{HOME}/_internal/licences.\n"
    )


def _is_program(path: Path, tree: Path) -> bool:
    return path.parent == tree / HOME


def _write_control(tree: Path, version: str, architecture: str) -> None:
    size_kib = sum(file.lstat().st_size for file in tree.rglob("*") if not file.is_dir()) // 1024
    values = {"version": version, "architecture": architecture, "size_kib": size_kib, "depends": DEPENDS}
    text = CONTROL.format(maintainer=MAINTAINER, **values)
    _write(tree / "DEBIAN/control", text.encode())
    sums = [f"{_output('md5sum', str(file)).split()[0]}  {file.relative_to(tree)}\n" for file in _packed(tree)]
    _write(tree / "DEBIAN/md5sums", "".join(sums).encode())


def _packed(tree: Path) -> list[Path]:
    files = (file for file in tree.rglob("*") if file.is_file() and not file.is_symlink())
    return sorted(file for file in files if "DEBIAN" not in file.relative_to(tree).parts)


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _call(*command: str) -> None:
    subprocess.run(command, check=True)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
