"""Tensors in, quantized files out, in one pass: no file at 16 bits lies between.

The converter computes the next tensor while all cores quantize slabs of the one before; each slab goes to its place in
every file that is made. A tensor's bytes are the same as those of llama-quantize, which gives chunks of rows to the
same functions: rows do not depend on each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO

from engine.convert.methods import kernels
from engine.convert.methods.header import Entry, Header
from engine.convert.methods.journal import Journal
from engine.convert.methods.kernels import Bytes, Numbers
from engine.convert.methods.weights import Rows, Weight
from engine.convert.room import Room
from engine.errors import DamagedFile

SLAB_ELEMENTS = 1 << 20  # 4 MiB at 32 bits: small beside a model, large beside a call
HELD_BYTES = 96 << 20  # computed tensors that may wait for the quantizers


@dataclass(frozen=True, slots=True)
class Target:
    """A file that is made: where each tensor belongs and in which type; ``importance`` is by tensor, one number a
    column of each matrix.
    """

    file: BinaryIO
    header: Header
    journal: Journal
    importance: dict[str, Numbers]


@dataclass(frozen=True, slots=True)
class _Piece:
    """One target's part of a slab."""

    target: Target
    entry: Entry


class Stream:
    """One pass over a model's tensors. ``on_bytes`` is told the source's bytes that are done."""

    def __init__(
        self, source: str, targets: Sequence[Target], threads: int, room: Room, on_bytes: Callable[[int], None]
    ) -> None:
        self._source = source
        self._targets = targets
        self._threads = threads
        self._room = room
        self._on_bytes = on_bytes
        self._done_bytes = 0
        self._held_bytes = 0
        self._pending: deque[tuple[Future[int], Weight, bool]] = deque()
        self._places = [{entry.name: entry for entry in target.header.tensors} for target in targets]

    def run(self, weights: Iterable[Weight]) -> None:
        """Make all targets. Raises :class:`DamagedFile` for numbers that are none, and what reading raises."""
        pool = ThreadPoolExecutor(self._threads, thread_name_prefix="quantize")
        try:
            for weight in weights:
                self._take(weight, pool)
            while self._pending:
                self._settle()
        finally:
            pool.shutdown(cancel_futures=True)
        for target in self._targets:
            target.journal.save()

    def _take(self, weight: Weight, pool: ThreadPoolExecutor) -> None:
        name = weight.entry.name
        pieces = [
            _Piece(target, places[name])
            for target, places in zip(self._targets, self._places, strict=True)
            if name not in target.journal.done
        ]
        if not pieces:
            self._count(weight.entry.bytes)
            return
        while self._pending and weight.held_bytes and self._held_bytes + weight.held_bytes > HELD_BYTES:
            self._settle()
        rows = weight.load()
        self._held_bytes += weight.held_bytes
        slabs = list(_slabs(weight.entry))
        for number, (first, last) in enumerate(slabs, 1):
            while len(self._pending) > 2 * self._threads:
                self._settle()
            future = pool.submit(self._slab, rows, weight.entry, pieces, first, last)
            self._pending.append((future, weight, number == len(slabs)))

    def _settle(self) -> None:
        """Wait for the oldest slab; with a tensor's last one, note the tensor."""
        future, weight, last = self._pending.popleft()
        self._count(future.result())
        if last:
            self._held_bytes -= weight.held_bytes
            for target in self._targets:
                if weight.entry.name not in target.journal.done:
                    target.journal.note(weight.entry.name)

    def _count(self, done_bytes: int) -> None:
        self._done_bytes += done_bytes
        self._on_bytes(self._done_bytes)

    def _slab(self, rows: Rows, source: Entry, pieces: Sequence[_Piece], first: int, last: int) -> int:
        """Write rows ``first`` to ``last`` into every target; return the bytes that were read."""
        stored = rows(first, last)
        if not kernels.valid(stored, source.type):
            raise self._damaged(source)
        made: dict[tuple[str, int], Bytes] = {}
        numbers: Numbers | None = None
        for piece in pieces:
            kind = piece.entry.type
            importance = _importance_of(piece.target, source, first)
            key = (kind, 0 if importance is None else importance.ctypes.data)
            if key not in made:
                if kind == source.type:
                    made[key] = stored
                else:
                    if numbers is None:
                        numbers = kernels.widen(stored, source.type, (last - first) * source.width)
                    made[key] = kernels.narrow(numbers, kind, last - first, source.width, importance)
                    if not kernels.valid(made[key], kind):
                        raise self._damaged(source)
            offset = piece.entry.offset + first * kernels.row_bytes(kind, source.width)
            self._room.write_at(piece.target.file, made[key].data, offset)
        return stored.nbytes

    def _damaged(self, source: Entry) -> DamagedFile:
        return DamagedFile(self._source, f"finite numbers in {source.name}", "NaN or infinite ones")


def _importance_of(target: Target, source: Entry, row: int) -> Numbers | None:
    """Return a target's importance of the columns of the matrix that ``row`` lies in."""
    weights = target.importance.get(source.name)
    if weights is None:
        return None
    matrix = row // source.rows_of_matrix
    return weights[matrix * source.width : (matrix + 1) * source.width]


def _slabs(entry: Entry) -> Iterator[tuple[int, int]]:
    """Yield ranges of rows; none reaches over the end of a matrix, because each expert has an importance of its own."""
    step = max(1, SLAB_ELEMENTS // max(entry.width, 1))
    for begin in range(0, entry.rows, entry.rows_of_matrix):
        end = begin + entry.rows_of_matrix
        for first in range(begin, end, step):
            yield first, min(first + step, end)
