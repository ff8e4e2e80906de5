"""Where the tumours of many samples lie on one patient's anatomy: how often each place is still tumour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.ndimage import shift

from simulators.anatomy.deformation import Flow, displacement_mm, elastic_tau
from simulators.anatomy.lung_injury import smooth_noise
from simulators.anatomy.tissue_motion import STEP, TissueMotion
from simulators.anatomy.tumour_mask import level, moved, score_mm
from simulators.anatomy.tumour_site import TumourSite, site_between, voxels
from simulators.core.chance import Key
from simulators.core.treatment import TumourView
from simulators.treatment.mechanistic import MAX_GROWTH, ROUGH_MM
from twin import Geometry, PatientTwin, Volume
from twin.geometry import Box
from twin.structures import bounding_box

_VOXEL_MM = 3.0
_MARGIN_MM = 6.0  # around the GTV, beyond what it may grow by
_ALL: Box = (slice(None), slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Presence:
    """One patient's anatomy, thinned to voxels of up to 3 mm.

    Args:
        site: the tumour's surroundings, thinned.
        whole: grid of the whole scan.
        flow: how the lung can move, on the unthinned site.
        kept: (z, y, x) slices of the unthinned site.
    """

    site: TumourSite
    whole: Geometry
    flow: Flow
    kept: Box
    _scores: dict[Key, np.ndarray] = field(default_factory=dict)
    _shifts: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, twin: PatientTwin, largest_cm3: float, furthest_mm: float = 0.0) -> Presence:
        """Of a patient's baseline.

        Args:
            twin: the patient, with a GTV and lungs.
            largest_cm3: volume to which any sample's tumour grows, cm3.
            furthest_mm: how far any sample's tumour is displaced, mm.

        Raises:
            InputError: the baseline has no GTV or neither lung.
        """
        site = site_between(twin.baseline, twin.contours)
        spacing = site.geometry.spacing_mm
        grown = min(max(largest_cm3 / site.gtv_cm3, 1.0), MAX_GROWTH) ** (1.0 / 3.0)
        margin = _MARGIN_MM + 2.0 * site.radius_mm * (grown - 1.0) + furthest_mm
        near = bounding_box(site.gtv, voxels(margin, spacing))
        z, y, x = (
            slice(b.start, b.stop, max(1, int(_VOXEL_MM / s))) for b, s in zip(near, spacing, strict=True)
        )
        kept = z, y, x
        whole = twin.baseline.volume.geometry
        return cls(_thinned(site, kept), whole, TissueMotion.of(twin).flow, kept)

    def share(
        self,
        gtv_cm3: np.ndarray,
        erosion: np.ndarray,
        keys: Sequence[Key],
        displaced_mm: np.ndarray | None = None,
    ) -> Volume:
        """(z, y, x) share of samples in which a place is tumour, 0 to 1, on the region around the GTV.

        Args:
            gtv_cm3: (samples,) volumes, cm3.
            erosion: (samples,) share of the lost volume that re-aerates in place.
            keys: (samples,) chance of each sample's images: masks have the same rough border as those.
            displaced_mm: (samples, 3) how far each tumour lies from there, along the axes (z, y, x); nowhere if None.
        """
        total = np.zeros(self.site.gtv.shape, dtype=np.float32)
        cm3 = np.minimum(gtv_cm3, MAX_GROWTH * self.site.gtv_cm3)
        steps = np.rint(np.minimum(elastic_tau(cm3, self.site.gtv_cm3, erosion), self.flow.max_tau) / STEP)
        apart = np.zeros((len(keys), 3)) if displaced_mm is None else displaced_mm
        for volume, tau, key, away in zip(cm3, steps.astype(int), keys, apart, strict=True):
            score = self._score(key)
            if tau > 0:
                score = moved(score, self._shift(tau))
            if away.any():
                score = shift(score, away / self.site.geometry.spacing_mm, order=1, mode="nearest")
            total += score > level(score, float(volume), self.site.geometry.voxel_cm3)
        return Volume(self.site.geometry, total / np.float32(len(keys)), "MASK", "1")

    def _score(self, key: Key) -> np.ndarray:
        """Where a sample's tumour is, before anything moves."""
        if key not in self._scores:
            rough = smooth_noise(key, 0, ROUGH_MM, self.site.geometry, self.whole)
            view = TumourView(self.site.gtv_cm3, self.site.gtv_cm3, 0.0)
            self._scores[key] = score_mm(self.site, view, rough, _ALL)
        return self._scores[key]

    def _shift(self, steps: int) -> np.ndarray:
        """(3, z, y, x) voxels, how tissue has moved after some steps of -ln(volume)."""
        if steps not in self._shifts:
            shift = displacement_mm(self.flow, STEP * steps * self.flow.velocity_mm, self.kept)
            spacing = np.asarray(self.site.geometry.spacing_mm, dtype=np.float32)[:, None, None, None]
            self._shifts[steps] = shift / spacing
        return self._shifts[steps]


def _thinned(site: TumourSite, kept: Box) -> TumourSite:
    """Every so many voxels of a site; the GTV's volume stays what it was."""
    whole = site.geometry

    def thin(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(values[kept])

    gtv = thin(site.gtv)
    spacing = tuple(s * (k.step or 1) for s, k in zip(whole.spacing_mm, kept, strict=True))
    first = tuple(float(v) for v in whole.lps([k.start for k in kept]))
    return replace(
        site,
        geometry=Geometry(gtv.shape, spacing, first, whole.direction),  # type: ignore[arg-type]
        inner=_ALL,
        hu=thin(site.hu),
        gtv=gtv,
        lung=thin(site.lung),
        distance_mm=thin(site.distance_mm),
        still_mm=thin(site.still_mm),
        gap=thin(site.gap),
    )
