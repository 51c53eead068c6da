"""What can be had of a model as a table: one row an offer, the best first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from desktop.language import QT_TR_NOOP, tr
from desktop.models.row_model import RowModel
from desktop.models.suggestion import speed_words
from desktop.models.verdict import Verdict, verdict_of
from desktop.quantities import size
from engine.catalog.download.plan import DownloadPlan, plan_download
from engine.catalog.library import Library
from engine.catalog.offers import Offer
from engine.errors import Refused

COLUMNS = (
    QT_TR_NOOP("Format"),
    QT_TR_NOOP("Runs here"),
    QT_TR_NOOP("Size"),
    QT_TR_NOOP("Memory"),
    QT_TR_NOOP("Speed"),
    QT_TR_NOOP("Why"),
)
FORMAT, VERDICT, SIZE, MEMORY, SPEED, WHY = range(len(COLUMNS))


class OfferModel(RowModel[Offer]):
    """Hold the offers of the model ``name``; ``here`` are the paths in the library."""

    columns = COLUMNS

    def __init__(self) -> None:
        super().__init__()
        self.name = ""

    def show_offers(self, name: str, offers: Sequence[Offer]) -> None:
        self.name = name
        self.show_rows(offers)

    def row_of(self, offer: Offer | None) -> int:
        """Return the row of what an offer is about, whatever was learned of it meanwhile; -1 if it is not there."""
        wanted = offer and _identity(offer)
        return next((row for row, each in enumerate(self.rows) if _identity(each) == wanted), -1)

    def cell_words(self, row: Offer, column: int) -> str:
        return cell_words(row, column, self.name)

    def tip(self, row: Offer) -> str:
        return reason_words(row)


def cell_words(offer: Offer, column: int, name: str = "") -> str:
    """Return one cell in words; ``name`` is the model whose page it is on."""
    fit = offer.fit
    words = (
        f"{offer.title}, {about_words(offer, name)}",
        verdict_words(offer).words,
        size(size_bytes(offer)),
        size(fit.footprint.total_bytes) if fit else "–",
        speed_words(fit.decode_tokens_s if fit and fit.fits else None),
        reason_words(offer),
    )
    return words[column]


def about_words(offer: Offer, name: str) -> str:
    """Return an offer's quality, and where it comes from if that is not plain."""
    quality = offer.fit.format.quality.words if offer.fit else tr("not read yet")
    files = len([file for file in offer.variant.files if file.path.endswith((".gguf", ".safetensors"))])
    parts = tr("%Ln file(s)", "", files) if files > 1 and not offer.made_here else ""
    where = tr("from {publisher}").format(publisher=offer.model.about.author) if offer.model.name != name else ""
    made = tr("made here") if offer.made_here else ""
    return " · ".join(filter(None, [quality if not offer.variant.problem else "", parts, made, where]))


def verdict_words(offer: Offer) -> Verdict:
    return Verdict("none", tr("Not usable")) if offer.variant.problem else verdict_of(offer.fit)


def size_bytes(offer: Offer) -> int:
    """Return what lies on the disk in the end."""
    return offer.fit.file_bytes if offer.made_here and offer.fit else offer.variant.size_bytes


def reason_words(offer: Offer) -> str:
    if offer.variant.problem:
        return offer.variant.problem
    if offer.fit is None:
        return tr("Its headers are not read yet.")
    return " ".join((offer.fit.reason, *offer.fit.obstacles))


def plan_of_offer(offer: Offer, endpoint: str) -> DownloadPlan:
    """Return the plan to fetch what an offer needs. Raises :class:`Refused` for what cannot be fetched safely."""
    variant = offer.variant
    return plan_download(
        offer.model, variant.files, entry=variant.entry, endpoint=endpoint, format_id=variant.format_id
    )


def path_here(offer: Offer, library: Library, paths: Collection[Path]) -> Path | None:
    """Return where an offer's files lie in the library, if they are among its ``paths``."""
    try:
        path = plan_of_offer(offer, "").model_path(library.folder.absolute())
    except Refused:
        return None
    return path if path in paths else None


def _identity(offer: Offer) -> tuple[str, str, str]:
    made = offer.format_id if offer.made_here else ""
    return offer.model.name, offer.variant.entry or offer.variant.title, made
