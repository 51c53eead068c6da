"""Puts llama.cpp's converter and what it imports on the import path of this process, which must be a worker.

In order: the converter itself, its own ``gguf``, then torch and transformers: the real ones where a supported version
is installed, else the stand-in.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from engine.convert.standin.lacking import Lacking
from engine.convert.toolchain import STANDIN, UPSTREAM, real_torch


def arrange() -> str:
    """Make the converter importable, and return what it runs on, in words. Call it once, before anything else."""
    os.environ.update(NO_LOCAL_GGUF="1", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")  # to standard error: the host keeps it
    found = real_torch()
    # The converter looks for its vocabularies beside sys.path[0].
    sys.path[:0] = [str(UPSTREAM), str(UPSTREAM / "gguf-py"), *([] if found else [str(STANDIN)])]
    if found:
        _trust_no_code()
    return found or "numpy"


def _trust_no_code() -> None:
    """Keep the real transformers from running code that lies in a model's folder, though the converter allows it."""
    import transformers  # type: ignore[import-not-found]
    from transformers import dynamic_module_utils  # type: ignore[import-not-found]

    for automatic in (transformers.AutoConfig, transformers.AutoTokenizer):
        original = automatic.from_pretrained.__func__

        def careful(cls: type, folder: Any, *inputs: Any, original: Any = original, **options: Any) -> Any:
            return original(cls, folder, *inputs, **{**options, "trust_remote_code": False})

        automatic.from_pretrained = classmethod(careful)

    def refuse(*arguments: Any, **options: Any) -> None:
        raise Lacking("code from the model's own folder, which is never run")

    # Every way to such code ends in this function (transformers 4.57, get_class_from_dynamic_module).
    dynamic_module_utils.get_class_in_module = refuse
