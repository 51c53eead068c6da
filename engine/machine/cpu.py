"""The processor: its model, its cores, and how many of them this process may use."""

from __future__ import annotations

import re

from engine.machine import cgroup, features, registry, text
from engine.machine.facts import Cpu
from engine.machine.sources import Sources

_CPUS = "/sys/devices/system/cpu"
_WINDOWS_KEY = r"HKLM\HARDWARE\DESCRIPTION\System\CentralProcessor\0"


def read(sources: Sources) -> Cpu:
    """Return the processor. Raises :class:`engine.machine.unavailable.Unavailable` if the system does not tell."""
    if sources.system == "Darwin":
        return _darwin(sources)
    if sources.system == "Windows":
        return _windows(sources)
    return _linux(sources)


def unknown(sources: Sources) -> Cpu:
    """Return what is safe to assume of a processor that could not be read: one core."""
    return Cpu("unknown processor", sources.architecture, 1, 1, 1, 1)


# Linux


def _linux(sources: Sources) -> Cpu:
    processors = parse_cpuinfo(sources.text("/proc/cpuinfo"))
    core_of = _cores(sources, processors)
    allowed = (sources.affinity() or frozenset(core_of)) & frozenset(core_of) or frozenset(core_of)
    quota = cgroup.limits(sources).cpus
    first = processors.get(min(processors, default=0), {})
    return Cpu(
        _linux_model(sources, first),
        sources.architecture,
        physical_cores=len(set(core_of.values())),
        logical_cores=len(core_of),
        usable_physical_cores=_under(quota, len({core_of[number] for number in allowed})),
        usable_logical_cores=_under(quota, len(allowed)),
        features=features.from_linux((first.get("flags") or first.get("Features") or "").split()),
        performance_cores=_kind_of_core(sources, core_of, "cpu_core"),
        efficiency_cores=_kind_of_core(sources, core_of, "cpu_atom"),
    )


def parse_cpuinfo(cpuinfo: str) -> dict[int, dict[str, str]]:
    """Return the fields of each logical processor of ``/proc/cpuinfo``."""
    processors: dict[int, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if name == "processor" and (number := text.whole(value)) is not None:
            fields = processors.setdefault(number, {})
        fields[name] = value
    return processors


def _cores(sources: Sources, processors: dict[int, dict[str, str]]) -> dict[int, tuple[str, str]]:
    """Return the physical core, as (package, core), of each logical processor."""
    online = {int(name[3:]) for name in sources.names(_CPUS) if re.fullmatch(r"cpu[0-9]+", name)}
    numbers = sorted(set(processors) or online) or range(sources.cores()[1])
    cores = {}
    for number in numbers:
        topology = f"{_CPUS}/cpu{number}/topology"
        fields = processors.get(number, {})
        package = sources.text(f"{topology}/physical_package_id").strip() or fields.get("physical id", "")
        core = sources.text(f"{topology}/core_id").strip() or fields.get("core id", "")
        # Some virtual and ARM machines number no cores: there each processor is taken for one.
        cores[number] = (package, core) if core else ("", f"processor {number}")
    return cores


def _linux_model(sources: Sources, fields: dict[str, str]) -> str:
    """Return the model's name; ARM boards write their own in the device tree and none in ``/proc/cpuinfo``."""
    board = sources.text("/proc/device-tree/model").strip("\0\n ")
    return fields.get("model name") or board or fields.get("Hardware") or f"{sources.architecture} processor"


def _kind_of_core(sources: Sources, core_of: dict[int, tuple[str, str]], kind: str) -> int:
    """Count the cores of one kind on Intel's hybrid processors (drivers/perf, ``/sys/devices/cpu_core/cpus``)."""
    numbers = text.numbers(sources.text(f"/sys/devices/{kind}/cpus"))
    return len({core_of[number] for number in numbers if number in core_of})


def _under(quota: float | None, count: int) -> int:
    """Return the whole processors that a quota leaves; with a share of one, threads would wait for each other."""
    return count if quota is None else max(1, min(count, int(quota)))


# macOS


def darwin_values(sources: Sources) -> dict[str, str]:
    names = ("hw", "machdep.cpu", "sysctl.proc_translated", "iogpu.wired_limit_mb", "debug.iogpu.wired_limit")
    return text.pairs(sources.output("/usr/sbin/sysctl", *names))


def _darwin(sources: Sources) -> Cpu:
    values = darwin_values(sources)
    known_physical, known_logical = sources.cores()
    logical = text.whole(values.get("hw.logicalcpu")) or known_logical
    physical = text.whole(values.get("hw.physicalcpu")) or known_physical or logical
    levels = [text.whole(values.get(f"hw.perflevel{level}.physicalcpu")) or 0 for level in (0, 1)]
    return Cpu(
        values.get("machdep.cpu.brand_string") or f"{sources.architecture} processor",
        "arm64" if values.get("hw.optional.arm64") == "1" else sources.architecture,
        physical,
        logical,
        usable_physical_cores=physical,
        usable_logical_cores=logical,
        features=features.from_darwin(values),
        performance_cores=levels[0] if levels[1] else 0,
        efficiency_cores=levels[1],
    )


# Windows (written from the documentation; not tried on Windows yet)


def _windows(sources: Sources) -> Cpu:
    keys = registry.parse(sources.output("reg", "query", _WINDOWS_KEY, "/v", "ProcessorNameString"))
    names = [registry.words(values.get("ProcessorNameString")).strip() for values in keys.values()]
    physical, logical = sources.cores()
    usable = len(sources.affinity() or ()) or logical
    return Cpu(
        next(filter(None, names), f"{sources.architecture} processor"),
        sources.architecture,
        physical or logical,
        logical,
        usable_physical_cores=max(1, min(physical or logical, usable)),
        usable_logical_cores=max(1, min(logical, usable)),
        features=features.from_windows(sources.processor_feature, sources.architecture),
    )
