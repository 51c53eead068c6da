"""Whatever a system prints, no parser raises, and the probe ends with a machine."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Finished
from engine.machine import apple, cgroup, cpu, nvidia_smi, pci, registry, text, windows_gpus
from engine.machine.facts import Machine
from engine.machine.look import BANDWIDTH, LLAMA, Places, look
from engine.machine.unavailable import Unavailable
from tests.helpers import recorded
from tests.helpers.recorded import Recorded

PLACES = Places({"models": Path("/")}, Path("never-written.json"))
SEEDS = [
    text_
    for name in recorded.names()
    for part in ("files", "outputs")
    for text_ in Recorded.load(name).case.get(part, {}).values()
]


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """Take a recorded text and put something else into its middle, or take any text at all."""
    if draw(st.booleans()):
        return draw(st.text(max_size=200))
    original = draw(st.sampled_from(SEEDS))
    start = draw(st.integers(0, len(original)))
    end = draw(st.integers(start, min(len(original), start + 40)))
    return original[:start] + draw(st.text(max_size=20)) + original[end:]


@pytest.mark.parametrize(
    "parse",
    [
        cpu.parse_cpuinfo,
        text.pairs,
        text.numbers,
        text.whole,
        text.leading,
        text.hexadecimal,
        registry.parse,
        windows_gpus.parse,
        nvidia_smi.parse,
        apple.displays,
        lambda table: pci.pci_name(table, 0x1002, 0x744C),
    ],
)
@given(mangled())
@settings(max_examples=60)
def test_a_parser_never_raises(parse: Any, printed: str) -> None:
    parse(printed)


@given(mangled(), mangled(), mangled())
@settings(max_examples=60)
def test_control_groups_never_raise(mountinfo: str, groups: str, value: str) -> None:
    class Group(Recorded):
        def text(self, path: str) -> str:
            return {"/proc/self/mountinfo": mountinfo, "/proc/self/cgroup": groups}.get(path, value)

    cgroup.limits(Group({}))


class Garbage(Recorded):
    """A computer whose every answer is nonsense, an error, or nothing."""

    def __init__(self, system: str, seed: int) -> None:
        super().__init__({"system": system})
        self._random = random.Random(seed)

    def text(self, path: str) -> str:
        del path
        return self._random.choice(["", "-1", "max", "0x030000", "0x10de", "9" * 5000, "\0", "{", *SEEDS])

    def names(self, folder: str) -> tuple[str, ...]:
        del folder
        return tuple(self._random.sample(["cpu0", "cpux", "0000:01:00.0", "renderD128", "é", "cpu" + "9" * 30], 3))

    def output(self, *command: str, limit_s: float = 3.0) -> str:
        if self._random.random() < 0.2:
            raise Unavailable(f"{command[0]} is broken.")
        return self.text("")

    def nvml(self) -> Mapping[str, Any]:
        if self._random.random() < 0.5:
            raise Unavailable("No.", self._random.choice(["LIBRARY_NOT_FOUND", "UNKNOWN", ""]))
        return self._random.choice([{}, {"devices": None}, {"devices": [{}], "cuda": 0}])

    def memory(self) -> tuple[int, int]:
        if self._random.random() < 0.3:
            raise OSError("no memory file")
        return 0, 0

    def ask(self, do: str, limit_s: float, **arguments: Any) -> Mapping[str, Any]:
        return self._random.choice([{}, {"devices": [{}]}, {"devices": 3}])


@given(st.sampled_from(["Linux", "Darwin", "Windows", "FreeBSD"]), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_probe_of_a_computer_that_talks_nonsense_ends_with_a_machine(system: str, seed: int) -> None:
    *_, last = look(Garbage(system, seed), PLACES, measure_bandwidth=True)
    assert isinstance(last, Finished)
    assert isinstance(last.value, Machine)
    assert last.value.cpu.usable_physical_cores >= 1
    for row in last.value.missing:
        assert row.reason
        faults = "could not be read" in row.reason and "no memory file" not in row.reason
        assert not faults or row.what in (LLAMA, BANDWIDTH), row
