"""How far registered tissue lies from where it is, and how far the volume of a tumour that is carried over.

    python benchmarks/registration.py 6
    python benchmarks/registration.py 3 PATIENT.twin Carina Vertebra_c40 GTVn

In-silico patients, or a real one with landmarks (the middle of structures that somebody drew), moved by fields that are
known: a smooth random one of 4 mm, breathing lungs of 8 mm, a couch that is turned and shifted, and a tumour that
shrank to a share of its length, seen by a CT's noise and by the cone beam.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from scipy.ndimage import gaussian_filter, map_coordinates

from scenarios.engine.scanning import scan
from simulators.insilico.patient import make_patient
from simulators.registration import carried, register
from simulators.registration.onto_baseline import Registered
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

_MM, _SHARES = 3.0, (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


def coarse(patient: PatientTwin) -> tuple[Volume, StructureSet]:
    """The baseline and its structures on voxels of 3 mm."""
    grid = patient.baseline.volume.geometry.resampled(_MM)
    ct = np.rint(patient.baseline.volume.on(grid, fill=-1024.0)).astype(np.int16)
    drawn = StructureSet(grid, ())
    for one in patient.contours:
        mask = replace(one.mask, source=one.mask.array.astype(np.uint8)).on(grid) > 0.5
        drawn = drawn.with_mask(one.name, one.role, mask)
    return Volume(grid, ct, "CT", "HU"), drawn


def known_field(drawn: StructureSet, share: float, rng: np.random.Generator) -> np.ndarray:
    """(3, z, y, x) mm along the axes, from a voxel of the day to where its tissue lies in the reference."""
    grid = drawn.geometry
    back = np.stack([gaussian_filter(rng.normal(size=grid.shape), 30.0 / _MM) for _ in range(3)])
    back *= 4.0 / np.sqrt((back**2).mean(axis=(1, 2, 3), keepdims=True))
    lung = gaussian_filter(drawn.mask("Lung_L", "Lung_R").astype(float), 8.0 / _MM)
    back[:2] += np.reshape((8.0, 2.7), (2, 1, 1, 1)) * lung * np.linspace(1, 0, grid.shape[0])[:, None, None]
    z, y, x = (np.indices(grid.shape) - (np.reshape(grid.shape, (3, 1, 1, 1)) - 1) / 2) * _MM
    about = np.radians((1.0, 0.6, 2.0)) * rng.choice((-1, 1), 3)
    turned = (about[0] * y - about[1] * x, about[2] * x - about[0] * z, about[1] * z - about[2] * y)
    back += np.stack(turned) + np.reshape(rng.normal(0, 6, 3), (3, 1, 1, 1))
    voxels = np.argwhere(drawn.gtv())
    away = (np.indices(grid.shape) - voxels.mean(axis=0).reshape(3, 1, 1, 1)) * _MM
    radius = (3 * len(voxels) * _MM**3 / (4 * np.pi)) ** (1 / 3)
    return back + (1 / share - 1) * away * np.exp(-(((away**2).sum(axis=0) / (2 * radius) ** 2) ** 2))


def pulled(values: np.ndarray, back: np.ndarray, fill: float) -> np.ndarray:
    return map_coordinates(
        values.astype(np.float32), np.indices(values.shape) + back / _MM, order=1, cval=fill
    )


def errors_mm(found: Registered, grid: Geometry, back: np.ndarray, lps: np.ndarray) -> np.ndarray:
    """How far points of the reference are led from where they came; without those that left the scan."""
    there = np.c_[found.field.on_day(lps), np.ones(len(lps))] @ np.linalg.inv(found.matrix).T
    own = there[:, :3]
    at = np.moveaxis(grid.index(own), -1, 0)
    inside = ((at > 0) & (at < np.reshape(grid.shape, (3, 1)) - 1)).all(axis=0)
    led = own + np.stack([map_coordinates(b, at, order=1, mode="nearest") for b in back])[::-1].T
    return np.linalg.norm(led - lps, axis=1)[inside]


def tissue(drawn: StructureSet, name: str) -> np.ndarray:
    return drawn.geometry.lps(np.argwhere(drawn.mask(name))[::29])


def middle(drawn: StructureSet, name: str) -> np.ndarray:
    return drawn.geometry.lps(np.argwhere(drawn.mask(name)).mean(axis=0)[None])


def case(seed: int, share: float, patient: PatientTwin, landmarks: Sequence[str] = ()) -> list[dict]:
    baseline, drawn = coarse(patient)
    rng = np.random.default_rng(seed)
    back = known_field(drawn, share, rng)
    ct = pulled(baseline.array, back, -1024.0)
    gtv = pulled(drawn.gtv(), back, 0.0) > 0.5
    noise = 20 * gaussian_filter(rng.normal(size=ct.shape), 0.6) / 0.4
    day = Volume(drawn.geometry, np.clip(np.rint(ct + noise), -1024, 3071).astype(np.int16), "CT", "HU")
    there = StructureSet(drawn.geometry, ()).with_mask("GTVp", "GTV", gtv)
    own = PatientTwin(patient.id, scans=(Scan("CT", 0.0, day),), structures=(there,))
    cone_beam = scan(own, "cbct", options={"quality": "fast"}, seed=seed).scans[-1].volume
    rows = []
    for kind, seen in (("CT", day), ("CBCT", cone_beam)):
        began = time.process_time()
        try:
            found = register(seen, baseline)
        except InputError as error:
            rows.append({"seed": seed, "scan": kind, "share": share, "refused": str(error)})
            continue
        spent = time.process_time() - began
        over = carried(drawn.role("GTV"), found.field, found.volume, source="CT", day=1.0)
        grid = drawn.geometry
        body, lung = (errors_mm(found, grid, back, tissue(drawn, n)) for n in ("Body", "Lung_L"))
        marks = {n: errors_mm(found, grid, back, middle(drawn, n)) for n in landmarks}
        rows.append({
            "seed": seed, "scan": kind, "share": share, "refused": "", "seconds": spent,
            "body_median_mm": float(np.median(body)), "body_p95_mm": float(np.percentile(body, 95)),
            "lung_median_mm": float(np.median(lung)), "jacobian_least": found.registration.jacobian[0],
            **{f"{n}_mm": float(e[0]) if len(e) else None for n, e in marks.items()},
            "volume_ratio": over.gtv_cm3() / (gtv.sum() * drawn.geometry.voxel_cm3),
        })  # fmt: skip
    return rows


def main(cases: int, real: PatientTwin | None, landmarks: Sequence[str]) -> None:
    rows = []
    for n in range(cases):
        patient = real or make_patient(seed=500 + n, gtv_cm3=40.0)[0]
        rows += case(500 + n, _SHARES[n % len(_SHARES)], patient, landmarks)
    table = pl.DataFrame(rows, infer_schema_length=None)
    pl.Config.set_tbl_cols(20).set_tbl_rows(-1)
    print(table)
    for kind in ("CT", "CBCT"):
        ratio = np.log(table.filter(pl.col("scan") == kind)["volume_ratio"].drop_nulls().to_numpy())
        rms = np.sqrt((ratio**2).mean())
        print(f"{kind}: ln of carried over true volume: mean {ratio.mean():+.2f}, root mean square {rms:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), PatientTwin.load(sys.argv[2]) if sys.argv[2:] else None, sys.argv[3:])
