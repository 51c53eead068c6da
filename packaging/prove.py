"""Prove packages in a bare Debian: no Python, no compiler, no network. Install, click, ask, be answered, remove.

    sudo .venv/bin/python packaging/prove.py FOLDER dist/halfbyte_*.deb dist/halfbyte-*.tar.zst --suite bookworm

FOLDER keeps the bare userland (debootstrap) and what was seen: a picture, and every connection that was attempted
(strace). Needs root, debootstrap, strace, and what the end-to-end tests of the window need (CONTRIBUTING.md).
The network is there while a package and its dependencies are installed, as on any machine, and not afterwards: the app
runs in a network namespace that has no route, not even to itself.
"""

from __future__ import annotations

import argparse
import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "packaging")]

import linux  # noqa: E402

from tests.helpers.person import Person  # noqa: E402

QUESTION = "What is the capital of France?"
ANSWER = "Paris"
FORBIDDEN = ("python3", "cc", "gcc", "g++", "clang")
ENTRY = Path("usr/share/applications") / f"{linux.APP_ID}.desktop"
PERSON_HOME = Path("home/person")


def main() -> None:
    """Prove each package in a userland of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("packages", type=Path, nargs="+")
    parser.add_argument("--suite", default="bookworm")
    options = parser.parse_args()
    bare = bare_userland(options.folder.absolute(), options.suite)
    for package in options.packages:
        root = bare.with_name(f"{options.suite}-{'deb' if package.suffix == '.deb' else 'portable'}")
        subprocess.run(["rm", "-rf", "--one-file-system", root], check=True)
        subprocess.run(["cp", "-a", bare, root], check=True)
        prove(root, package.absolute())


def bare_userland(folder: Path, suite: str) -> Path:
    """Return the smallest userland of a Debian, made once."""
    root = folder / suite
    if not (root / "usr/bin/apt-get").exists() or (root / "debootstrap").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["debootstrap", "--variant=minbase", suite, root], check=True, stdout=subprocess.DEVNULL)
    found = [name for name in FORBIDDEN if (root / "usr/bin" / name).exists()]
    assert not found, f"{root} is not bare: it has {', '.join(found)}"
    return root


def prove(root: Path, package: Path) -> None:
    """Install, use and remove one package; every step that fails ends the program."""
    print(f"{package.name} in {root.name}", flush=True)
    (root / PERSON_HOME).mkdir(parents=True)
    is_deb = package.suffix == ".deb"
    start = install_deb(root, package) if is_deb else unpack(root, package)
    report("in the terminal", ask_in_terminal(root, start))
    ask_in_window(root, start)
    check_connections(root)
    if is_deb:
        remove_deb(root)


def install_deb(root: Path, package: Path) -> str:
    """Install the package with what it depends on, and return the command of its desktop entry."""
    shutil.copy(package, root / "tmp")
    apt(root, "update")
    apt(root, "install", f"/tmp/{package.name}")
    subprocess.run(["desktop-file-validate", root / ENTRY], check=True)
    entry = configparser.RawConfigParser()
    entry.read(root / ENTRY, "utf-8")
    return re.sub(r"%\w", "", entry["Desktop Entry"]["Exec"]).strip()


def unpack(root: Path, package: Path) -> str:
    """Unpack the archive into the person's folder, beside libraries that every desktop has; return its command."""
    apt(root, "update")
    apt(root, "install", *re.sub(r" \(.*?\)", "", linux.DEPENDS).split(", "))
    subprocess.run(["tar", "-I", "zstd", "-xf", package, "-C", root / PERSON_HOME], check=True)
    return f"/{PERSON_HOME}/halfbyte/halfbyte"


def remove_deb(root: Path) -> None:
    """Remove the package: the program goes, the person's data stays."""
    apt(root, "purge", "halfbyte")
    assert not (root / linux.HOME).exists()
    assert list((root / PERSON_HOME).rglob("*.gguf")), "the models are gone"
    report("removed", "models and conversations are still there")


def ask_in_terminal(root: Path, start: str) -> str:
    """Ask one question on the command line and return the answer."""
    environment = {"HOME": f"/{PERSON_HOME}", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    command = [*inside(root, environment), *shlex.split(start), "chat", "starter", QUESTION]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert ANSWER in done.stdout, done.stdout
    return done.stdout.strip()


def ask_in_window(root: Path, start: str) -> None:
    """Start the window as a click does, ask, wait for the answer, look at it, and close the window."""
    launcher = root.with_name(f"{root.name}.sh")
    os.environ["HALFBYTE_EXECUTABLE"] = str(launcher)
    launcher.write_text("#!/bin/sh\nexit 1\n")
    launcher.chmod(0o755)
    clicked = time.monotonic()
    with Person(root.parent / "unused", prepare=lambda screen: write_launcher(launcher, root, start, screen)) as person:
        person.see("Chat", within_s=60)
        report("window", f"{time.monotonic() - clicked:.1f} s, the screen's own start included")
        person.press("ctrl+8")
        person.click("Your question", "text", within_s=60)
        person.type(QUESTION)
        asked = time.monotonic()
        person.press("Return")
        person.see(ANSWER, "label", within_s=60)
        report("in the window", f"an answer with “{ANSWER}” {time.monotonic() - asked:.1f} s after the question")
        person.picture(root.with_name(f"{root.name}.png"))
        person.press("alt+F4")
        assert person.app.wait(20) == 0


def write_launcher(launcher: Path, root: Path, start: str, screen: dict[str, str]) -> None:
    """Write the program that enters the userland: the screen's and the buses' sockets are all that it shares."""
    names = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_QPA_PLATFORM", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "LC_ALL")
    environment = {name: screen[name] for name in names}
    environment |= {"HOME": f"/{PERSON_HOME}", "PATH": "/usr/bin:/bin"}
    sockets = [Path("/tmp/.X11-unix"), *bus_folders(screen)]
    command = [*inside(root, environment, sockets), *shlex.split(start)]
    launcher.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')


def bus_folders(screen: dict[str, str]) -> list[Path]:
    """Return where the sockets of the session's bus and of the accessibility bus lie."""
    ask = ["gdbus", "call", "--session", "--dest", "org.a11y.Bus", "--object-path", "/org/a11y/bus"]
    ask += ["--method", "org.a11y.Bus.GetAddress"]
    reader = subprocess.run(ask, env=screen, capture_output=True, text=True, check=True).stdout
    addresses = f"{screen['DBUS_SESSION_BUS_ADDRESS']} {reader}"
    return [Path(path) for path in re.findall(r"unix:path=([^,;'\s]+)", addresses)]


def inside(root: Path, environment: dict[str, str], shared: list[Path] | None = None) -> list[object]:
    """Return what runs a command in the userland, without a network, each attempt to connect noted."""
    steps = [f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
    for path in shared or []:
        place = root / path.relative_to("/")
        steps.append(f"mkdir -p {place if path.is_dir() else place.parent}")
        steps += [] if path.is_dir() else [f"touch {place}"]
        steps.append(f"mount --bind {path} {place}")
    trace = f"strace -f -qq --seccomp-bpf -e trace=connect,sendto -o {log_of(root)} -A"
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    script = " && ".join([*steps, f'exec {trace} chroot {root} /usr/bin/env -i {words} "$@"'])
    return ["unshare", "--net", "--mount", "sh", "-c", script, "sh"]


def log_of(root: Path) -> Path:
    """Return where strace writes."""
    return root.with_name(f"{root.name}.connections")


def check_connections(root: Path) -> None:
    """Fail if the app tried to reach anything but sockets of this machine."""
    lines = log_of(root).read_text("utf-8", "replace").splitlines()
    outward = [line for line in lines if "AF_INET" in line]
    assert not outward, "\n".join(outward)
    assert any("AF_UNIX" in line for line in lines), "strace saw nothing, not even the screen"
    report("connections attempted", f"none; {len(lines)} calls to sockets of this machine")


def apt(root: Path, *arguments: str) -> None:
    """Run apt-get in the userland."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" apt-get -q -y --no-install-recommends "$@"'
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    for name in ("http_proxy", "https_proxy"):
        environment |= {name: os.environ[name]} if name in os.environ else {}
    subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, root, *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def report(what: str, seen: str) -> None:
    """Print one thing that was seen."""
    print(f"  {what}: {seen}", flush=True)


if __name__ == "__main__":
    main()
