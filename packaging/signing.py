"""Sign what is built, where the secrets for it are in the environment; without them, say that it is not signed.

macOS    HALFBYTE_SIGN_IDENTITY   "Developer ID Application: …", in the keychain
         HALFBYTE_NOTARY_PROFILE  a profile that `xcrun notarytool store-credentials` made
Windows  HALFBYTE_SIGN_SHA1       the thumbprint of a certificate in the user's store
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

STAMPS = "http://timestamp.digicert.com"


def sign_windows(file: Path) -> bool:
    """Sign an executable with signtool; return whether it was done."""
    thumbprint = os.environ.get("HALFBYTE_SIGN_SHA1")
    if not thumbprint:
        print(f"{file.name} is not signed: HALFBYTE_SIGN_SHA1 is not set.")
        return False
    command = ["signtool", "sign", "/sha1", thumbprint, "/fd", "SHA256", "/tr", STAMPS, "/td", "SHA256", str(file)]
    subprocess.run(command, check=True)
    return True


def sign_macos(bundle: Path, entitlements: Path) -> bool:
    """Sign a bundle or a disk image for the hardened runtime; return whether it was done."""
    identity = os.environ.get("HALFBYTE_SIGN_IDENTITY")
    if not identity:
        print(f"{bundle.name} is not signed: HALFBYTE_SIGN_IDENTITY is not set.")
        return False
    command = ["codesign", "--force", "--deep", "--timestamp", "--options", "runtime", "--sign", identity]
    subprocess.run([*command, "--entitlements", str(entitlements), str(bundle)], check=True)
    return True


def notarize(image: Path) -> bool:
    """Have Apple check a signed disk image, and staple its answer to it; return whether it was done."""
    profile = os.environ.get("HALFBYTE_NOTARY_PROFILE")
    if not profile:
        print(f"{image.name} is not notarised: HALFBYTE_NOTARY_PROFILE is not set.")
        return False
    subprocess.run(["xcrun", "notarytool", "submit", str(image), "--keychain-profile", profile, "--wait"], check=True)
    subprocess.run(["xcrun", "stapler", "staple", str(image)], check=True)
    return True
