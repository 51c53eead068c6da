"""Next-token distributions: scored against a text, kept small as a reference, and compared with that reference.

The reference keeps, of each place, the likeliest tokens that have all but :data:`TAIL_MASS` of the probability. Their
log-probabilities are rounded to 1/1024 and scaled so that their sum is exact. The rest is one bucket; the
divergence inside of it is taken to be that among the least likely tokens that were kept (those between four times
:data:`TAIL_MASS` and it), which is measured.

What it costs, on 2,295 places of three texts (SmolLM2-135M, 49,152 tokens, prose, code and 14 languages) against all
probabilities in 64 bits, for Q8_0, Q4_K_M and Q2_K: the mean divergence is off by at most 0.01 %, its 99th percentile
by 0.22 %, its median by 0.17 %. 3,800 tokens of a place are kept there, in 9.5 kB; llama-perplexity keeps 98 kB.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.errors import Refused

Array = Any  # numpy arrays; their element types are said where they are made

TAIL_MASS = 0.0025
LEAST_KEPT = 256  # tokens: where a few have all of the probability, the rest is seen token by token
_STRETCH = 4  # times TAIL_MASS: where the stretch begins that stands for the rest
_STEPS = 1024  # for each nat
_HIGHEST_CODE = 2**16 - 1  # e^-64
_LEAST = 1e-12
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Scores:
    """Values of each scored place, float32: −ln p of the text's token, and the likeliest token (int32)."""

    nll: Array
    top: Array


@dataclass(frozen=True, slots=True)
class Row:
    """One place of a reference: kept tokens (rising) with their log-probabilities, and the probability of the rest.

    ``stretch`` is true for the kept tokens that stand for the rest.
    """

    ids: Array
    log_p: Array
    tail: float
    stretch: Array


def log_softmax(logits: Array) -> Array:
    """Return log-probabilities of one row in float64."""
    row = logits.astype(np.float64)
    row -= row.max()
    row -= np.log(np.exp(row).sum())
    return row


def keep(log_p: Array) -> bytes:
    """Return one place in the form in which a reference keeps it."""
    codes = np.minimum(np.rint(log_p * -_STEPS), _HIGHEST_CODE).astype(np.int64)
    probability = np.exp(log_p)
    mass, count = np.cumsum(np.bincount(codes, probability)), np.cumsum(np.bincount(codes))
    enough = np.searchsorted(mass, mass[-1] * (1 - TAIL_MASS))
    ids = np.flatnonzero(codes <= max(enough, np.searchsorted(count, min(LEAST_KEPT, len(codes)))))
    kept = float(probability[ids].sum())
    gaps = np.diff(ids, prepend=0).astype("<u4")
    planes = (gaps.view(np.uint8).reshape(-1, 4).T, codes[ids].astype("<u2").view(np.uint8).reshape(-1, 2).T)
    packed = zlib.compress(b"".join(plane.tobytes() for plane in planes), 1)
    return struct.pack("<Idd", len(ids), kept, max(1 - kept, 0.0)) + packed


def kept(content: bytes) -> Row:
    """Return what :func:`keep` kept."""
    head = struct.Struct("<Idd")
    count, mass, tail = head.unpack_from(content)
    raw = np.frombuffer(zlib.decompress(content[head.size :]), np.uint8)
    gaps = raw[: 4 * count].reshape(4, count).T.copy().view("<u4").ravel()
    codes = raw[4 * count :].reshape(2, count).T.copy().view("<u2").ravel()
    log_p = codes / -float(_STEPS)
    log_p += np.log(mass / np.exp(log_p).sum())
    by_code = np.cumsum(np.bincount(codes, np.exp(log_p)))
    begins = np.searchsorted(by_code, by_code[-1] - (_STRETCH - 1) * TAIL_MASS)
    return Row(np.cumsum(gaps, dtype=np.int64), log_p, tail, codes > begins)


def divergence(row: Row, log_q: Array) -> float:
    """Return the Kullback-Leibler divergence of a kept place from all log-probabilities of another model, in nats."""
    other = log_q[row.ids]
    p = np.exp(row.log_p)
    terms = p * (row.log_p - other)
    tail_q = max(1 - float(np.exp(other).sum()), _LEAST)
    if row.tail < _LEAST:
        return float(terms.sum())
    return float(terms.sum()) + row.tail * (np.log(row.tail / tail_q) + _inside(p, other, terms, row.stretch))


def _inside(p: Array, other: Array, terms: Array, stretch: Array) -> float:
    """Return the divergence inside the stretch, as if it were all there is."""
    mass, mass_q = float(p[stretch].sum()), float(np.exp(other[stretch]).sum())
    if mass < _LEAST or mass_q < _LEAST:
        return 0.0
    return max(float(terms[stretch].sum()) / mass - float(np.log(mass / mass_q)), 0.0)


class Writer:
    """Scores a window's places and keeps them as a reference."""

    def __init__(self, targets: Sequence[int]) -> None:
        self._targets = targets
        self._nll: list[float] = []
        self._top: list[int] = []
        self._rows: list[bytes] = []

    def take(self, log_p: Array) -> None:
        """Take the next place's log-probabilities."""
        self._nll.append(-float(log_p[self._targets[len(self._nll)]]))
        self._top.append(int(log_p.argmax()))
        self._rows.append(keep(log_p))

    def reference(self) -> bytes:
        """Return the window's frame: its scores, then each place with its length."""
        scores = np.array(self._nll, "<f4").tobytes() + np.array(self._top, "<i4").tobytes()
        rows = b"".join(_COUNT.pack(len(row)) + row for row in self._rows)
        return _COUNT.pack(len(self._rows)) + scores + rows


class Reader:
    """A window of a reference; compares another model's places with it, one after the other."""

    def __init__(self, frame: bytes) -> None:
        (self.count,) = _COUNT.unpack_from(frame)
        self._frame = frame
        self._at = _COUNT.size + 8 * self.count
        self.scores = Scores(
            np.frombuffer(frame, "<f4", self.count, _COUNT.size),
            np.frombuffer(frame, "<i4", self.count, _COUNT.size + 4 * self.count),
        )

    def next_row(self) -> Row:
        (length,) = _COUNT.unpack_from(self._frame, self._at)
        start = self._at + _COUNT.size
        self._at = start + length
        return kept(self._frame[start : self._at])


class Comparison:
    """Scores a window's places and compares each with a reference, if there is one."""

    def __init__(self, targets: Sequence[int], reference: Reader | None) -> None:
        self._targets = targets
        self._reference = reference
        self._values: list[tuple[float, float, float, float]] = []  # nll, reference's nll, divergence, same top

    def take(self, log_q: Array) -> None:
        """Take the next place's log-probabilities."""
        place = len(self._values)
        nll = -float(log_q[self._targets[place]])
        self._values.append((nll, *self._compared(place, log_q)))

    def _compared(self, place: int, log_q: Array) -> tuple[float, float, float]:
        if self._reference is None:
            return (0.0, 0.0, 0.0)
        row = self._reference.next_row()
        if row.ids[-1] >= len(log_q):
            raise Refused(
                f"The model knows {len(log_q):,} tokens, its reference more.", "Choose a reference of the same model."
            )
        same_top = float(log_q.argmax() == self._reference.scores.top[place])
        return float(self._reference.scores.nll[place]), divergence(row, log_q), same_top

    def frame(self) -> bytes:
        """Return the window's values: four columns of float32."""
        return np.array(self._values, "<f4").tobytes()
