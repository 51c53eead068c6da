"""Formulas drawn from LaTeX, by ziamath: pure Python, its own font, nothing loaded from anywhere.

Drawing takes 3 to 100 ms, so it is never done in the main thread: a formula is its source until it is drawn.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from desktop.widgets.chat.lines import Formula

UNITS = 100  # of a drawing in one em
INK = "#010203"  # in the drawing's source; replaced by the text's colour
LONGEST = 1_000  # characters; drawing takes about 0.5 ms for each
WIDEST_EM = 60.0  # wider than any page
_KEPT = 500


@dataclass(frozen=True, slots=True)
class Drawing:
    """An SVG without fonts. Sizes are in em; ``depth_em`` is how much of it lies below the line that text stands on."""

    svg: str
    width_em: float
    height_em: float
    depth_em: float


class Formulas:
    """``wanted`` are the formulas that somebody looked for in vain; :meth:`draw` them in another thread."""

    def __init__(self) -> None:
        self.wanted: set[Formula] = set()
        self._drawn: OrderedDict[Formula, Drawing | None] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, formula: Formula) -> Drawing | None:
        """Return a drawing; ``None`` if it is not drawn yet, or cannot be."""
        with self._lock:
            if formula in self._drawn:
                self._drawn.move_to_end(formula)
                return self._drawn[formula]
        self.wanted.add(formula)
        return None

    def is_drawn(self, formula: Formula) -> bool:
        """Tell whether a formula has a drawing now."""
        with self._lock:
            return self._drawn.get(formula) is not None

    def take_wanted(self) -> tuple[Formula, ...]:
        taken, self.wanted = tuple(self.wanted), set()
        return taken

    def draw(self, formulas: Iterable[Formula]) -> None:
        """Draw formulas; one thread at a time."""
        for formula in formulas:
            drawing = drawn(formula)
            with self._lock:
                self._drawn[formula] = drawing
                while len(self._drawn) > _KEPT:
                    self._drawn.popitem(last=False)


def drawn(formula: Formula) -> Drawing | None:
    """Return the drawing of a formula; ``None`` if it is none, or too large to be read."""
    from ziamath.config import config
    from ziamath.zmath import Latex

    if len(formula.latex) > LONGEST:
        return None
    config.svg2 = False  # Qt's SVG Tiny has no nested symbols
    try:
        made = Latex(_grouped(formula.latex), size=UNITS, color=INK, inline=not formula.display)
        svg, (width, height), below = made.svg(), made.getsize(), made.getyofst()
    except Exception:  # whatever a model writes; the parsers have no common error
        return None
    if not 0 < width <= WIDEST_EM * UNITS or height <= 0:
        return None
    return Drawing(svg, (width + 2) / UNITS, (height + 2) / UNITS, (1 - below) / UNITS)


def _grouped(latex: str) -> str:
    """Return LaTeX with each matrix in braces: latex2mathml 3.81 loses one that has an index or an exponent."""
    opened = re.sub(r"\\begin\{(\w*matrix|array)\}", r"{\g<0>", latex)
    return re.sub(r"\\end\{(\w*matrix|array)\}", r"\g<0>}", opened)
