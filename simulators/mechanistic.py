"""The mechanistic virtual treatment: erosion, elastic shrinkage, growth and lung injury painted on the baseline CT."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simulators.deformation import Flow, displacement_mm, elastic_tau, shrinkage_flow
from simulators.drawn_tumour import drawn_tumour, drawn_volumes
from simulators.irradiated_lung import IrradiatedLung, within
from simulators.lung_injury import LABEL_HU, amplitude_hu, injury_hu, scar_tau, smooth_noise
from simulators.lung_texture import grain, grown_tumour, without_tumour
from simulators.treatment import FollowUp, TreatmentRequest, TumourView
from simulators.tumour_mask import border_mm, level, moved, score_mm, tumour_share, without_crumbs
from simulators.tumour_site import TumourSite, lungs_of, smoothstep, tumour_site, voxels
from simulators.warp_kernels import warp_cubic
from twin import Geometry, InputError, Scan, StructureSet, Volume
from twin.geometry import Box
from twin.structures import bounding_box

VERSION = "mechanistic 1"
MAX_ELAPSED_DAYS = 5 * 365.25
MAX_GROWTH = 4.0
_LUNG_WITHIN_MM = 10.0
_KEPT_PATIENTS, _KEPT_DOSES = 4, 4
_ONSET_MM = 2.0
_GRAIN, _GRAIN_MM = 0.8, 1.5
_GROWTH_MARGIN_MM = 30.0
_HU_RANGE = (-1024, 3071)


@dataclass(frozen=True, eq=False)
class _Patient:
    """What all requests from one scan share; made once."""

    scan: Scan
    structures: StructureSet
    lungs: np.ndarray
    site: TumourSite

    _doses: OrderedDict[bytes, IrradiatedLung] = field(default_factory=OrderedDict)

    def irradiated(self, eqd2: Volume) -> IrradiatedLung:
        """The lung under a dose; images after the course ask for the same one again and again."""
        digest = hashlib.blake2b(repr(eqd2.geometry).encode(), digest_size=16)
        digest.update(eqd2.array.tobytes())
        lung = self._doses.get(digest.digest())
        if lung is None:
            whole = self.scan.volume.geometry
            lung = IrradiatedLung(eqd2, whole, self.lungs, self.site, self.healthy[1], self.flow)
            self._doses[digest.digest()] = lung
            if len(self._doses) > _KEPT_DOSES:
                self._doses.popitem(last=False)
        return lung

    @cached_property
    def flow(self) -> Flow:
        return shrinkage_flow(self.site)

    @cached_property
    def healthy(self) -> tuple[np.ndarray, np.ndarray]:
        return without_tumour(self.site, self.scan, self.lungs)

    @cached_property
    def grain(self) -> np.ndarray:
        return grain(self.site)

    @cached_property
    def grown_hu(self) -> np.ndarray:
        return grown_tumour(self.site)

    @cached_property
    def growth_box(self) -> Box:
        return bounding_box(self.site.gtv, voxels(_GROWTH_MARGIN_MM, self.site.geometry.spacing_mm))


class MechanisticTreatment:
    """A `VirtualTreatment` that needs no weights: what it shows follows from the tumour's volume and the dose."""

    name = "mechanistic"

    def __init__(self) -> None:
        self._patients: OrderedDict[tuple[int, int], _Patient] = OrderedDict()

    def domain(self, request: TreatmentRequest) -> str | None:
        """Why the request lies outside the generator's domain, or None where it lies inside."""
        if request.scan.volume.modality != "CT":
            return f"the scan {request.scan.name} is {request.scan.volume.modality}, not CT"
        if not 0.0 <= request.elapsed_days <= MAX_ELAPSED_DAYS:
            return f"{request.elapsed_days:g} days after the scan lie outside 0 to {MAX_ELAPSED_DAYS:g}"
        try:
            site = self._patient(request).site
        except InputError as error:
            return str(error)
        return _outside(site, request.tumour)

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, in order; each depends on its own request only.

        Raises:
            InputError: a scan without GTV or lungs, or a volume that is not finite.
        """
        return [self._follow_up(request) for request in requests]

    def volumes_cm3(self, request: TreatmentRequest, n: int) -> np.ndarray:
        """(n,) volumes that samples 0 to n - 1 of a request would have, without drawing them, cm3."""
        if request.tumour is not None:
            return np.full(n, request.tumour.gtv_cm3)
        return drawn_volumes(request, n)

    def displacement(self, request: TreatmentRequest) -> tuple[Geometry, np.ndarray] | None:
        """How the tissue moves by shrinkage and scarring, for whoever draws the pixels.

        Returns:
            A crop of the scan and (3, z, y, x) float32 mm on it, as in `FollowUp`; None where nothing moves.

        Raises:
            InputError: a scan without GTV or lungs.
        """
        patient = self._patient(request)
        shift = _shift(patient, request.tumour or drawn_tumour(request), request)
        return None if shift is None else (patient.site.geometry, shift)

    def _patient(self, request: TreatmentRequest) -> _Patient:
        address = (id(request.scan), id(request.structures))
        patient = self._patients.get(address)
        if patient is None:
            lungs = lungs_of(request.structures)
            site = tumour_site(request.scan, request.structures, lungs)
            patient = _Patient(request.scan, request.structures, lungs, site)
            self._patients[address] = patient
            if len(self._patients) > _KEPT_PATIENTS:
                self._patients.popitem(last=False)
        self._patients.move_to_end(address)
        return patient

    def _follow_up(self, request: TreatmentRequest) -> FollowUp:
        patient = self._patient(request)
        site = patient.site
        view = request.tumour or drawn_tumour(request)
        if not 0.0 <= view.gtv_cm3 < float("inf"):
            raise InputError(f"a tumour cannot have {view.gtv_cm3:g} cm3; give a volume of 0 or more")
        shift = _shift(patient, view, request)
        work = patient.growth_box if view.gtv_cm3 > site.gtv_cm3 else site.inner
        inside, share = _outline(patient, view, work, shift, request)
        box, rise = _injury(patient, request, shift)
        part = within(box, site.box)
        cleared = _onset(site, view) * (1.0 - share)
        rise[part][work] *= np.where(site.gap[work], cleared, 1.0 - share)
        image = patient.scan.volume.array[box].astype(np.float32)
        image[part] = _paint(patient, view, work, shift, share)
        image += rise
        geometry = patient.scan.volume.geometry.crop(box)
        gtv = np.zeros(geometry.shape, dtype=np.uint8)
        gtv[part][work] = inside
        injury = ((rise > LABEL_HU) & (gtv == 0)).astype(np.uint8)
        return FollowUp(
            request=request,
            scan=Volume(geometry, np.rint(np.clip(image, *_HU_RANGE)).astype(np.int16), "CT", "HU"),
            gtv=Volume(geometry, gtv, "MASK", "1"),
            injury=Volume(geometry, injury, "MASK", "1"),
            gtv_cm3=float(share.sum(dtype=np.float64)) * geometry.voxel_cm3,
            displacement_mm=_embedded(shift, geometry, part),
            generator=VERSION,
        )


def _outside(site: TumourSite, view: TumourView | None) -> str | None:
    """What about the tumour or its size cannot be painted, or None."""
    gtv = site.gtv
    edges = (gtv[0], gtv[-1], gtv[:, 0], gtv[:, -1], gtv[:, :, 0], gtv[:, :, -1])
    if any(edge.any() for edge in edges):
        return "the tumour touches the border of the scan"
    if not (site.lung & (site.distance_mm > -_LUNG_WITHIN_MM)).any():
        return f"there is no lung within {_LUNG_WITHIN_MM:g} mm of the tumour"
    if view is not None and not 0.0 <= view.gtv_cm3 <= MAX_GROWTH * site.gtv_cm3:
        return f"{view.gtv_cm3:.3g} cm3 is beyond {MAX_GROWTH:g} times the {site.gtv_cm3:.3g} cm3 on the scan"
    return None


def _shift(patient: _Patient, view: TumourView, request: TreatmentRequest) -> np.ndarray | None:
    """Displacement on the site's crop by shrinkage and scarring, mm, or None where nothing moves."""
    tau = elastic_tau(view.gtv_cm3, patient.site.gtv_cm3, view.erosion)
    scar = 0.0 if request.eqd2_since is None else scar_tau(request.since_rt_end_days)
    if max(tau, scar) < 1e-4:
        return None
    velocity = min(tau, patient.flow.max_tau) * patient.flow.velocity_mm
    if request.eqd2_since is not None and scar > 0.0:
        velocity = velocity + scar * patient.irradiated(request.eqd2_since).scar_velocity_mm
    return displacement_mm(patient.flow, velocity)


def _voxel_shift(shift: np.ndarray, site: TumourSite) -> np.ndarray:
    return shift / np.asarray(site.geometry.spacing_mm, dtype=np.float32)[:, None, None, None]


def _outline(
    patient: _Patient, view: TumourView, work: Box, shift: np.ndarray | None, request: TreatmentRequest
) -> tuple[np.ndarray, np.ndarray]:
    """The mask, and the share of tumour in each voxel, both on the box in which the tumour may lie."""
    site = patient.site
    geometry = site.geometry.crop(work)
    rough = smooth_noise(request.key, 0, 6.0, geometry, patient.scan.volume.geometry)
    score = score_mm(site, view, rough, work)
    if shift is not None:
        score = moved(score, _voxel_shift(shift[(slice(None), *work)], site))
    if view.gtv_cm3 < 0.5 * geometry.voxel_cm3:
        return np.zeros(score.shape, dtype=bool), np.zeros(score.shape, dtype=np.float32)
    score = without_crumbs(score, site.gtv[work], view.gtv_cm3, geometry.voxel_cm3)
    threshold = level(score, view.gtv_cm3, geometry.voxel_cm3)
    inside = score > threshold
    walls = (site.still_mm[work] <= 0.0) & ~inside
    border = np.where(walls, np.float32(-99.0), border_mm(score, threshold, geometry.spacing_mm))
    return inside, tumour_share(border, view.gtv_cm3, geometry.voxel_cm3)


def _paint(
    patient: _Patient, view: TumourView, work: Box, shift: np.ndarray | None, share: np.ndarray
) -> np.ndarray:
    """HU on the site's crop, without injury."""
    site = patient.site
    grows = view.gtv_cm3 > site.gtv_cm3
    onset = _onset(site, view)
    part = None if shift is None else shift[(slice(None), *work)]
    hu = _warped(site.hu if grows else patient.healthy[0], shift, site)
    tumour = _warped((patient.grown_hu if grows else site.hu)[work], part, site)
    if grows:
        hu[work] += onset * share * (tumour - hu[work])
    else:
        cleared = onset * (1.0 - share)
        hu[work] = np.where(cleared >= 1.0, hu[work], tumour + cleared * (hu[work] - tumour))
    if shift is not None:
        length = np.sqrt(np.einsum("kzyx,kzyx->zyx", shift, shift))
        hu += np.float32(_GRAIN) * smoothstep(length / _GRAIN_MM) * patient.grain
    return hu


def _onset(site: TumourSite, view: TumourView) -> np.float32:
    """0 while the surface is where it was, 1 once it has moved by 2 mm: the old edge fades into the new one."""
    moved_mm = site.radius_mm * abs(1.0 - (view.gtv_cm3 / site.gtv_cm3) ** (1.0 / 3.0))
    return np.float32(smoothstep(moved_mm / _ONSET_MM))


def _warped(hu: np.ndarray, shift: np.ndarray | None, site: TumourSite) -> np.ndarray:
    out = np.array(hu, dtype=np.float32)
    if shift is not None:
        warp_cubic(np.ascontiguousarray(hu), np.ascontiguousarray(_voxel_shift(shift, site)), out)
    return out


def _injury(patient: _Patient, request: TreatmentRequest, shift: np.ndarray | None) -> tuple[Box, np.ndarray]:
    """The box of the scan that changes, and the rise of HU by lung injury in it."""
    site, eqd2 = patient.site, request.eqd2_since
    whole = patient.scan.volume.geometry
    if eqd2 is None or amplitude_hu(request.since_rt_end_days) <= 0.0:
        return site.box, np.zeros(site.geometry.shape, dtype=np.float32)
    irradiated = patient.irradiated(eqd2)
    reaction = irradiated.reaction
    if shift is not None:
        part = within(irradiated.box, site.box)
        reaction = reaction.copy()
        reaction[part] = np.clip(_warped(reaction[part], shift, site), 0.0, 1.0)
    geometry = whole.crop(irradiated.box)
    return irradiated.box, injury_hu(reaction, geometry, whole, request.since_rt_end_days, request.key)


def _embedded(shift: np.ndarray | None, geometry: Geometry, part: Box) -> np.ndarray:
    """The displacement on the whole crop; where nothing moves it takes no memory."""
    if shift is None:
        return np.broadcast_to(np.float32(0.0), (3, *geometry.shape))
    if shift.shape[1:] == geometry.shape:
        return shift
    out = np.zeros((3, *geometry.shape), dtype=np.float32)
    out[(slice(None), *part)] = shift
    return out
