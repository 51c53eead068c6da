"""The packages' scripts: what they say is inside is there, and their metadata is well formed."""

import ast
import configparser
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
APP_ID = "org.halfbyte.Halfbyte"


def script(name):
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", PACKAGING / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_target_of_the_registries_and_every_worker_is_frozen_in():
    contents = script("contents")
    hidden = contents.hidden_imports()
    assert {"engine.runtime.worker", "engine.convert.worker", "engine.measure.worker", "engine.machine.worker"} <= set(
        hidden
    )
    assert "engine.runtime.backends.llama_cpp" in hidden
    assert "engine.measure.methods.llama_scorer" in hidden
    assert not [name for name in hidden if name.partition(".")[0] in contents.NEVER]
    assert all((ROOT / name.replace(".", "/")).with_suffix(".py").is_file() for name in contents.targets())


def test_what_the_spec_copies_exists():
    contents = script("contents")
    for source, _ in contents.DATA:
        assert (ROOT / source).exists() or source.endswith("upstream"), source
    compile((PACKAGING / "halfbyte.spec").read_text("utf-8"), "halfbyte.spec", "exec")


def test_a_worker_of_another_python_runs_on_the_engines_source_alone(tmp_path):
    for source, target in script("contents").engine_source():
        place = tmp_path / target / Path(source).name
        place.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_file():
            place.write_bytes(Path(source).read_bytes())
    root = tmp_path / "engine-source"
    assert (root / "engine/runtime/backends/hf/cuda/four_bits.cu").is_file()
    modules = [f"engine.{stage}.worker" for stage in ("runtime", "convert", "measure", "machine")]
    program = f"import {', '.join(modules)} as last\nprint(last.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(root)
    files = [file for file in root.rglob("*.py") if "methods" in file.parts or "backends" in file.parts]
    for module in {name for file in files for name in engine_modules(file)}:  # what needs torch is not imported here
        if "standin" in module:  # of the converter to GGUF, which runs in the app's own Python
            continue
        assert (root / module.replace(".", "/")).exists() or (root / f"{module.replace('.', '/')}.py").exists(), module


def engine_modules(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("engine."):
            yield node.module


def test_no_qt_part_that_the_window_imports_is_left_out():
    contents = script("contents")
    for file in (ROOT / "desktop").rglob("*.py"):
        for part in ("Network", "Svg", "Widgets", "Gui", "Core"):
            if f"PySide6.Qt{part} " in file.read_text("utf-8"):
                assert not contents.is_left_out(f"PySide6/Qt/lib/libQt6{part}.so.6"), file


def test_equal_libraries_of_a_folder_become_links(tmp_path):
    for name in ("libx.so", "libx.so.0", "liby.so"):
        (tmp_path / name).write_bytes(b"y" if "y" in name else b"xx")
    assert script("slim").link_duplicates(tmp_path) == 2
    assert (tmp_path / "libx.so").readlink() == Path("libx.so.0")
    assert (tmp_path / "liby.so").read_bytes() == b"y"


def test_the_size_report_names_each_component_and_counts_neither_links_nor_the_starter(tmp_path):
    sizes = script("sizes")
    files = {
        "halfbyte": 1_000_000,
        "_internal/PySide6/Qt/lib/libQt6Core.so.6": 2_000_000,
        "_internal/numpy.libs/libblas.so": 3_000_000,
        "_internal/libssl.so.3": 4_000_000,
        "_internal/resources/starter/model.gguf": 5_000_000,
    }
    for name, size in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "_internal" / "libQt6Core.so.6").symlink_to("PySide6/Qt/lib/libQt6Core.so.6")
    found = sizes.by_component(tmp_path)
    assert found["executables with their modules"] == 1_000_000
    assert (found["Qt"], found["numpy"], found["starter model"]) == (2_000_000, 3_000_000, 5_000_000)
    assert sizes.counted_bytes(tmp_path) == 10_000_000
    assert sizes.table(tmp_path).splitlines()[-1].split()[0] == "10.0"


def test_the_worker_has_nothing_that_draws_prints_or_asks_the_hub():
    contents = script("contents")
    assert not [name for name in contents.hidden_imports() if name.partition(".")[0] in contents.NOT_IN_WORKER]


def test_desktop_entry_metainfo_and_mime_type_name_one_another():
    entry = configparser.RawConfigParser()
    entry.optionxform = str
    entry.read(PACKAGING / "linux" / f"{APP_ID}.desktop", "utf-8")
    mime = ElementTree.parse(PACKAGING / "linux" / f"{APP_ID}.mime.xml").getroot()
    info = ElementTree.fromstring(script("linux").metainfo("1.2.3"))
    kind = mime[0].get("type")
    assert kind in entry["Desktop Entry"]["MimeType"]
    assert info.findtext("provides/mediatype") == kind
    assert info.findtext("launchable") == f"{APP_ID}.desktop"
    assert info.find("releases/release").get("version") == "1.2.3"


@pytest.mark.parametrize("group", ["package"])
def test_what_freezes_the_app_is_pinned_below_its_next_major_version(group):
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"][group]
    assert any(need.startswith("pyinstaller") and "<7" in need for need in needs)


def test_a_wheel_that_was_compiled_before_is_taken_and_only_that_of_the_pinned_version(tmp_path, monkeypatch):
    monkeypatch.setenv("HALFBYTE_BUILD_CACHE", str(tmp_path))
    wheel = tmp_path / "wheels" / "llama_cpp_python-1.2.3-py3-none-linux_x86_64.whl"
    wheel.parent.mkdir()
    wheel.touch()
    llama = script("llama")
    no_python = tmp_path / "no-python"
    assert llama.portable_wheel(no_python, "1.2.3", tmp_path / "unused") == wheel
    with pytest.raises(FileNotFoundError):  # another version would have to be compiled
        llama.portable_wheel(no_python, "1.2.4", tmp_path / "unused")


def test_every_dependency_brings_the_text_of_its_licence_or_it_lies_here():
    """MIT and BSD ask that it goes with every copy; some wheels leave it out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for need in map(Requirement, project["dependencies"]):
        if need.marker and not need.marker.evaluate():
            continue
        found = importlib.metadata.distribution(need.name)
        brought = [file.name for file in found.files or () if ".dist-info" in str(file)]
        said = ("License", "License-Expression", "Classifier")
        told = " ".join(words for name in said for words in found.metadata.get_all(name) or ())
        texts = any("licen" in name.lower() or "copying" in name.lower() for name in brought)
        ours = (PACKAGING / "licences" / "components" / f"{need.name}.txt").is_file()
        assert texts or ours or "GPL" in told or "Apache" in told, need.name
