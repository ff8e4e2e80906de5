"""What treatment does to the lung on the truth's CT: ground glass in patches, fibrosis, collapse, effusion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt

from simulators.anatomy.lung_injury import response, smooth_noise
from simulators.anatomy.tumour_site import smooth, smoothstep
from simulators.core.chance import Key
from simulators.insilico.traits import Traits
from twin import Geometry, Volume

DAYS_PER_MONTH = 30.4375
_GLASS_STREAM, _CLOUD_STREAM, _STRAND_STREAM, _COLLAPSE_STREAM = 11, 12, 13, 14
_FLUID_HU, _COLLAPSED_HU = 12.0, 22.0
_SCAR_GY, _SCAR_STEEP = 45.0, 8.0
_GLASS_ONSET_MONTHS = 1.5
_COLLAPSE_MM = 75.0


@dataclass(frozen=True, eq=False)
class LungResponse:
    """The lung of one patient on the truth's grid.

    Args:
        geometry: the grid.
        lung: (z, y, x) float32 share of lung once the tumour is gone, 0 to 1.
        own: (z, y, x) bool, the tumour's own lung, where lung may collapse and fluid gather.
        gtv: (z, y, x) bool.
        hilum: (z, y, x) index of where the tumour's bronchus enters, or None where it does not matter.
        traits: the patient's.
        key: chance of the patterns.
    """

    geometry: Geometry
    lung: np.ndarray
    own: np.ndarray
    gtv: np.ndarray
    hilum: np.ndarray | None
    traits: Traits
    key: Key

    def _noise(self, stream: int, scale_mm: float) -> np.ndarray:
        return smooth_noise(self.key, stream, scale_mm, self.geometry, self.geometry)

    @cached_property
    def _clouds(self) -> np.ndarray:
        return self._noise(_CLOUD_STREAM, 7.0)

    @cached_property
    def _patches(self) -> np.ndarray:
        return self._noise(_GLASS_STREAM, 22.0) + np.float32(0.35) * self._clouds

    @cached_property
    def _strands(self) -> np.ndarray:
        return self._noise(_STRAND_STREAM, 5.0)

    def injury_hu(self, eqd2: Volume, since_rt_end_days: float) -> np.ndarray | None:
        """(z, y, x) float32 rise of HU by ground glass and fibrosis; None before there is any.

        Ground glass comes one to four months after treatment where the dose was high, in patches that follow the dose
        only loosely; fibrosis follows from month 5 in what had most, dense and sharper.

        Args:
            eqd2: EQD2 with alpha/beta 3 Gy, any grid.
            since_rt_end_days: time from the last fraction, days.
        """
        months = since_rt_end_days / DAYS_PER_MONTH
        glass, scar = glass_share(months, self.traits), scar_share(months)
        if glass <= 0.0 and scar <= 0.0:
            return None
        dose = eqd2.on(self.geometry)
        reacts = response(dose) * self.lung
        reach = np.float32(-0.3 if self.traits.stray else -1.1)
        if self.traits.stray:
            reacts = np.maximum(reacts, 0.35 * smoothstep((dose - 8.0) / 22.0) * self.lung)
        patch = smoothstep((self._patches + reach + 2.2 * reacts) / 0.9)
        rise = (
            np.float32(self.traits.glass_hu * glass)
            * reacts**0.5
            * patch
            * np.exp(0.3 * self._clouds - 0.045)
        )
        if scar > 0.0:
            hot = self.lung / (1.0 + (_SCAR_GY / np.maximum(dose, 1.0)) ** _SCAR_STEEP)
            dense = smoothstep((0.8 * self._strands + 0.5 * self._patches + 1.6 * hot - 0.9) / 1.5)
            dense *= 1.0 + 0.2 * self._strands
            rise += np.float32(self.traits.fibrosis_hu * scar) * hot * (0.35 + 1.3 * dense)
        return rise.astype(np.float32)

    @cached_property
    def collapsed(self) -> np.ndarray:
        """(z, y, x) float32 share of each place that is airless when the bronchus is closed: a wedge behind the tumour.

        The wedge opens from the hilum through the tumour to the pleura.
        """
        assert self.hilum is not None
        spacing = np.asarray(self.geometry.spacing_mm)
        tumour = np.argwhere(self.gtv).mean(axis=0)
        away = (tumour - self.hilum) * spacing
        away /= max(float(np.linalg.norm(away)), 1e-6)
        grid = np.indices(self.geometry.shape, dtype=np.float32)
        apex = tumour - 0.25 * away * 30.0 / spacing
        offset = [(grid[k] - apex[k]) * spacing[k] for k in range(3)]
        along = sum(o * a for o, a in zip(offset, away, strict=True))
        length = np.sqrt(sum(o * o for o in offset))
        wobble = self._noise(_COLLAPSE_STREAM, 16.0)
        angle = along / np.maximum(length, 1.0) + 0.05 * wobble
        inside = smoothstep((angle - 0.80) / 0.05) * smoothstep((_COLLAPSE_MM + 6.0 * wobble - length) / 6.0)
        return smooth(inside * self.lung * self.own * smoothstep(length / 8.0), 1.2, self.geometry.spacing_mm)

    def collapse(self, hu: np.ndarray, relative_gtv: float) -> np.ndarray:
        """The CT with the lung behind the tumour collapsed as far as the tumour's size makes it.

        Args:
            hu: (z, y, x) of the CT.
            relative_gtv: volume of the tumour over that on day 0.
        """
        share = collapse_share(relative_gtv, self.traits)
        if share <= 0.0 or self.hilum is None:
            return hu
        airless = _COLLAPSED_HU + 5.0 * self._clouds + 0.03 * np.clip(hu + 820.0, 0.0, 900.0)
        return (hu + share * self.collapsed * (airless - hu)).astype(np.float32)

    @cached_property
    def _fluid_mm(self) -> np.ndarray:
        """(z, y, x) how deep fluid must be to reach each place of the lung: least at the back, by the wall."""
        wall = distance_transform_edt(self.own, sampling=self.geometry.spacing_mm)
        near = binary_dilation(self.own, iterations=2)  # with the voxels that lung and wall share
        rows = np.arange(self.geometry.shape[1], dtype=np.float32)[:, None] * self.geometry.spacing_mm[1]
        filled = np.asarray(self.own.any(axis=(0, 2)))
        hindmost = float(np.max(rows[filled, 0], initial=0.0))
        height = np.clip((hindmost - rows) / 70.0, 0.0, 1.0)
        return np.where(near, (wall + 0.5) / np.maximum(1.0 - height**1.5, 1e-3), np.inf).astype(np.float32)

    def effuse(self, hu: np.ndarray, day: float) -> np.ndarray:
        """The CT with a pleural effusion that fills over two weeks.

        Args:
            hu: (z, y, x) of the CT.
            day: from day 0.
        """
        depth = self.traits.effusion_mm * float(smoothstep((day - self.traits.effusion_day) / 14.0))
        if not depth > 0.0:
            return hu
        share = smoothstep((depth - self._fluid_mm) / 2.5 + 0.5)
        return (hu + share * np.maximum(np.float32(_FLUID_HU) - hu, 0.0)).astype(np.float32)


def glass_share(months: float, traits: Traits) -> float:
    """0 to 1: ground glass at a time after treatment, months.

    Args:
        months: after treatment.
        traits: of the patient.
    """
    t = months - traits.onset_months
    fades = smoothstep((t - _GLASS_ONSET_MONTHS - traits.glass_months) / max(traits.glass_months, 1.0))
    return float(smoothstep(t / _GLASS_ONSET_MONTHS) * (1.0 - 0.85 * fades))


def scar_share(months: float) -> float:
    """0 to 1: fibrosis at a time after treatment, months.

    Args:
        months: after treatment.
    """
    return float(smoothstep((months - 5.0) / 7.0))


def collapse_share(relative_gtv: float, traits: Traits) -> float:
    """0 to 1: how far the lung behind the tumour is collapsed.

    Args:
        relative_gtv: volume of the tumour over that on day 0.
        traits: of the patient.
    """
    return (
        float(smoothstep((relative_gtv / traits.closing - 0.92) / 0.16))
        if np.isfinite(traits.closing)
        else 0.0
    )
