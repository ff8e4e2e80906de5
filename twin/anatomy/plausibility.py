"""What should be seen before an import's numbers are trusted."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from twin.check import Check
from twin.dose import DoseGrid
from twin.patient import PatientTwin
from twin.scan import Scan
from twin.structures import Structure, StructureSet
from twin.volume import Volume

_INSIDE = 0.98  # of the tumour within the body
_LUNGS_L = (1.0, 9.0)
_LUNG_HU = (-950.0, -550.0)  # from deep breath-hold to expiration
_FAT_HU, _MUSCLE_HU = (-140.0, -60.0), (10.0, 90.0)  # of 60 to 140 kVp, contrast agent or none
_LEAST_SHARE = 0.02  # of the body, below which a tissue has no peak to look for
_ROUNDING = 0.05  # of the volume, or half a slice's thickness around it
_TARGET_SHARE = (0.9, 1.6)  # of the prescription: SABR doses reach 1.5 in the middle
_MEAN_SUV = (0.1, 3.0)  # of the body: 1 where all of it is in the field and nothing was lost
_MOST_A_DAY = 3
_ENOUGH = 2_000_000  # voxels of a scan tell what its tissues are like


def plausibility(twin: PatientTwin) -> tuple[Check, ...]:
    """What an import should be held against: a line each, of which a failed one says what to check.

    Args:
        twin: as imported, its organs found.
    """
    contours, ct = twin.contours, twin.baseline
    found = [_within_the_body(contours), _lungs(contours), *_tissues(ct, contours), *_rasterised(contours)]
    found += [_dose_at_the_tumour(contours, dose) for dose in twin.doses.values()]
    found += _nodes(twin)
    found += [_background(scan, ct, contours) for scan in twin.acquired if scan.volume.modality == "PT"]
    found += _fractions(twin)
    return tuple(check for check in found if check is not None)


def _thinned(array: np.ndarray) -> np.ndarray:
    """Every so many-th voxel along each axis, so that no more than `_ENOUGH` are left."""
    step = int(np.ceil((array.size / _ENOUGH) ** (1 / 3) - 1e-9))
    return array[::step, ::step, ::step]


def _body(contours: StructureSet) -> np.ndarray | None:
    names = [s.name for s in contours.role("EXTERNAL")]
    return contours.mask(*names) if names else None


def _within_the_body(contours: StructureSet) -> Check | None:
    body = _body(contours)
    if body is None:
        return Check("body", False, "no body was found in the CT; check that it shows a patient, in HU")
    inside = [body[contours.box(s)][s.mask.array > 0] for s in contours.role("GTV")]
    share = float(np.concatenate(inside).mean())
    words = f"{share:.0%} of the tumour lies within the body"
    passed = share >= _INSIDE
    return Check("body", passed, words if passed else f"{words}; check that its contours belong to this CT")


def _lungs(contours: StructureSet) -> Check:
    there = [n for n in ("Lung_L", "Lung_R") if n in contours]
    litres = sum(contours[n].cm3 for n in there) / 1000.0
    words = f"the lungs hold {litres:.1f} l"
    passed = len(there) == 2 and _LUNGS_L[0] <= litres <= _LUNGS_L[1]
    if not passed:
        words += ", of which 1 to 9 are usual; check their contours, the CT's field of view and its HU"
    return Check("lung volume", passed, words)


def _tissues(ct: Scan, contours: StructureSet) -> list[Check]:
    """Lung by its median; fat and muscle by the peaks of the rest of the body."""
    hu = _thinned(ct.volume.array)
    lung = _thinned(contours.mask(*(n for n in ("Lung_L", "Lung_R") if n in contours)))
    found = []
    if lung.any():
        found.append(_tissue("lung", float(np.median(hu[lung])), _LUNG_HU))
    body = _body(contours)
    if body is None:
        return found
    rest = hu[_thinned(body) & ~lung]
    counts, edges = np.histogram(rest, bins=np.arange(-300, 301, 5))
    smooth = np.convolve(counts, (1, 2, 3, 2, 1), mode="same")
    middle = (edges[1:] + edges[:-1]) / 2
    for name, low, high, usual in (("fat", -250, -20, _FAT_HU), ("muscle", -20, 200, _MUSCLE_HU)):
        part = (middle >= low) & (middle < high)
        if counts[part].sum() >= _LEAST_SHARE * rest.size:
            found.append(_tissue(name, float(middle[part][smooth[part].argmax()]), usual))
        elif name == "muscle":
            words = "hardly any of the body is as dense as muscle; check the CT's rescale slope and intercept"
            found.append(Check("muscle HU", False, words))
    return found


def _tissue(name: str, hu: float, usual: tuple[float, float]) -> Check:
    words = f"{name} is at {hu:.0f} HU"
    passed = usual[0] <= hu <= usual[1]
    if not passed:
        words += f", usually {usual[0]:.0f} to {usual[1]:.0f}; check the CT's rescale slope and intercept"
    return Check(f"{name} HU", passed, words)


def _rasterised(contours: StructureSet) -> list[Check]:
    """Each tumour's volume by its contours and by its voxels."""
    found = []
    for s in contours.role("GTV"):
        if not s.contours:
            continue
        slices = s.mask.array.any(axis=(1, 2)).sum()
        passed = abs(s.mask_cm3 - s.cm3) <= max(_ROUNDING, 0.5 / slices) * s.cm3
        words = f"{s.name} has {s.cm3:.3g} cm3 by its contours and {s.mask_cm3:.3g} on the slices"
        if not passed:
            words += "; check its contours on the slices: images and maps of dose use the latter"
        found.append(Check(f"{s.name} volume", passed, words))
    return found


def _dose_at_the_tumour(contours: StructureSet, dose: DoseGrid) -> Check:
    gtv = contours.gtv()
    mean_gy = float(dose.volume.on(contours.geometry)[gtv].mean())
    words = f"dose {dose.name}: the tumour gets {mean_gy:.1f} Gy of {dose.prescription_gy:g}"
    low, high = (share * dose.prescription_gy for share in _TARGET_SHARE)
    passed = low <= mean_gy <= high
    if not passed:
        words += "; check that plan, dose and contours belong together, and whether the dose is a part of the course"
    return Check(f"dose {dose.name}", passed, words)


def missed_nodes(contours: StructureSet, dose: Volume, prescription_gy: float, label: str) -> list[str]:
    """Involved nodes that are drawn and do not get the tumour's dose: a sentence each, with what they get.

    Args:
        contours: with the nodes.
        dose: Gy.
        prescription_gy: the tumour's, Gy.
        label: of the plan, for the sentence.
    """
    found = []
    for node in (s for s in contours if s.name.startswith("GTVn")):
        there = dose.on(node.mask.geometry)[node.mask.array > 0]
        if there.mean() < _TARGET_SHARE[0] * prescription_gy:
            why = "it counts as tumour, but the plan does not treat it."
            if node.role != "GTV":
                why = "it was found but is not treated as tumour; name it with --gtv to do so."
            found.append(
                f"{node.name} gets {there.mean():.0f} Gy of {prescription_gy:g} under {label}: {why}"
            )
    return found


def _lone_nodes(contours: StructureSet) -> list[Structure]:
    return [s for s in contours if s.name.startswith("GTVn") and s.role != "GTV"]


def _nodes(twin: PatientTwin) -> list[Check]:
    """Involved nodes that nobody named as tumour, under each dose, or at all where there is none."""
    missed = [
        said
        for d in twin.doses.values()
        for said in missed_nodes(twin.contours, d.volume, d.prescription_gy, d.name)
    ]
    if not twin.doses:
        missed = [
            f"{s.name} was found but does not count as tumour; name it with --gtv if it is to be treated"
            for s in _lone_nodes(twin.contours)
        ]
    return [Check("involved nodes", False, said) for said in missed]


def _background(scan: Scan, ct: Scan, contours: StructureSet) -> Check | None:
    body = _body(contours)
    if body is None:
        return None
    there = scan.volume.on(ct.volume.geometry, fill=np.nan)
    inside = _thinned(there)[_thinned(body & ~contours.gtv())]
    inside = inside[np.isfinite(inside)]
    if not inside.size:
        words = f"{scan.name} shows nothing of the body; check its frame of reference"
        return Check(f"{scan.name} SUV", False, words)
    mean = float(inside.mean())
    words = f"{scan.name}: the body around the tumour has an SUV of {mean:.2g} on average"
    passed = _MEAN_SUV[0] <= mean <= _MEAN_SUV[1]
    if not passed:
        words += ", usually 0.1 to 3; check injected dose (Bq), its time, half-life (s) and weight (kg)"
    return Check(f"{scan.name} SUV", passed, words)


def _fractions(twin: PatientTwin) -> list[Check]:
    """What was delivered against the plans' doses, and against what a day holds."""
    shares: dict[str, float] = defaultdict(float)
    days: dict[int, int] = defaultdict(int)
    for fraction in twin.fractions:
        days[int(fraction.time_days // 1)] += 1
        if fraction.grid is not None:
            shares[fraction.grid] += fraction.scale
    found = []
    for name, share in shares.items():
        planned_gy = twin.doses[name].prescription_gy
        words = f"{share * planned_gy:.1f} Gy of plan {name} were delivered"
        passed = share <= 1.0 + 1e-6
        if not passed:
            words += f", more than its {planned_gy:g}; check for records that count twice"
        found.append(Check(f"fractions {name}", passed, words))
    most = max(days.values(), default=0)
    if most > _MOST_A_DAY:
        words = f"{most} fractions stand on one day; check the treatment records' dates and times"
        found.append(Check("fractions a day", False, words))
    return found
