"""The one adapter between patients and Translators: crops and conditions in, a follow-up on the patient's grid out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from simulators.treatment import FollowUp, TreatmentRequest
from twin import Geometry, Volume

if TYPE_CHECKING:
    from models import Translator

SPACING_MM = 2.0
SHAPE = (48, 96, 96)
MARGIN_MM = 30.0  # the tumour with this margin must fit into the crop
_HU = (-1024.0, 1024.0)  # mapped to [-1, 1]
_TAPER_MM = 12.0  # the change fades to nothing over this distance from the crop's border
VECTOR = ("elapsed_days", "dose_gy", "fractions", "relative_gtv", "age_years", "ecog", "pack_years")


@dataclass(frozen=True, eq=False)
class TranslatedTreatment:
    """A `VirtualTreatment` whose pixels come from a Translator.

    The Translator sees tumour-centred crops at 2 mm, slice by slice: image in [-1, 1], tumour mask, EQD2 / 60 Gy.
    Only the change that it makes is brought back to the patient's grid, so that the scan's own detail is kept
    and the crop leaves no seam.

    Args:
        name: of the generator, with its version.
        translator: tensors in, tensors out.
    """

    name: str
    translator: Translator

    def domain(self, request: TreatmentRequest) -> str | None:
        """A tumour that does not fit into the crop with its margin lies outside."""
        mask = request.structures.gtv()
        spans = [np.ptp(np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {a})))) + 1 for a in range(3)]
        needed = np.multiply(spans, request.structures.geometry.spacing_mm) + 2 * MARGIN_MM
        if (needed > np.multiply(SHAPE, SPACING_MM)).any():
            return f"the tumour with {MARGIN_MM:g} mm around it exceeds the crop"
        return None

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, in order; each is translated by itself, so that none depends on its neighbours."""
        return [self._one(request) for request in requests]

    def _one(self, request: TreatmentRequest) -> FollowUp:
        import torch

        grid = crop_geometry(request)
        channels = _channels(request, grid)
        vector = np.tile(_vector(request), (SHAPE[0], 1))
        noise = request.key.generator().standard_normal(
            (SHAPE[0], self.translator.noise_channels, *SHAPE[1:]), dtype=np.float32
        )
        with torch.inference_mode():
            out = self.translator.generate(*(torch.from_numpy(a) for a in (channels, vector, noise))).numpy()
        change = (out[:, 0] - channels[:, 0]) * (_HU[1] - _HU[0]) / 2 * _taper()
        return self._placed(request, grid, change, out[:, 1])

    def _placed(
        self, request: TreatmentRequest, grid: Geometry, change: np.ndarray, mask: np.ndarray
    ) -> FollowUp:
        """Bring the change and the mask from the crop to the whole-voxel box of the scan that it covers."""
        whole = request.scan.volume
        corners = whole.geometry.index(grid.lps([(0, 0, 0), np.subtract(SHAPE, 1)]))
        low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0)) + 1
        bounds = [
            slice(max(0, int(a)), min(n, int(b)))
            for a, b, n in zip(low, high, whole.array.shape, strict=True)
        ]
        part = whole.crop((bounds[0], bounds[1], bounds[2]))
        here = part.geometry
        added = Volume(grid, change.astype(np.float32), "CT", "HU").on(here)
        occupancy = Volume(grid, mask.astype(np.float32), "MASK", "1").on(here)
        scan = np.clip(np.rint(part.array + added), -32768, 32767).astype(np.int16)
        return FollowUp(
            request=request,
            scan=Volume(here, scan, "CT", "HU"),
            gtv=Volume(here, (occupancy >= 0.5).astype(np.uint8), "MASK", "1"),
            injury=Volume(here, np.zeros(here.shape, np.uint8), "MASK", "1"),
            gtv_cm3=float(occupancy.sum()) * here.voxel_cm3,
            displacement_mm=np.zeros((3, *here.shape), np.float32),
            generator=self.name,
        )


def crop_geometry(request: TreatmentRequest) -> Geometry:
    """The 2 mm grid of 96 x 96 x 48 voxels centred on the tumour, along the scan's axes."""
    geometry = request.structures.geometry
    centre = geometry.lps(np.argwhere(request.structures.gtv()).mean(axis=0))
    first = Geometry(SHAPE, (SPACING_MM,) * 3, (0.0, 0.0, 0.0), geometry.direction)
    origin = centre - first.lps((np.asarray(SHAPE) - 1) / 2)
    return Geometry(SHAPE, (SPACING_MM,) * 3, tuple(map(float, origin)), geometry.direction)  # type: ignore[arg-type]


def _channels(request: TreatmentRequest, grid: Geometry) -> np.ndarray:
    hu = request.scan.volume.on(grid, fill=_HU[0])
    image = (np.clip(hu, *_HU) - _HU[0]) / (_HU[1] - _HU[0]) * 2 - 1
    gtv = Volume(request.structures.geometry, request.structures.gtv().astype(np.uint8), "MASK", "1").on(grid)
    dose = np.zeros(SHAPE, np.float32) if request.eqd2_since is None else request.eqd2_since.on(grid) / 60
    return np.stack([image, gtv, dose], axis=1).astype(np.float32)


def _vector(request: TreatmentRequest) -> np.ndarray:
    """The conditions in the order of `VECTOR`; nan is missing."""
    record, tumour = request.clinical, request.tumour
    gtv = Volume(request.structures.geometry, request.structures.gtv().astype(np.uint8), "MASK", "1")
    delivered = 0.0
    if request.dose_since is not None:
        delivered = float(request.dose_since.on(gtv.geometry)[gtv.array > 0].mean())
    values = (
        request.elapsed_days,
        delivered,
        request.fractions_since,
        None if tumour is None else tumour.gtv_cm3 / tumour.gtv0_cm3,
        record.age_years,
        record.ecog,
        record.pack_years,
    )
    return np.array([np.nan if v is None else v for v in values], dtype=np.float32)


def _taper() -> np.ndarray:
    """1 inside the crop, falling to 0 at its border, (z, y, x)."""
    edges = [
        np.clip((np.minimum(np.arange(n), np.arange(n)[::-1])) * SPACING_MM / _TAPER_MM, 0, 1).astype(
            np.float32
        )
        for n in SHAPE
    ]
    return edges[0][:, None, None] * edges[1][:, None] * edges[2]
