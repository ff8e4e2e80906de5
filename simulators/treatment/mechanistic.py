"""The mechanistic virtual treatment: erosion, elastic shrinkage, growth and lung injury painted on the baseline CT."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.ndimage import binary_dilation

from simulators.anatomy.deformation import Flow, displacement_mm, elastic_tau, shrinkage_flow
from simulators.anatomy.irradiated_lung import IrradiatedLung, within
from simulators.anatomy.lung_injury import (
    LABEL_HU,
    Reaction,
    amplitude_hu,
    filled,
    injury_hu,
    mean_injury_hu,
    scar_tau,
    smooth_noise,
)
from simulators.anatomy.lung_texture import grown_tumour, most_texture_hu, texture, without_tumour
from simulators.anatomy.tumour_mask import border_mm, level, moved, score_mm, tumour_share, without_crumbs
from simulators.anatomy.tumour_site import TumourSite, lungs_of, site_between, smoothstep, voxels
from simulators.belief.drawn_tumour import drawn_tumour, drawn_volumes
from simulators.core.treatment import FollowUp, TreatmentRequest, TumourView
from simulators.treatment.moved_tissue import Move, Tissue
from twin import Geometry, InputError, Scan, StructureSet, Volume
from twin.geometry import Box
from twin.structures import bounding_box

VERSION = "mechanistic 2"
MAX_ELAPSED_DAYS = 5 * 365.25
MAX_GROWTH = 4.0
ROUGH_MM = 6.0  # between bumps of a border
_LUNG_WITHIN_MM = 10.0
_KEPT_PATIENTS, _KEPT_DOSES = 4, 4
_ONSET_MM = 2.0
_GROWTH_MARGIN_MM = 30.0
_WITHIN = 0.2
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
            lung = IrradiatedLung(eqd2, self.scan.volume, self.lungs, self.site, self.healthy[1], self.flow)
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
    def most_texture_hu(self) -> float:
        return most_texture_hu(self.site)

    def _apart(self, hu: np.ndarray) -> Tissue:
        return Tissue.of(hu, self.most_texture_hu, self.site.geometry.spacing_mm)

    @cached_property
    def drawn(self) -> Tissue:
        """The site as the scan shows it."""
        return self._apart(self.site.hu)

    @cached_property
    def cleared(self) -> Tissue:
        """The site without the tumour."""
        return self._apart(self.healthy[0])

    @cached_property
    def grown(self) -> Tissue:
        """The site with tumour beyond its border."""
        return self._apart(grown_tumour(self.site))

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
            site = site_between(request.scan, request.structures)
            patient = _Patient(request.scan, request.structures, lungs_of(request.structures), site)
            self._patients[address] = patient
            if len(self._patients) > _KEPT_PATIENTS:
                self._patients.popitem(last=False)
        self._patients.move_to_end(address)
        return patient

    def _parts(self, request: TreatmentRequest) -> _Parts:
        patient, view = self._patient(request), _view(request)
        move = Move(_shift(patient, view, request), patient.site.geometry.spacing_mm)
        work = patient.work(view)
        inside, share = _outline(patient, view, work, move, request)
        box, reaction = _reaction(patient, request, move)
        return _Parts(request, patient, view, move, work, inside, share, box, reaction)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What a follow-up is painted from.

    Args:
        request: what was asked for.
        patient: of its scan.
        view: the tumour.
        move: how the site's tissue has moved.
        work: box of the site in which tumour may lie.
        inside, share: the mask, and the share of tumour in each voxel, on that box.
        box: of the scan, what changes.
        reaction: of its lung to the dose, or None where there is none.
    """

    request: TreatmentRequest
    patient: _Patient
    view: TumourView
    move: Move
    work: Box
    inside: np.ndarray
    share: np.ndarray
    box: Box
    reaction: Reaction | None

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
        image[self.part] = _paint(self)
        return image

    @cached_property
    def cleared(self) -> np.ndarray:
        """(z, y, x) float32 HU of the site without the tumour, after the move."""
        return self.patient.cleared.moved(self.move)

    def beside(self, rise: np.ndarray) -> np.ndarray:
        """(z, y, x) float32: of a rise by injury, what there is where the tumour is not."""
        site, rise = self.patient.site, rise.copy()
        cleared = 1.0 - self.share
        cleared = np.where(site.gap[self.work], _onset(site, self.view) * cleared, cleared)
        # At the tumour's edge there is less air already: only within it nothing answers.
        rise[self.part][self.work] *= smoothstep(cleared / _WITHIN)
        return rise

    def plain(self, hu: np.ndarray) -> np.ndarray:
        """(z, y, x) float32 HU of an image of the box without its texture."""
        return hu - texture(hu, self.patient.most_texture_hu, self.geometry.spacing_mm)

    @cached_property
    def painted_plain(self) -> np.ndarray:
        """(z, y, x) float32 HU of `painted` without its texture."""
        return self.plain(self.painted)


def _follow_up(parts: _Parts) -> FollowUp:
    request, geometry = parts.request, parts.geometry
    gtv, injury = (np.zeros(geometry.shape, dtype=np.uint8) for _ in range(2))
    gtv[parts.part][parts.work] = parts.inside
    image = parts.painted
    if parts.reaction is not None and request.eqd2_unseen is not None:
        whole = parts.patient.scan.volume.geometry
        rise = injury_hu(parts.reaction, geometry, whole, request.since_rt_end_days, request.key)
        rise = parts.beside(rise)
        lung = parts.patient.irradiated(request.eqd2_unseen).lung > 0.5
        injury[(rise > LABEL_HU) & lung & (gtv == 0)] = 1
        image = image + filled(parts.painted_plain, rise)
    image = np.rint(np.clip(image, *_HU_RANGE)).astype(np.int16)
    return FollowUp(
        request=request,
        scan=Volume(geometry, image, "CT", "HU"),
        gtv=Volume(geometry, gtv, "MASK", "1"),
        injury=Volume(geometry, injury, "MASK", "1"),
        gtv_cm3=float(parts.share.sum(dtype=np.float64)) * geometry.voxel_cm3,
        displacement_mm=_embedded(parts.move.shift_mm, geometry, parts.part),
        generator=VERSION,
    )


def _layers(parts: _Parts) -> Layers:
    patient, part = parts.patient, parts.part
    tissue, tumour = (patient.scan.volume.array[parts.box].astype(np.float32) for _ in range(2))
    tissue[part] = parts.cleared
    tumour[part] = patient.grown.moved(parts.move)
    image = parts.painted
    if parts.reaction is not None:
        rise = mean_injury_hu(parts.reaction, parts.request.since_rt_end_days)
        image = image + filled(parts.painted_plain, parts.beside(rise))
        tissue += filled(parts.plain(tissue), rise)
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
    scar = 0.0 if request.eqd2_unseen is None else scar_tau(request.since_rt_end_days)
    if max(tau, scar) < 1e-4:
        return None
    velocity = min(tau, patient.flow.max_tau) * patient.flow.velocity_mm
    if request.eqd2_unseen is not None and scar > 0.0:
        velocity = velocity + scar * patient.irradiated(request.eqd2_unseen).scar_velocity_mm
    return displacement_mm(patient.flow, velocity)


def _outline(
    patient: _Patient, view: TumourView, work: Box, move: Move, request: TreatmentRequest
) -> tuple[np.ndarray, np.ndarray]:
    """The mask, and the share of tumour in each voxel, both on the box in which the tumour may lie."""
    site = patient.site
    geometry = site.geometry.crop(work)
    rough = smooth_noise(request.key, 0, ROUGH_MM, geometry, patient.scan.volume.geometry)
    score = score_mm(site, view, rough, work)
    if move.shift_mm is not None:
        score = moved(score, move.voxels(work))
    if view.gtv_cm3 < 0.5 * geometry.voxel_cm3:
        return np.zeros(score.shape, dtype=bool), np.zeros(score.shape, dtype=np.float32)
    kept = without_crumbs(score, site.gtv[work], view.gtv_cm3, geometry.voxel_cm3)
    threshold = level(kept, view.gtv_cm3, geometry.voxel_cm3)
    inside = kept > threshold
    # Where a crumb was put last a cliff is left around it, which is no border of the tumour.
    crumbs = binary_dilation(kept < score, iterations=2)
    outside = ((site.still_mm[work] <= 0.0) | crumbs) & ~inside
    border = np.where(outside, np.float32(-99.0), border_mm(kept, threshold, geometry.spacing_mm))
    return inside, tumour_share(border, view.gtv_cm3, geometry.voxel_cm3)


def _paint(parts: _Parts) -> np.ndarray:
    """HU on the site's crop, without injury."""
    patient, work, move, share = parts.patient, parts.work, parts.move, parts.share
    grows = parts.view.gtv_cm3 > patient.site.gtv_cm3
    onset = _onset(patient.site, parts.view)
    hu = patient.drawn.moved(move) if grows else parts.cleared.copy()
    tumour = (patient.grown if grows else patient.drawn).moved(move, work)
    if grows:
        hu[work] += onset * share * (tumour - hu[work])
    else:
        cleared = onset * (1.0 - share)
        hu[work] = np.where(cleared >= 1.0, hu[work], tumour + cleared * (hu[work] - tumour))
    return hu


def _onset(site: TumourSite, view: TumourView) -> np.float32:
    """0 while the surface is where it was, 1 once it has moved by 2 mm: the old edge fades into the new one."""
    moved_mm = site.radius_mm * abs(1.0 - (view.gtv_cm3 / site.gtv_cm3) ** (1.0 / 3.0))
    return np.float32(smoothstep(moved_mm / _ONSET_MM))


def _reaction(patient: _Patient, request: TreatmentRequest, move: Move) -> tuple[Box, Reaction | None]:
    """The box of the scan that changes, and how its lung reacts to the dose; None where it does not."""
    site, eqd2 = patient.site, request.eqd2_unseen
    if eqd2 is None or amplitude_hu(request.since_rt_end_days) <= 0.0:
        return site.box, None
    irradiated = patient.irradiated(eqd2)
    reaction = irradiated.reaction
    if move.shift_mm is not None:
        part = within(irradiated.box, site.box)
        reaction = Reaction(*(v.copy() for v in (reaction.response, reaction.ablation)))
        for values in (reaction.response, reaction.ablation):
            values[part] = np.clip(move.of(values[part]), 0.0, 1.0)
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
