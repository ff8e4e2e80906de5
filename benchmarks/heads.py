"""Contrast of in-silico heads beside that of real ones, by one estimator that knows the images alone.

python benchmarks/heads.py DATA [MONTAGE.png] the folder of brain_t2_flair.zip, mni152_tissue.zip and
ms_lesion_masks.zip
"""

import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import binary_closing, binary_dilation, binary_fill_holes

from scenarios import scan
from simulators.insilico.head import make_head
from twin import Volume
from twin.files import nifti

STUDIES = ("msl01_s1", "msl01_s2", "msl04_s1", "msc07", "msc19", "msc26", "tcga_du7294")
LESIONS = ("lesion", "lesion_change", "tumour_auto")
PARTIAL = "msl"  # their masks hold what changed between two studies, in the first of them before it did
SEEDS = (1, 2)
RATIOS = (
    "T2 grey/white",
    "T2 fluid/white",
    "T2 lesion/white",
    "FLAIR grey/white",
    "FLAIR fluid/white",
    "FLAIR lesion/white",
)


def real(folder: Path):
    """T2, FLAIR, brain and lesion masks of each real study."""
    for study in STUDIES:
        there = folder / "brain_t2_flair" / study
        t2, flair = (nifti.read(there / f"{name}.nii.gz", "MR", "a.u.") for name in ("t2", "flair"))
        mask = there / "brainmask.nii.gz"
        brain = (
            nifti.read(mask, "MASK", "1").array > 0 if mask.exists() else (t2.array > 0) & (flair.array > 0)
        )
        found = next(f for name in LESIONS if (f := there / f"{name}.nii.gz").exists())
        drawn = nifti.read(found, "MASK", "1").array
        yield study, t2, flair, brain, drawn == 2 if "tumour" in found.name else drawn > 0


def made(data: Path):
    """The same of in-silico heads, on the FLAIR's grid, in both fields."""
    for seed in SEEDS:
        head, _ = make_head(data / "mni152_tissue.zip", seed, lesions=data / "ms_lesion_masks.zip")
        for field in (1.5, 3):
            t2, flair = (
                scan(head, "mr", options={"sequence": s, "field": field}, seed=seed).scans[-1].volume
                for s in ("t2", "flair")
            )
            on = Volume(flair.geometry, t2.on(flair.geometry), "MR", "a.u.")
            brain, lesion = (
                np.maximum.reduce([s.mask.on(flair.geometry) for s in head.contours if s.name in names]) > 0.5
                for names in (("Brain",), ("WMLesions", "Edema"))
            )
            # As a tool extracts it: sulci and ventricles belong to the brain, the space around it hardly.
            closed = [
                binary_fill_holes(binary_closing(plane, iterations=4))
                for plane in np.pad(brain, ((0, 0), (8, 8), (8, 8)))
            ]
            yield f"seed {seed}, {field:g} T", on, flair, np.array(closed)[:, 8:-8, 8:-8], lesion


def ratios(t2, flair, brain, lesion) -> dict[str, float]:
    """Medians of three classes of brain and of the lesions drawn, over that of white matter.

    Fluid is at least 1.6 times as bright as the brain in T2 and less than 0.6 times in FLAIR. White and grey
    matter are the two
    classes of a Gaussian mixture in the logarithms of both, of what is neither fluid nor lesion; white is darker in T2.
    """
    there = brain & ~binary_dilation(lesion, iterations=2) & (t2 > 0) & (flair > 0)
    t2_of, flair_of = (image / np.median(image[there]) for image in (t2, flair))
    fluid = there & (t2_of > 1.6) & (flair_of < 0.6)
    calm = there & ~binary_dilation(t2_of > 1.5, iterations=2)  # no voxels that hold some fluid
    rest = (
        calm
        & (np.abs(np.log(np.maximum(t2_of, 1e-3))) < 0.5)
        & (np.abs(np.log(np.maximum(flair_of, 1e-3))) < 0.4)
    )
    white, grey = _two_classes(np.log(np.stack([t2_of[rest], flair_of[rest]], axis=1).astype(float)))
    others = [
        np.log([max(float(np.median(image[m])), 1e-3) for image in (t2_of, flair_of)])
        for m in (fluid, lesion)
    ]
    values = [np.exp(v - white) for v in (grey, *others)]
    return dict(zip(RATIOS, [float(v[a]) for a in (0, 1) for v in values], strict=True))


def _two_classes(x: np.ndarray) -> list[np.ndarray]:
    """Means of two Gaussians fitted to (n, 2) values, by their first."""
    x = x[np.random.default_rng(0).permutation(len(x))[:40_000]]
    mean = np.median(x, axis=0) + np.array([[-0.12, -0.05], [0.12, 0.05]])
    spread, share = np.array([np.diag([0.02, 0.02])] * 2), np.array([0.5, 0.5])
    for _ in range(60):
        away = x[:, None] - mean
        inverse = np.linalg.inv(spread)
        score = (
            np.log(share)
            - 0.5 * np.einsum("nki,kij,nkj->nk", away, inverse, away)
            - 0.5 * np.log(np.linalg.det(spread))
        )
        weight = np.exp(score - score.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        total = weight.sum(axis=0)
        share, mean = total / len(x), weight.T @ x / total[:, None]
        away = x[:, None] - mean
        spread = np.einsum("nk,nki,nkj->kij", weight, away, away) / total[:, None, None] + 1e-5 * np.eye(2)
    return sorted(mean, key=lambda m: m[0])


def histogram(image, brain) -> np.ndarray:
    """Of the brain, over its median, from 0 to 4."""
    values = image[brain] / np.median(image[brain])
    return np.histogram(values, bins=80, range=(0, 4))[0] / brain.sum()


def shown(image, brain) -> np.ndarray:
    """A slice through the ventricles, bright at the brain's 99.5th percentile."""
    upright = image.upright()
    k = int(upright.array.shape[0] * 0.55)
    grey = np.clip(upright.array[k] / np.percentile(image.array[brain], 99.5), 0, 1)
    return np.array(Image.fromarray((255 * grey).astype(np.uint8)).resize((260, 310)))


def main(data: Path, montage: Path | None) -> None:
    """Prints the table, and how far histograms lie from the real heads' and these from each other."""
    rows, histograms, pictures = {"real": [], "made": []}, {"real": [], "made": []}, {"real": [], "made": []}
    with tempfile.TemporaryDirectory() as held:
        zipfile.ZipFile(data / "brain_t2_flair.zip").extractall(held)
        for kind, heads in (("real", real(Path(held))), ("made", made(data))):
            for name, t2, flair, brain, lesion in heads:
                found = ratios(t2.array, flair.array, brain, lesion)
                print(kind, name, ", ".join(f"{k} {v:.2f}" for k, v in found.items()))
                rows[kind].append((name, found))
                histograms[kind].append([histogram(v.array, brain) for v in (t2, flair)])
                pictures[kind].append(np.vstack([shown(v, brain) for v in (t2, flair)]))
    print(f"| {' | '.join(('ratio of medians', 'real heads', 'in silico'))} |\n|---|---|---|")
    for ratio in RATIOS:
        spans = [
            [row[ratio] for name, row in rows[kind] if not ("lesion" in ratio and name.startswith(PARTIAL))]
            for kind in ("real", "made")
        ]
        print(f"| {ratio} | {' | '.join(f'{min(s):.2f} to {max(s):.2f}' for s in spans)} |")
    for n, name in enumerate(("T2", "FLAIR")):
        there = np.array([h[n] for h in histograms["real"]])
        far = [np.abs(h[n] - there).sum(axis=1).min() / 2 for h in histograms["made"]]
        apart = [np.delete(np.abs(h - there).sum(axis=1), k).min() / 2 for k, h in enumerate(there)]
        spans = [f"{min(s):.2f} to {max(s):.2f}" for s in (far, apart)]
        print(
            f"histogram of {name}, total variation to the nearest real head: in silico {spans[0]}, real {spans[1]}"
        )
    if montage is not None:
        shown_of = min(len(pictures["real"]), len(pictures["made"]))
        both = [np.hstack(pictures[kind][:shown_of]) for kind in ("real", "made")]
        Image.fromarray(np.vstack(both)).save(montage)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
