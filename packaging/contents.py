"""What the frozen app holds beyond what its import statements say, told by the app's own registries."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.measure.registry import ROWS
from engine.runtime.registry import BACKENDS

ROOT = Path(__file__).resolve().parents[1]
WINDOW = "halfbyte"
WORKER = "halfbyte-worker"  # engine/process/host.py starts it by this name

# Read as files by the converter's worker, which puts their folders on its import path.
SOURCE_FOLDERS = ("engine/convert/upstream", "engine/convert/standin")
DATA = (
    ("resources/icons", "desktop/resources/icons"),
    ("resources/texts", "engine/resources/texts"),
    *((f"desktop/theme/{name}.qss", "desktop/theme") for name in ("halfbyte", "contrast")),
    ("engine/environments/pins", "engine/environments/pins"),
    *((folder, folder) for folder in SOURCE_FOLDERS),
)

# What a worker in an environment of its own runs: a frozen app's modules are for its own Python only. The converter to
# GGUF, conversations, the way out to servers and the command line are not run there.
RUN_ELSEWHERE = "engine-source"  # engine/process/outside.py looks there
NOT_RUN_ELSEWHERE = (*SOURCE_FOLDERS, "engine/cli", "engine/chat", "engine/handover")

# The CUDA formats' libraries are never frozen in; files of the Hub are read by range requests, without hf_xet.
NEVER = (
    *("torch", "transformers", "accelerate", "cuda", "triton"),
    *("tkinter", "IPython", "matplotlib", "pytest", "PIL", "hf_xet", "pydoc_data"),
)
# No process but the worker has tensor libraries; what draws, prints, asks the Hub or keeps keys is not in the worker.
WORKER_ONLY = ("llama_cpp", "numpy", "gguf", "tokenizers", "sentencepiece", "google.protobuf")
NOT_IN_WORKER = (
    *("PySide6", "shiboken6", "desktop", "engine.cli", "click", "rich", "pygments", "markdown_it", "ziamath"),
    *(
        "huggingface_hub",
        "fsspec",
        "requests",
        "urllib3",
        "charset_normalizer",
        "keyring",
        "cryptography",
        "send2trash",
    ),
)
# Every desktop has them, and newer ones than the build machine: a graphics driver that is loaded later needs those.
OF_THE_SYSTEM = ("libstdc++.so", "libgcc_s.so")
# Qt parts that the window never loads, and what only they and the GTK theme drag in from the build machine.
QT_LEFT_OUT = (
    "libqgtk3",
    "Qt6Qml",
    "Qt6Quick",
    "Qt6Pdf",
    "Qt6VirtualKeyboard",
    "qtvirtualkeyboard",
    "Qt6ShaderTools",
    "platforms/libqvnc",
    "platforms/libqlinuxfb",
    "platforms/libqvkkhrdisplay",
    "platforms/libqeglfs",
    "platforms/libqminimalegl",
    "egldeviceintegrations",
    "Qt6EglFS",
    "PySide6/Qt/translations",
    "plugins/generic/",
    *(f"imageformats/libq{name}" for name in ("icns", "tga", "tiff", "wbmp", "webp")),
    "opengl32sw",
    "networkinformation",
    *(
        f"lib{name}"
        for name in (
            "atk-",
            "cairo",
            "datrie",
            "fribidi",
            "gdk_pixbuf",
            "gio-",
            "gmodule-",
            "gobject-",
            "graphite2",
            "harfbuzz",
            "jpeg",
            "mount.",
            "pango",
            "pixman",
            "selinux",
            "blkid",
            "thai",
        )
    ),
)


def engine_source() -> list[tuple[str, str]]:
    """Return the engine's files for another Python, and where they go: source, kernels, pinned versions and texts."""
    files = (
        file
        for file in (ROOT / "engine").rglob("*")
        if file.is_file()
        and "__pycache__" not in file.parts
        and not file.relative_to(ROOT).as_posix().startswith(tuple(f"{folder}/" for folder in NOT_RUN_ELSEWHERE))
    )
    texts = [(ROOT / "resources" / "texts", f"{RUN_ELSEWHERE}/engine/resources/texts")]
    folders = [(file, f"{RUN_ELSEWHERE}/{file.parent.relative_to(ROOT).as_posix()}") for file in sorted(files)]
    return [(str(source), target) for source, target in (*folders, *texts)]


def workers() -> list[str]:
    """Return the modules that run as a worker process: ``engine.<stage>.worker``."""
    return sorted(f"engine.{file.parent.name}.worker" for file in (ROOT / "engine").glob("*/worker.py"))


def targets() -> list[str]:
    """Return the modules that registries name as ``module:Class``."""
    named = [row.target for row in BACKENDS.values()]
    named += [target for row in ROWS.values() for target in (row.scorer, row.runner)]
    return sorted({target.partition(":")[0] for target in named})


def hidden_imports() -> list[str]:
    """Return what the worker imports by name only, and what its source folders import."""
    found = {*workers(), *targets(), *imported_by(ROOT / folder for folder in SOURCE_FOLDERS)}
    return sorted(name for name in found if name.partition(".")[0] not in (*NEVER, *NOT_IN_WORKER))


def imported_by(folders: Iterable[Path]) -> set[str]:
    """Return the absolute imports of all Python files below ``folders`` that this interpreter can find."""
    names: set[str] = set()
    for folder in folders:
        for file in folder.rglob("*.py"):
            names.update(_absolute_imports(ast.parse(file.read_text("utf-8"))))
    return {name for name in names if _is_library(name)}


def _absolute_imports(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module


def _is_library(name: str) -> bool:
    top = name.partition(".")[0]
    if top in ("engine", "__future__", *NEVER):
        return False
    if top in sys.stdlib_module_names or top in WORKER_ONLY:
        return _can_be_found(name)
    return _can_be_found(top)


def _can_be_found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def is_left_out(name: str) -> bool:
    """Return whether a collected file belongs to a Qt part that the window never loads, or to the system."""
    path = name.replace("\\", "/")
    return any(part in path for part in (*QT_LEFT_OUT, *OF_THE_SYSTEM))
