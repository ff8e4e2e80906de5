"""The mechanistic virtual treatment: erosion, elastic shrinkage, growth and lung injury painted on the baseline CT."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simulators.anatomy.deformation import Flow, displacement_mm, elastic_tau, shrinkage_flow
from simulators.anatomy.irradiated_lung import IrradiatedLung, within
from simulators.anatomy.lung_injury import LABEL_HU, amplitude_hu, injury_hu, scar_tau, smooth_noise
from simulators.anatomy.lung_texture import grain, grown_tumour, without_tumour
from simulators.anatomy.tumour_mask import border_mm, level, moved, score_mm, tumour_share, without_crumbs
from simulators.anatomy.tumour_site import TumourSite, lungs_of, smoothstep, tumour_site, voxels
from simulators.anatomy.warp_kernels import warp_cubic
from simulators.belief.drawn_tumour import drawn_tumour, drawn_volumes
from simulators.core.treatment import FollowUp, TreatmentRequest, TumourView
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

    def work(self, view: TumourView) -> Box:
        """The box of the site in which a tumour may lie."""
        return self.growth_box if view.gtv_cm3 > self.site.gtv_cm3 else self.site.inner


@dataclass(frozen=True, eq=False)
class Layers:
    """What a follow-up is made of, on a crop of the scan; laid over one another they are the follow-up's image, but
    with lung injury as it is on average.

    Args:
        geometry: the crop.
        tissue_hu: (z, y, x) float32, what is seen where there is no tumour.
        tumour_hu: (z, y, x) float32, what is seen where there is.
        share: (z, y, x) float32 share of tumour in each voxel; it sums to the volume wanted.
    """

    geometry: Geometry
    tissue_hu: np.ndarray
    tumour_hu: np.ndarray
    share: np.ndarray


class MechanisticTreatment:
    """A `VirtualTreatment` that needs no weights: what it shows follows from the tumour's volume and the dose."""

    name = "mechanistic"

    def __init__(self) -> None:
        self._patients: OrderedDict[tuple[int, int], _Patient] = OrderedDict()

    def domain(self, request: TreatmentRequest) -> str | None:
        """Why the request lies outside the generator's domain, or None where it lies inside.

        Args:
            request: the image that is wanted.
        """
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

        Args:
            requests: the images that are wanted.

        Raises:
            InputError: a scan without GTV or lungs, or a volume that is not finite.
        """
        return [_follow_up(self._parts(request)) for request in requests]

    def drafted(self, request: TreatmentRequest) -> tuple[FollowUp, Layers]:
        """A follow-up and what it is made of, for whoever corrects it.

        Args:
            request: the image that is wanted.

        Raises:
            InputError: as `generate`.
        """
        parts = self._parts(request)
        return _follow_up(parts), _layers(parts)

    def volumes_cm3(self, request: TreatmentRequest, n: int) -> np.ndarray:
        """(n,) volumes that samples 0 to n - 1 of a request would have, without drawing them, cm3.

        Args:
            request: the image that is wanted.
            n: samples.
        """
        if request.tumour is not None:
            return np.full(n, request.tumour.gtv_cm3)
        return drawn_volumes(request, n)

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

    def _parts(self, request: TreatmentRequest) -> _Parts:
        patient, view = self._patient(request), _view(request)
        shift = _shift(patient, view, request)
        work = patient.work(view)
        inside, share = _outline(patient, view, work, shift, request)
        box, reaction = _reaction(patient, request, shift)
        return _Parts(request, patient, view, shift, work, inside, share, box, reaction)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a follow-up is painted from.

    Args:
        request: what was asked for.
        patient: of its scan.
        view: the tumour.
        shift: displacement on the site's crop, mm, or None.
        work: box of the site in which tumour may lie.
        inside, share: the mask, and the share of tumour in each voxel, on that box.
        box: of the scan, what changes.
        reaction: of its lung to the dose, 0 to 1, or None where there is none.
    """

    request: TreatmentRequest
    patient: _Patient
    view: TumourView
    shift: np.ndarray | None
    work: Box
    inside: np.ndarray
    share: np.ndarray
    box: Box
    reaction: np.ndarray | None

    @property
    def geometry(self) -> Geometry:
        """Of the box."""
        return self.patient.scan.volume.geometry.crop(self.box)

    @property
    def part(self) -> Box:
        """The site within the box."""
        return within(self.box, self.patient.site.box)

    @cached_property
    def painted(self) -> np.ndarray:
        """(z, y, x) float32 HU of the box, without injury."""
        image = self.patient.scan.volume.array[self.box].astype(np.float32)
        image[self.part] = _paint(self.patient, self.view, self.work, self.shift, self.share)
        return image

    def seen(self, rise: np.ndarray) -> np.ndarray:
        """(z, y, x) float32: of a rise by injury, what shows where the tumour is not."""
        site, rise = self.patient.site, rise.copy()
        cleared = _onset(site, self.view) * (1.0 - self.share)
        rise[self.part][self.work] *= np.where(site.gap[self.work], cleared, 1.0 - self.share)
        return rise


def _follow_up(parts: _Parts) -> FollowUp:
    request, geometry = parts.request, parts.geometry
    if parts.reaction is None:
        rise = np.zeros(geometry.shape, dtype=np.float32)
    else:
        whole = parts.patient.scan.volume.geometry
        rise = injury_hu(parts.reaction, geometry, whole, request.since_rt_end_days, request.key)
        rise = parts.seen(rise)
    gtv = np.zeros(geometry.shape, dtype=np.uint8)
    gtv[parts.part][parts.work] = parts.inside
    image = np.rint(np.clip(parts.painted + rise, *_HU_RANGE)).astype(np.int16)
    return FollowUp(
        request=request,
        scan=Volume(geometry, image, "CT", "HU"),
        gtv=Volume(geometry, gtv, "MASK", "1"),
        injury=Volume(geometry, ((rise > LABEL_HU) & (gtv == 0)).astype(np.uint8), "MASK", "1"),
        gtv_cm3=float(parts.share.sum(dtype=np.float64)) * geometry.voxel_cm3,
        displacement_mm=_embedded(parts.shift, geometry, parts.part),
        generator=VERSION,
    )


def _layers(parts: _Parts) -> Layers:
    patient, shift, part = parts.patient, parts.shift, parts.part
    site = patient.site
    tissue, tumour = (patient.scan.volume.array[parts.box].astype(np.float32) for _ in range(2))
    tissue[part] = _with_grain(_warped(patient.healthy[0], shift, site), shift, patient)
    tumour[part] = _with_grain(_warped(patient.grown_hu, shift, site), shift, patient)
    image = parts.painted
    if parts.reaction is not None:
        rise = amplitude_hu(parts.request.since_rt_end_days) * parts.reaction
        tissue += rise
        image = image + parts.seen(rise)
    share = np.zeros(tissue.shape, dtype=np.float32)
    share[part][parts.work] = parts.share
    # What the painted edge has of its own goes into both layers: laid over one another they are the image.
    own = image - (tissue + share * (tumour - tissue))
    return Layers(parts.geometry, tissue + own, tumour + own, share)


def _view(request: TreatmentRequest) -> TumourView:
    """The tumour that a request wants, or one that is drawn for it."""
    view = request.tumour or drawn_tumour(request)
    if not 0.0 <= view.gtv_cm3 < float("inf"):
        raise InputError(f"a tumour cannot have {view.gtv_cm3:g} cm3; give a volume of 0 or more")
    return view


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
    return _with_grain(hu, shift, patient)


def _with_grain(hu: np.ndarray, shift: np.ndarray | None, patient: _Patient) -> np.ndarray:
    """The site with the scanner's noise as it was, where resampling has smoothed it; changed in place."""
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


def _reaction(
    patient: _Patient, request: TreatmentRequest, shift: np.ndarray | None
) -> tuple[Box, np.ndarray | None]:
    """The box of the scan that changes, and how its lung reacts to the dose, 0 to 1; None where it does not."""
    site, eqd2 = patient.site, request.eqd2_since
    if eqd2 is None or amplitude_hu(request.since_rt_end_days) <= 0.0:
        return site.box, None
    irradiated = patient.irradiated(eqd2)
    reaction = irradiated.reaction
    if shift is not None:
        part = within(irradiated.box, site.box)
        reaction = reaction.copy()
        reaction[part] = np.clip(_warped(reaction[part], shift, site), 0.0, 1.0)
    return irradiated.box, reaction


def _embedded(shift: np.ndarray | None, geometry: Geometry, part: Box) -> np.ndarray:
    """The displacement on the whole crop; where nothing moves it takes no memory."""
    if shift is None:
        return np.broadcast_to(np.float32(0.0), (3, *geometry.shape))
    if shift.shape[1:] == geometry.shape:
        return shift
    out = np.zeros((3, *geometry.shape), dtype=np.float32)
    out[(slice(None), *part)] = shift
    return out


GENERATOR = MechanisticTreatment
