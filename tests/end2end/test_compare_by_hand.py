"""The Compare page in the real window with the starter model's levels: measured, ranked, stopped, as a person does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.helpers.person import Person, why_not
from tests.helpers.places import key_of

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

MODEL = "Smol-Q2_K · acme"


@pytest.fixture
def person(starter: Checkpoint, tmp_path: Path) -> Iterator[Person]:
    home = tmp_path / "home"
    folder = home / "data" / "models" / "acme" / "Smol-GGUF"
    folder.mkdir(parents=True)
    (home / "config").mkdir()
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1}))
    for source, name in ((starter.path, "Q8_0"), (folder / "Smol-Q8_0.gguf", "Q2_K")):
        command = [sys.executable, "-m", "tests.helpers.native_levels", str(source), str(folder), name]
        subprocess.run(command, check=True, capture_output=True)
        (folder / f"{name}.gguf").rename(folder / f"Smol-{name}.gguf")
    with Person(home, environment={"HOME": str(tmp_path / "nobody"), "GOMP_SPINCOUNT": "1000"}) as person:
        yield person
        person.picture(tmp_path / "last.png")
        assert "Traceback" not in person.log.read_text()


def test_formats_are_measured_and_the_best_is_chosen_by_a_rule(person: Person, tmp_path: Path) -> None:
    person.see_enabled("Look again", "push button", within_s=60)
    person.press(key_of("compare"))
    person.see("Choose a model to compare")
    person.click("Model", "combo box")
    person.click(MODEL, "list item")
    person.see("Perplexity: Not measured yet")

    person.click("Measure all", "push button")
    person.see("Measuring Q8_0 (1 of 2)")
    person.see("tokens/s", within_s=60)
    person.see("Measuring Q2_K (2 of 2)", within_s=180)
    person.click("Cancel", "push button")
    person.see("was cancelled")
    person.see("Divergence: 0: it is the original")  # what was done is kept

    person.click("Measure Q2_K", "push button")
    person.see("Best for you: Q8_0", within_s=240)
    person.gone("Cancel", "push button")
    person.click("Divergence at most", "spin button")
    person.press("ctrl+a")
    person.type("0.00")
    person.press("Return")
    person.see("at most 0 is allowed")
    assert len(list((tmp_path / "home" / "data" / "measured").glob("*.json"))) == 2
