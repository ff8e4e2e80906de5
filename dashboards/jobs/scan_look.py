"""What processes of their own find out for the page of scanners."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scenarios.engine.scanning import Part, named_scan, previewed
from scenarios.records.layer import scan_layer
from scenarios.records.schema import SIMULATED
from scenarios.report.picture import grey, slice_png
from simulators.learned.distance import Far, distance
from twin import PatientTwin, Volume

_BRIGHT = 0.995  # quantile of an image that is shown white where its modality has no scale of its own
_BROAD = 280  # pixels of a preview


def look(part: Part, scanner: str, options: Mapping[str, object]) -> str:
    """A preview as a picture, a data URI; for a process of its own.

    Args:
        part: what is scanned.
        scanner: by name.
        options: of it, by name.

    Raises:
        InputError: as `scan`.
    """
    made = previewed(part, scanner, options).upright()
    pixels, aspect = _cut(made, part.centre)
    return slice_png(
        grey(_shades(pixels, made)), [], aspect=aspect, zoom=max(1, round(_BROAD / pixels.shape[1])),
        words=f"PREVIEW, {part.words}\n{SIMULATED}",
    )  # fmt: skip


def _cut(volume: Volume, centre: np.ndarray) -> tuple[np.ndarray, float]:
    """A plane image, else the axial slice through a point; and the height of its pixels over their width."""
    shape, spacing = volume.geometry.shape, volume.geometry.spacing_mm
    axis = shape.index(1) if 1 in shape else 0
    at = min(shape[axis] - 1, max(0, round(float(volume.geometry.index(centre)[axis]))))
    pixels = volume.array.take(at, axis=axis)
    down, across = (mm for n, mm in enumerate(spacing) if n != axis)
    return (pixels if axis == 0 else pixels[::-1]), down / across


def _shades(pixels: np.ndarray, volume: Volume) -> np.ndarray:
    layer = scan_layer(volume.modality, volume.unit)
    low = float(pixels.min()) if layer.low is None else layer.low
    high = float(np.quantile(volume.array, _BRIGHT)) if layer.high is None else layer.high
    shades = (np.clip((pixels - low) / max(high - low, 1e-6), 0, 1) * 255).astype(np.uint8)
    return 255 - shades if layer.draw == "overlay" else shades  # as the viewers show such a scan alone


def far(twin: Path, source: str, scanner: str) -> Far | None:
    """How far a scan is from what a network learned from, `simulators.learned.distance`; for a process of its own.

    Args:
        twin: the patient's folder.
        source: name of the scan.
        scanner: TASK/NAME of the weights.

    Raises:
        InputError: there is no such scan, or no such weights.
    """
    task, _, weights = scanner.partition("/")
    return distance(named_scan(PatientTwin.load(twin), source).volume, task, weights or None)
