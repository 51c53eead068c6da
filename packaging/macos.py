"""Pack Halfbyte.app as a disk image. Not tried by us on a Mac: the workflow file runs it."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from pathlib import Path

import signing

ENTITLEMENTS = Path(__file__).with_name("macos") / "entitlements.plist"


def build_dmg(bundle: Path, out: Path, version: str) -> Path:
    """Write ``Halfbyte-<version>-<arm64|x86_64>.dmg``: the app beside a link to Applications."""
    signed = signing.sign_macos(bundle, ENTITLEMENTS)
    image = out / f"Halfbyte-{version}-{platform.machine()}.dmg"
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        subprocess.run(["ditto", str(bundle), f"{scratch}/{bundle.name}"], check=True)
        Path(scratch, "Applications").symlink_to("/Applications")
        options = ["-volname", "Halfbyte", "-fs", "HFS+", "-format", "ULFO", "-ov"]
        subprocess.run(["hdiutil", "create", *options, "-srcfolder", scratch, str(image)], check=True)
    if signed and signing.sign_macos(image, ENTITLEMENTS):
        signing.notarize(image)
    return image
