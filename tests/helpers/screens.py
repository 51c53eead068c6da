"""Take pictures of every page of the running app, to be looked at: in both themes, at 100 and 200 %.

``python -m tests.helpers.screens FOLDER [MODEL_FOLDER]`` writes ``light-1-machine.png`` and so on. With a model's
folder the suggestion is shown for it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from itertools import product
from pathlib import Path

from desktop.window import PLACES
from tests.helpers.person import Person, why_not

SETTLED_S = 1.0


def take(folder: Path, theme: str, scale: int, model: Path | None) -> None:
    """Start the app in one theme and scale and take a picture of each page."""
    with tempfile.TemporaryDirectory() as root:
        home = Path(root) / "home"
        _prepare(home, theme, model)
        with Person(home, environment={"QT_SCALE_FACTOR": str(scale)}) as person:
            person.see_enabled("Look again", "push button", within_s=60)
            for number, place in enumerate(PLACES, 1):
                person.press(f"ctrl+{number % 10}")
                if model and place.name == "suggestion":
                    person.press("Down", "End")
                time.sleep(SETTLED_S * 2)
                person.picture(folder / f"{theme}-{scale}-{place.name}.png")


def _prepare(home: Path, theme: str, model: Path | None) -> None:
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": theme}))
    if model:
        shutil.copytree(model, home / "data" / "models" / "HuggingFaceTB" / model.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model", type=Path, nargs="?")
    given = parser.parse_args()
    if reason := why_not():
        raise SystemExit(reason)
    given.folder.mkdir(parents=True, exist_ok=True)
    for theme, scale in product(("light", "dark"), (1, 2)):
        take(given.folder, theme, scale, given.model)


if __name__ == "__main__":
    main()
