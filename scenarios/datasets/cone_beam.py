"""Making pairs of cone-beam CT and CT: in-silico thoraces, and any CT, as a linac's scanner of some settings sees them.

SET/PATIENT/SCAN/ holds `source.nii.gz` (the cone-beam CT as the vendor corrects it), `target.nii.gz` (the CT),
`uncorrected.nii.gz` and `gtv.nii.gz`, where they are wanted, and `pair.json`: how the scan was taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from simulators.core.chance import Key, Purpose
from simulators.insilico import Response, Traits, make_patient
from simulators.insilico.head import make_head
from simulators.scanners.cbct import CbctOptions, image, isocentre, views
from simulators.scanners.conebeam import System
from simulators.scanners.conebeam.system import SystemName
from simulators.scanners.xray import Scatter, ScatterModel
from twin import Geometry, PatientTwin, Scan, StructureSet, Volume
from twin.files.atomic import atomic_folder
from twin.files.nifti import write

# Between which the settings of a training's scans lie; what is beyond is a shift (`shifted`).
# Of the system's own, which photons followed behind patients ask for; acrylic asks for 2, and half as much again is 3.
SCATTER = (0.4, 3.0)
DOSE = (0.35, 2.0)  # of the system's mAs
BREATH_MM = (0.0, 15.0)
HANN = (0.6, 1.0)  # end of the ramp's window
FIELD_SHARE = (0.57, 1.0)  # of the half-fan field's radius: from the full fan on
KINDS = ("scatter", "dose", "motion", "field", "kernel")
_ESTIMATED = (0.75, 1.25)  # strength of scatter that the software believes in, over the true one
_SPREAD = (0.85, 1.25)  # widths of scatter, which the software takes for 1.1
_UNCORRECTED = 0.1
_VOXELS = ((2.0, 0.5), (3.0, 0.25), (4.0, 0.25))  # mm, share
_VIEWS = 180
_LENGTH_MM = 140.0
_HABITUS = 0.08  # by which a body is wider or narrower than drawn
_COARSE = 2  # voxels in plane that one of a follow-up holds
_AIR_HU = -1000.0
TARGET_MM = 2.0
_USUAL = 3  # scans of a patient by which a guard learns


@dataclass(frozen=True)
class Setting:
    """How one cone-beam CT is taken.

    Args:
        system: whose scanner.
        voxel_mm: of the image.
        scatter, spread: strength of scatter, over the system's own; its widths, over those of the kernels.
        believed: strength that the software believes in, over the true one; 0 without correction.
        dose: of the system's mAs.
        breath_mm, breath_s: of the diaphragm.
        hann: end of the ramp's window.
        field: half or full fan.
        field_share: of the field's radius that is shown.
        independent: scatter by another model instead (`UniformScatter`).
    """

    system: SystemName = "varian"
    voxel_mm: float = 2.0
    scatter: float = 1.0
    spread: float = 1.0
    believed: float = 0.95
    dose: float = 1.0
    breath_mm: float = 10.0
    breath_s: float = 4.0
    hann: float = 0.8
    field: Literal["half", "full"] = "half"
    field_share: float = 1.0
    independent: bool = False

    @classmethod
    def drawn(cls, rng: np.random.Generator, voxel_mm: float | None = None) -> Setting:
        """A setting of the training's range.

        Args:
            rng: its chance.
            voxel_mm: of the image; by chance where None.
        """
        sizes, shares = zip(*_VOXELS, strict=True)
        drawn_mm = float(rng.choice(sizes, p=shares))
        return cls(
            voxel_mm=voxel_mm or drawn_mm,
            scatter=_log_uniform(rng, SCATTER),
            spread=float(rng.uniform(*_SPREAD)),
            believed=float(rng.uniform(*_ESTIMATED)) * float(rng.random() > _UNCORRECTED),
            dose=_log_uniform(rng, DOSE),
            breath_mm=float(rng.uniform(*BREATH_MM)),
            breath_s=float(rng.uniform(3.0, 6.0)),
            hann=float(rng.uniform(*HANN)),
            field="full" if rng.random() < 0.2 else "half",
        )

    def shifted(self, kind: str, times: float) -> Setting:
        """The setting with one value beyond the training's range.

        Args:
            kind: of `KINDS`.
            times: by how much beyond, 1.5 or 2.
        """
        change = {
            "scatter": {"scatter": SCATTER[1] * times, "believed": 0.9},
            "dose": {"dose": DOSE[0] / times},
            "motion": {"breath_mm": BREATH_MM[1] * times},
            "field": {"field": "full", "field_share": 1 / times},
            "kernel": {"hann": HANN[0] / times},
        }[kind]
        return replace(self, **change)  # type: ignore[arg-type]


class UniformScatter:
    """Scatter that is alike in all pixels of a view, as simcbctgenerator's: 1.3 of the primary's 5th percentile.

    It shares nothing with the kernels (openvoxelmed/simcbctgenerator, generate_projections.py; its value for Varian).
    """

    ratio = 1.3

    def of(self, attenuation: np.ndarray, incident: np.ndarray, steps_mm: tuple[float, float]) -> np.ndarray:
        """As `simulators.scanners.xray.Scatter.of`."""
        primary = np.exp(-attenuation) * incident[None, :, None]
        level = np.percentile(primary.reshape(len(primary), -1), 5, axis=1).astype(np.float32)
        return np.broadcast_to(self.ratio * level[:, None, None], attenuation.shape)


@dataclass(frozen=True, eq=False)
class ConeBeamPair:
    """A cone-beam CT and what it shows.

    Args:
        source: as the vendor corrects it.
        uncorrected: without.
        target: the CT in voxels of 2 mm.
        gtv: (z, y, x) bool, on the target's grid.
    """

    source: Volume
    uncorrected: Volume | None
    target: Volume
    gtv: np.ndarray


def taken(
    ct: Volume, drawn: StructureSet | None, setting: Setting, rng: np.random.Generator, *,
    length_mm: float = _LENGTH_MM, uncorrected: bool = False,
) -> ConeBeamPair:  # fmt: skip
    """A CT as a cone-beam scanner sees it.

    Args:
        ct: HU, axes upright.
        drawn: on it, or nothing.
        setting: of the scan.
        rng: of breathing and noise.
        length_mm: of the image.
        uncorrected: whether the image without correction is made too.
    """
    system = replace(System.named(setting.system), hann=setting.hann)
    asked = CbctOptions(
        system=setting.system, voxel_mm=setting.voxel_mm, views=_VIEWS, mas=setting.dose * system.mas,
        field=setting.field, length_mm=length_mm, breath_mm=setting.breath_mm, breath_s=setting.breath_s,
        correction=setting.believed > 0,
    )  # fmt: skip
    model: ScatterModel = Scatter(system.grid, setting.scatter * system.scatter, setting.spread)
    centre = isocentre(_Seen(drawn), ct)  # type: ignore[arg-type]  # of a request it looks at no more
    seen = views(ct, centre, asked, rng, UniformScatter() if setting.independent else model)
    # What the software believes in follows the truth, but where that is of another kind.
    strength = 0.95 if setting.independent else setting.believed * setting.scatter
    believed = Scatter(system.grid, strength * system.scatter, 1.1)
    made = [image(seen, system, centre, asked, believed)]
    if uncorrected:
        made.append(image(seen, system, centre, asked.model_copy(update={"correction": False})))
    made = [_narrowed(v, setting.field_share) for v in made]
    source = made[0]
    grid = source.geometry.resampled(TARGET_MM)
    target = Volume(grid, np.rint(ct.on(grid, fill=_AIR_HU)).astype(np.int16), "CT", "HU")
    gtv = np.zeros(grid.shape, bool)
    if drawn is not None and drawn.role("GTV"):
        gtv = Volume(ct.geometry, drawn.gtv().astype(np.float32), "MASK", "1").on(grid) > 0.5
    return ConeBeamPair(source, made[1] if uncorrected else None, target, gtv)


def kept(pair: ConeBeamPair, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write a pair's folder, whole or not at all."""
    with atomic_folder(folder) as part:
        write(part / "source.nii.gz", pair.source)
        write(part / "target.nii.gz", pair.target)
        if pair.uncorrected is not None:
            write(part / "uncorrected.nii.gz", pair.uncorrected)
        if pair.gtv.any():
            write(part / "gtv.nii.gz", Volume(pair.target.geometry, pair.gtv, "MASK", "1"))
        (part / "pair.json").write_text(json.dumps(dict(facts), indent=1), encoding="utf-8")


def thorax(seed: int) -> PatientTwin:
    """An in-silico thorax without a scanner's noise; size, site and habitus by chance.

    Args:
        seed: of the patient.
    """
    rng = Key(seed, f"cone-beam-{seed}", Purpose.POPULATION).generator()
    gtv_cm3 = float(np.exp(rng.uniform(np.log(3), np.log(150))))
    site: Literal["central", "peripheral"] = "central" if rng.random() < 0.5 else "peripheral"
    twin, _ = make_patient(seed, gtv_cm3=round(gtv_cm3, 1), site=site, nodes=rng.random() < 0.3, noise=False)
    ct, drawn = twin.baseline.volume, twin.structures[0]
    wide = np.array([1.0, *(1 + rng.uniform(-_HABITUS, _HABITUS, 2))])
    grid = Geometry(ct.geometry.shape, tuple(np.array(ct.geometry.spacing_mm) * wide), ct.geometry.origin_mm)  # type: ignore[arg-type]
    scan = Scan("CT", 0.0, Volume(grid, ct.array, "CT", "HU"))
    structures = StructureSet(grid, ())
    for one in drawn:
        structures = structures.with_mask(one.name, one.role, drawn.mask(one.name))
    return twin.fork(scans=(scan,), structures=(structures,))


def followed(twin: PatientTwin, rng: np.random.Generator) -> tuple[Volume, StructureSet]:
    """A day during or after treatment: the tumour smaller, lung injured, collapsed or under fluid, each by chance.

    Args:
        twin: the patient on day 0, without noise.
        rng: of what happened.
    """
    ct, drawn = _thinned(twin.baseline.volume), twin.structures[0]
    structures = StructureSet(ct.geometry, ())
    for name in ("Lung_L", "Lung_R", *(s.name for s in drawn.role("GTV"))):
        mask = drawn.mask(name)[:, ::_COARSE, ::_COARSE]
        structures = structures.with_mask(name, drawn[name].role, mask)
    cm3 = structures.gtv_cm3()
    relative = float(rng.uniform(0.3, 1.2))
    traits = Traits.draw(
        int(rng.integers(1 << 30)), twin.id, gtv_cm3=cm3, central=True, squamous=False, as_seen=True
    )
    collapse, fluid = rng.random() < 0.35, rng.random() < 0.35
    traits = replace(
        traits,
        closing=relative * 0.7 if collapse else np.inf,
        effusion_day=0.0 if fluid else np.inf,
        effusion_mm=float(rng.uniform(6, 30)),
    )
    response = Response(Scan("CT", 0.0, ct), structures, traits, 0.5, Key(0, twin.id, Purpose.ANATOMY))
    seen = response.at(
        relative * cm3, 200.0, since_rt_end_days=float(rng.uniform(40, 330)),
        eqd2=_dose(structures, rng) if rng.random() < 0.6 else None, gtv_gy=60.0,
    )  # fmt: skip
    hu = np.rint(np.clip(seen.hu, -1024, 3071)).astype(np.int16)
    after = StructureSet(ct.geometry, ()).with_mask("GTVp", "GTV", seen.gtv)
    return Volume(ct.geometry, hu, "CT", "HU"), after


@dataclass(frozen=True, eq=False)
class _Seen:
    """Of a scan's request, what its isocentre asks for."""

    structures: StructureSet | None


def _dose(structures: StructureSet, rng: np.random.Generator) -> Volume:
    """EQD2 that falls off around the tumour, Gy."""
    from scipy.ndimage import distance_transform_edt

    geometry = structures.geometry
    away = distance_transform_edt(~structures.gtv(), sampling=geometry.spacing_mm)
    fall = np.exp(-((np.maximum(np.asarray(away) - 8.0, 0.0) / rng.uniform(20, 50)) ** 1.5))
    return Volume(geometry, (rng.uniform(45, 90) * fall).astype(np.float32), "DOSE", "Gy")


def _thinned(ct: Volume) -> Volume:
    """Means over blocks of pixels in plane."""
    z, y, x = ct.array.shape
    hu = ct.array.reshape(z, y // _COARSE, _COARSE, x // _COARSE, _COARSE).mean((2, 4), dtype=np.float32)
    (dz, dy, dx), (x0, y0, z0) = ct.geometry.spacing_mm, ct.geometry.origin_mm
    shift = (_COARSE - 1) / 2
    grid = Geometry(hu.shape, (dz, _COARSE * dy, _COARSE * dx), (x0 + shift * dx, y0 + shift * dy, z0))
    return Volume(grid, hu, "CT", "HU")


def _narrowed(scan: Volume, share: float) -> Volume:
    """A cone-beam CT of a smaller field."""
    if share == 1.0:
        return scan
    n = scan.geometry.shape[2]
    at = (np.arange(n) - (n - 1) / 2) / (n / 2)
    hu = scan.array.copy()
    hu[:, np.hypot(at[:, None], at) > share] = int(_AIR_HU)
    return Volume(scan.geometry, hu, scan.modality, scan.unit)


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def facts_of(setting: Setting, **more: Any) -> dict[str, Any]:
    """What `pair.json` says."""
    return {**asdict(setting), **more}


def write_thorax(out: Path, seed: int) -> None:
    """The pairs of one in-silico thorax to learn from: a scan of 2 mm and a coarser one; every third has a follow-up.

    Args:
        out: the set; what lies there already is not made again.
        seed: of the patient.
    """
    folder = out / f"insilico-{seed}"
    if all((folder / name).is_dir() for name in ("fine", "coarse")):
        return
    rng = Key(seed, f"cone-beam-{seed}", Purpose.SCANNER).generator()
    twin = thorax(seed)
    first = twin.baseline.volume, twin.structures[0]
    anatomies = {"fine": followed(twin, rng) if seed % 3 == 0 else first, "coarse": first}
    for name, (ct, drawn) in anatomies.items():
        setting = Setting.drawn(rng, 2.0 if name == "fine" else float(rng.choice((3.0, 4.0))))
        if not (folder / name).is_dir():
            pair = taken(ct, drawn, setting, rng)
            kept(pair, folder / name, facts_of(setting, seed=seed, followed=seed % 3 == 0 and name == "fine"))


def write_usual(out: Path, seed: int) -> None:
    """One in-silico thorax, or a follow-up of it, seen three times in the range learned, in voxels of 3 mm.

    Scans that are cheap to make, by which a guard learns how scans of that range look.

    Args:
        out: the set; what lies there already is not made again.
        seed: of the patient; every third is a follow-up.
    """
    folders = [out / f"insilico-{seed}" / f"usual-{n}" for n in range(_USUAL)]
    if all(folder.is_dir() for folder in folders):
        return
    rng = Key(seed, f"cone-beam-{seed}", Purpose.SCANNER).generator()
    twin = thorax(seed)
    ct, drawn = followed(twin, rng) if seed % 3 == 0 else (twin.baseline.volume, twin.structures[0])
    for folder in folders:
        setting = Setting.drawn(rng, 3.0)
        pair = taken(ct, drawn, setting, rng)
        if not folder.is_dir():
            kept(pair, folder, facts_of(setting, seed=seed, followed=seed % 3 == 0))


def write_tests(out: Path, seed: int) -> None:
    """One in-silico thorax under test: a scan of the training's range, one of another vendor, one of another scatter.

    Args:
        out: holds a set of each kind; what lies there already is not made again.
        seed: of the patient; every other one is a follow-up.
    """
    name = f"insilico-{seed}"
    rng = Key(seed, f"cone-beam-{seed}", Purpose.SCANNER).generator()
    settings = {
        "varian": Setting.drawn(rng, 2.0),
        "elekta": Setting(system="elekta", hann=0.99),
        "independent": Setting(independent=True),
    }
    missing = [kind for kind in settings if not (out / kind / name / "scan").is_dir()]
    if not missing:
        return
    twin = thorax(seed)
    ct, drawn = followed(twin, rng) if seed % 2 else (twin.baseline.volume, twin.structures[0])
    for number, (kind, setting) in enumerate(settings.items()):
        if kind in missing:
            chance = Key(seed, name, Purpose.SCANNER, ordinal=number).generator()
            pair = taken(ct, drawn, setting, chance, uncorrected=True)
            kept(pair, out / kind / name / "scan", facts_of(setting, seed=seed, followed=bool(seed % 2)))


def write_shifts(out: Path, seed: int, maps: Path) -> None:
    """One in-silico thorax in the range learned, shifted by each kind, 1.5 and 2 times beyond, and a head.

    Args:
        out: holds a set of each shift; what lies there already is not made again.
        seed: of the patient.
        maps: of a head (`simulators.insilico.head.make_head`).
    """
    name = f"insilico-{seed}"
    rng = Key(seed, f"cone-beam-{seed}", Purpose.SCANNER).generator()
    usual = Setting.drawn(rng, 3.0)
    settings = {"none": usual} | {f"{k}-{t:g}": usual.shifted(k, t) for k in KINDS for t in (1.5, 2.0)}
    if all((out / kind / name / "scan").is_dir() for kind in (*settings, "site")):
        return
    twin, (head, _) = thorax(seed), make_head(maps, seed)
    jobs = {k: (twin, s) for k, s in settings.items()} | {"site": (head, usual)}
    for number, (kind, (patient, setting)) in enumerate(jobs.items()):
        if not (out / kind / name / "scan").is_dir():
            chance = Key(seed, name, Purpose.SCANNER, ordinal=number).generator()
            drawn = patient.structures[0] if patient is twin else None
            pair = taken(patient.baseline.volume, drawn, setting, chance)
            kept(pair, out / kind / name / "scan", facts_of(setting, seed=seed))


def write_real(out: Path, name: str, twin: PatientTwin) -> None:
    """A real CT as the cone beam sees it, at the system's usual settings.

    Args:
        out: the set; a pair that lies there already is not made again.
        name: of the patient there.
        twin: with the CT and its tumour.
    """
    folder = out / name / "scan"
    if folder.is_dir():
        return
    ct = twin.baseline.volume
    chance = Key(0, name, Purpose.SCANNER).generator()
    kept(taken(ct, twin.contours, Setting(), chance, uncorrected=True), folder, facts_of(Setting()))
