"""Finds the end of a long array of strings in a remote GGUF file without reading it.

An array of strings has no index: each string is eight bytes of length and then its text, and the only way to its end
leads through all of it. But a few hundred bytes from anywhere tell whether they lie in it: from some byte on, lengths
and texts make an unbroken chain. So probes are sent far ahead, many at once, until the end lies between two of them;
the last kilobytes are read and followed string by string.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from engine.catalog.remote.ranges import RemoteBytes

PROBE_BYTES = 1536
PROBES = 16
LONGEST_STRIDE = 256 << 10
NEAR_BYTES = 16 << 10
ROUNDS = 24
LONGEST_STRING = 1 << 16
CHAIN = 6  # strings in a row that are no coincidence
U64 = struct.Struct("<Q")

IsNext = Callable[[bytes, int], bool]


class Lost(Exception):
    """The search did not find its way; the header has to be read as a whole."""


def end_of_strings(file: RemoteBytes, start: int, count: int, is_next: IsNext) -> int:
    """Return where ``count`` strings from ``start`` on end; ``is_next`` knows what follows them. Raises :class:`Lost`.

    What follows a vocabulary is an array with four bytes for each string: no stride is longer than that.
    """
    low, beyond = start, start + 8 * count  # a boundary within; the end is not before this: each has a length
    stride = max(NEAR_BYTES // 4, min(2 * count, LONGEST_STRIDE))
    for _ in range(ROUNDS):
        low, high = _bracket(file, low, beyond, stride)
        if high is None:  # every probe lay within
            beyond = low + stride
            continue
        while high - low > NEAR_BYTES:
            step = -(-(high - low) // PROBES)
            low, found = _bracket(file, low, low + step, step, PROBES - 1)
            high = min(high, found if found is not None else high)
        low, end = _follow(file, low, high + PROBE_BYTES, is_next)
        if end is not None:
            return end
        beyond = low + stride
    raise Lost


def _bracket(file: RemoteBytes, low: int, first: int, stride: int, count: int = PROBES) -> tuple[int, int | None]:
    """Probe every ``stride`` bytes from ``first`` on; return the last boundary within and the first place beyond."""
    places = [place for place in range(first, first + count * stride, stride) if place < file.size]
    file.fetch((place, place + PROBE_BYTES) for place in places)
    for place in places:
        boundary = _boundary(file.at(place, PROBE_BYTES))
        if boundary is None:
            return low, place
        low = place + boundary
    return low, None if len(places) == count else file.size


def _boundary(window: bytes) -> int | None:
    """Return where in a window a string begins from which on all is a chain; ``None`` if nothing is."""
    for place in range(len(window) - 8 * CHAIN):
        if window[place + 2 : place + 8] == b"\0\0\0\0\0\0" and _is_chain(window, place):
            return place
    return None


def _is_chain(window: bytes, place: int) -> bool:
    """Tell whether strings follow each other to the window's end; most are not empty: zeros look like empty ones."""
    strings = empty = 0
    while place + 8 <= len(window):
        length = U64.unpack_from(window, place)[0]
        if length >= LONGEST_STRING or not _is_text(window[place + 8 : place + 8 + length], length):
            return False
        strings, empty = strings + 1, empty + (length == 0)
        place += 8 + length
    return strings >= CHAIN and 2 * empty < strings


def _is_text(piece: bytes, length: int) -> bool:
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(piece) < length and error.end == len(piece)  # cut off by the window
    return True


def _follow(file: RemoteBytes, low: int, high: int, is_next: IsNext) -> tuple[int, int | None]:
    """Go from string to string; return the last boundary, and the end if it was met. Raises :class:`Lost`."""
    window = file.at(low, high - low, high - low)
    place = 0
    while place + 8 <= len(window):
        if is_next(window, place):
            return low + place, low + place
        length = U64.unpack_from(window, place)[0]
        if length >= LONGEST_STRING:
            raise Lost
        if place + 8 + length > len(window):
            break
        place += 8 + length
    if not place:
        raise Lost
    return low + place, None
