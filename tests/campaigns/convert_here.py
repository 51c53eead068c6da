"""Converts one folder on the stand-in, in this process: ``python -m tests.campaigns.convert_here FOLDER FILE``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from engine.convert.methods import arrange, gguf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--output-type", default="f16")
    parser.add_argument("--projector", action="store_true")
    given = parser.parse_args()
    assert arrange.arrange() == "numpy", "here the stand-in must convert"
    logging.disable(logging.WARNING)
    gguf.convert(given.folder, given.file, given.output_type, lambda done, total: None, projector=given.projector)


if __name__ == "__main__":
    main()
