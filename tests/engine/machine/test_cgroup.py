from __future__ import annotations

import pytest

from engine.machine import cgroup, memory
from engine.machine.facts import Memory
from tests.helpers.recorded import Recorded

GIB = 1024**3


def computer(files: dict[str, str], total: int = 16 * GIB, available: int = 12 * GIB) -> Recorded:
    return Recorded({"files": files, "memory": [total, available]})


def version_2(group: str, files: dict[str, str]) -> dict[str, str]:
    return {
        "/proc/self/cgroup": f"0::{group}\n",
        "/sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        **{f"/sys/fs/cgroup{path}": text for path, text in files.items()},
    }


def test_without_groups_nothing_is_limited() -> None:
    assert cgroup.limits(computer({})) == cgroup.Limits()
    assert memory.read(computer({})) == Memory(16 * GIB, 12 * GIB)


def test_the_tightest_group_above_counts() -> None:
    files = version_2(
        "/user.slice/app.scope",
        {
            "/user.slice/memory.max": f"{4 * GIB}\n",
            "/user.slice/memory.current": f"{3 * GIB}\n",
            "/user.slice/cpu.max": "300000 100000\n",
            "/user.slice/app.scope/memory.max": f"{8 * GIB}\n",
            "/user.slice/app.scope/memory.current": f"{1 * GIB}\n",
            "/user.slice/app.scope/cpu.max": "150000 100000\n",
        },
    )
    assert cgroup.limits(computer(files)) == cgroup.Limits(1.5, 4 * GIB, 1 * GIB)


def test_a_soft_limit_counts_because_the_kernel_slows_what_is_above_it() -> None:
    files = version_2("/a", {"/a/memory.max": f"{4 * GIB}\n", "/a/memory.high": f"{2 * GIB}\n"})
    assert cgroup.limits(computer(files)).memory_bytes == 2 * GIB


def test_file_pages_that_can_be_dropped_are_available() -> None:
    files = version_2(
        "/a",
        {
            "/a/memory.max": f"{4 * GIB}\n",
            "/a/memory.current": f"{3 * GIB}\n",
            "/a/memory.stat": f"anon {GIB}\ninactive_file {2 * GIB}\nactive_file 5\n",
        },
    )
    assert memory.read(computer(files)) == Memory(4 * GIB, 3 * GIB, 4 * GIB)


def test_a_limit_above_the_memory_is_none() -> None:
    files = version_2("/a", {"/a/memory.max": f"{64 * GIB}\n", "/a/memory.current": f"{GIB}\n"})
    assert memory.read(computer(files)).limit_bytes is None


def test_a_full_group_leaves_nothing_and_not_less() -> None:
    files = version_2("/a", {"/a/memory.max": f"{GIB}\n", "/a/memory.current": f"{GIB + 4096}\n"})
    assert memory.read(computer(files)).available_bytes == 0


@pytest.mark.parametrize("group", ["/../..", "/docker/abc", ""])
def test_a_path_of_the_host_falls_back_on_the_mount_point(group: str) -> None:
    files = {
        "/proc/self/cgroup": f"0::{group}\n",
        "/proc/self/mountinfo": "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "/sys/fs/cgroup/memory.max": f"{GIB}\n",
    }
    assert cgroup.limits(computer(files)).memory_bytes == GIB


def test_version_1_without_a_limit() -> None:
    files = {
        "/proc/self/cgroup": "4:memory:/a\n1:cpu:/a\n",
        "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
        "/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
    }
    assert cgroup.limits(computer(files)) == cgroup.Limits()


def test_both_versions_at_once_as_systemd_mounts_them() -> None:
    files = {
        "/proc/self/cgroup": "4:memory:/box\n0::/box\n",
        "/proc/self/mountinfo": (
            "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
            "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
        ),
        "/sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{2 * GIB}\n",
        "/sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{GIB}\n",
        "/sys/fs/cgroup/memory/box/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB // 2}\n",
        "/sys/fs/cgroup/unified/box/cpu.max": "max 100000\n",
    }
    assert cgroup.limits(computer(files)) == cgroup.Limits(None, 2 * GIB, 2 * GIB - GIB // 2)


def test_a_group_outside_the_namespace_does_not_lead_out_of_the_mount() -> None:
    asked = []

    class Asked(Recorded):
        def text(self, path: str) -> str:
            asked.append(path)
            return super().text(path)

    cgroup.limits(Asked(computer(version_2("/../../other", {})).case))
    assert not [path for path in asked if ".." in path]
