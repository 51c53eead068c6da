"""Where things of different heights lie below one another, most of which are only estimated."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class Heights:
    """A column of things with a gap between each two, in pixels."""

    def __init__(self, gap: int) -> None:
        self._gap = gap
        self._heights: list[int] = []
        self._tops: list[int] = []  # of the first things; the rest is to be counted

    def __len__(self) -> int:
        return len(self._heights)

    def __getitem__(self, index: int) -> int:
        return self._heights[index]

    @property
    def total(self) -> int:
        return self.top(len(self) - 1) + self._heights[-1] if self._heights else 0

    def replace(self, heights: Iterable[int]) -> None:
        self._heights, self._tops = list(heights), []

    def append(self, height: int) -> None:
        self._heights.append(height)

    def remove(self, index: int) -> None:
        del self._heights[index], self._tops[index:]

    def set(self, index: int, height: int) -> None:
        if self._heights[index] != height:
            self._heights[index] = height
            del self._tops[index + 1 :]

    def top(self, index: int) -> int:
        """Return how far below the first thing's top one begins."""
        if not self._tops:
            self._tops.append(0)
        while len(self._tops) <= index:
            before = len(self._tops) - 1
            self._tops.append(self._tops[before] + self._heights[before] + self._gap)
        return self._tops[index]

    def at(self, distance: int) -> int:
        """Return which thing lies so far down, or in the gap above; the first or the last beyond the ends."""
        self.top(len(self) - 1)
        return max(0, bisect_right(self._tops, distance) - 1)
