"""Write what must travel with the app: each component's licence, and a list of components (CycloneDX 1.6, JSON)."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ROOT / "packaging" / "licences"
SBOM = "sbom.cdx.json"
LEFT_OUT = {"hf-xet"}  # required by huggingface-hub, not frozen in: contents.NEVER
_LICENCE_FILE = re.compile(r"licen[cs]e|copying|notice|authors|copyright", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A bundled component: ``licence`` is an SPDX expression or what the component says of itself."""

    name: str
    version: str
    licence: str
    files: tuple[Path, ...]
    purl: str


def main(folder: Path) -> None:
    """Fill ``folder`` with ``<component>/<licence file>``, the app's own licence, and the list of components."""
    parts = [*python_parts(), *other_parts()]
    for part in parts:
        target = folder / f"{part.name}-{part.version}"
        target.mkdir(parents=True, exist_ok=True)
        for file in part.files:
            shutil.copyfile(file, target / file.name)
        if not part.files:
            _write_known_texts(part, target)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    (folder / SBOM).write_text(sbom(parts), "utf-8")


def _write_known_texts(part: Part, target: Path) -> None:
    """Stand in for a component that brings no licence file: say its licence, and add the text. Ends without one."""
    (target / "LICENCE.txt").write_text(f"{part.name} {part.version}: {part.licence}\n", "utf-8")
    own = TEXTS / "components" / f"{part.name}.txt"
    texts = [own] if own.is_file() else []
    if "LGPL" in part.licence:
        texts += TEXTS.glob("*.txt")
    for file in texts:
        shutil.copyfile(file, target / file.name)
    if "Apache" in part.licence:
        shutil.copyfile(ROOT / "LICENSE", target / "Apache-2.0.txt")
    elif not texts:
        sys.exit(f"{part.name} brings no text of its licence ({part.licence}): put it into {own}.")


def python_parts() -> Iterator[Part]:
    """Yield every distribution that the app's own requirements lead to on this system."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name in sorted(closure(project["dependencies"]) - LEFT_OUT):
        found = importlib.metadata.distribution(name)
        files = tuple(
            Path(str(found.locate_file(file)))
            for file in found.files or ()
            if ".dist-info" in str(file) and _LICENCE_FILE.search(file.name)
        )
        licence = licence_of(found.metadata)
        yield Part(name, found.version, licence, files, str(PackageURL("pypi", name=name, version=found.version)))


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the names of all distributions that ``requirements`` lead to, their markers applied."""
    waiting, found = [Requirement(text) for text in requirements], set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker and not _applies(wanted)):
            continue
        found.add(name)
        below = importlib.metadata.distribution(name).requires or []
        waiting += [need for text in below if not (need := Requirement(text)).marker or _applies(need, wanted.extras)]
    return found


def _applies(need: Requirement, extras: Iterable[str] = ()) -> bool:
    assert need.marker
    return any(need.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def licence_of(metadata: importlib.metadata.PackageMetadata) -> str:
    """Return what a distribution says of its licence: the expression, else its classifiers, else the free text."""
    expression = " ".join(metadata.get_all("License-Expression") or [])
    if expression:
        return expression
    classifiers = [
        text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier") or [] if text.startswith("License ::")
    ]
    return " AND ".join(classifiers) or (metadata.get_all("License") or ["unknown"])[0].partition("\n")[0]


def other_parts() -> Iterator[Part]:
    """Yield what is inside without being a distribution of its own."""
    upstream = ROOT / "engine" / "convert" / "upstream"
    stamp = (upstream / "STAMP").read_text("utf-8").split()
    yield Part("llama.cpp", stamp[-1], "MIT", (upstream / "LICENSE",), "pkg:github/ggml-org/llama.cpp@" + stamp[-1])
    here = importlib.metadata.version("PySide6-Essentials")
    yield Part("Qt", here, "LGPL-3.0-only", (), f"pkg:generic/qt@{here}")
    python = platform.python_version()
    files = tuple(file for file in (Path(sys.base_prefix) / "LICENSE.txt", _stdlib() / "LICENSE.txt") if file.is_file())
    yield Part("CPython", python, "PSF-2.0", files[:1], f"pkg:generic/python@{python}")
    yield Part("SmolLM2-135M-Instruct", "Q4_1", "Apache-2.0", (), "pkg:huggingface/HuggingFaceTB/SmolLM2-135M-Instruct")


def _stdlib() -> Path:
    return Path(json.__file__).parents[1]


def sbom(parts: Iterable[Part]) -> str:
    """Return the list of components as CycloneDX JSON."""
    bom = Bom()
    bom.metadata.component = Component(name="halfbyte", type=ComponentType.APPLICATION, bom_ref="halfbyte")
    for part in parts:
        component = Component(
            name=part.name,
            version=part.version,
            type=ComponentType.MACHINE_LEARNING_MODEL if "huggingface" in part.purl else ComponentType.LIBRARY,
            purl=PackageURL.from_string(part.purl),
            bom_ref=part.purl,
            licenses=[_licence(part.licence)],
        )
        bom.components.add(component)
        bom.register_dependency(bom.metadata.component, [component])
    return JsonV1Dot6(bom).output_as_string(indent=2)


def _licence(text: str) -> LicenseExpression | DisjunctiveLicense:
    is_expression = re.fullmatch(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*", text)
    return LicenseExpression(text) if is_expression else DisjunctiveLicense(name=text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
