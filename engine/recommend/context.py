"""How a model is run, as far as memory depends on it."""

from __future__ import annotations

from dataclasses import dataclass

CELL_STEP = 256


def padded(tokens: int) -> int:
    """Return the cells that llama.cpp makes room for: a multiple of 256 (src/llama-context.cpp, ``GGML_PAD``)."""
    return -(-tokens // CELL_STEP) * CELL_STEP


@dataclass(frozen=True, slots=True)
class Context:
    """The context window and what goes with it; the defaults are what Halfbyte's llama.cpp back end asks for.

    ``batch_tokens`` are computed at once. ``whole_windows`` keeps the whole context for layers that look back over a
    window only (``swa_full``). ``logit_rows`` is for how many tokens of a batch the vocabulary's scores are computed
    (``n_outputs_max``).
    """

    tokens: int = 4096
    cache_type: str = "f16"
    batch_tokens: int = 512
    flash_attention: bool = True
    whole_windows: bool = False
    logit_rows: int = 1

    @property
    def cells(self) -> int:
        return padded(self.tokens)

    def window_cells(self, window: int) -> int:
        """Return the cells of a windowed layer (src/llama-kv-cache-iswa.cpp)."""
        if self.whole_windows:
            return self.cells
        return padded(min(self.cells, window + self.batch_tokens))

    @property
    def rows(self) -> int:
        """Return how many tokens are computed at once at most."""
        return min(self.batch_tokens, self.cells)
