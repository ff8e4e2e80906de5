"""The pairs of each direction of the benchmark: in-silico people and those of real collections, one function a task."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.datasets.people import (
    HEADS,
    LESIONS,
    SARCOMAS,
    STUDIES,
    TISSUE,
    Person,
    collection,
    in_silico,
    rows_of,
)
from simulators.core.chance import Key, Purpose
from simulators.core.scanner import ScanRequest
from simulators.tasks.regrid import brought
from simulators.tasks.scan_pairs import FACTS
from twin import Geometry, InputError, PatientTwin, Volume
from twin.files.nifti import read, write
from twin.volume import Modality

QUARTER = 0.25  # of the dose
_SLAB, _THIN = (
    12,
    6,
)  # slices that are kept of a CT: of real ones, which are crops, and of whole in-silico thoraces
_LEARN_KERNELS = (("lung", "standard"), ("soft", "standard"), ("standard", "soft"), ("lung", "soft"))
_HEAD_MM = {"pixel_mm": 1.0, "slice_mm": 3.0}
_FIELDS = (1.5, 3.0)
Makers = Callable[[Path, Path, int, int], Sequence[Person]]


def denoise(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """CTs at a quarter of the dose, and at the whole: in-silico thoraces, and the real sarcoma patients."""
    folder = collection(data, SARCOMAS, work)
    real = [] if folder is None else [row["id"] for row in rows_of(folder)]
    return [
        *in_silico(n, first_seed, "thorax", _low_dose_thorax),
        *(Person(name, "physics on real", partial(_low_dose_real, folder, name)) for name in real),  # type: ignore[arg-type]
    ]


def harmonise(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """In-silico thoraces as kernels see them, in pairs."""
    return in_silico(n, first_seed, "thorax", _kernels)


def mr_thoraces(n: int, first_seed: int) -> Sequence[Person]:
    """In-silico thoraces and their T1.

    Args:
        n: how many.
        first_seed: of the first.
    """
    return in_silico(n, first_seed, "thorax", _thorax_t1)


def mr_ct(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """In-silico heads and thoraces, and those real sarcoma patients whose MR lies well on the CT."""
    folder = collection(data, SARCOMAS, work)
    good = [] if folder is None else [r["id"] for r in rows_of(folder) if r["mr_ct_alignment"] == "good"]
    return [
        *_heads(data, n, first_seed, _head_t1),
        *mr_thoraces(n, first_seed),
        *(Person(name, "real", partial(_sarcoma, folder, name, "mr_t1", "MR")) for name in good),  # type: ignore[arg-type]
    ]


def ct_pet(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """In-silico thoraces, and the real sarcoma patients; badly aligned tumours are not drawn."""
    folder = collection(data, SARCOMAS, work)
    real = [] if folder is None else [(r["id"], r["mr_ct_alignment"] != "poor") for r in rows_of(folder)]
    return [
        *in_silico(n, first_seed, "thorax", _pet_thorax),
        *(
            Person(name, "real", partial(_sarcoma, folder, name, "pet_suv", "PT", drawn=well))  # type: ignore[arg-type]
            for name, well in real
        ),
    ]


def t2_flair(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """In-silico heads, and the real studies, which are for the test alone."""
    folder = collection(data, HEADS, work)
    real = [] if folder is None else list(STUDIES)
    return [
        *_heads(data, n, first_seed, _head_t2),
        *(Person(name, "real", partial(_real_head, folder, name), test_only=True) for name in real),  # type: ignore[arg-type]
    ]


def cbct_ct(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """In-silico thoraces and their cone-beam CTs; none is real."""
    return in_silico(n, first_seed, "thorax", _cone_beam)


def follow_up(data: Path, work: Path, n: int, first_seed: int) -> Sequence[Person]:
    """In-silico patients whose follow-up is known under every plan; none is real."""
    return in_silico(n, first_seed, "patient", _followed)


PEOPLE: dict[str, Makers] = {
    "follow-up": follow_up, "cbct-ct": cbct_ct, "denoise": denoise, "harmonise": harmonise, "mr-ct": mr_ct,
    "ct-pet": ct_pet, "t2-flair": t2_flair,
}  # fmt: skip


def _heads(
    data: Path, n: int, first_seed: int, write_one: Callable[[Path, int, Path], None]
) -> Sequence[Person]:
    if n and not (data / TISSUE).is_file():
        raise InputError(
            f"in-silico heads need {TISSUE} in {data}: grey and white matter of the MNI 152 template"
        )
    return in_silico(n, first_seed, "head", lambda to, seed: write_one(to, seed, data))


def _kept(
    part: Path, name: str, source: Volume, target: Volume, masks: dict[str, np.ndarray], **facts: Any
) -> None:
    """Write one pair; masks lie on the source's grid, and are brought to the target's."""
    (part / name).mkdir()
    write(part / name / "source.nii.gz", source)
    write(part / name / "target.nii.gz", target)
    for mask, there in masks.items():
        on = Volume(source.geometry, there.astype(np.float32), "MASK", "1").on(target.geometry) > 0.5
        if on.any():
            write(part / name / f"{mask}.nii.gz", Volume(target.geometry, on, "MASK", "1"))
    (part / name / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def thorax_and_slab(seed: int, *, slices: int = _THIN, noise: bool = True) -> tuple[PatientTwin, slice]:
    """An in-silico thorax and the slices about its tumour: whole ones, or lungs that are cut open are no body.

    Args:
        seed: of the patient.
        slices: how many.
        noise: whether the CT has it.
    """
    from simulators.insilico import make_patient

    rng = Key(seed, f"translation-{seed}", Purpose.POPULATION).generator()
    gtv_cm3 = round(float(np.exp(rng.uniform(np.log(3), np.log(80)))), 1)
    twin, _ = make_patient(
        seed, gtv_cm3=gtv_cm3, site="central" if rng.random() < 0.5 else "peripheral", noise=noise
    )
    middle = int(np.argwhere(twin.structures[0].gtv())[:, 0].mean())
    first = int(np.clip(middle - slices // 2, 0, twin.baseline.volume.geometry.shape[0] - slices))
    return twin, slice(first, first + slices)


def _low_dose(ct: Volume, name: str) -> Volume:
    from simulators.scanners.ct import CtScanner

    key = Key(0, name, Purpose.SCANNER)
    return CtScanner().scan([ScanRequest(ct, None, key, {"dose": QUARTER})])[0]


def _low_dose_thorax(folder: Path, seed: int) -> None:
    twin, z = thorax_and_slab(seed)
    slab = twin.baseline.volume.crop((z, slice(None), slice(None)))
    gtv = twin.structures[0].gtv()[z]
    _kept(folder, "quarter", _low_dose(slab, f"thorax-{seed}"), slab, {"gtv": gtv}, dose=QUARTER)


def _low_dose_real(collected: Path, name: str, folder: Path) -> None:
    ct = read(collected / name / "ct.nii.gz", "CT", "HU").upright()
    ct = Volume(ct.geometry, np.rint(ct.array).astype(np.int16), "CT", "HU")
    first = max(0, (ct.geometry.shape[0] - _SLAB) // 2)
    slab = ct.crop((slice(first, first + _SLAB), slice(None), slice(None)))
    _kept(folder, "quarter", _low_dose(slab, name), slab, {}, dose=QUARTER)


def _cone_beam(folder: Path, seed: int) -> None:
    from scenarios.datasets.cone_beam import Setting, facts_of, kept, taken, thorax

    rng = Key(seed, f"cone-beam-{seed}", Purpose.SCANNER).generator()
    twin, setting = thorax(seed), Setting.drawn(rng, 2.0)
    pair = taken(twin.baseline.volume, twin.structures[0], setting, rng, uncorrected=True)
    kept(pair, folder / "fine", facts_of(setting, seed=seed))


def _followed(folder: Path, seed: int) -> None:
    from scenarios.datasets.baseline import in_silico as begun
    from scenarios.datasets.patient import Patient
    from scenarios.datasets.patient import write as write_patient

    name = f"insilico-patient-{seed}"
    write_patient(Patient(name, begun(seed, name), seed), folder, truth=True)


def _kernels(folder: Path, seed: int) -> None:
    from simulators.scanners.quality.added_noise import added_noise
    from simulators.scanners.quality.kernel import Kernel, KernelName, softened

    twin, z = thorax_and_slab(seed, noise=False)
    ct = twin.baseline.volume.crop((z, slice(None), slice(None)))
    ct = Volume(ct.geometry, ct.array.astype(np.float32), "CT", "HU")
    key = Key(0, f"kernels-{seed}", Purpose.SCANNER)
    seen: dict[str, Volume] = {}
    names: tuple[KernelName, ...] = ("soft", "standard", "lung")
    for name in names:
        kernel = Kernel.named(name)
        hu = softened(ct.array, ct.geometry.spacing_mm[1:], None, kernel) + added_noise(ct, kernel, 1.0, key)
        seen[name] = Volume(ct.geometry, np.clip(np.rint(hu), -1024, 3071).astype(np.int16), "CT", "HU")
    gtv = {"gtv": twin.structures[0].gtv()[z]}
    for of, to in _LEARN_KERNELS:
        _kept(folder, f"{of}-{to}", seen[of], seen[to], gtv, **{"from": of, "to": to})


def _pet_thorax(folder: Path, seed: int) -> None:
    from simulators.scanners.pet import PetScanner

    twin, z = thorax_and_slab(seed, slices=_SLAB)
    slab = twin.baseline.volume.crop((z, slice(None), slice(None)))
    key = Key(seed, f"pet-{seed}", Purpose.SCANNER)
    drawn = twin.structures[0]
    pet = PetScanner().scan([ScanRequest(twin.baseline.volume, drawn, key, {})])[0]
    z0, z1 = slab.geometry.lps(np.array([[0, 0, 0], [slab.geometry.shape[0] - 1, 0, 0]]))[:, 2]
    at = pet.geometry.index(np.array([[*pet.geometry.origin_mm[:2], z] for z in (z0, z1)]))[:, 0]
    low, high = max(0, int(at.min()) - 1), int(at.max()) + 2
    part = pet.crop((slice(low, high), slice(None), slice(None)))
    coarse = slab.geometry.resampled((slab.geometry.spacing_mm[0], 2.0, 2.0))
    source = Volume(coarse, np.rint(brought(slab, coarse)).astype(np.int16), "CT", "HU")
    gtv = Volume(slab.geometry, drawn.gtv()[z].astype(np.float32), "MASK", "1").on(coarse) > 0.5
    target = Volume(coarse, part.on(coarse), "PT", "SUV")
    _kept(folder, "pet", source, target, {"gtv": gtv})


def _sarcoma(
    collected: Path, name: str, other: str, modality: Modality, folder: Path, *, drawn: bool = True
) -> None:
    """MR to CT, or CT to PET."""
    there = collected / name
    ct = read(there / "ct.nii.gz", "CT", "HU").upright()
    ct = Volume(ct.geometry, np.rint(ct.array).astype(np.int16), "CT", "HU")
    unit = "SUV" if modality == "PT" else "a.u."
    second = read(there / f"{other}.nii.gz", modality, unit).upright()  # type: ignore[arg-type]
    second = Volume(second.geometry, second.array.astype(np.float32), modality, unit)  # type: ignore[arg-type]
    gtv = read(there / "gtv.nii.gz", "MASK", "1").upright().array > 0
    masks = {"gtv": gtv} if drawn else {}
    if modality == "PT":
        target = Volume(ct.geometry, second.on(ct.geometry), "PT", "SUV")
        shown = np.ones(second.geometry.shape, np.float32)
        region = Volume(second.geometry, shown, "MASK", "1").on(ct.geometry) > 0.5
        _kept(folder, other, ct, target, {**masks, "region": region})
    else:
        _kept(folder, other, second, ct, {**masks, "region": second.array >= 0})


def _head(seed: int, data: Path, sequences: Sequence[str]) -> tuple[PatientTwin, list[Volume]]:
    from simulators.insilico.head import make_head
    from simulators.scanners.mr import MrScanner

    lesions = data / LESIONS
    twin, _ = make_head(data / TISSUE, seed, lesions=lesions if lesions.is_file() else None)
    rng = Key(seed, f"translation-{seed}", Purpose.POPULATION).generator()
    asked = {"field": float(rng.choice(_FIELDS)), "snr": float(rng.uniform(15, 60)), **_HEAD_MM}
    ct, drawn = twin.baseline.volume, twin.structures[0]
    found = []
    for n, sequence in enumerate(sequences):
        key = Key(seed, twin.id, Purpose.SCANNER, ordinal=n + 1)
        request = ScanRequest(ct, drawn, key, {"sequence": sequence, **asked})
        found.append(MrScanner().scan([request])[0])
    return twin, found


def _thorax_t1(folder: Path, seed: int) -> None:
    from simulators.scanners.mr import MrScanner

    twin, _ = thorax_and_slab(seed)
    rng = Key(seed, f"translation-{seed}", Purpose.POPULATION).generator()
    asked = {"sequence": "t1", "field": float(rng.choice(_FIELDS)), "snr": float(rng.uniform(15, 60))}
    ct, drawn = twin.baseline.volume, twin.structures[0]
    request = ScanRequest(ct, drawn, Key(seed, twin.id, Purpose.SCANNER, ordinal=1), asked)
    t1 = MrScanner().scan([request])[0]
    target = Volume(t1.geometry, np.rint(ct.on(t1.geometry, fill=-1000.0)).astype(np.int16), "CT", "HU")
    gtv = Volume(ct.geometry, drawn.gtv().astype(np.float32), "MASK", "1").on(t1.geometry) > 0.5
    _kept(folder, "t1", t1, target, {"gtv": gtv})


def _on(twin: PatientTwin, names: Sequence[str], grid: Geometry) -> np.ndarray:
    """(z, y, x) bool of some structures together."""
    drawn = twin.structures[0]
    there = np.zeros(drawn.geometry.shape, np.float32)
    for one in drawn:
        if one.name in names:
            there = np.maximum(there, drawn.mask(one.name))
    return Volume(drawn.geometry, there, "MASK", "1").on(grid) > 0.5


def _head_t1(folder: Path, seed: int, data: Path) -> None:
    twin, (t1,) = _head(seed, data, ("t1",))
    _kept(folder, "t1", t1, twin.baseline.volume, {})


def _head_t2(folder: Path, seed: int, data: Path) -> None:
    from scipy.ndimage import binary_closing, binary_fill_holes

    twin, (t2, flair) = _head(seed, data, ("t2", "flair"))
    grid = t2.geometry
    brain = np.pad(_on(twin, ("Brain",), grid), ((0, 0), (8, 8), (8, 8)))
    # As a tool extracts it: sulci and ventricles belong to the brain, the space around it hardly.
    brain = np.array([binary_fill_holes(binary_closing(p, iterations=4)) for p in brain])[:, 8:-8, 8:-8]
    _brain_pair(
        folder,
        "t2",
        t2,
        Volume(grid, flair.on(grid), "MR", "a.u."),
        brain,
        _on(twin, ("WMLesions", "Edema"), grid),
    )


def _brain_pair(
    folder: Path, name: str, t2: Volume, flair: Volume, brain: np.ndarray, lesion: np.ndarray
) -> None:
    """A T2 and a FLAIR on one grid with the brain alone, in a box about it."""
    from twin.structures import bounding_box

    box = bounding_box(brain, (0, 4, 4))
    cut = [
        Volume(
            v.geometry.crop(box),
            np.where(brain, np.maximum(v.array, 1e-3), 0.0)[box].astype(np.float32),
            "MR",
            "a.u.",
        )
        for v in (t2, flair)
    ]
    _kept(folder, name, cut[0], cut[1], {"gtv": lesion[box], "region": brain[box]})


def _real_head(collected: Path, name: str, folder: Path) -> None:
    for study in STUDIES[name]:
        there = collected / study
        t2, flair = (read(there / f"{n}.nii.gz", "MR", "a.u.").upright() for n in ("t2", "flair"))
        mask = there / "brainmask.nii.gz"
        brain = (
            read(mask, "MASK", "1").upright().array > 0
            if mask.is_file()
            else (t2.array > 0) & (flair.array > 0)
        )
        drawn = next(
            p for n in ("lesion", "lesion_change", "tumour_auto") if (p := there / f"{n}.nii.gz").is_file()
        )
        lesion = read(drawn, "MASK", "1").upright().array
        _brain_pair(folder, study, t2, flair, brain, lesion == 2 if "tumour" in drawn.name else lesion > 0)
