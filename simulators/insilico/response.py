"""The in-silico truth of images: what a follow-up CT shows without a scanner's noise, richer than the mechanistic one.

The tumour's volume is the kinetics'; how it is lost is not even: some places clear faster than others, a core may turn
necrotic or fill with air, collapsed lung opens once the tumour lets go of its bronchus, ground glass and fibrosis come
in patches, and an effusion may gather. Nothing here knows the plan but through volume, dose and time, so two plans that
give the same give the same image, bit by bit. Constants: `simulators.insilico.traits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion

from simulators.anatomy.deformation import Flow, displacement_mm, elastic_tau, shrinkage_flow
from simulators.anatomy.lung_injury import smooth_noise
from simulators.anatomy.lung_texture import grown_tumour, lung_share, without_tumour
from simulators.anatomy.tumour_mask import border_mm, level, moved, score_mm, tumour_share, without_crumbs
from simulators.anatomy.tumour_site import TumourSite, lungs_of, smooth, smoothstep, tumour_site, voxels
from simulators.anatomy.warp_kernels import warp_cubic
from simulators.core.chance import Key
from simulators.core.threads import in_threads
from simulators.core.treatment import TumourView
from simulators.insilico.response_lung import LungResponse
from simulators.insilico.traits import UNEVEN_MM, Traits
from twin import Scan, StructureSet, Volume
from twin.geometry import Box
from twin.structures import bounding_box

_ROUGH_STREAM, _UNEVEN_STREAM, _CORE_STREAM, _SOFT_STREAM = 1, 2, 3, 4
_ROUGH_MM = 6.0
_GROWTH_MM = 24.0
_MAX_LOSS_LN = 2.5
_GROWS_UNEVENLY = 0.25  # of the growth in mm, SD between places [assumed]
_ONSET_MM = 2.0
_STEEP = 1.5  # of the score outside, by its roughness
_FAT_HU = -75.0  # mediastinal fat that closes over what the tumour leaves
_CAVITY_HU, _CAVITY_LEAST_CM3 = -930.0, 3.0
_LUNG_HU = 800.0  # below water
_NECROSIS_GY = 40.0  # tumour dose at which a core that treatment makes is there


@dataclass(frozen=True, eq=False)
class TrueImage:
    """A CT without noise and the tumour on it, on the grid of the truth.

    Args:
        hu: (z, y, x) float32.
        gtv: (z, y, x) bool.
        gtv_cm3: volume of the tumour with sub-voxel borders, cm3: what was asked for.
    """

    hu: np.ndarray
    gtv: np.ndarray
    gtv_cm3: float


@dataclass(frozen=True, eq=False)
class Response:
    """One patient's images under any treatment.

    Args:
        scan: the baseline CT without noise; lung behind the tumour open.
        structures: true on it: a GTV and at least one lung.
        traits: how the patient answers.
        erosion: share of the lost volume that re-aerates in place; the rest is drawn in by tissue.
        key: chance of all patterns; its plan is nowhere.
    """

    scan: Scan
    structures: StructureSet
    traits: Traits
    erosion: float
    key: Key

    @cached_property
    def _lungs(self) -> np.ndarray:
        return lungs_of(self.structures)

    @cached_property
    def site(self) -> TumourSite:
        """The tumour's surroundings."""
        return tumour_site(self.scan, self.structures, self._lungs)

    @cached_property
    def _flow(self) -> Flow:
        return shrinkage_flow(self.site)

    @cached_property
    def _work(self) -> Box:
        """All that the tumour may ever be, on the site's crop."""
        return bounding_box(self.site.gtv, voxels(_GROWTH_MM, self.site.geometry.spacing_mm))

    def _noise(self, stream: int, scale_mm: float, box: Box) -> np.ndarray:
        geometry = self.site.geometry.crop(box)
        return smooth_noise(self.key, stream, scale_mm, geometry, self.scan.volume.geometry)

    @cached_property
    def _rough(self) -> np.ndarray:
        return self._noise(_ROUGH_STREAM, _ROUGH_MM, self._work)

    @cached_property
    def _pattern(self) -> np.ndarray:
        """(z, y, x) on the work box, SD 1: where the tumour clears faster, or grows faster."""
        return self._noise(_UNEVEN_STREAM, max(6.0, UNEVEN_MM * self.site.radius_mm), self._work)

    @cached_property
    def _core(self) -> np.ndarray:
        return self._noise(_CORE_STREAM, max(5.0, 0.4 * self.site.radius_mm), self._work)

    @cached_property
    def _without(self) -> np.ndarray:
        """(z, y, x) HU of the site without the tumour: lung, or fat where the mediastinum closes over."""
        healthy, share = without_tumour(self.site, self.scan, self._lungs)
        box = self.site.inner
        fat = _FAT_HU + 9.0 * smooth_noise(
            self.key, _SOFT_STREAM, 5.0, self.site.geometry.crop(box), self.scan.volume.geometry
        )
        weight = smooth(self.site.gtv[box], 1.2, self.site.geometry.spacing_mm) * (1.0 - share[box])
        healthy[box] += weight * (fat - healthy[box])
        return healthy

    @cached_property
    def _grown(self) -> np.ndarray:
        return grown_tumour(self.site)

    @cached_property
    def regained(self) -> np.ndarray:
        """(z, y, x) bool: both lungs once the tumour is gone."""
        lungs = self._lungs & ~self.structures.gtv()
        lungs[self.site.box] |= lung_share(self.site) > 0.5
        return lungs

    @cached_property
    def lung(self) -> LungResponse:
        """What the lung does."""
        geometry = self.scan.volume.geometry
        gtv = self.structures.gtv()
        share = (self._lungs & ~gtv).astype(np.float32)
        # Voxels that lung and wall share.
        rim = binary_dilation(self._lungs) & ~binary_erosion(self._lungs | gtv) & ~gtv
        share[rim] = np.clip(-self.scan.volume.array[rim] / np.float32(_LUNG_HU), 0.0, 1.0)
        share[self.site.box] = np.maximum(share[self.site.box], lung_share(self.site))
        own = self.structures.mask(self.own_lung) | (gtv & self.regained)
        return LungResponse(geometry, share, own, gtv, self._hilum, self.traits, self.key)

    @cached_property
    def own_lung(self) -> str:
        """Name of the lung that the tumour sits in or on."""
        near = smooth(self.structures.gtv(), 10.0, self.scan.volume.geometry.spacing_mm)
        names = [n for n in ("Lung_L", "Lung_R") if n in self.structures]
        return max(names, key=lambda n: float((near * self.structures.mask(n)).sum()))

    @cached_property
    def _hilum(self) -> np.ndarray | None:
        """Index (z, y, x) of where the bronchus of a tumour that may close it comes from."""
        if not np.isfinite(self.traits.closing):
            return None
        columns = np.flatnonzero(self.structures.mask(self.own_lung).any(axis=(0, 1)))
        left = self.own_lung == "Lung_L"  # x grows to the patient's left
        centre = np.argwhere(self.structures.gtv()).mean(axis=0)
        return np.array([centre[0], centre[1], columns[0] - 6.0 if left else columns[-1] + 6.0])

    def at(
        self,
        gtv_cm3: float,
        day: float,
        *,
        since_rt_end_days: float = -1.0,
        eqd2: Volume | None = None,
        gtv_gy: float = 0.0,
    ) -> TrueImage:
        """The patient on a date.

        Args:
            gtv_cm3: tumour volume of the kinetics, cm3.
            day: days from day 0.
            since_rt_end_days: time from the last fraction, days; negative before it.
            eqd2: EQD2 with alpha/beta 3 Gy so far, Gy, on any grid; None before any dose.
            gtv_gy: mean EQD2 of the tumour so far, Gy.
        """
        site, work = self.site, self._work
        relative = gtv_cm3 / site.gtv_cm3
        shift = self._shift(gtv_cm3)
        inside, share, depth = self._outline(gtv_cm3, shift)
        hu = self.scan.volume.array.astype(np.float32)
        hu[site.box] = self._painted(relative, shift, share)
        hu = self.lung.collapse(hu, relative)
        region = hu[site.box][work]
        region += self._core_hu(relative, gtv_cm3, gtv_gy, share, depth, region)
        if eqd2 is not None:
            hu = self._injured(hu, share, eqd2, since_rt_end_days, day)
        gtv = np.zeros(hu.shape, dtype=bool)
        gtv[site.box][work] = inside
        volume = float(share.sum(dtype=np.float64)) * site.geometry.voxel_cm3
        return TrueImage(hu, gtv, volume)

    def _shift(self, gtv_cm3: float) -> np.ndarray | None:
        tau = min(elastic_tau(gtv_cm3, self.site.gtv_cm3, self.erosion), self._flow.max_tau)
        return None if tau < 1e-4 else displacement_mm(self._flow, tau * self._flow.velocity_mm)

    def _outline(self, gtv_cm3: float, shift: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """On the work box: the mask, the share of tumour, and how deep in the tumour a place is, 0 to 1."""
        site, work = self.site, self._work
        geometry = site.geometry.crop(work)
        loss = min(max(0.0, -np.log(max(gtv_cm3, 1e-6) / site.gtv_cm3)), _MAX_LOSS_LN)
        clears = np.exp(self.traits.uneven * self._pattern - 0.5 * self.traits.uneven**2)
        kept = site.gtv[work] * np.exp(-loss * clears, dtype=np.float32)
        view = TumourView(gtv_cm3, site.gtv_cm3, self.erosion, geometry, viable=kept.astype(np.float32))
        growth_mm = site.radius_mm * max(0.0, (gtv_cm3 / site.gtv_cm3) ** (1.0 / 3.0) - 1.0)
        rough = self._rough + np.float32(_GROWS_UNEVENLY * growth_mm / 0.8) * self._pattern
        score = score_mm(site, view, rough, work)
        # Bumps beside the surface share one score; the higher ones go first, so that any volume can be cut out.
        score += np.float32(1e-3) * np.where(site.gtv[work], 0.0, site.distance_mm[work] + rough)
        if shift is not None:
            score = moved(score, _in_voxels(shift[(slice(None), *work)], geometry.spacing_mm))
        score = without_crumbs(score, site.gtv[work], gtv_cm3, geometry.voxel_cm3)
        threshold = min(level(score, gtv_cm3, geometry.voxel_cm3), float(score.max()) - 1e-6)
        inside = score > threshold
        # Beside a wall the score drops by its detour, and a distance to first order would come out far too small.
        border = border_mm(score, threshold, geometry.spacing_mm)
        border = np.where(inside, border, np.minimum(border, (score - threshold) / _STEEP))
        # No share of tumour in walls, nor around pieces that were too small to keep.
        barred = ~inside & ((site.still_mm[work] <= 0.0) | ~binary_dilation(inside, iterations=2))
        share = tumour_share(np.where(barred, np.float32(-99.0), border), gtv_cm3, geometry.voxel_cm3)
        depth = np.clip((score - threshold) / max(float(score.max()) - threshold, 1e-3), 0.0, 1.0)
        return inside, share, depth.astype(np.float32)

    def _painted(self, relative: float, shift: np.ndarray | None, share: np.ndarray) -> np.ndarray:
        """(z, y, x) HU of the site's crop: moved tissue, and tumour as far as it goes."""
        site, work = self.site, self._work
        moved_mm = site.radius_mm * abs(1.0 - relative ** (1.0 / 3.0))
        onset = np.float32(smoothstep(moved_mm / _ONSET_MM))
        grows = relative > 1.0
        hu = _warped(site.hu if grows else self._without, shift, site)
        tumour = _warped((self._grown if grows else site.hu), shift, site)[work]
        if grows:
            hu[work] += onset * share * (tumour - hu[work])
            return hu
        cleared = onset * (1.0 - share)
        hu[work] = np.where(cleared >= 1.0, hu[work], tumour + cleared * (hu[work] - tumour))
        return hu

    def _core_hu(
        self,
        relative: float,
        gtv_cm3: float,
        gtv_gy: float,
        share: np.ndarray,
        depth: np.ndarray,
        hu: np.ndarray,
    ) -> np.ndarray | float:
        """(z, y, x) change of HU on the work box by necrosis and by air in it."""
        if self.traits.necrosis_hu == 0.0:
            return 0.0
        made = float(smoothstep(gtv_gy / _NECROSIS_GY))
        there = max(0.6, made) if self.traits.necrotic_at_first else made
        core = smoothstep((depth + 0.18 * self._core - 0.42) / 0.22) * share
        change = -np.float32(there * self.traits.necrosis_hu) * core
        lost = 1.0 - relative
        air = float(smoothstep((lost - self.traits.cavity_loss) / 0.15)) * made
        if air > 0.0 and gtv_cm3 > _CAVITY_LEAST_CM3:
            hole = smoothstep((depth + 0.15 * self._core - 0.58) / 0.12) * share
            change = change + np.float32(air) * hole * (np.float32(_CAVITY_HU) - hu)
        return change

    def _injured(
        self, hu: np.ndarray, share: np.ndarray, eqd2: Volume, since_rt_end_days: float, day: float
    ) -> np.ndarray:
        """The CT with what the dose did to the lung; tumour stays as it is."""
        rise = self.lung.injury_hu(eqd2, since_rt_end_days)
        before = hu
        if rise is not None:
            hu = np.where(rise > 0.5, np.maximum(hu, np.minimum(hu + rise, _dense(hu))), hu)
        hu = self.lung.effuse(hu, day)
        if hu is not before:
            box, work = self.site.box, self._work
            hu[box][work] += share * (before[box][work] - hu[box][work])
        return hu


def _dense(hu: np.ndarray) -> np.ndarray:
    """The HU that consolidation reaches: that of soft tissue, 40 HU at most, of aerated lung a little less."""
    return np.float32(35.0) + np.float32(5.0 / 840.0) * np.clip(hu + 800.0, 0.0, 840.0)


def _in_voxels(shift_mm: np.ndarray, spacing_mm) -> np.ndarray:
    return shift_mm / np.asarray(spacing_mm, dtype=np.float32)[:, None, None, None]


def _warped(hu: np.ndarray, shift: np.ndarray | None, site: TumourSite) -> np.ndarray:
    out = np.array(hu, dtype=np.float32)
    if shift is not None:
        voxel_shift = np.ascontiguousarray(_in_voxels(shift, site.geometry.spacing_mm))
        in_threads(warp_cubic, len(out), np.ascontiguousarray(hu, dtype=np.float32), voxel_shift, out)
    return out


def mean_gy(dose: Volume | None, structures: StructureSet) -> float:
    """Mean dose of the GTV, Gy; 0 without a dose.

    Args:
        dose: Gy, or None.
        structures: with the GTV.
    """
    if dose is None:
        return 0.0
    gtv = structures.gtv()
    box = bounding_box(gtv)
    part = structures.geometry.crop(box)
    return float(dose.on(part)[gtv[box]].mean())
