"""What a measurement found, as frozen values with JSON records. Nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.formats import label_of


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Repeated timings: their median, the lowest and the highest, and how many there were."""

    median: float
    lowest: float
    highest: float
    repeats: int


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far the answers are from those of the reference, over the scored tokens.

    Kullback-Leibler divergence of the reference's next-token distribution from this one's, in nats. ``same_top`` is the
    share of places where both find the same token likeliest. ``ln_ppl`` is ln(perplexity / reference's perplexity),
    its error from the paired differences: it is far smaller than that of either perplexity.
    """

    mean: Estimate
    median: float
    percentile_99: float
    same_top: Estimate
    ln_ppl: Estimate


@dataclass(frozen=True, slots=True)
class TextQuality:
    """One text's part in the quality; ``divergence`` is the mean, ``None`` for the reference itself."""

    text: str
    scored_tokens: int
    perplexity: float
    divergence: float | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """``divergence`` is ``None`` where there is no reference, or where this is the reference."""

    tokens: int
    scored_tokens: int
    perplexity: Estimate
    divergence: Divergence | None = None
    texts: tuple[TextQuality, ...] = ()


@dataclass(frozen=True, slots=True)
class Speed:
    """Rates are tokens a second. ``first_token_s`` is from an unread prompt of ``prompt_tokens`` to the first token."""

    load_s: float
    prompt_tokens: int
    prompt_tokens_s: Spread
    answer_tokens: int
    decode_tokens_s: Spread
    first_token_s: Spread


@dataclass(frozen=True, slots=True)
class Memory:
    """``peak_bytes`` is the most that the model's process held in main memory; ``gpu_bytes`` is ``None`` without a GPU.

    ``predicted_bytes`` is what the suggestion had said that both take together, 0 where it said nothing.
    """

    peak_bytes: int
    gpu_bytes: int | None = None
    predicted_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured of one file.

    Reports with the same ``reference_sha256``, ``texts_sha256`` and ``quality_settings`` can be compared.
    ``reference`` is the name of the file that the divergence is from, "" if there was none; ``reference_format`` says
    how precise that file is. ``versions`` are those of Halfbyte and of what computed; ``device`` where it computed.
    """

    name: str
    path: str
    format_id: str
    size_bytes: int
    sha256: str
    reference: str
    reference_format: str
    reference_sha256: str
    texts_sha256: str
    quality_settings: Mapping[str, Any]
    quality: Quality
    speed: Speed | None
    memory: Memory | None
    device: str = ""
    measured_at: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_reference(self) -> bool:
        return bool(self.sha256) and self.sha256 == self.reference_sha256

    @property
    def label(self) -> str:
        """The format as people say it."""
        return label_of(self.format_id)

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def report_from(record: Mapping[str, Any]) -> Report:
    """Rebuild a report; votes that were exported with it are passed over.

    Raises ``KeyError`` or ``TypeError`` for a record that is none.
    """
    record = {name: value for name, value in record.items() if name != "votes"}
    speed, memory = record["speed"], record["memory"]
    return Report(
        **{
            **record,
            "quality": quality_from(record["quality"]),
            "speed": speed and speed_from(speed),
            "memory": memory and Memory(**memory),
        }
    )


def quality_from(record: Mapping[str, Any]) -> Quality:
    found = record["divergence"]
    return Quality(
        record["tokens"],
        record["scored_tokens"],
        Estimate(**record["perplexity"]),
        found and _divergence_from(found),
        tuple(TextQuality(**text) for text in record["texts"]),
    )


def _divergence_from(record: Mapping[str, Any]) -> Divergence:
    estimates = {name: Estimate(**record[name]) for name in ("mean", "same_top", "ln_ppl")}
    return Divergence(median=record["median"], percentile_99=record["percentile_99"], **estimates)


def speed_from(record: Mapping[str, Any]) -> Speed:
    spreads = {name: Spread(**record[name]) for name in ("prompt_tokens_s", "decode_tokens_s", "first_token_s")}
    return Speed(**{**record, **spreads})
