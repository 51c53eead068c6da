"""Say what a frozen folder is made of, and whether it keeps to its budget."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

BUDGET_BYTES = 250_000_000  # installed, without the starter model

# Prefixes below _internal, most special first.
_COMPONENTS = (
    ("starter model", ("resources/starter",)),
    ("Qt", ("PySide6", "shiboken6", "libQt6", "libpyside6", "libshiboken6", "libicu", "libxcb", "libX")),
    ("numpy", ("numpy",)),
    ("llama.cpp", ("llama_cpp", "libggml", "libllama")),
    ("tokenizers, sentencepiece", ("tokenizers", "sentencepiece")),
    ("hub client", ("fsspec", "huggingface_hub")),
    ("key store", ("cryptography",)),
    ("Halfbyte and its converter", ("engine", "engine-source", "desktop")),
    ("licences", ("licences",)),
    ("Python", ("python3", "libpython", "base_library")),
    ("libraries for TLS, fonts, X11 and C++", ("lib",)),
)


def by_component(app: Path) -> Counter[str]:
    """Return the bytes of each component, links not counted."""
    found: Counter[str] = Counter()
    for file in app.rglob("*"):
        if file.is_file() and not file.is_symlink():
            found[_component(file.relative_to(app))] += file.stat().st_size
    return found


def _component(file: Path) -> str:
    if file.parts[0] != "_internal":
        return "executables with their modules"
    inside = "/".join(file.parts[1:])
    return next((name for name, starts in _COMPONENTS if inside.startswith(starts)), "other libraries")


def counted_bytes(app: Path) -> int:
    """Return what counts against the budget."""
    sizes = by_component(app)
    return sum(sizes.values()) - sizes["starter model"]


def table(app: Path) -> str:
    """Return the sizes as lines of text, largest first, with the sum without the starter model."""
    sizes = by_component(app)
    rows = [f"{size / 1e6:8.1f} MB  {name}" for name, size in sizes.most_common()]
    rest = f"{counted_bytes(app) / 1e6:8.1f} MB  in all, without the starter model ({BUDGET_BYTES / 1e6:.0f} at most)"
    return "\n".join([*rows, rest])
