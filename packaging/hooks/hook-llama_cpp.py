"""PyInstaller's hook: llama.cpp's libraries, its CPU variants and GPU back ends, which are loaded by their folder."""

from pathlib import Path

from PyInstaller.utils.hooks import get_package_paths

_FOLDER = Path(get_package_paths("llama_cpp")[1]) / "lib"
_ENDINGS = (".so", ".dylib", ".dll", ".metal")

# Of libllama.so, libllama.so.0 and libllama.so.0.5.0 (equal in a wheel) the first two are what is asked for by name.
# llama-common belongs to llama.cpp's own programs; nothing here is linked to it.
binaries = [
    (str(file), "llama_cpp/lib")
    for file in sorted(_FOLDER.iterdir())
    if "llama-common" not in file.name
    and (file.suffix in _ENDINGS or (".so." in file.name and file.name.count(".") == 2))
]
