"""A prescription becomes a fluence plan on a patient's CT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from simulators.dose.medium import Medium, aligned, centred, union
from simulators.dose.targets import motion_words
from simulators.dose.targets import targets as grow_targets
from simulators.photon.superposition import Beams, depths, superposed
from simulators.planner.optimise import optimised
from simulators.planner.pencil import PencilBeams
from simulators.planner.sample import Sample
from simulators.planner.template import Template, template_for
from twin import DoseGrid, Geometry, InputError, Scan, StructureSet, Volume

Told = Callable[[float], None]  # the share of a plan's work that is done
METHOD = "fluence plan, not a deliverable arc; dose by collapsed-cone superposition"
_CENTRAL_MM = 25.0  # a target nearer to the middle of the body takes beams from all sides
_LEAST_COVER = 0.95
# Before the first correction and after each: what was made right changes less and less.
_ITERATIONS = (80, 30, 12, 8)
_REPLAN = (0, 30)  # a former plan is corrected as it is, then changed
_REOPENED = 0.1  # of a beam's mean: what a replan begins with where the former plan was closed
_SCATTER_MM = 30.0  # fluence beside the apertures, for the scatter that starts inside them
_METAL_HU = 2500.0
# Closed leaves let 1.5 % through [quoted from memory: Millennium leaves], for all the time that the beam is on:
# modulated fields need some 2.5 times the monitor units of open ones.
_TRANSMISSION = 0.015
_MODULATED_UNITS = 2.5


@dataclass(frozen=True, eq=False)
class FluencePlan:
    """A plan and its dose.

    Args:
        dose: of the whole course, Gy.
        beams: their fluence, for a dose of 1 Gy.
        targets: with the PTV.
        template: how it was made.
        notes: what it gives way in, and what it leaves out, a sentence each.
    """

    dose: DoseGrid
    beams: Beams
    targets: StructureSet
    template: Template
    notes: tuple[str, ...]

    def scaled(self, prescription_gy: float, fractions: int) -> FluencePlan:
        """The same fluence for another prescription: dose is linear in fluence.

        Args:
            prescription_gy: total dose, Gy.
            fractions: number of fractions.
        """
        ratio = np.float32(prescription_gy / self.dose.prescription_gy)
        grid = self.dose.volume.geometry
        dose = _grid(grid, self.dose.volume.array * ratio, prescription_gy, fractions)
        return replace(self, dose=dose, beams=replace(self.beams, fluence=self.beams.fluence * ratio))

    def recalculated(self, scan: Scan, structures: StructureSet) -> DoseGrid:
        """The dose of the same beams on another scan of the same frame.

        Args:
            scan: CT in HU.
            structures: on its grid, with the body.

        Raises:
            InputError: no body, or a scan that does not hold the beams' paths.
        """
        hold(scan, structures, self.targets)
        medium = Medium.of(scan, structures, self.template.spacing_mm)
        dose = Volume(medium.grid, superposed(medium, self.beams), "DOSE", "Gy")
        return replace(self.dose, volume=dose)

    def depths_mm(self, scan: Scan, structures: StructureSet) -> np.ndarray:
        """(beams,) water-equivalent path length from the skin to the isocentre on a scan, mm.

        Args:
            scan: CT in HU.
            structures: on its grid, with the body.
        """
        medium = Medium.of(scan, structures, self.template.spacing_mm)
        middle = np.rint(medium.grid.index(self.beams.isocentre)).astype(np.int32)
        return depths(medium, self.beams, middle[None])[0]


def plan_dose(
    scan: Scan,
    structures: StructureSet,
    prescription_gy: float,
    fractions: int,
    *,
    targets: StructureSet | None = None,
    template: Template | None = None,
    start: FluencePlan | None = None,
    told: Told = lambda share: None,
) -> FluencePlan:
    """Plan a prescription: optimise on a pencil-beam approximation, correct it by superposition, calculate by it.

    Args:
        scan: CT in HU.
        structures: on its grid, with a body (role EXTERNAL), at least one GTV, and organs.
        prescription_gy: total dose, Gy.
        fractions: number of fractions.
        targets: a set with the PTV; grown from the GTVs where None.
        template: the technique's; by the size of a fraction where None.
        start: a former plan of the patient and technique: its directions stay, and its fluence is begun with.
        told: called with the share of the work that is done.

    Raises:
        InputError: a prescription that is not positive, no body or target, or a CT that does not hold the beams.
    """
    if not (np.isfinite(prescription_gy) and prescription_gy > 0 and fractions >= 1):
        raise InputError(f"a prescription needs a positive dose and number of fractions, not "
                         f"{prescription_gy:g}/{fractions}")  # fmt: skip
    template = template or template_for(prescription_gy / fractions)
    if targets is None:
        targets = grow_targets(scan, structures, sbrt=template.name == "stereotactic")
    hold(scan, structures, targets)
    ptv = union(targets, "PTV")
    medium = Medium.of(scan, structures, template.planning_mm or template.spacing_mm)
    beams = _beams(medium, ptv, template, None if start is None else start.beams.gantry_rad)
    fluence = _planned(
        medium, beams, Sample.of(medium, structures, targets), template, prescription_gy, start, told
    )
    if template.planning_mm:
        medium = Medium.of(scan, structures, template.spacing_mm)
    dose = superposed(medium, replace(beams, fluence=fluence))
    aim = ptv if template.normalised is None else targets[template.normalised].mask
    scale, notes = _normalisation(medium, dose, aim, template)
    grid = _grid(medium.grid, dose * (scale * prescription_gy), prescription_gy, fractions)
    planned = replace(beams, fluence=fluence * np.float32(scale * prescription_gy))
    return FluencePlan(grid, planned, targets, template, (*notes, *_remarks(scan, structures, targets)))


def _planned(
    medium: Medium,
    beams: Beams,
    sample: Sample,
    template: Template,
    prescription_gy: float,
    start: FluencePlan | None,
    told: Told,
) -> np.ndarray:
    """(beams, nv, nu) fluence of least cost, with what closed leaves let through."""
    aperture = beams.fluence > 0
    at = tuple(sample.voxels.T)
    terms = sample.terms(template, prescription_gy)
    pencil = PencilBeams.of(medium, beams, sample.voxels)
    fluence = _begin(pencil, sample.members["PTV"] > 0, beams, start)

    def improved(iterations: int) -> np.ndarray:
        return optimised(
            pencil, terms, aperture, fluence, modulated=template.modulated, iterations=iterations,
            smooth_mm=template.smooth_mm,
        )  # fmt: skip

    told(0.0)
    *corrected, last = _REPLAN if start is not None else _ITERATIONS[: template.rounds + 1]
    for done, iterations in enumerate(corrected, start=1):
        if iterations:
            fluence = improved(iterations)
        leaking = fluence + _leakage(fluence, aperture, template)
        pencil = pencil.corrected(fluence, superposed(medium, replace(beams, fluence=leaking))[at])
        told(done / (len(corrected) + 1))
    fluence = improved(last)
    return fluence + _leakage(fluence, aperture, template)


def _grid(grid: Geometry, dose: np.ndarray, prescription_gy: float, fractions: int) -> DoseGrid:
    volume = Volume(grid, dose.astype(np.float32), "DOSE", "Gy")
    return DoseGrid(f"{prescription_gy:g}/{fractions}", volume, prescription_gy, "fluence plan", fractions)


def _leakage(fluence: np.ndarray, aperture: np.ndarray, template: Template) -> np.ndarray:
    """What closed leaves let through between the jaws, the smallest rectangle around each beam's aperture."""
    units = _MODULATED_UNITS if template.modulated else 1.0
    open_ = fluence.sum(axis=(1, 2)) / aperture.sum(axis=(1, 2))
    rows, columns = np.any(aperture, axis=2), np.any(aperture, axis=1)
    jaws = rows[:, :, None] & columns[:, None, :]
    return (_TRANSMISSION * units * open_[:, None, None] * jaws).astype(np.float32)


def _begin(pencil: PencilBeams, inside: np.ndarray, beams: Beams, start: FluencePlan | None) -> np.ndarray:
    """Open apertures, or a former plan's fluence, that give the PTV the prescription on average."""
    fluence = beams.fluence
    if start is not None:
        former = _moved(start.beams, beams)
        least = _REOPENED * former.mean(axis=(1, 2), keepdims=True, where=fluence > 0)
        fluence = np.maximum(former, least) * (fluence > 0)
    return fluence / np.float32(pencil.dose(fluence)[inside].mean())


def _moved(former: Beams, beams: Beams) -> np.ndarray:
    """A former plan's fluence on the pixels of beams of the same directions, nearest pixels, 0 beyond its own."""
    x, y, z = beams.isocentre - former.isocentre
    step = float(beams.u_mm[1] - beams.u_mm[0])
    rows = np.rint((beams.v_mm + z - former.v_mm[0]) / step).astype(int)
    fluence = np.zeros(beams.fluence.shape, np.float32)
    for b, gantry in enumerate(beams.gantry_rad):
        aside = y * np.sin(gantry) + x * np.cos(gantry)
        columns = np.rint((beams.u_mm + aside - former.u_mm[0]) / step).astype(int)
        within = ((rows >= 0) & (rows < former.v_mm.size))[:, None] & (
            (columns >= 0) & (columns < former.u_mm.size)
        )
        whole = former.fluence[b][
            np.ix_(rows.clip(0, former.v_mm.size - 1), columns.clip(0, former.u_mm.size - 1))
        ]
        fluence[b] = whole * within
    return fluence


def _beams(medium: Medium, ptv: Volume, template: Template, gantry: np.ndarray | None) -> Beams:
    """Directions around the target's side, or given ones, and apertures that hold it with a margin."""
    from scipy.ndimage import binary_dilation

    fine = aligned(ptv.geometry, 0.7 * template.pixel_mm, 0.0)
    points = fine.lps(np.argwhere(ptv.on(fine) >= 0.5))
    isocentre = points.mean(axis=0)
    gantry = _directions(medium, isocentre, template) if gantry is None else gantry
    x, y, z = (points - isocentre).T
    sx, sy = np.sin(gantry)[:, None], -np.cos(gantry)[:, None]
    widen = 1 - (x * sx + y * sy) / 1000.0
    u, v = (y * sx - x * sy) / widen, z / widen
    room = template.margin_mm + _SCATTER_MM
    step = template.pixel_mm
    u_mm, v_mm = centred(float(np.abs(u).max()) + room, step), centred(float(np.abs(v).max()) + room, step)
    seen = np.zeros((gantry.size, v_mm.size, u_mm.size), bool)
    beam = np.broadcast_to(np.arange(gantry.size)[:, None], u.shape)
    seen[beam, np.rint((v - v_mm[0]) / step).astype(int), np.rint((u - u_mm[0]) / step).astype(int)] = True
    n = int(np.ceil(template.margin_mm / step))
    a, b = np.meshgrid(np.arange(-n, n + 1), np.arange(-n, n + 1))
    disk = (np.hypot(a, b) * step <= template.margin_mm + 1e-6)[None]
    return Beams(isocentre, gantry, binary_dilation(seen, disk).astype(np.float32), v_mm, u_mm)


def _directions(medium: Medium, isocentre: np.ndarray, template: Template) -> np.ndarray:
    """(beams,) gantry angles: about the target's side, or all around for a central target."""
    level = int(np.clip(np.rint(medium.grid.index(isocentre)[0]), 0, len(medium.density) - 1))
    middle = medium.grid.lps((level, *np.argwhere(medium.density[level] > 0).mean(axis=0)))[0]
    aside = isocentre[0] - middle
    arc = 360.0 * (1 - 1 / template.directions) if abs(aside) < _CENTRAL_MM else template.arc_deg
    return np.copysign(np.pi / 2, aside) + np.radians(np.linspace(-arc / 2, arc / 2, template.directions))


def _normalisation(
    medium: Medium, dose: np.ndarray, ptv: Volume, template: Template
) -> tuple[float, list[str]]:
    """What to multiply a dose by, so that D95 of the PTV is the prescription if it can be, and in what it gives way."""
    cover = float(np.percentile(Volume(medium.grid, dose, "DOSE", "Gy").on(ptv.geometry)[ptv.array > 0], 5.0))
    if cover <= 0:
        raise InputError("the beams do not reach the target; it lies outside the body or the CT")
    hottest = float(dose.max())
    scale = max(min(1 / cover, template.hottest_percent / 100 / hottest), _LEAST_COVER / cover)
    notes = []
    if scale * cover < 0.999:
        notes.append(f"D95 of the PTV is {100 * scale * cover:.1f} % of the prescription, so that the maximum "
                     f"stays near {template.hottest_percent:g} %")  # fmt: skip
    if scale * hottest > template.hottest_percent / 100 + 0.001:
        notes.append(f"the maximum is {100 * scale * hottest:.0f} % of the prescription, above "
                     f"{template.hottest_percent:g} %: coverage of the target binds")  # fmt: skip
    return scale, notes


def hold(scan: Scan, structures: StructureSet, targets: StructureSet) -> None:
    """Refuse a CT that does not hold the target and the beams' paths to it.

    Args:
        scan: CT in HU.
        structures: on its grid, with the body.
        targets: with the PTV.

    Raises:
        InputError: no body, the target lies outside the CT or at its end, or the body is cut off beside it.
    """
    body, ptv = union(structures, "EXTERNAL"), union(targets, "PTV")
    _contains(scan, ptv)
    room_mm, ends = _ends(body, ptv)
    if room_mm < 0.0:
        raise InputError(
            f"the scan {scan.name} ends {-room_mm:.0f} mm short of the target; it cannot be planned on"
        )
    box = structures.geometry.box_of(body.geometry)
    low, high = (int(np.clip(e, 0, body.geometry.shape[0] - 1)) for e in (ends.min(), ends.max()))
    cut = 0
    for axis in (1, 2):
        for edge, end in ((0, box[axis].start == 0), (-1, box[axis].stop == structures.geometry.shape[axis])):
            if end:
                cut += int(np.count_nonzero(np.take(body.array[low : high + 1], edge, axis=axis)))
    cut_mm = cut / (high + 1 - low) * min(body.geometry.spacing_mm[1:])
    if cut_mm > 60.0:
        raise InputError(f"the scan {scan.name} cuts the body off over {cut_mm:.0f} mm beside the target; beams "
                         f"through what it does not show cannot be planned")  # fmt: skip


def _contains(scan: Scan, ptv: Volume) -> None:
    """Refuse a CT beside whose grid a part of the PTV lies.

    Raises:
        InputError: it does.
    """
    grid = scan.volume.geometry
    at = grid.index(ptv.geometry.lps(np.argwhere(ptv.array > 0)))[:, 1:]
    beside = ((at < -0.5) | (at > np.array(grid.shape[1:]) - 0.5)).any(axis=1).mean()
    if beside > 0:
        raise InputError(
            f"the scan {scan.name} does not cover the target: {beside:.0%} of the PTV lies beside it"
        )


def _ends(body: Volume, ptv: Volume) -> tuple[float, np.ndarray]:
    """How far the PTV lies from the nearer end of the body that the scan shows, mm, and its own two ends in slices."""
    ends = body.geometry.index(ptv.geometry.lps([(0, 0, 0), (ptv.geometry.shape[0] - 1, 0, 0)]))[:, 0]
    room = min(ends.min(), body.geometry.shape[0] - 1 - ends.max())
    return float(room * body.geometry.spacing_mm[0]), ends


def _remarks(scan: Scan, structures: StructureSet, targets: StructureSet) -> list[str]:
    """What the plan leaves out."""
    remarks, ptv = [motion_words(targets)], union(targets, "PTV")
    drawn = union(structures, "EXTERNAL")
    room_mm, _ = _ends(drawn, ptv)
    if room_mm < _SCATTER_MM:
        remarks.append(f"the scan {scan.name} ends {room_mm:.0f} mm from the target: what scatters back from beyond is "
                       f"missing, and the dose near that end is too low")  # fmt: skip
    body = structures.geometry.box_of(drawn.geometry)
    metal = np.count_nonzero(scan.volume.array[body] > _METAL_HU) * scan.volume.geometry.voxel_cm3
    if metal > 0.5:
        remarks.append(f"{metal:.1f} cm3 above {_METAL_HU:g} HU are taken for dense bone: metal makes the dose "
                       f"behind it too high")  # fmt: skip
    return remarks
