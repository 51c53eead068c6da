"""The GGUF header reader, on good files, on bad ones, and on noise."""

from __future__ import annotations

import contextlib
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalog.headers.gguf_header import HEADER_LIMIT_BYTES, Skipped, read_gguf_header
from engine.errors import DamagedFile, EngineError, UnsupportedModel
from tests.helpers import headers

F32, Q4_0, Q4_K = 0, 2, 12


class Bytes:
    """A source that counts what is asked of it, as a server would."""

    name = "model.gguf"

    def __init__(self, data: bytes, size: int | None = -1) -> None:
        self._data = data
        self.size = len(data) if size == -1 else size
        self.requests: list[tuple[int, int]] = []

    def read(self, offset: int, length: int) -> bytes:
        self.requests.append((offset, length))
        return self._data[offset : offset + length]


def read(data: bytes, size: int | None = -1):
    return read_gguf_header(Bytes(data, size))


def test_values_and_tensors_are_read() -> None:
    file = headers.gguf(
        {"text": "words", "number": 7, "part": 0.5, "flag": True, "list": [1, 2, 3]},
        [("a.weight", (64, 4), F32, 0), ("b.weight", (256, 2), Q4_K, 1024)],
        data=b"\0" * 1312,
    )
    header = read(file)
    assert header.metadata == {"text": "words", "number": 7, "part": 0.5, "flag": True, "list": (1, 2, 3)}
    assert [(tensor.name, tensor.shape, tensor.type, tensor.bytes) for tensor in header.tensors] == [
        ("a.weight", (64, 4), "F32", 1024),
        ("b.weight", (256, 2), "Q4_K", 288),
    ]
    assert header.data_offset % 32 == 0


def test_a_vocabulary_is_counted_and_not_kept() -> None:
    words = [f"word{number}" for number in range(50_000)]
    header = read(headers.gguf({"tokens": words, "scores": [0.5] * 50_000, "after": "it"}))
    assert header.metadata == {"tokens": Skipped(50_000), "scores": Skipped(50_000), "after": "it"}


def test_a_header_comes_in_few_requests_and_without_a_known_size() -> None:
    words = [f"word{number}" for number in range(200_000)]
    source = Bytes(headers.gguf({"tokens": words}, [("a", (4,), F32, 0)]), size=None)
    assert len(read_gguf_header(source).tensors) == 1
    assert len(source.requests) <= 5


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "cut off"),
        (b"PK\x03\x04 a zip", "a GGUF file"),
        (headers.gguf(version=1), "version 2 or 3"),
        (b"GGUF" + struct.pack(">I", 3) + b"\0" * 16, "big-endian"),
        (headers.gguf(counts=(1 << 62, 0)), "tensors"),
        (headers.gguf(counts=(0, 1 << 62)), "values"),
        (headers.gguf(counts=(1, 0)), "cut off"),
        (headers.gguf({"k": struct.pack("<IIQ", 9, 8, 1 << 61)}), "strings"),
        (headers.gguf({"k": struct.pack("<IIQ", 9, 4, 1 << 61)}), "cut off"),
        (headers.gguf({"k": struct.pack("<IIQ", 9, 9, 1)}), "array of numbers or strings"),
        (headers.gguf({"k": struct.pack("<IQ", 8, 1 << 61)}), "cut off"),
        (headers.gguf({"k": struct.pack("<I", 99)}), "value type"),
        (headers.gguf({"": 1}), "empty"),
        (headers.gguf({"general.alignment": 33}), "power of two"),
        (headers.gguf(tensors=[("a" * 65, (4,), F32, 0)]), "tensor name"),
        (headers.gguf(tensors=[("a", (4,) * 5, F32, 0)]), "dimensions"),
        (headers.gguf(tensors=[("a", (1 << 40, 1 << 40), F32, 0)]), "shape"),
        (headers.gguf(tensors=[("a", (0,), F32, 0)]), "shape"),
        (headers.gguf(tensors=[("a", (33,), Q4_0, 0)]), "whole blocks"),
        (headers.gguf(tensors=[("a", (4,), F32, 16)], data=b"\0" * 64), "multiple of 32"),
        (headers.gguf(tensors=[("a", (4,), F32, 0)] * 2, data=b"\0" * 64), "twice"),
        (headers.gguf(tensors=[("a", (64,), F32, 0)], data=b"\0" * 255), "cut off"),
    ],
)
def test_what_is_wrong_is_said(file: bytes, words: str) -> None:
    with pytest.raises(DamagedFile, match=words):
        read(file)


def test_a_type_of_the_future_is_not_damage() -> None:
    with pytest.raises(UnsupportedModel, match="type 200"):
        read(headers.gguf({"general.architecture": "llama"}, [("a", (4,), 200, 0)]))


def test_a_header_without_end_is_given_up() -> None:
    class Endless:
        name, size = "endless.gguf", None

        def read(self, offset: int, length: int) -> bytes:
            start = headers.gguf({"k": struct.pack("<IIQ", 9, 8, 7_000_000)})
            return (start if offset == 0 else b"") + struct.pack("<Q", 200) * (length // 8)

    started = time.monotonic()
    with pytest.raises(DamagedFile, match="without end"):
        read_gguf_header(Endless())
    assert time.monotonic() - started < 20
    assert HEADER_LIMIT_BYTES < 1 << 30


@given(st.binary(max_size=400), st.integers(0, 60))
def test_noise_is_damage_and_nothing_else(noise: bytes, kept: int) -> None:
    good = headers.gguf(headers.llama(), [("a", (4,), F32, 0)], data=b"\0" * 16)
    try:
        read(good[:kept] + noise)
    except EngineError as error:
        assert error.hint


@settings(max_examples=200)
@given(st.data())
def test_a_flipped_byte_never_escapes(data: st.DataObject) -> None:
    good = bytearray(headers.gguf(headers.llama(), [("a", (64, 2), F32, 0)], data=b"\0" * 512))
    good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(EngineError):
        read(bytes(good))


def test_every_truncation_is_noticed() -> None:
    whole = headers.gguf(headers.llama(), [("a", (64,), F32, 0)], data=b"\0" * 256)
    for length in range(len(whole)):
        with pytest.raises(DamagedFile):
            read(whole[:length])
    assert read(whole).tensors
