"""Several NVIDIA cards: which one is computed on, and that plans, workers and readings mean the same."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.folders.run import FolderConversion
from engine.convert.steps import Steps
from engine.errors import EngineError
from engine.formats import Family
from engine.machine import cuda_cards, gpu_use, nvidia, nvidia_smi
from engine.machine.cuda_cards import CARD, ORDER, VISIBLE, bare, chosen, only
from engine.machine.facts import Gpu, Machine
from engine.machine.unavailable import Unavailable
from engine.measure import run as measuring
from engine.process.host import Worker
from engine.recommend.pools import pool
from engine.recommend.requirements import without_card
from engine.runtime import observing, registry
from engine.runtime.session import Session
from tests.engine.convert.folders.test_plan import write_folder
from tests.engine.machine.test_cases import found
from tests.helpers.recorded import Recorded, changed

FIRST, SECOND = "GPU-8c1f0f5e-1f8b-4a52-9b7e-0b6a5d2f7a11", "GPU-0d2c4c3a-77aa-4bb1-8f0e-3f5a1f6e9c42"
GB = 10**9


def cards_of(*free_gb: float, visible: str | None = None, order: str = "", **more: Any) -> Recorded:
    """Return the recorded server with so much free on its two cards; ``visible`` is what a person chose of them."""
    case = Recorded.load("two-a100")
    devices = [
        {**device, "free_bytes": int(free * GB), "uuid": uuid, "index": index, **more}
        for index, (device, free, uuid) in enumerate(
            zip(case.case["nvml"]["devices"], free_gb, (FIRST, SECOND), strict=True)
        )
    ]
    chosen_ones = {} if visible is None else {VISIBLE: visible, ORDER: order}
    return changed(case, nvml={**case.case["nvml"], "devices": devices}, environment=chosen_ones)


def machine_of(case: Recorded) -> Machine:
    return found(case)


@pytest.mark.parametrize(("free_gb", "number"), [((2, 40), 1), ((40, 2), 0), ((40, 40), 0)])
def test_the_card_with_the_most_free_memory_is_computed_on(free_gb: tuple[float, float], number: int) -> None:
    card = chosen(nvidia.read(cards_of(*free_gb))[0])
    assert card and card.number == number
    assert card.label == f"NVIDIA A100-SXM4-40GB (GPU {number})"
    assert only(card) == {VISIBLE: (FIRST, SECOND)[number], CARD: card.label}


def test_a_card_that_cuda_does_not_show_is_never_taken() -> None:
    cards = nvidia.read(cards_of(2, 40, visible=FIRST))[0]
    assert [card.hidden for card in cards] == [False, True]
    card = chosen(cards)
    assert card and card.uuid == FIRST
    assert chosen(nvidia.read(cards_of(2, 40, visible=""))[0]) is None


def test_a_card_alone_is_left_as_it_is() -> None:
    (card,) = nvidia.read(Recorded.load("rtx-4090-linux"))[0]
    assert card.label == card.name and only(card) == {} and only(None) == {}


def test_a_card_too_old_to_compute_is_the_last_choice() -> None:
    old = Gpu("nvidia", "Tesla K80", 24 * GB, 24 * GB, compute_capability="3.7", number=0, uuid=FIRST)
    new = Gpu("nvidia", "RTX 3060", 12 * GB, 11 * GB, compute_capability="8.6", number=1, uuid=SECOND)
    assert chosen([old, new]) == new
    assert chosen([old]) == old


def test_the_parts_of_a_divided_card_are_told_apart_by_their_own_uuid() -> None:
    device = {"name": "NVIDIA A100", "total_bytes": 20 * GB, "mig": True, "of": 80 * GB, "index": 0}
    parts = [{**device, "free_bytes": free * GB, "uuid": f"MIG-{free}"} for free in (3, 19)]
    card = chosen(nvidia.gpus({"devices": parts}))
    assert card and only(card)[VISIBLE] == "MIG-19"


def test_nvidia_smi_tells_the_same_cards() -> None:
    log = "".join(
        f"<gpu id='0000:0{index}:00.0'><product_name>A</product_name><uuid>{uuid}</uuid>"
        "<fb_memory_usage><total>100 MiB</total><free>50 MiB</free></fb_memory_usage></gpu>"
        for index, uuid in enumerate((FIRST, SECOND))
    )
    cards = nvidia.gpus(nvidia_smi.parse(f"<nvidia_smi_log>{log}</nvidia_smi_log>"))
    assert [(card.number, card.uuid) for card in cards] == [(0, FIRST), (1, SECOND)]


def test_suggestions_count_with_that_card_and_llama_with_all() -> None:
    machine = machine_of(cards_of(2, 40))
    assert [gpu.number for gpu in pool(machine, Family.PLAIN).gpus] == [1]
    assert [gpu.number for gpu in pool(machine, Family.GGUF).gpus] == [0, 1]


def test_llama_counts_with_the_cards_that_it_sees() -> None:
    case = cards_of(30, 40, visible="1")
    build = case.case["worker"]["describe_llama"]
    described = {**build, "devices": build["devices"][1:]}
    machine = machine_of(changed(case, worker={"describe_llama": described}))
    assert [gpu.number for gpu in pool(machine, Family.GGUF).gpus] == [1]


def test_a_hidden_card_is_explained() -> None:
    machine = machine_of(cards_of(2, 40, visible=FIRST))
    assert any(f"{VISIBLE} hides NVIDIA A100-SXM4-40GB (GPU 1)" in row.reason for row in gpu_use.why_not(machine))
    nothing = machine_of(cards_of(2, 40, visible=""))
    told = without_card(7.0, nothing)
    assert told and VISIBLE in told
    assert VISIBLE in (registry.named("transformers").why_not(nothing) or "")


def test_what_was_observed_is_of_the_card_that_the_model_is_on() -> None:
    """When it is loaded, the other card is the freer one."""
    machine = machine_of(cards_of(2, 40))
    alone = observing.on_card(machine, "NVIDIA A100-SXM4-40GB (GPU 0)")
    assert [gpu.number for gpu in pool(alone, Family.PLAIN).gpus] == [0]
    assert observing.on_card(machine, "CPU") == machine


# Processes


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let this computer have two cards of which the second is free; return what a worker is to be told."""
    monkeypatch.delenv(VISIBLE, raising=False)
    cards = nvidia.read(cards_of(2, 40))
    monkeypatch.setattr(nvidia, "read", lambda sources: cards)
    return {VISIBLE: SECOND, CARD: "NVIDIA A100-SXM4-40GB (GPU 1)"}


def variables_of(worker: Worker) -> dict[str, str]:
    pairs = Path(f"/proc/{worker.pid}/environ").read_text("utf-8").split("\0")
    told = dict(pair.partition("=")[::2] for pair in pairs)
    return {name: told[name] for name in (VISIBLE, CARD) if name in told}


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc shows a process's variables")


@linux_only
def test_a_session_of_pytorch_has_one_card_and_one_of_llama_all(tmp_path: Path, two_cards: dict[str, str]) -> None:
    for format_id, expected in (("plain-bf16", two_cards), ("gguf-q8_0", {})):
        with Session(Checkpoint(tmp_path, "model", format_id, 0)) as session:
            session._worker.ask("unload").finish()
            assert variables_of(session._worker) == expected


@linux_only
def test_a_measurement_in_pytorch_has_one_card(two_cards: dict[str, str]) -> None:
    for on_one_card, expected in ((True, two_cards), (False, {})):
        worker = measuring._worker_at(None, on_one_card)
        worker.ask("hash", files=[__file__]).finish()
        assert variables_of(worker) == expected
        worker.close()


@linux_only
def test_a_conversion_computes_on_the_card_of_its_plan(
    tmp_path: Path, two_cards: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.convert.folders.plan import folder_plan

    plan = folder_plan(write_folder(tmp_path / "tiny", 192), "bnb-nf4", tmp_path / "made")
    assert plan.card and plan.card.number == 1
    assert any("made on NVIDIA A100-SXM4-40GB (GPU 1), where 40.0 GB are free" in note for note in plan.notes)
    fuller = nvidia.read(cards_of(40, 2))
    monkeypatch.setattr(nvidia, "read", lambda sources: fuller)
    steps: Steps = FolderConversion(plan)._steps
    list(steps.run("hash", files=[__file__]))
    assert steps._worker and variables_of(steps._worker) == two_cards
    steps.end_worker()


def test_a_card_that_is_too_full_is_named() -> None:
    from engine.convert.folders.card_room import card_problems, card_room
    from tests.helpers.models import facts_of

    cards = nvidia.read(cards_of(2, 1))[0]
    room = card_room(facts_of("Llama-3.3-70B"), FOLDER_RECIPES["gptq-int4-g128"], chosen(cards))
    assert room
    (problem,) = card_problems(room)
    assert "of GPU memory of NVIDIA A100-SXM4-40GB (GPU 0) are needed; 2.0 GB are free" in problem.message


# What a person chose


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("0", [0]),
        ("1", [1]),
        ("1,0", [0, 1]),
        (" 1 , 0 ", [0, 1]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("0,7,1", [0]),  # an entry that names no card hides what follows
        ("7", []),
        (SECOND, [1]),
        (SECOND.lower()[:12], [1]),  # its beginning suffices
        (f"{SECOND},{FIRST}", [0, 1]),
        ("GPU-ffffffff,0", []),
    ],
)
def test_a_choice_is_understood_as_cuda_does(visible: str, expected: list[int]) -> None:
    cards = nvidia.read(cards_of(2, 40, visible=visible))[0]
    assert [card.number for card in cards if not card.hidden] == expected


def test_where_nobody_chose_all_are_shown() -> None:
    assert not any(card.hidden for card in nvidia.read(cards_of(2, 40))[0])


def mixed(visible: str, order: str = "") -> Recorded:
    """Return the server with cards of two kinds, which CUDA counts from the fastest on unless it is told otherwise."""
    case = cards_of(2, 40, visible=visible, order=order)
    first, second = case.case["nvml"]["devices"]
    return changed(case, nvml={**case.case["nvml"], "devices": [{**first, "name": "NVIDIA L4"}, second]})


def test_of_different_cards_cuda_is_asked_what_a_number_means(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def listed(visible: str, order: str) -> frozenset[str]:
        asked.append((visible, order))
        return frozenset({bare(SECOND)})

    monkeypatch.setattr(cuda_cards, "_listed", listed)
    assert [card.hidden for card in nvidia.read(mixed("0"))[0]] == [True, False]
    assert asked == [("0", "")]
    assert [card.hidden for card in nvidia.read(mixed("0", "PCI_BUS_ID"))[0]] == [False, True]
    assert [card.hidden for card in nvidia.read(mixed(FIRST))[0]] == [False, True]
    assert len(asked) == 1


def test_a_choice_that_nobody_understands_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here there is no driver to ask."""

    def nothing(visible: str, order: str) -> frozenset[str]:
        raise Unavailable("no driver")

    monkeypatch.setattr(cuda_cards, "_listed", nothing)
    cards = nvidia.read(mixed("0"))[0]
    assert not any(card.hidden for card in cards) and only(chosen(cards)) == {}


def test_cuda_itself_can_be_asked() -> None:
    worker = Worker("engine.machine.worker")
    try:
        listed = worker.ask("list_cuda").finish()
    except EngineError as error:
        assert "no CUDA library" in error.message or "CUDA's error" in error.message
        with pytest.raises(Unavailable):
            cuda_cards._listed("0", "")
    else:
        assert all(len(uuid) == 32 for uuid in listed)
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("format_id", "device", "free_gb"),
    [
        ("plain-bf16", "NVIDIA A100-SXM4-40GB (GPU 0)", 2),
        ("plain-bf16", "NVIDIA A100-SXM4-40GB (GPU 1)", 40),
        ("gguf-q4_k_m", "NVIDIA A100-SXM4-40GB", 42),
    ],
)
def test_a_larger_context_counts_with_the_card_that_the_model_is_on(
    monkeypatch: pytest.MonkeyPatch, format_id: str, device: str, free_gb: int
) -> None:
    from engine.chat import enlarging
    from tests.helpers.models import facts_of

    machine = machine_of(cards_of(2, 40))
    monkeypatch.setattr(enlarging, "probe", lambda **_: machine)
    facts = dataclasses.replace(facts_of("Llama-3-8B"), format_id=format_id)
    assert enlarging._free_bytes(facts, device) == free_gb * GB


def test_what_a_format_needs_is_asked_of_the_card_that_is_computed_on() -> None:
    """The other card could run it, and would not be taken."""
    volta = Gpu("nvidia", "Tesla V100", 32 * GB, 31 * GB, compute_capability="7.0", number=0, uuid=FIRST)
    turing = Gpu("nvidia", "Tesla T4", 16 * GB, 15 * GB, compute_capability="7.5", number=1, uuid=SECOND)
    machine = dataclasses.replace(machine_of(cards_of(2, 40)), gpus=(volta, turing))
    assert "this one has 7.0" in (without_card(7.5, machine) or "")
    assert without_card(7.0, machine) is None
