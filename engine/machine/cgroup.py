"""Control groups (Linux): the processors and the memory that a container leaves to this process.

Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst; proc(5) for mountinfo.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.machine.sources import Sources
from engine.machine.text import whole

_ROOT = "/sys/fs/cgroup"
_UNLIMITED = 2**62  # version 1 writes the largest multiple of the page size for “no limit”


@dataclass(frozen=True, slots=True)
class Limits:
    """What the control groups allow; ``None`` is no limit. ``cpus`` is processor time a second (1.5: one and a half).

    ``left_bytes`` is what may still be taken: file pages that the kernel can drop do not count as used.
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    left_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class _Mount:
    """A mounted hierarchy: where it lies, and which of its groups is seen there."""

    point: str
    root: str
    version: int
    controllers: tuple[str, ...]


def limits(sources: Sources) -> Limits:
    """Return the tightest limit over this process's group and all groups above it, for both versions."""
    mounts = _mounts(sources.text("/proc/self/mountinfo")) or _usual_mounts(sources)
    groups = _groups(sources.text("/proc/self/cgroup"))
    cpus: list[float] = []
    memory: list[tuple[int, int]] = []
    for mount in mounts:
        for folder in _folders(mount, groups):
            cpus += _quota(sources, folder, mount.version)
            memory += _memory(sources, folder, mount.version)
    return Limits(
        min(cpus, default=None),
        min((limit for limit, _ in memory), default=None),
        min((left for _, left in memory), default=None),
    )


def _mounts(mountinfo: str) -> tuple[_Mount, ...]:
    found = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if not separator or len(fields) < 5 or not kind:
            continue
        if kind[0] == "cgroup2":
            found.append(_Mount(fields[4], fields[3], 2, ()))
        elif kind[0] == "cgroup":
            found.append(_Mount(fields[4], fields[3], 1, tuple(kind[-1].split(","))))
    return tuple(found)


def _usual_mounts(sources: Sources) -> tuple[_Mount, ...]:
    if sources.text(f"{_ROOT}/cgroup.controllers") or sources.text(f"{_ROOT}/memory.max"):
        return (_Mount(_ROOT, "/", 2, ()),)
    return tuple(_Mount(f"{_ROOT}/{name}", "/", 1, (name,)) for name in ("memory", "cpu"))


def _groups(cgroup: str) -> dict[str, str]:
    """Return the group of each version 1 controller, and of version 2 under the empty name."""
    groups = {}
    for line in cgroup.splitlines():
        _, _, rest = line.partition(":")
        controllers, separator, group = rest.partition(":")
        if separator:
            groups.update(dict.fromkeys(controllers.split(","), group))
    return groups


def _folders(mount: _Mount, groups: dict[str, str]) -> Iterator[str]:
    """Yield the folders of this process's group and of those above it, up to the mount point."""
    names = ("",) if mount.version == 2 else mount.controllers
    group = next((groups[name] for name in names if name in groups), "/")
    # A container sees its own group at the mount point, while /proc may tell the host's path.
    inside = PurePosixPath(group)
    relative = inside.relative_to(mount.root) if inside.is_relative_to(mount.root) else PurePosixPath()
    if ".." in relative.parts:  # a group outside the namespace
        relative = PurePosixPath()
    for depth in range(len(relative.parts), -1, -1):
        yield str(PurePosixPath(mount.point, *relative.parts[:depth]))


def _quota(sources: Sources, folder: str, version: int) -> list[float]:
    if version == 2:
        quota, _, period = sources.text(f"{folder}/cpu.max").partition(" ")
    else:
        quota = sources.text(f"{folder}/cpu.cfs_quota_us")
        period = sources.text(f"{folder}/cpu.cfs_period_us")
    numerator, denominator = whole(quota), whole(period)
    return [numerator / denominator] if numerator and denominator else []


def _memory(sources: Sources, folder: str, version: int) -> list[tuple[int, int]]:
    """Return (limit, left) of one group, nothing where it has no limit."""
    limit_files = ("memory.max", "memory.high") if version == 2 else ("memory.limit_in_bytes",)
    found = (whole(sources.text(f"{folder}/{name}")) for name in limit_files)
    limit = min((value for value in found if value and value < _UNLIMITED), default=None)
    if limit is None:
        return []
    used = whole(sources.text(f"{folder}/" + ("memory.current" if version == 2 else "memory.usage_in_bytes"))) or 0
    droppable = _stat(sources.text(f"{folder}/memory.stat"), "inactive_file" if version == 2 else "total_inactive_file")
    return [(limit, max(0, limit - max(0, used - droppable)))]


def _stat(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return whole(value) or 0
    return 0
