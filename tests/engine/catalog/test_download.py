"""A download ends in the exact files or in a clear error, and continues where it was."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.catalog.download import fetch as fetch_module
from engine.catalog.download import job as job_module
from engine.catalog.download import place as place_module
from engine.catalog.download.blocks import BLOCK_BYTES
from engine.catalog.download.job import Download, discard
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.plan import DownloadPlan, plan_download
from engine.catalog.download.repair import plan_repair
from engine.catalog.download.staging import Staging, unfinished
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import Patience
from engine.catalog.library import Library
from engine.errors import AccessNeeded, Cancelled, DamagedFile, DiskFull, EngineError, NotFound, Offline, Refused
from engine.events import Progress
from tests.helpers.downloads import FILE, NAME, client, fetched_bytes, files_below, plan_for, run, said, weights
from tests.helpers.hub_server import Hub as Served
from tests.helpers.hub_server import serving

LARGE = weights(6 * (1 << 20) + 12345)
SMALL = weights(50_000, 1)
FAR_S = 0.03  # a round trip at which several connections are used


@pytest.fixture
def served():
    with serving(tokens={"hf_good_token"}) as served:
        yield served


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def download(served: Served, library: Library, plan: DownloadPlan, limit: SpeedLimit | None = None) -> Download:
    return Download(plan, client(served), library, limit)


def pause_after(count: int, wanted: Download) -> float:
    """Run a download until ``count`` bytes are here, then pause it; return how many were."""
    done = 0.0
    with pytest.raises(Cancelled):
        for event in wanted:
            if isinstance(event, Progress) and event.step == "download":
                done = event.done
                if done >= count:
                    wanted.cancel()
    return done


# What arrives


def test_a_file_arrives_exactly_with_its_record_and_nothing_else(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    checkpoint, events = run(download(served, library, plan))
    assert checkpoint.name == f"{NAME}/{FILE}"
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}
    sha256 = hashlib.sha256(LARGE).hexdigest()
    assert checkpoint.record["source"] == {"hub": served.url, "repository": NAME, "commit": plan.commit}
    assert checkpoint.record["sha256"] == sha256
    assert checkpoint.record["files"] == {FILE: {"bytes": len(LARGE), "sha256": sha256}}
    assert served.body_bytes() == len(LARGE)
    assert fetched_bytes(events) == sorted(fetched_bytes(events))
    assert fetched_bytes(events)[-1] == len(LARGE)


def test_a_folder_appears_when_it_is_complete(served: Served, library: Library) -> None:
    files = {
        "config.json": b"{}",
        "model-1.safetensors": LARGE,
        "model-2.safetensors": SMALL,
        "tokenizer.json": SMALL[:99],
    }
    plan = plan_for(served, files, "acme/Tiny")
    events = []
    for event in download(served, library, plan):
        events.append(event)
        if isinstance(event, Progress):
            assert library.entries() == ()
    assert [entry.name for entry in library.entries()] == ["acme/Tiny"]
    assert files_below(library.folder / "acme" / "Tiny") == files
    # Git's hash was checked; the record has the SHA-256 of every file.
    assert library.find("acme/Tiny").record["files"]["config.json"]["sha256"] == hashlib.sha256(b"{}").hexdigest()


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_a_kill_while_files_are_placed_shows_no_half_model(
    served: Served, library: Library, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    weights_ = {"model-1.safetensors": SMALL[:500], "model-2.safetensors": SMALL}
    files = {"config.json": b"{}", "vocab.json": SMALL[:9], **weights_}
    plan, real, left = plan_for(served, files, "acme/Tiny"), place_module._move, [moves]

    def die(*arguments, **named) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        real(*arguments, **named)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(place_module, "_move", die)
        run(download(served, library, plan))
    assert library.entries() == ()
    served.log.clear()
    run(download(served, library, plan))
    assert files_below(library.folder / "acme" / "Tiny") == files
    assert served.log == []


def test_folders_of_the_repository_are_kept_and_equal_files_fetched_once(served: Served, library: Library) -> None:
    files = {"Q4/a-00001-of-00002.gguf": LARGE, "Q4/a-00002-of-00002.gguf": LARGE, "Q8/é.gguf": SMALL, "empty": b""}
    plan = plan_for(served, files, entry="Q4/a-00001-of-00002.gguf")
    checkpoint, _ = run(download(served, library, plan))
    assert checkpoint.path.name == "a-00001-of-00002.gguf"
    assert files_below(library.folder / NAME) == files
    assert served.body_bytes("a-0") == len(LARGE)


def test_many_small_files_arrive(served: Served, library: Library) -> None:
    served.round_trip_s = 0.01
    files = {f"part/{number}.json": b"%d" % number * number for number in range(60)}
    _, events = run(download(served, library, plan_for(served, {**files, "config.json": b"{}"})))
    assert files_below(library.folder / NAME) == {**files, "config.json": b"{}"}
    assert said(events) == ""


def test_far_away_one_file_comes_over_several_connections(served: Served, library: Library) -> None:
    served.round_trip_s, served.connection_bytes_s = FAR_S, 15e6
    content = weights(24 << 20, 3)
    plan = plan_for(served, {FILE: content})
    began = time.monotonic()
    run(Download(plan, client(served, "hf_good_token"), library))
    assert time.monotonic() - began < len(content) / 15e6
    assert {request.token for request in served.log if request.stage == "cdn"} == {""}
    ranges = [request.byte_range for request in served.log if request.stage == "cdn"]
    assert len(ranges) >= 4
    assert len([request for request in served.log if request.stage == "resolve"]) < len(ranges)
    assert served.body_bytes() == len(content)
    assert files_below(library.folder) == {f"{NAME}/{FILE}": content}


# Pause and resume


def test_a_paused_download_continues_where_it_was(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE, "notes.txt": SMALL}, entry=FILE)
    for count in (1 << 20, 2 << 20, 4 << 20):
        paused = pause_after(count, download(served, library, plan, SpeedLimit(4e6)))
        (waiting,) = unfinished(library.folder)
        assert waiting.plan == plan
        assert paused - 8 * BLOCK_BYTES <= waiting.done_bytes < plan.size_bytes
        assert library.entries() == ()
    served.log.clear()
    _, events = run(download(served, library, waiting.plan))
    assert fetched_bytes(events)[0] >= waiting.done_bytes
    assert served.body_bytes() <= plan.size_bytes - waiting.done_bytes + BLOCK_BYTES
    assert served.body_bytes("notes.txt") == 0
    assert files_below(library.folder / NAME) == {FILE: LARGE, "notes.txt": SMALL}
    assert unfinished(library.folder) == ()


def test_a_pause_does_not_wait_for_a_silent_server(served: Served, library: Library) -> None:
    served.faults.add("stall", at=3 << 20, value=30)
    slow = Download(plan_for(served, {FILE: LARGE}), client(served, patience=Patience(stall_s=30)), library)
    threading.Timer(0.4, slow.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run(slow)
    assert time.monotonic() - began < 2
    assert not [thread for thread in threading.enumerate() if thread.name in ("fetcher", "checker")]


def test_whoever_walks_away_pauses_it(served: Served, library: Library) -> None:
    events = iter(download(served, library, plan_for(served, {FILE: LARGE}), SpeedLimit(5e6)))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name in ("fetcher", "checker")]
    assert len(unfinished(library.folder)) == 1


KILLED = """
import sys
from pathlib import Path
from engine.catalog.download.job import Download
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.library import Library
from engine.catalog.hub.client import Hub
from engine.catalog.download.staging import unfinished
library = Library(Path(sys.argv[1]))
(waiting,) = unfinished(library.folder)
for event in Download(waiting.plan, Hub(), library, SpeedLimit(8e6)):
    print(event.done, flush=True)
"""


def test_a_killed_app_loses_no_more_than_open_blocks(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    pause_after(1, download(served, library, plan, SpeedLimit(5e6)))
    app = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(library.folder)],
        env={**os.environ, "HF_ENDPOINT": served.url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout
    done = next(count for line in app.stdout if (count := float(line)) > 4 << 20)
    app.send_signal(signal.SIGKILL)
    app.wait()
    app.stdout.close()
    (waiting,) = unfinished(library.folder)
    assert waiting.done_bytes >= done - 8 * BLOCK_BYTES
    served.log.clear()
    run(download(served, library, waiting.plan))
    assert served.body_bytes() == len(LARGE) - waiting.done_bytes
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


def test_an_unfinished_download_can_be_thrown_away(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    pause_after(1 << 20, download(served, library, plan, SpeedLimit(8e6)))
    discard(plan, library)
    assert unfinished(library.folder) == ()
    assert list(library.folder.iterdir()) == []
    discard(plan, library)


def test_two_do_not_fetch_the_same(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    first = iter(download(served, library, plan, SpeedLimit(5e6)))
    next(first)
    with pytest.raises(Refused, match="already being fetched"):
        run(download(served, library, plan))
    with pytest.raises(Refused, match="already being fetched"):
        discard(plan, library)
    first.close()  # type: ignore[attr-defined]
    run(download(served, library, plan))


def test_a_newer_commit_keeps_what_is_the_same(served: Served, library: Library) -> None:
    old = plan_for(served, {FILE: LARGE, "notes.txt": b"old"}, entry=FILE)
    pause_after(3 << 20, download(served, library, old, SpeedLimit(8e6)))
    (waiting,) = unfinished(library.folder)
    new = plan_for(served, {FILE: LARGE, "notes.txt": b"new!"}, entry=FILE)
    served.log.clear()
    run(download(served, library, new))
    assert served.body_bytes(FILE) <= len(LARGE) - waiting.done_bytes + BLOCK_BYTES
    assert files_below(library.folder / NAME) == {FILE: LARGE, "notes.txt": b"new!"}


# What is there already


def test_what_is_there_and_right_is_not_fetched(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE, "notes.txt": SMALL}, entry=FILE)
    run(download(served, library, plan))
    served.log.clear()
    run(download(served, library, plan))
    assert served.log == []


def test_a_repair_fetches_the_damaged_file_alone(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE, "notes.txt": SMALL}, entry=FILE)
    run(download(served, library, plan))
    damaged = library.folder / NAME / "notes.txt"
    damaged.write_bytes(SMALL[:-1] + b"?")
    served.log.clear()
    run(download(served, library, plan))
    assert damaged.read_bytes() == SMALL
    assert served.body_bytes() == len(SMALL)


# Faults of the network


@pytest.mark.parametrize("round_trip_s", [0, FAR_S])
def test_cut_connections_cost_nothing_but_time(served: Served, library: Library, round_trip_s: float) -> None:
    served.round_trip_s = round_trip_s
    plan = plan_for(served, {FILE: LARGE})
    for at in (0, 1, 100_000, 1 << 20, 5_000_000, len(LARGE) - 1):
        served.faults.add("cut", at=at)
    run(download(served, library, plan))
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}
    # What a cut connection still had on its way is lost: at most what its buffers hold.
    assert served.body_bytes() < len(LARGE) * 1.5


def test_a_stalled_connection_is_noticed_and_replaced(served: Served, library: Library) -> None:
    served.faults.add("stall", at=4 << 20, value=20)
    began = time.monotonic()
    _, events = run(download(served, library, plan_for(served, {FILE: LARGE})))
    assert time.monotonic() - began < 5
    assert "failed" in said(events)
    assert "trying again" in said(events)


def test_a_connection_that_nearly_stops_is_replaced(
    served: Served, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "LEAST_BYTES_S", 1_000_000)
    served.faults.add("slow", value=400_000)
    _, events = run(download(served, library, plan_for(served, {FILE: LARGE})))
    assert "nearly stopped" in said(events)


def test_a_wrong_byte_is_found_and_only_part_of_the_file_fetched_again(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE, "notes.txt": SMALL}, entry=FILE)
    served.faults.add("corrupt", path=FILE, at=2_000_000)
    _, events = run(download(served, library, plan))
    assert files_below(library.folder / NAME) == {FILE: LARGE, "notes.txt": SMALL}
    assert f"{FILE} arrived with a wrong byte" in said(events)
    assert served.body_bytes("notes.txt") == len(SMALL)
    assert served.body_bytes(FILE) <= len(LARGE) + (4 << 20)


def test_exchanged_blocks_are_found(served: Served, library: Library) -> None:
    served.faults.add("swap", at=3_000_000, value=2000)
    run(download(served, library, plan_for(served, {FILE: LARGE})))
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


def test_two_wrong_bytes_in_two_rounds_are_found(served: Served, library: Library) -> None:
    served.faults.add("corrupt", at=5 << 20)
    served.faults.add("corrupt", at=100, skip=1)
    run(download(served, library, plan_for(served, {FILE: LARGE})))
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


def test_a_small_file_with_a_wrong_byte_is_fetched_again(served: Served, library: Library) -> None:
    served.faults.add("corrupt", at=17)
    _, events = run(download(served, library, plan_for(served, {"config.json": SMALL})))
    assert "wrong bytes" in said(events)
    assert served.body_bytes() == 2 * len(SMALL)


@pytest.mark.parametrize("content", [LARGE, SMALL])
def test_a_file_that_stays_wrong_is_named_and_never_appears(served: Served, library: Library, content: bytes) -> None:
    plan = plan_for(served, {FILE: content, "notes.txt": b"fine"}, entry=FILE)
    served.faults.add("corrupt", path=FILE, at=17, times=99)
    with pytest.raises(DamagedFile) as caught:
        run(download(served, library, plan))
    assert caught.value.details["file"] == FILE
    assert library.entries() == ()
    served.faults.clear()
    run(download(served, library, plan))
    assert files_below(library.folder / NAME) == {FILE: content, "notes.txt": b"fine"}


def test_a_server_that_ignores_ranges_is_good_enough(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    pause_after(3 << 20, download(served, library, plan, SpeedLimit(8e6)))
    served.faults.add("no range", times=99)
    run(download(served, library, plan))
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


@pytest.mark.parametrize("stage", ["resolve", "cdn"])
@pytest.mark.parametrize("more", [-5, 7])
@pytest.mark.parametrize("content", [LARGE, SMALL])
def test_a_lie_about_a_size_is_no_file(served: Served, library: Library, stage: str, more: int, content: bytes) -> None:
    plan = plan_for(served, {FILE: content})
    served.faults.add("size", value=more, times=99, stage=stage)
    with pytest.raises((DamagedFile, Offline)):
        run(download(served, library, plan))
    assert library.entries() == ()


def test_an_answer_of_another_commit_is_no_file(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    served.faults.add("commit", times=99)
    with pytest.raises(DamagedFile, match="commit 0000000"):
        run(download(served, library, plan))


def test_an_answer_that_begins_elsewhere_is_asked_for_again(served: Served, library: Library) -> None:
    served.faults.add("cut", at=1 << 20)
    served.faults.add("shift", value=BLOCK_BYTES)
    _, events = run(download(served, library, plan_for(served, {FILE: LARGE})))
    assert "sends something else" in said(events)
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


def test_a_busy_hub_is_obeyed(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    served.faults.add("status", value=429, stage="resolve", headers={"Retry-After": "1"})
    served.faults.add("status", value=503, stage="cdn", times=2)
    began = time.monotonic()
    _, events = run(download(served, library, plan))
    assert time.monotonic() - began >= 1
    assert "asks to wait" in said(events)
    assert served.body_bytes() == len(LARGE)


def test_an_address_that_has_run_out_is_asked_for_again(served: Served, library: Library) -> None:
    served.round_trip_s, served.connection_bytes_s = FAR_S, 15e6
    content = weights(24 << 20, 3)
    plan = plan_for(served, {FILE: content})
    expired = served.faults.add("status", value=403, stage="cdn", times=0)
    events = iter(download(served, library, plan))
    next(events)
    expired.times = 2
    list(events)
    assert expired.times == 0
    assert files_below(library.folder) == {f"{NAME}/{FILE}": content}


def test_a_hub_that_goes_away_pauses_it(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    served.faults.add("cut", at=4 << 20, times=99)
    with pytest.raises(Offline) as caught:
        run(download(served, library, plan))
    assert "127.0.0.1" in caught.value.message
    served.faults.clear()
    served.log.clear()
    run(download(served, library, plan))
    assert served.body_bytes() <= len(LARGE) - (3 << 20)


# Changes at the Hub


def test_the_commit_that_was_looked_at_is_what_arrives(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    other = weights(len(LARGE), 9)
    served.faults.add("call", stage="resolve", action=lambda: served.publish(NAME, {FILE: other}))
    checkpoint, _ = run(download(served, library, plan))
    assert served.repositories[NAME].head != plan.commit == checkpoint.record["source"]["commit"]
    assert checkpoint.path.read_bytes() == LARGE


def test_a_repository_that_vanishes_is_a_clear_error(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE, "a.gguf": LARGE[::-1]}, entry=FILE)
    del served.repositories[NAME]
    with pytest.raises(NotFound, match="acme/Tiny-GGUF"):
        run(download(served, library, plan))
    assert library.entries() == ()


def test_a_gated_model_says_where_to_accept_and_continues_with_a_token(served: Served, library: Library) -> None:
    served.publish(NAME, {FILE: LARGE}, gated="manual")
    plan = plan_for(served)
    with pytest.raises(AccessNeeded) as caught:
        run(download(served, library, plan))
    assert caught.value.details["url"] == f"{served.url}/{NAME}"
    served.accepted.add(("hf_good_token", NAME))
    checkpoint, _ = run(Download(plan, client(served, "hf_good_token"), library))
    assert "hf_good_token" not in str(files_below(library.folder)) + str(checkpoint.record)


# The disk


def test_too_small_a_disk_is_told_before_the_first_byte(
    served: Served, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(served, {FILE: LARGE})
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(100, 90, 10))  # type: ignore
    with pytest.raises(DiskFull) as caught:
        run(download(served, library, plan))
    assert caught.value.details["needed_bytes"] == len(LARGE)
    assert served.body_bytes() == 0


def test_a_disk_that_others_fill_pauses_it(served: Served, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_module, "DISK_S", 0)
    plan = plan_for(served, {FILE: LARGE})
    slow = iter(download(served, library, plan, SpeedLimit(5e6)))
    next(slow)
    with monkeypatch.context() as full, pytest.raises(DiskFull):
        full.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(100, 90, 10))  # type: ignore
        list(slow)
    (waiting,) = unfinished(library.folder)
    served.log.clear()
    run(download(served, library, plan))
    assert served.body_bytes() == len(LARGE) - waiting.done_bytes


def test_a_write_that_fails_for_want_of_room_loses_nothing(
    served: Served, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_for(served, {FILE: LARGE})
    real, written = fetch_module.write_fully, [0]

    def full(file, data) -> None:
        written[0] += len(data)
        if written[0] > 3 << 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, data)

    with monkeypatch.context() as patched, pytest.raises(DiskFull):
        patched.setattr(fetch_module, "write_fully", full)
        run(download(served, library, plan))
    served.log.clear()
    run(download(served, library, plan))
    assert served.body_bytes() <= len(LARGE) - (3 << 20) + 2 * BLOCK_BYTES
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


def test_a_folder_that_cannot_be_written_is_named(served: Served, tmp_path: Path) -> None:
    (tmp_path / "models").write_bytes(b"not a folder")
    with pytest.raises(EngineError, match="models"):
        run(download(served, Library(tmp_path / "models"), plan_for(served, {FILE: SMALL})))


def test_blocks_that_the_disk_spoiled_are_fetched_again_alone(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE})
    pause_after(4 << 20, download(served, library, plan, SpeedLimit(8e6)))
    (waiting,) = unfinished(library.folder)
    part = Staging.of(library.folder, plan).part(plan.files[0])
    with part.open("r+b") as file:
        file.seek(3 * BLOCK_BYTES + 17)
        file.write(b"\0" * 100)
    served.log.clear()
    run(download(served, library, plan))
    assert served.body_bytes() == len(LARGE) - waiting.done_bytes + BLOCK_BYTES
    assert files_below(library.folder) == {f"{NAME}/{FILE}": LARGE}


# Names


@pytest.mark.parametrize(
    "path", ["../evil.gguf", "/etc/evil.gguf", "C:\\evil.gguf", "a/../../b.gguf", "nul.gguf", "x.part"]
)
def test_a_hostile_name_is_refused_before_anything_is_written(served: Served, library: Library, path: str) -> None:
    served.publish(NAME, {path: SMALL, "model.gguf": SMALL})
    model = look_up(client(served), NAME)
    with pytest.raises(Refused):
        plan_download(model, model.files, entry="model.gguf")
    assert not library.folder.exists()
    fine = [file for file in model.files if file.path == "model.gguf"]
    run(download(served, library, plan_download(model, fine, entry="model.gguf")))


def test_a_link_in_the_library_is_not_followed_out_of_it(served: Served, library: Library, tmp_path: Path) -> None:
    plan = plan_for(served, {FILE: SMALL})
    library.folder.mkdir()
    (tmp_path / "outside").mkdir()
    (library.folder / "acme").symlink_to(tmp_path / "outside")
    with pytest.raises(Refused, match="link"):
        run(download(served, library, plan))
    assert list((tmp_path / "outside").iterdir()) == []


# Speed


def test_a_speed_limit_holds_and_can_be_lifted(served: Served, library: Library) -> None:
    limit = SpeedLimit(4e6)
    began, lifted_at = time.monotonic(), 0.0
    for event in download(served, library, plan_for(served, {FILE: LARGE}), limit):
        if isinstance(event, Progress) and event.done > 4e6 and not lifted_at:
            lifted_at = time.monotonic()
            limit.bytes_s = 0
    assert 0.7 < lifted_at - began < 2.5
    assert time.monotonic() - lifted_at < 1.5


# Repair


def test_a_model_is_repaired_by_its_record(served: Served, library: Library) -> None:
    plan = plan_for(served, {FILE: LARGE, "notes.txt": SMALL}, entry=FILE)
    checkpoint, _ = run(download(served, library, plan))
    served.publish(NAME, {FILE: SMALL})
    with checkpoint.path.open("r+b") as file:
        file.write(b"?")
    served.log.clear()
    repair = plan_repair(client(served), library.find(checkpoint.name))
    assert (repair.commit, repair.entry, repair.size_bytes) == (plan.commit, FILE, plan.size_bytes)
    run(download(served, library, repair))
    assert checkpoint.path.read_bytes() == LARGE
    assert served.body_bytes("notes.txt") == 0
    (library.folder / "own.gguf").write_bytes(b"GGUF")
    with pytest.raises(Refused, match="was not fetched"):
        plan_repair(client(served), library.find("own"))
