"""Reports as a measurement would make them."""

from __future__ import annotations

from engine.measure.report import Divergence, Estimate, Memory, Quality, Report, Speed, Spread, TextQuality

REFERENCE = "f" * 64


def report(
    name: str,
    loss: float | None = None,
    rate: float | None = None,
    peak_bytes: int | None = None,
    *,
    error: float = 0.001,
    sha256: str = "",
    gpu_bytes: int | None = None,
) -> Report:
    """Return a report of ``gguf-<name>``; what is ``None`` was not measured."""
    found = (
        loss
        if loss is None
        else Divergence(Estimate(loss, error), loss, 3 * loss, Estimate(0.9, 0.01), Estimate(loss, error))
    )
    spread = Spread(rate or 0.0, (rate or 0.0) * 0.9, (rate or 0.0) * 1.1, 5)
    return Report(
        name=f"a/b/model-{name}.gguf",
        path=f"/models/a/b/model-{name}.gguf",
        format_id=f"gguf-{name.lower()}",
        size_bytes=1_000_000_000,
        sha256=sha256 or name.ljust(64, "0"),
        reference="a/b/model-F16.gguf",
        reference_format="gguf-f16",
        reference_sha256=REFERENCE,
        texts_sha256="t" * 32,
        quality_settings={"tokens": 4096, "window_tokens": 512, "gpu_layers": -1},
        quality=Quality(4096, 2040, Estimate(24.0, 1.5), found, (TextQuality("prose", 2040, 24.0, loss),)),
        speed=None if rate is None else Speed(0.4, 512, spread, 128, spread, Spread(0.3, 0.2, 0.4, 5)),
        memory=None if peak_bytes is None else Memory(peak_bytes, gpu_bytes, peak_bytes),
        device="CPU",
        measured_at="2026-11-23T12:00:00+00:00",
        versions={"halfbyte": "0.1.0"},
    )


def original(rate: float = 5.0, peak_bytes: int = 4_000_000_000) -> Report:
    """Return the report of the reference itself."""
    return report("F16", None, rate, peak_bytes, sha256=REFERENCE)
