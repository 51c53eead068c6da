"""How far a layer is while it is calibrated: by what was computed at that time of the layer before.

GPTQModel and AutoAWQ tell when a layer is finished, which can take half a minute. PyTorch tells of every module that
computes (``register_module_forward_hook``): layers of one model compute the same modules in the same order, so that the
place in the layer before says how much of its time had passed there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from torch.nn.modules.module import register_module_forward_hook  # pyright: ignore[reportMissingImports]

PIECES = 50  # of a layer that are told at most
OnLayers = Callable[[float, int], None]


class Within:
    """Tells ``on_layers`` (finished, of so many) parts of layers, too, while it is open; of the first layer none."""

    def __init__(self, on_layers: OnLayers, clock: Callable[[], float] = time.monotonic) -> None:
        self._on_layers = on_layers
        self._clock = clock
        self._lock = threading.Lock()  # modules compute in threads of their own
        self._layers, self._told = 0, 0.0
        self._layer: int | None = None  # the one that is calibrated
        self._begun_s = 0.0
        self._moments: list[float] = []  # seconds of this layer at each module that computed
        self._before: list[float] = []  # the same of the layer before, as shares of its time

    def __enter__(self) -> Within:
        self._hook = register_module_forward_hook(self._computed)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._hook.remove()

    def finished(self, layers: int, total: int) -> None:
        """Take in that so many layers are finished; it may come when the next one has begun."""
        with self._lock:
            self._layers = total
            is_new = layers >= self._told
            self._told = max(self._told, float(layers))
        if is_new:
            self._on_layers(layers, total)

    def begin(self, layer: int) -> None:
        """Take in that a layer begins, the first one being 0; what was computed before belongs to the one before."""
        with self._lock:
            now_s = self._clock()
            if self._layer is not None and layer == self._layer + 1 and now_s > self._begun_s:
                self._before = [moment / (now_s - self._begun_s) for moment in self._moments]
            self._layer, self._begun_s, self._moments = layer, now_s, []

    def tick(self) -> None:
        """Take in that something was computed."""
        with self._lock:
            if self._layer is None:
                return
            place = len(self._moments)
            self._moments.append(self._clock() - self._begun_s)
            done = self._layer + (self._before[place] if place < len(self._before) else 0.0)
            if done < self._told + 1 / PIECES:
                return
            self._told = done
        self._on_layers(done, self._layers)

    def _computed(self, module: Any, given: Any, answer: Any) -> None:
        self.tick()
