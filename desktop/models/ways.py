"""“Download it ready-made, or convert it yourself?”, answered with time, disk and quality for both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.catalog.offers import Offer
from engine.catalog.reading_offers import Offers
from engine.convert.estimates import needs
from engine.convert.recipes import RECIPES
from engine.formats import Family, Format
from engine.machine.facts import Machine
from engine.quantities import duration, size

ASSUMED_BYTES_S = 10e6  # 80 Mbit/s, until a download was measured


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast downloads are: measured in this session, or assumed."""

    bytes_s: float = ASSUMED_BYTES_S
    measured: bool = False

    @property
    def words(self) -> str:
        speed = f"{size(self.bytes_s)}/s"
        return f"at {speed}, as your last download had" if self.measured else f"at an assumed {speed}"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to have a format: what is fetched, what lies on the disk at most, and how long both steps take."""

    offer: Offer
    format: Format
    download_bytes: int
    disk_bytes: int
    download_s: float
    convert_s: float = 0.0

    @property
    def seconds(self) -> float:
        return self.download_s + self.convert_s


@dataclass(frozen=True, slots=True)
class Ways:
    """Both ways, as far as they exist; ``ready`` and ``own`` give the same format, or the nearest there is."""

    ready: Way | None
    own: Way | None
    pace: Pace

    @property
    def answer(self) -> str:
        """Return the advice in one or two sentences."""
        if self.ready and self.own:
            return _compared(self.ready, self.own)
        if self.ready:
            return "Download it ready-made. The original was not found, so it cannot be converted here."
        if self.own:
            return "Nobody has published it ready-made as GGUF: fetch the original and convert it here."
        return ""


def compare(offers: Offers, machine: Machine, pace: Pace) -> Ways:
    """Return the ways to the best GGUF level for this machine."""
    ready = next((each for each in offers.all if each.works and not each.made_here and _is_gguf(each)), None)
    made = next((each for each in offers.all if each.works and each.made_here), None)
    own = _own(offers, ready, machine, pace) if ready else _made(made, machine, pace) if made else None
    return Ways(_ready(ready, pace), own, pace)


def _is_gguf(offer: Offer) -> bool:
    return offer.variant.family is Family.GGUF


def _ready(offer: Offer | None, pace: Pace) -> Way | None:
    if offer is None or offer.fit is None:
        return None
    count = offer.variant.size_bytes
    return Way(offer, offer.fit.format, count, count, count / pace.bytes_s)


def _own(offers: Offers, ready: Offer, machine: Machine, pace: Pace) -> Way | None:
    """Return the way to make what is ready-made: of this model's own folder, or of the original's."""
    assert ready.fit
    folders = [(each.model, each.variant) for each in offers.all if each.variant.family is Family.PLAIN]
    if original := offers.relatives.original:
        folders += [(original.model, each) for each in original.variants.all if each.family is Family.PLAIN]
    if not folders or ready.format_id not in RECIPES:
        return None
    model, folder = folders[0]
    shapes = folder.facts or ready.variant.facts  # those of a quantized model are the same
    return _made(Offer(model, replace(folder, facts=shapes), ready.fit, made_here=True), machine, pace)


def _made(offer: Offer, machine: Machine, pace: Pace) -> Way | None:
    facts, fetched_bytes = offer.variant.facts, offer.variant.size_bytes
    if offer.fit is None or facts is None:
        return None
    recipe = RECIPES[offer.format_id]
    threads = max(1, machine.cpu.usable_physical_cores)
    takes = needs(facts, recipe, recipe.output_type("BF16"), threads, fetched_bytes, 0)
    disk_bytes = fetched_bytes + takes.disk_bytes
    return Way(offer, offer.fit.format, fetched_bytes, disk_bytes, fetched_bytes / pace.bytes_s, takes.seconds)


def _compared(ready: Way, own: Way) -> str:
    saved_s, saved_bytes = own.seconds - ready.seconds, own.disk_bytes - ready.disk_bytes
    same = "The quality is the same class" if own.format.quality == ready.format.quality else "The quality differs"
    if saved_s <= 0:
        return f"Convert it here: that is quicker by {duration(-saved_s)}. {same} either way."
    return (
        f"Download it ready-made: that is quicker by {duration(saved_s)} and needs {size(saved_bytes)} less disk. "
        f"{same} either way; convert it yourself for a level that nobody offers, or to know exactly how it was made."
    )


def way_words(way: Way) -> tuple[tuple[str, str], ...]:
    """Return a way as pairs."""
    steps = [f"{duration(way.download_s)} to download"]
    if way.convert_s:
        steps.append(f"{duration(way.convert_s)} to convert")
    kept = "while it is made; the original may be deleted afterwards" if way.convert_s else "in all"
    return (
        ("From", way.offer.model.name),
        ("Download", size(way.download_bytes)),
        ("Time", f"about {', '.join(steps)}"),
        ("Disk", f"{size(way.disk_bytes)} {kept}"),
        ("Quality", f"{way.format.label}, {way.format.quality.words} (expected)"),
    )
