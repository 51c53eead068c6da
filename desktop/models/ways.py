"""“Download it ready-made, or convert it yourself?”, answered with time, disk and quality for both."""

from __future__ import annotations

from dataclasses import dataclass, replace

from desktop.language import tr
from desktop.quantities import duration, size
from engine.catalog.offers import Offer
from engine.catalog.reading_offers import Offers
from engine.convert.estimates import needs
from engine.convert.recipes import RECIPES
from engine.formats import Family, Format
from engine.machine.facts import Machine

ASSUMED_BYTES_S = 10e6  # 80 Mbit/s, until a download was measured


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast downloads are: measured in this session, or assumed."""

    bytes_s: float = ASSUMED_BYTES_S
    measured: bool = False

    @property
    def words(self) -> str:
        speed = f"{size(self.bytes_s)}/s"
        return (
            tr("at {speed}, as your last download had").format(speed=speed)
            if self.measured
            else tr("at an assumed {speed}").format(speed=speed)
        )


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
            return tr("Download it ready-made. The original was not found, so it cannot be converted here.")
        if self.own:
            return tr("Nobody has published it ready-made as GGUF: fetch the original and convert it here.")
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
    equal = own.format.quality == ready.format.quality
    same = tr("The quality is the same class either way") if equal else tr("The quality differs either way")
    if saved_s <= 0:
        return tr("Convert it here: that is quicker by {time}. {quality}.").format(
            time=duration(-saved_s), quality=same
        )
    return tr(
        "Download it ready-made: that is quicker by {time} and needs {size} less disk. {quality}; "
        "convert it yourself for a level that nobody offers, or to know exactly how it was made."
    ).format(time=duration(saved_s), size=size(saved_bytes), quality=same)


def way_words(way: Way) -> tuple[tuple[str, str], ...]:
    """Return a way as pairs."""
    steps = [tr("{time} to download").format(time=duration(way.download_s))]
    if way.convert_s:
        steps.append(tr("{time} to convert").format(time=duration(way.convert_s)))
    made_here = tr("{size} while it is made; the original may be deleted afterwards")
    disk = made_here if way.convert_s else tr("{size} in all")
    return (
        (tr("From"), way.offer.model.name),
        (tr("Download"), size(way.download_bytes)),
        (tr("Time"), tr("about {times}").format(times=", ".join(steps))),
        (tr("Disk"), disk.format(size=size(way.disk_bytes))),
        (
            tr("Quality"),
            tr("{format}, {quality} (expected)").format(format=way.format.label, quality=way.format.quality.words),
        ),
    )
