"""A virtual MR scanner: T1, T2 and FLAIR of a CT through its tissues, with coils, breathing and noise."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Several
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator

from simulators.anatomy.lung_injury import smooth_noise
from simulators.core.chance import Key
from simulators.core.scanner import ScanOptions, ScanRequest, hold_body, hold_field
from simulators.scanners.resonance import (
    TISSUES,
    Body,
    Relaxation,
    Sequence,
    acquired,
    biased,
    sampled,
    signal,
    signals,
    with_noise,
)
from twin import Geometry, InputError, Volume
from twin.inputs.quantities import Bias, BreathMm, SliceMm, Snr, VoxelMm
from twin.volume import Modality, Unit

_FINE_MM = ((300.0, 1.0), (np.inf, 1.4))  # the grid on which tissues lie, by the width of the CT
_SOFT = 300.0  # voxels of white matter, or of muscle
_BIAS = {1.5: 0.08, 3.0: 0.15}  # SD of the coils' sensitivity, natural logarithm [assumed]
# Within a tissue of a brain, times of relaxation differ by 5 to 8 % [quoted from memory], over these lengths [assumed].
_UNEVEN, _UNEVEN_MM = 0.07, (3.0, 20.0)
_BREATH_MM = 6.0  # of the chest's wall [quoted from memory: 3 to 10]
_SHORTEST_MM = 10.0
_AIR_HU, _MARGIN_MM = -400, 30.0


def _text(field: Any) -> Any:
    return f"{field:g}" if isinstance(field, int | float) else field


class MrOptions(ScanOptions):
    """How a patient is scanned.

    Args:
        sequence: t1, t2 or, of heads, flair.
        field: of the magnet, T.
        pixel_mm: of the image; the sequence's where None.
        slice_mm: of slices; the sequence's where None.
        snr: signal of soft tissue over the noise of one channel.
        bias: SD of the coils' sensitivity, natural logarithm; the field's where None.
        breath_mm: motion of the chest's wall; a usual breath where None.
    """

    preview: ClassVar[Mapping[str, Any]] = {"pixel_mm": 4.0, "slice_mm": 8.0}

    sequence: Literal["t1", "t2", "flair"] = "t1"
    field: Annotated[Literal["1.5", "3"], BeforeValidator(_text)] = "3"
    pixel_mm: VoxelMm | None = None
    slice_mm: SliceMm | None = None
    snr: Snr = 40.0
    bias: Bias | None = None
    breath_mm: BreathMm | None = None


class MrScanner:
    """MR of the body that the CT shows in axial slices; soft tissue lies at some hundreds, in arbitrary units."""

    name = "mr"
    modality: Modality = "MR"
    unit: Unit = "a.u."
    options = MrOptions

    def scan(self, requests: Several[ScanRequest]) -> list[Volume]:
        """The MR image of each request.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option, no body in the CT, or too few slices; FLAIR of anything but a head.
        """
        return [self._one(request) for request in requests]

    def _one(self, request: ScanRequest) -> Volume:
        asked = self.options.of(self.name, request.options)
        ct = request.shown.upright()
        hold_field(ct, "an MR scan", _SHORTEST_MM)
        ct = _around_body(ct)
        z, y, x = ct.geometry.spacing_mm
        least = next(mm for width, mm in _FINE_MM if ct.geometry.extent_mm[2] < width)
        fine = ct.geometry.resampled((z, max(y, least), max(x, least)))
        body = Body.of(request, ct, fine)
        hold_body(float(body.inside.mean()))
        field = float(asked.field)
        seen = Sequence.named(asked.sequence, field, body.region)
        if seen is None:
            raise InputError(
                f"the sequence {asked.sequence} is one of heads; the CT shows no brain within a skull"
            )
        of = _signals(seen, field)
        true = signals(body, of)
        if seen.region == "head":
            more = signals(body, _signals(seen, field, 1 + _UNEVEN)) - true
            true += more * _unevenness(request.key.at(ordinal=0), fine)
        return self._image(request, asked, seen, Volume(fine, true, "MR", "a.u."), of)

    def _image(
        self, request: ScanRequest, asked: MrOptions, seen: Sequence, true: Volume, of: dict[str, float]
    ) -> Volume:
        """The image of true signals."""
        pixel, thick = asked.pixel_mm or seen.pixel_mm, asked.slice_mm or seen.slice_mm
        there = np.abs(_means(true, (thick, pixel, pixel)))
        grid = true.geometry.resampled((thick, pixel, pixel))
        rng, own = request.key.generator(), request.key.at(ordinal=0).generator()
        breath = seen.breathing * (_BREATH_MM if asked.breath_mm is None else asked.breath_mm)
        there = acquired(there, grid.spacing_mm, breath, rng)
        there = biased(
            there, grid.spacing_mm, _BIAS[float(asked.field)] if asked.bias is None else asked.bias, own
        )
        soft = abs(of["white_matter" if seen.region == "head" else "muscle"])
        there = with_noise(there, soft / asked.snr, rng)
        return Volume(grid, np.clip(np.rint(there * (_SOFT / soft)), 0, 32767).astype(np.int16), "MR", "a.u.")


SCANNER = MrScanner


def _signals(seen: Sequence, field_t: float, longer: float = 1.0) -> dict[str, float]:
    """What a sequence leaves of each tissue."""
    of = {name: signal(seen, Relaxation.of(name, field_t, longer)) for name in TISSUES}
    of["fat"] *= seen.fat
    return of


def _unevenness(key: Key, grid: Geometry) -> np.ndarray:
    """(z, y, x) how far a patient's tissue differs from its mean, in SDs: from place to place, and by region."""
    each = [smooth_noise(key, stream, mm, grid, grid) for stream, mm in enumerate(_UNEVEN_MM)]
    return np.sum(each, axis=0) / np.float32(len(each) ** 0.5)


def _around_body(ct: Volume) -> Volume:
    """The part of a CT that holds more than air, with a margin for ghosts."""
    thin = ct.array[:, ::4, ::4] > _AIR_HU
    box = [slice(0, ct.array.shape[0])]
    for axis, others in ((1, (0, 2)), (2, (0, 1))):
        there = 4 * np.flatnonzero(thin.any(axis=others))
        if there.size == 0:
            return ct
        margin = round(_MARGIN_MM / ct.geometry.spacing_mm[axis])
        box.append(slice(max(0, int(there[0]) - margin), int(there[-1]) + 4 + margin))
    return ct.crop((box[0], box[1], box[2]))


def _means(true: Volume, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """(z, y, x) float32 of a grid of that spacing, each voxel the mean over its size."""
    from scipy.ndimage import gaussian_filter, uniform_filter1d

    values = true.array
    own = true.geometry.spacing_mm
    if spacing_mm[0] / own[0] >= 2:
        values = uniform_filter1d(values, round(spacing_mm[0] / own[0]), axis=0, mode="nearest")
    width = [0.0, *(0.4 * max(wanted, 0.8) / s for wanted, s in zip(spacing_mm[1:], own[1:], strict=True))]
    values = gaussian_filter(values, width, mode="nearest")
    return sampled(Volume(true.geometry, values, "MR", "a.u."), true.geometry.resampled(spacing_mm))
