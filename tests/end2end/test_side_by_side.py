"""One job fails while another runs: a conversion of broken weights beside a chat that streams."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.plan import plan
from engine.convert.run import Conversion
from engine.errors import Cancelled, EngineError
from engine.events import Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.helpers.starter_folder import write_starter_folder

OPTIONS = LoadOptions(context_tokens=2048, threads=1)
COUNTING = [
    {"role": "user", "content": "Count from 1 to 1000."},
    {"role": "assistant", "content": "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,"},
]
MORE = 16  # tokens that come after the failure


class Streaming:
    """A greedy answer that comes in a thread of its own."""

    def __init__(self, session: Session) -> None:
        self.texts: list[str] = []
        self.fault: BaseException | None = None
        self._sampling = Sampling(temperature=0.0, max_tokens=1500)
        self._job = session.generate(COUNTING, self._sampling, continue_last=True)
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for(self, count: int) -> None:
        with self._news:
            arrived = self._news.wait_for(lambda: len(self.texts) >= count or not self._thread.is_alive(), 120)
        assert arrived
        assert len(self.texts) >= count, self.fault

    def stop(self) -> str:
        self._job.cancel()
        self._thread.join(30)
        assert isinstance(self.fault, Cancelled), self.fault
        return "".join(self.texts)

    def _run(self) -> None:
        try:
            for event in self._job:
                if isinstance(event, Token):
                    with self._news:
                        self.texts.append(event.text)
                        self._news.notify()
        except EngineError as fault:
            self.fault = fault


@pytest.fixture(scope="module")
def folder(starter: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_starter_folder(starter.path, tmp_path_factory.mktemp("hub") / "SmolLM2-135M-Instruct", "F16", 2)


@pytest.fixture
def session(starter: Checkpoint) -> Iterator[Session]:
    with Session(starter, OPTIONS) as found:
        yield found


def cut(shard: Path) -> None:
    """Take away the last tenth of a file."""
    with shard.open("r+b") as file:
        file.truncate(shard.stat().st_size * 9 // 10)


def poison(shard: Path) -> None:
    """Write no-numbers (0x7E00 in half precision) where the weights of the first tensor with many are."""
    with shard.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        wide = next(row for name, row in header.items() if name != "__metadata__" and len(row["shape"]) > 1)
        file.seek(8 + length + wide["data_offsets"][0])
        file.write(b"\x00\x7e" * 1000)


@pytest.mark.parametrize("spoil", [cut, poison])
def test_a_conversion_that_fails_leaves_a_streaming_chat_alone(
    spoil, starter: Checkpoint, session: Session, folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken" / folder.name
    broken.mkdir(parents=True)
    for file in folder.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    spoil(min(broken.glob("*.safetensors")))
    library = Library(tmp_path / "library")
    streaming = Streaming(session)
    streaming.wait_for(1)
    pid = session.worker_pid
    before = len(streaming.texts)
    with pytest.raises(EngineError):
        convert(broken, library)
    failed_at = len(streaming.texts)
    streaming.wait_for(failed_at + MORE)
    assert session.worker_pid == pid
    said = streaming.stop()
    assert failed_at >= before
    assert library.entries() == ()
    assert not list(library.folder.rglob("*.part"))
    assert said == undisturbed(starter, said)


def convert(source: Path, library: Library) -> None:
    target = library.target(library.entry_at(source), "gguf-q8_0")
    for _ in Conversion(plan(source, "gguf-q8_0", target, library)):
        pass


def undisturbed(starter: Checkpoint, said: str) -> str:
    """Return what the model says as far when nothing runs beside it."""
    with Session(starter, OPTIONS) as session:
        streaming = Streaming(session)
        count = 1
        while len("".join(streaming.texts)) < len(said):
            streaming.wait_for(count := max(count + 1, len(streaming.texts)))
        return streaming.stop()[: len(said)]
