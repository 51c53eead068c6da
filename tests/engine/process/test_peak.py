"""The peak of a process's memory is its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.process.peak import peak_resident_bytes


def test_the_peak_grows_with_what_is_held_and_stays() -> None:
    before = peak_resident_bytes()
    held = bytearray(b"x") * (64 << 20)
    during = peak_resident_bytes()
    del held
    assert during >= before
    assert during > 64 << 20
    assert peak_resident_bytes() >= during - (4 << 20)  # the kernel counts in batches


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing is inherited")
def test_a_child_does_not_begin_with_what_its_parent_held() -> None:
    held = bytearray(b"x") * (300 << 20)
    code = "from engine.process.peak import peak_resident_bytes; print(peak_resident_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    del held
    assert int(done.stdout) < 200 << 20
