"""What scores know of CTs: the fits of NIQE and BRISQUE, and the encoder of the Frechet distance.

python benchmarks/ct_scores.py DATA     DATA holds ibsi_sts_40 or ibsi_sts_40.zip; a minute of training, one core

Learned from in-silico thoraces and from those real sarcoma patients that every benchmark learns from. Writes
`models/metrics/data/ct.safetensors` and `models/networks/data/ct.safetensors`, and prints what people kept out score.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter

from models.metrics.ct import FITS, HU_RANGE, encoded, pooled, unpaired_scores
from models.metrics.natural import Naturalness, Spoiling, block_features, features
from models.metrics.structure import structural_similarity
from models.networks.perceptual import LEARNED, PerceptualEncoder
from scenarios.datasets.people import SARCOMAS, Person, collection, rows_of
from simulators.insilico import make_patient
from simulators.tasks.body import body
from twin.files.nifti import read

THORACES = tuple(range(690_000, 690_003))
SLICES, SIDE, STEPS, WINDOWS, COMPONENTS = 8, 160, 1500, 16, 12
Slices = tuple[np.ndarray, np.ndarray]  # HU, and where the body is


def some(hu: np.ndarray) -> Slices:
    """Eight slices."""
    chosen = hu[np.unique(np.linspace(0, len(hu) - 1, SLICES).round().astype(int))].astype(np.float32)
    return chosen, body(chosen)


def sarcoma(folder: Path, name: str) -> Slices:
    return some(read(folder / name / "ct.nii.gz", "CT", "HU").upright().array)


def thorax(seed: int) -> Slices:
    twin, _ = make_patient(seed, gtv_cm3=20.0)
    hu = twin.baseline.volume.array
    middle = np.argwhere(twin.structures[0].gtv()).mean(axis=0).astype(int)
    box = [slice(max(0, m - SIDE // 2), m + SIDE // 2) for m in middle]
    return some(hu[tuple(box)])


def people(data: Path, work: Path) -> Iterator[tuple[Person, Slices]]:
    folder = collection(data, SARCOMAS, work)
    if folder is None:
        sys.exit(f"{data} holds no {SARCOMAS}")
    for row in rows_of(folder):
        yield Person(row["id"], "real", print), sarcoma(folder, row["id"])
    for seed in THORACES:
        yield Person(f"insilico-thorax-{seed}", "in silico", print), thorax(seed)


def spoiled(hu: np.ndarray, chance: np.random.Generator) -> Iterator[np.ndarray]:
    """A CT as it is, and with noise, with the noise of a soft kernel, and blurred, each of a strength by chance."""
    yield hu
    noise = chance.standard_normal(hu.shape)
    yield hu + chance.uniform(5, 60) * noise
    soft = gaussian_filter(noise, (0, 0.7, 0.7))
    yield hu + chance.uniform(5, 60) * soft / soft.std()
    wide = chance.uniform(0.4, 2.0)
    yield gaussian_filter(hu, (0, wide, wide))


def loss_of_similarity(made: np.ndarray, hu: np.ndarray, where: np.ndarray) -> float:
    """What SSIM lacks of 1, percent."""
    return 100 * (1 - structural_similarity(made, hu, where, *HU_RANGE))


def fits(learn: list[Slices]) -> dict[str, np.ndarray]:
    """Arrays of both fits."""
    law = Naturalness.fitted(np.concatenate([block_features(*s, *HU_RANGE) for s in learn]))
    chance, found, lost = np.random.default_rng(0), [], []
    for hu, where in learn:
        for made in spoiled(hu, chance):
            found.append(features(made, where, *HU_RANGE))
            lost.append(loss_of_similarity(made, hu, where))
    there = np.isfinite(found).all(axis=1)
    spoiling = Spoiling.fitted(np.array(found)[there], np.array(lost)[there])
    arrays = {
        "niqe.mean": law.mean, "niqe.spread": law.spread,
        "brisque.mean": spoiling.mean, "brisque.spread": spoiling.spread, "brisque.weights": spoiling.weights,
        "brisque.points": spoiling.points, "brisque.middle": np.array([spoiling.middle]),
    }  # fmt: skip
    return {k: v.astype(np.float32) for k, v in arrays.items()}


def encoder(learn: list[Slices]) -> PerceptualEncoder:
    """Trained to give windows of CTs back."""
    torch.manual_seed(0)
    model, chance = PerceptualEncoder(1), np.random.default_rng(0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    planes = [np.pad(p, 32, constant_values=-1024) for hu, _ in learn for p in hu]
    for step in range(STEPS):
        windows = []
        for k in chance.integers(len(planes), size=WINDOWS):
            y, x = (chance.integers(n - 63) for n in planes[k].shape)
            windows.append(planes[k][y : y + 64, x : x + 64])
        images = torch.from_numpy(np.clip(np.stack(windows), *HU_RANGE) / HU_RANGE[1])[:, None].float()
        optimiser.zero_grad()
        loss = model.loss(images)
        loss.backward()
        optimiser.step()
        rates.step()
        if step % 250 == 249:
            print(f"step {step + 1}: error {1024 * loss.item():.1f} HU", flush=True)
    return model.eval()


def principal(model: PerceptualEncoder, learn: list[Slices]) -> dict[str, np.ndarray]:
    """The middle of the pooled features of all slices, and their greatest directions, each of SD 1."""
    rows = np.concatenate([pooled(model, *s) for s in learn])
    rows = rows[np.isfinite(rows).all(axis=1)]
    middle = rows.mean(axis=0)
    _, values, directions = np.linalg.svd(rows - middle, full_matrices=False)
    scale = values[:COMPONENTS] / np.sqrt(len(rows) - 1)
    return {"pooled.middle": middle, "pooled.directions": (directions[:COMPONENTS] / scale[:, None]).T}


def told(kept: list[tuple[Person, Slices]]) -> None:
    """Scores of people kept out, as they are and spoiled."""
    chance = np.random.default_rng(1)
    faults: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "as it is": lambda hu: hu, "noise 20 HU": lambda hu: hu + 20 * chance.standard_normal(hu.shape),
        "noise 40 HU": lambda hu: hu + 40 * chance.standard_normal(hu.shape),
        "blur 0.5": partial(gaussian_filter, sigma=(0, 0.5, 0.5)),
        "blur 1.0": partial(gaussian_filter, sigma=(0, 1.0, 1.0)),
    }  # fmt: skip
    print("fault | people | niqe | brisque | 100 (1 - SSIM) | encoder, from as it is")
    for name, fault in faults.items():
        rows = []
        for _, (hu, where) in kept:
            made = fault(hu)
            scores = unpaired_scores(made, where)
            apart = float(np.linalg.norm(encoded(made, where) - encoded(hu, where)))
            rows.append([scores["niqe"], scores["brisque"], loss_of_similarity(made, hu, where), apart])
        print(f"{name} | {len(rows)} | " + " | ".join(f"{v:.2f}" for v in np.nanmean(rows, axis=0)))


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        everyone = list(people(Path(sys.argv[1]), Path(work)))
    learn = [s for person, s in everyone if person.part == "learn"]
    print(f"{len(learn)} people to learn from, {len(everyone) - len(learn)} kept out", flush=True)
    about = {
        "made_by": "benchmarks/ct_scores.py",
        "learned_from": f"{SARCOMAS} (CC BY 3.0), in-silico thoraces",
    }
    save_file(fits(learn), FITS, metadata=about)
    model = encoder(learn)
    own = {k: v.numpy() for k, v in model.state_dict().items()} | principal(model, learn)
    save_file({k: np.ascontiguousarray(v, np.float16) for k, v in own.items()}, LEARNED, metadata=about)
    told([(person, s) for person, s in everyone if person.part == "test"])


main()
