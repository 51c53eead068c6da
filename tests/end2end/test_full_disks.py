"""A disk that fills up during a conversion, a download and a measurement: they wait, say so, and make the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.getuid() != 0, reason="only root mounts a small disk")
@pytest.mark.parametrize("kind", ["convert", "importance", "hub", "measure"])
def test_what_meets_a_full_disk_waits_and_goes_on(kind: str, tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    probe.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(probe)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small disk can be mounted here")
    subprocess.run(["umount", str(probe)], check=True)
    command = [sys.executable, "-m", "tests.campaigns.full_disks", "--trials", "2", "--seed", "3", kind]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr
    assert "waited and went on" in run.stdout, "no trial met the full disk"
