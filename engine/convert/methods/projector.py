"""Opens a finished projector (mmproj file) as a runtime will: beside the language model that it serves."""

from __future__ import annotations

import os
from pathlib import Path

from engine.convert.methods import check
from engine.errors import DamagedFile

OUTPUT_TYPE = "f16"  # as projectors are published; not every kernel of theirs knows BF16


def senses(file: Path, model: Path) -> dict[str, bool]:
    """Return whether a projector reads pictures (``sees``) and sound (``hears``).

    Raises :class:`DamagedFile` for one that does not open or does not fit the model, and what the model itself raises.
    """
    from llama_cpp import mtmd_cpp

    parameters = mtmd_cpp.mtmd_context_params_default()
    parameters.use_gpu = parameters.warmup = parameters.print_timings = False
    parameters.n_threads = 1
    with check.opened(model) as opened:
        context = mtmd_cpp.mtmd_init_from_file(os.fsencode(file), opened, parameters)
        if not context:
            raise DamagedFile(str(file), f"a projector that fits {model.name}", "one that does not open")
        try:
            return {
                "sees": bool(mtmd_cpp.mtmd_support_vision(context)),
                "hears": bool(mtmd_cpp.mtmd_support_audio(context)),
            }
        finally:
            mtmd_cpp.mtmd_free(context)
