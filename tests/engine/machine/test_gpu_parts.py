from __future__ import annotations

from pathlib import Path

import pytest

from engine.machine import gpu_parts


@pytest.mark.parametrize(
    ("kind", "reason", "step"),
    [
        ("vulkan", "libvulkan.so.1: cannot open shared object file: No such file or directory", "libvulkan1"),
        ("cuda", "libcuda.so.1: cannot open shared object file: No such file or directory", "NVIDIA's driver"),
        ("cuda", "libcublas.so.13: cannot open shared object file: No such file or directory", "the whole archive"),
        ("vulkan", "/lib/libc.so.6: version `GLIBC_2.38' not found (required by libggml-vulkan.so)", "part-vulkan"),
        ("cuda", "version `GLIBCXX_3.4.32' not found", "part-cuda"),
        ("cuda", "file too short", "Take the file away"),
    ],
)
def test_what_keeps_a_part_out_has_its_own_next_step(kind: str, reason: str, step: str) -> None:
    assert step in gpu_parts.hint(kind, reason)


def test_parts_that_ended_a_worker_are_noted_until_they_change(home: Path) -> None:
    assert not gpu_parts.give_up()  # nobody put one in
    mine = gpu_parts.folder(gpu_parts.version("llama-cpp-python"))
    assert mine.parent == home / "data" / "parts"
    mine.mkdir(parents=True)
    file = mine / gpu_parts.FILE.format("vulkan")
    file.write_bytes(b"one")
    assert gpu_parts.give_up()
    assert not gpu_parts.give_up()  # it was noted already: something else ends the worker
    file.write_bytes(b"another")
    assert gpu_parts.give_up()
