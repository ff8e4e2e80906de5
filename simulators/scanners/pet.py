"""A virtual FDG-PET scanner: uptake from the CT and the tumour's cells, point spread and count noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from simulators.anatomy.gtv import gtv_volume
from simulators.core.chance import Key
from simulators.core.scanner import ScanOptions, ScanRequest, hold_body, hold_field
from simulators.core.treatment import FollowUp, TumourView
from simulators.scanners.uptake import Anatomy, Compartment, background_suv, block_mean, box_on
from twin import Geometry, StructureSet, Volume
from twin.inputs.quantities import CountNoise, FwhmMm, UptakeMinutes
from twin.volume import Modality, Unit

VOXEL_MM = 4.0
_SHORTEST_MM = 10.0
LIVER_SUV = 2.2  # at which noise is stated
# Width, mm, and share by which a wider one is taken off: modelled resolution overshoots at edges. The first is what a
# scan has where nothing is said; the next two recover spheres as EARL's standards 1 and 2 ask (Kaalep et al.,
# EJNMMI 2018).
RECONSTRUCTIONS = {"clinical": (6.0, 0.0), "earl1": (8.0, 0.0), "earl2": (5.2, 0.25)}
_OVERSHOOT = 2.0  # width of what is taken off, over the other
_USUAL_MIN = 60.0
# What an hour more of uptake does: a tumour goes on, the blood and the liver let go (powers of time) [assumed; NSCLC
# gains some 25 % and blood loses 15 to 20 % from 60 to 120 min].
_TUMOUR_POWER, _BLOOD_POWER = 0.32, -0.25
_NOISE_FWHM_MM = 7.0  # the reconstruction's filter correlates neighbouring voxels
# What a fraction dooms stays avid with a half-time of 15 d altogether (docs/model.md 9). Part of that is cells being
# cleared, at a median of 32 d; so the avidity of those still there halves in 1 / (1/15 - 1/32) = 28 d.
AVIDITY_HALF_TIME_D = 1.0 / (1.0 / 15.0 - 1.0 / 32.0)
_INFLAMED_FROM_GY, _INFLAMED_FULL_GY = 40.0, 60.0  # EQD2; docs/model.md 9
_INFLAMED_WEEKS, _INFLAMED_SHARE = (2.0, 6.0, 10.0, 16.0), (0.0, 1.0, 1.0, 0.0)
# Where the tumour was, uptake stays for months whether cells live or not: ACRIN 6668 (Machtay et al., J Clin Oncol
# 31:3823, 2013) has a SUVpeak of 3.2 and a SUVmax of 4.0 fourteen weeks after chemoradiation.
_SCAR_SUV, _SCAR_LN = 3.7, 0.5
_SCAR_WEEKS, _SCAR_SHARE = (2.0, 6.0, 26.0, 52.0), (0.0, 1.0, 1.0, 0.5)
_WORKDAYS = 7.0 / 5.0  # days a fraction takes at five a week
# One for all scans of a patient: with what was drawn on the CT when it was made.
_anatomies: WeakKeyDictionary[Volume, tuple[StructureSet | None, Anatomy]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Traits:
    """What one sample's patient has on every scan.

    Args:
        tumour_suv: greatest uptake in the untreated tumour, SUV, before blurring.
        myocardium_suv: uptake of the left ventricle's wall, SUV.
        inflammation_suv: uptake that fully developed inflammation adds, SUV.
        scar_suv: uptake of the tumour's bed in the months after treatment, SUV, before blurring.
        texture_seed: of the uptake's pattern in the tumour.
    """

    tumour_suv: float
    myocardium_suv: float
    inflammation_suv: float
    texture_seed: int
    scar_suv: float

    @classmethod
    def of(cls, key: Key) -> Traits:
        """The traits of a key's sample, the same for all its events.

        Args:
            key: of a scan.
        """
        rng = key.at(ordinal=0).generator()
        return cls(
            tumour_suv=float(rng.uniform(8.0, 15.0)),  # NSCLC, docs/model.md 9
            myocardium_suv=float(rng.uniform(1.5, 5.0)),
            inflammation_suv=float(rng.lognormal(np.log(1.2), 0.4)),
            texture_seed=int(rng.integers(2**63)),
            scar_suv=float(rng.lognormal(np.log(_SCAR_SUV), _SCAR_LN)),
        )


class PetOptions(ScanOptions):
    """How a PET is taken.

    Args:
        reconstruction: clinical (6 mm), earl1 (8 mm) or earl2 (5.2 mm, resolution modelled).
        fwhm_mm: of the image; the reconstruction's where None.
        noise: SD over mean in the liver; EARL asks for less than 0.15.
        uptake_min: from injection to scan, minutes.
    """

    reconstruction: Literal["clinical", "earl1", "earl2"] = "clinical"
    fwhm_mm: FwhmMm | None = None
    noise: CountNoise = 0.10
    uptake_min: UptakeMinutes = _USUAL_MIN


class PetScanner:
    """FDG-PET of the whole CT at 4 mm, in SUV; without structures, of what the CT alone tells."""

    name = "pet"
    modality: Modality = "PT"
    unit: Unit = "SUV"
    options = PetOptions

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """One PET for each request; its noise depends on the key alone, its traits on the key's sample.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option that there is not, or no body in the CT.
        """
        return [self._one(request) for request in requests]

    def _one(self, request: ScanRequest) -> Volume:
        asked = self.options.of(self.name, request.options)
        hold_field(request.scan.upright(), "a PET", _SHORTEST_MM)
        anatomy = _anatomy(request)
        hold_body(float((anatomy.compartment > 0).mean()))
        late = asked.uptake_min / _USUAL_MIN
        true = uptake(request, anatomy, Traits.of(request.key), late)
        width, taken_off = RECONSTRUCTIONS[asked.reconstruction]
        seen = resolved(true, asked.fwhm_mm or width, taken_off)
        noisy = with_noise(seen, request.key.generator(), asked.noise)
        return Volume(anatomy.grid, noisy, self.modality, self.unit)


SCANNER = PetScanner


def _anatomy(request: ScanRequest) -> Anatomy:
    """The patient's compartments, made once for all scans of one CT."""
    drawn, anatomy = _anatomies.get(request.scan, (None, None))
    if anatomy is None or drawn is not request.structures:
        anatomy = Anatomy.of(request.scan, request.structures, request.scan.geometry.resampled(VOXEL_MM))
        _anatomies[request.scan] = request.structures, anatomy
    return anatomy


def uptake(request: ScanRequest, anatomy: Anatomy, traits: Traits, late: float = 1.0) -> np.ndarray:
    """The true uptake on the scanner's grid, (z, y, x) SUV, before blurring and noise.

    Args:
        request: who is scanned.
        anatomy: his compartments, on that grid.
        traits: of his sample.
        late: time of the scan after the injection, over an hour.
    """
    fading = np.float32(late**_BLOOD_POWER)
    suv = fading * background_suv(anatomy.hu, anatomy.compartment, traits.myocardium_suv)
    seen = _tumour(request)
    if seen is None:
        return suv
    scan, outline = seen
    box = box_on(anatomy.grid, scan.geometry)
    fine = anatomy.grid.crop(box).resampled(VOXEL_MM / 2)
    hu = scan.on(fine, fill=np.nan)
    gtv = outline.on(fine)
    compartment = anatomy.compartment[box].repeat(2, 0).repeat(2, 1).repeat(2, 2)
    coarse_hu = anatomy.hu[box].repeat(2, 0).repeat(2, 1).repeat(2, 2)
    hu = np.where(np.isnan(hu), coarse_hu, hu)
    # Where the tumour was and no compartment was drawn, the lung comes back.
    normal = fading * background_suv(hu, compartment, traits.myocardium_suv)
    followup = request.followup
    share = 1.0 if followup is None else _avid_share(followup, fine)
    cells = np.maximum(traits.tumour_suv * share, 0.0 if followup is None else _scar(followup, fine, traits))
    tumour = np.float32(late**_TUMOUR_POWER) * cells * _pattern(fine, traits.texture_seed)
    suv[box] = block_mean(normal + gtv * np.maximum(tumour - normal, 0.0))
    return suv if followup is None else suv + _inflammation(followup, anatomy, gtv, box, traits)


def _tumour(request: ScanRequest) -> tuple[Volume, Volume] | None:
    """The CT around the tumour and the tumour's mask, as they are when the patient is scanned; None where none is."""
    if request.followup is not None:
        return request.followup.scan, request.followup.gtv
    if request.structures is None or not request.structures.role("GTV"):
        return None
    gtv = gtv_volume(request.structures)
    return request.scan.crop(request.structures.geometry.box_of(gtv.geometry)), gtv


def days_of_treatment(followup: FollowUp) -> float:
    """Time since most of the doomed cells were killed, days: about the first week of the fractions.

    A request tells the number of fractions and the time since the last, not when they began: five a week are
    assumed, and never more days than have passed.

    Args:
        followup: its request says what was done.
    """
    request = followup.request
    since_start = request.fractions_all * _WORKDAYS + max(request.since_rt_end_days, 0.0)
    return float(np.clip(since_start, 0.0, request.days_all))


def avid(tumour: TumourView, days: float) -> np.ndarray | float:
    """Uptake of the tumour's tissue as a share of the untreated tumour's: viable and lately doomed cells.

    Args:
        tumour: with fields, (z, y, x), or a volume alone.
        days: since the kill.

    Returns:
        The fields' shape, 0 where there is no tumour; or, without fields, the share of volume that is left.
    """
    if tumour.viable is None or tumour.doomed is None or tumour.remnant is None:
        return min(1.0, tumour.gtv_cm3 / tumour.gtv0_cm3)
    there = tumour.viable + tumour.doomed + tumour.remnant
    taking = tumour.viable + tumour.doomed * np.float32(2.0 ** (-days / AVIDITY_HALF_TIME_D))
    untreated = np.maximum(1.0 - tumour.remnant, 0.05)
    return np.where(there > 1e-4, np.minimum(taking / np.maximum(there, 1e-4) / untreated, 1.0), 0.0)


def point_spread(suv: np.ndarray, fwhm_mm: float) -> np.ndarray:
    """An image blurred by a Gaussian of a full width at half maximum, mm; activity is conserved.

    Args:
        suv: (z, y, x) on the scanner's grid.
        fwhm_mm: full width at half maximum, mm.
    """
    from scipy.ndimage import gaussian_filter

    # Mirrored edges give back what a voxel at the border would lose.
    return gaussian_filter(suv, fwhm_mm / 2.3548 / VOXEL_MM, mode="reflect")


def resolved(suv: np.ndarray, fwhm_mm: float, taken_off: float) -> np.ndarray:
    """An image as a reconstruction shows it, which overshoots at edges where it models the resolution.

    Args:
        suv: (z, y, x) on the scanner's grid.
        fwhm_mm: full width at half maximum, mm.
        taken_off: share of a wider image that is taken off.
    """
    seen = point_spread(suv, fwhm_mm)
    if not taken_off:
        return seen
    return np.maximum((1 + taken_off) * seen - taken_off * point_spread(suv, _OVERSHOOT * fwhm_mm), 0.0)


def with_noise(suv: np.ndarray, rng: np.random.Generator, liver: float) -> np.ndarray:
    """An image with count noise: variance in proportion to the activity, correlated as a reconstruction does.

    Args:
        suv: (z, y, x) on the scanner's grid.
        rng: of the noise.
        liver: SD over mean at the liver's uptake.
    """
    from scipy.ndimage import gaussian_filter

    sigma = _NOISE_FWHM_MM / 2.3548 / VOXEL_MM
    grain = gaussian_filter(rng.standard_normal(suv.shape, dtype=np.float32), sigma, mode="wrap")
    grain /= _filter_gain(sigma) ** 1.5
    deviation = np.float32(liver) * np.sqrt(LIVER_SUV * suv)
    return np.maximum(suv + deviation * grain, 0.0).astype(np.float32)


def _filter_gain(sigma: float) -> float:
    """Sum of squares of the 1-D Gaussian filter's weights: what it leaves of white noise's variance."""
    from scipy.ndimage import gaussian_filter1d

    impulse = np.zeros(2 * int(4 * sigma + 1) + 3)
    impulse[impulse.size // 2] = 1.0
    return float((gaussian_filter1d(impulse, sigma) ** 2).sum())


def _avid_share(followup: FollowUp, fine: Geometry) -> np.ndarray | float:
    """`avid` on a grid of the follow-up, carried there by its displacement; 1 where no biology is known."""
    from scipy.ndimage import map_coordinates

    tumour = followup.request.tumour
    if tumour is None:
        return 1.0
    share = avid(tumour, days_of_treatment(followup))
    if tumour.geometry is None or np.ndim(share) == 0:
        return float(np.max(share))
    crop = followup.scan.geometry
    index = crop.index(fine.lps(np.moveaxis(np.indices(fine.shape), 0, -1)))
    inside = np.moveaxis(index, -1, 0)
    shift = [map_coordinates(u, inside, order=1, mode="nearest") for u in followup.displacement_mm]
    origin = crop.lps(index + np.stack(shift, axis=-1) / np.asarray(crop.spacing_mm))
    at = np.moveaxis(tumour.geometry.index(origin), -1, 0)
    return map_coordinates(np.asarray(share, dtype=np.float32), at, order=1, mode="nearest")


def _pattern(grid: Geometry, seed: int) -> np.ndarray:
    """A smooth pattern between 0.6 and 1, fixed in the patient's space by waves of 15 to 40 mm."""
    rng = np.random.default_rng(seed)
    position = [grid.lps(p) for p in (np.zeros(3), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    waves = np.zeros(grid.shape, dtype=np.float32)
    for _ in range(6):
        wave = rng.normal(size=3)
        wave *= 2 * np.pi / rng.uniform(15.0, 40.0) / np.linalg.norm(wave)
        phases = [
            np.arange(n) * ((p - position[0]) @ wave) for n, p in zip(grid.shape, position[1:], strict=True)
        ]
        z, y, x = np.ix_(*phases)
        waves += np.sin(z + y + x + position[0] @ wave + rng.uniform(0, 2 * np.pi)).astype(np.float32)
    return 0.8 + 0.2 * np.tanh(waves / 2.0)


def _scar(followup: FollowUp, fine: Geometry, traits: Traits) -> np.ndarray | float:
    """Uptake that stays where the tumour was treated, SUV on a grid of the follow-up."""
    request = followup.request
    share = float(np.interp(days_of_treatment(followup) / 7.0, _SCAR_WEEKS, _SCAR_SHARE, left=0.0))
    if request.eqd2_all is None or share == 0.0:
        return 0.0
    return np.float32(traits.scar_suv * share) * _inflamed(request.eqd2_all.on(fine))


def _inflamed(eqd2: np.ndarray) -> np.ndarray:
    """Share of the full reaction by dose."""
    return np.clip((eqd2 - _INFLAMED_FROM_GY) / (_INFLAMED_FULL_GY - _INFLAMED_FROM_GY), 0.0, 1.0)


def _inflammation(followup: FollowUp, anatomy: Anatomy, gtv: np.ndarray, box, traits: Traits) -> np.ndarray:
    """Uptake that irradiated lung adds, SUV on the scanner's grid; the tumour's bed has its own."""
    request = followup.request
    weeks = days_of_treatment(followup) / 7.0
    share = float(np.interp(weeks, _INFLAMED_WEEKS, _INFLAMED_SHARE, left=0.0, right=0.0))
    if request.eqd2_all is None or share == 0.0:
        return np.zeros(anatomy.grid.shape, dtype=np.float32)
    ramp = _inflamed(request.eqd2_all.on(anatomy.grid))
    where = (anatomy.compartment == Compartment.LUNG).astype(np.float32)
    where[box] *= 1 - block_mean(gtv)
    return np.float32(traits.inflammation_suv * share) * ramp * where
