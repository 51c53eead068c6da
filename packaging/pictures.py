"""Take the README's pictures from the real app with the real starter model, into ``resources/pictures``.

``.venv/bin/python packaging/pictures.py``. Needs what the end-to-end tests need (CONTRIBUTING.md), and ImageMagick.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.catalog.library import Library  # noqa: E402
from engine.catalog.starter import place_starter  # noqa: E402
from tests.helpers.hub_models import stock  # noqa: E402
from tests.helpers.hub_server import serving  # noqa: E402
from tests.helpers.person import Person  # noqa: E402
from tests.helpers.places import key_of  # noqa: E402
from tests.helpers.starter_folder import write_starter_folder  # noqa: E402

PICTURES = ROOT / "resources" / "pictures"
FOLDER = "SmolLM2-135M-Instruct · HuggingFaceTB"
MADE = "SmolLM2-135M-Instruct-Q4_K_M · HuggingFaceTB"
QUESTION = "Write a Python function that adds two numbers."


def main() -> None:
    """Take every picture in both themes."""
    PICTURES.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        with tempfile.TemporaryDirectory() as folder:
            take(Path(folder) / "home", theme)
        with tempfile.TemporaryDirectory() as folder:
            take_discover(Path(folder) / "home", theme)


def take(home: Path, theme: str) -> None:
    """Walk through the app once and take a picture of each page."""
    library = Library(home / "data" / "models")
    starter = place_starter(library)
    assert starter is not None
    write_starter_folder(starter.path, library.folder / "HuggingFaceTB" / "SmolLM2-135M-Instruct")
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": theme, "seed": 7}))
    with Person(home) as person:
        person.see("Processor", within_s=60)
        time.sleep(1.5)
        shoot(person, f"machine-{theme}")
        person.press(key_of("suggestion"))
        choose(person, FOLDER)
        person.see("Best for this machine", within_s=60)
        time.sleep(0.5)
        shoot(person, f"suggestion-{theme}")
        person.press(key_of("convert"))
        choose(person, FOLDER)
        person.see("Convert to Q4_K_M", "push button")
        time.sleep(0.5)
        shoot(person, f"convert-{theme}")
        person.click("Convert to Q4_K_M", "push button")
        person.click("Chat with it", "push button", within_s=120)
        person.see(MADE, "combo box")
        person.click(QUESTION, "push button", within_s=30)
        person.see("tokens/s", within_s=60)
        person.gone("Stop", "push button", within_s=120)
        shoot(person, f"chat-{theme}")
        person.press(key_of("library"))
        person.see(MADE.partition(" ")[0])
        shoot(person, f"library-{theme}")


def take_discover(home: Path, theme: str) -> None:
    """Search a local server that speaks the Hub's protocol, and look at a model."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": theme}))
    with serving() as hub:
        stock(hub)
        with Person(home, environment={"HF_ENDPOINT": hub.url}) as person:
            person.see("Processor", within_s=60)
            person.press(key_of("discover"))
            person.see("Show what is trending", "push button")
            time.sleep(1)  # what the page says of the Hub's address moves the button down
            person.click("Show what is trending", "push button")
            person.see("that is all")
            time.sleep(1)
            shoot(person, f"discover-{theme}")
            person.click("Model: Qwen2.5-0.5B-Instruct,", "table cell")
            person.see("Download it ready-made, or convert it yourself?", within_s=30)
            time.sleep(1)
            shoot(person, f"model-{theme}")


def choose(person: Person, model: str) -> None:
    """Choose a model of the library in the page's list."""
    person.click("Model", "combo box")
    person.click(model, "list item")
    person.see(model, "combo box")


def shoot(person: Person, name: str) -> None:
    """Keep the window only, in few colours: it is drawn flat."""
    whole = PICTURES / f"{name}.whole.png"
    person.picture(whole)
    crop = ["convert", str(whole), "-trim", "+repage", "+dither", "-colors", "255", str(PICTURES / f"{name}.png")]
    subprocess.run(crop, check=True)
    whole.unlink()


if __name__ == "__main__":
    main()
