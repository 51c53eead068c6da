"""The build hook takes the converter of the pinned release, and says in one line why it cannot."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
PIN = ["numpy>=2", "llama-cpp-python==1.2.3"]
CHANGES = (
    "# Changelog\n\n## [1.2.3]\n\n- feat: update llama.cpp to ggml-org/llama.cpp@0123abc\n\n## [1.2.2]\n- @fedcba9\n"
)
FILES = {
    "CHANGELOG.md": CHANGES,
    "vendor/llama.cpp/LICENSE": "MIT",
    "vendor/llama.cpp/convert_hf_to_gguf.py": "pass",
    "vendor/llama.cpp/conversion/base.py": "pass",
    "vendor/llama.cpp/gguf-py/gguf/gguf_writer.py": "pass",
    "vendor/llama.cpp/src/llama.cpp": "int main;",
    "vendor/llama.cpp/conversion/../../../../outside.py": "evil",
}


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    pytest.importorskip("hatchling", reason="the build back end is there when the package is built")
    spec = importlib.util.spec_from_file_location("build_hook", ROOT / "packaging" / "build_hook.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_sdist(path: Path, files: dict[str, str]) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"llama_cpp_python-1.2.3/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("llama_cpp_python-1.2.3/vendor/llama.cpp/conversion/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "engine" / "convert").mkdir(parents=True)
    monkeypatch.setenv("HALFBYTE_LLAMA_SDIST", str(tmp_path / "sdist.tar.gz"))
    return tmp_path / "sdist.tar.gz"


def test_it_takes_what_is_wanted_once(hook: ModuleType, archive: Path) -> None:
    sha256 = write_sdist(archive, FILES)
    hook.take_in(archive.parent, PIN, sha256)
    upstream = archive.parent / "engine" / "convert" / "upstream"
    taken = {path.relative_to(upstream).as_posix() for path in upstream.rglob("*") if path.is_file()}
    wanted = {"LICENSE", "STAMP", "convert_hf_to_gguf.py", "conversion/base.py", "gguf-py/gguf/gguf_writer.py"}
    assert taken == wanted
    assert (upstream / "STAMP").read_text() == f"llama-cpp-python 1.2.3\nsha256 {sha256}\nllama.cpp 0123abc\n"
    archive.unlink()
    hook.take_in(archive.parent, PIN, sha256)  # the stamp says that it is done: no archive is asked for


def test_another_pin_takes_another_release(hook: ModuleType, archive: Path) -> None:
    hook.take_in(archive.parent, PIN, write_sdist(archive, FILES))
    archive.unlink()
    with pytest.raises(hook.ConverterError, match="is not a file"):
        hook.take_in(archive.parent, ["llama-cpp-python==1.2.4"], "")


def test_another_file_is_refused_and_nothing_changes(hook: ModuleType, archive: Path) -> None:
    write_sdist(archive, FILES)
    with pytest.raises(hook.ConverterError, match="SHA-256"):
        hook.take_in(archive.parent, PIN, "0" * 64)
    assert [path.name for path in (archive.parent / "engine" / "convert").iterdir()] == []


def test_a_release_that_has_moved_its_converter_is_told(hook: ModuleType, archive: Path) -> None:
    files = {name: text for name, text in FILES.items() if "gguf_writer" not in name}
    sha256 = write_sdist(archive, files)
    with pytest.raises(hook.ConverterError, match=r"gguf_writer\.py"):
        hook.take_in(archive.parent, PIN, sha256)
    assert list((archive.parent / "engine" / "convert").iterdir()) == []


@pytest.mark.parametrize("dependencies", [[], ["llama-cpp-python>=0.3"], ["llama-cpp-python-extra==1.0"]])
def test_a_pin_is_needed(hook: ModuleType, dependencies: list[str]) -> None:
    with pytest.raises(hook.ConverterError, match="does not pin"):
        hook.pinned_version(dependencies)
