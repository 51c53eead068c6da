"""What another program is given by the packaged app: neither its libraries nor its modules."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from engine.process import outside
from engine.process.host import Worker

ROOT = Path(__file__).parents[3]


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """Pretend to be the packaged app, in the folder that is returned; its copy of the engine is in its place."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "app"), raising=False)
    return tmp_path / "app"


def test_from_source_nothing_changes(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", "/somewhere")
    assert outside.variables() == dict(os.environ) == outside.variables_for_python(Path("/env/bin/python"))
    assert outside.source_folder() == ROOT


def test_the_packaged_app_gives_back_what_its_bootloader_took(packaged):
    inherited = {
        "LD_LIBRARY_PATH": "/app/_internal:/mine",
        "LD_LIBRARY_PATH_ORIG": "/mine",
        "DYLD_LIBRARY_PATH": "/app/_internal",
        "_PYI_ARCHIVE_FILE": "/app/halfbyte",
        "_PYI_APPLICATION_HOME_DIR": "/app/_internal",
        "HOME": "/home/person",
    }
    assert outside.variables(inherited) == {"LD_LIBRARY_PATH": "/mine", "HOME": "/home/person"}


def test_a_worker_of_the_packaged_app_runs_elsewhere_on_its_sources_alone(packaged, tmp_path, monkeypatch):
    source = packaged / outside.SOURCE
    for name in ("process", "environments"):
        shutil.copytree(ROOT / "engine" / name, source / "engine" / name)
    for file in (ROOT / "engine").glob("*.py"):
        shutil.copy(file, source / "engine")
    (source / "engine" / "told.py").write_text(
        "import os, sys, engine\nfrom engine.events import Finished\nfrom engine.process.child import serve\n"
        "def tell():\n    yield Finished([engine.__file__, sys.path, dict(os.environ), sys.pycache_prefix])\n"
        "if __name__ == '__main__':\n    serve(lambda stop: {'tell': tell})\n"
    )
    (tmp_path / "decoy").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "decoy"))
    monkeypatch.setenv("LD_LIBRARY_PATH", str(packaged))
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "/app/halfbyte")
    interpreter = tmp_path / "environment" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.symlink_to(sys.executable)
    worker = Worker("engine.told", python=interpreter)
    try:
        file, path, variables, bytecode = worker.ask("tell").finish()
    finally:
        worker.close()
    assert Path(file).parent == source / "engine"
    assert path[0] == str(source) and "" not in path and str(tmp_path / "decoy") not in path
    assert "LD_LIBRARY_PATH" not in variables and "_PYI_ARCHIVE_FILE" not in variables
    assert bytecode == str(tmp_path / "environment" / "bytecode")
