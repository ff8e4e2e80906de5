"""Makes `docs/images/longitudinal.png` from one patient of a longitudinal set with truth: give the set's folder.

rt-twin cohort --images --truth --n 17 --seed 900000 --out set/held && python docs/longitudinal_figure.py set/held
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scenarios.records.schema import SIMULATED
from scenarios.report.picture import LUNG, windowed
from twin import PatientTwin

HERE = Path(__file__).parent / "images"
PATIENT = "900016"
HALF = 40  # voxels of 2 mm
ZOOM = 3


def main(out: Path) -> None:
    """Write his CTs, the truth, the truth without treatment, and their difference."""
    seen = PatientTwin.load(out / f"{PATIENT}.twin")
    truths = {p.stem: PatientTwin.load(p) for p in (out / f"{PATIENT}.truth").glob("*.twin")}
    given = next(slug for slug, twin in truths.items() if twin.fractions == seen.fractions)
    rows = [
        _row(seen, f"acquired, {given}"),
        _row(truths[given], f"truth, {given}"),
        _row(truths["none"], "truth, no treatment"),
        _difference(truths["none"], truths[given]),
    ]
    body = np.concatenate(rows)
    strip = np.zeros((24, body.shape[1], 3), np.uint8)
    picture = Image.fromarray(np.concatenate([body, strip]))
    ImageDraw.Draw(picture).text((6, picture.height - 20), SIMULATED, fill=(255, 214, 90), font_size=14)
    HERE.mkdir(exist_ok=True)
    picture.quantize(200).save(HERE / "longitudinal.png", optimize=True)


def _slice(twin: PatientTwin) -> tuple:
    z, y, x = np.argwhere(twin.contours.gtv()).mean(axis=0).round().astype(int)
    return z, slice(max(0, y - HALF), y + HALF), slice(max(0, x - HALF), x + HALF)


def _large(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(pixels)
    return image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.BICUBIC).convert("RGB")


def _row(twin: PatientTwin, words: str) -> np.ndarray:
    at, panels = _slice(twin), []
    for scan, structures in zip(twin.scans, twin.structures, strict=True):
        image = _large(windowed(scan.volume.array[at], LUNG))
        inside = np.asarray(_large(structures.gtv()[at].astype(np.uint8) * 255).convert("L")) > 127
        rim = inside & ~(
            np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1)
        )
        pixels = np.array(image)
        pixels[rim] = (255, 60, 60)
        panel = Image.fromarray(pixels)
        text = f"day {scan.time_days:.0f}" if panels else words
        ImageDraw.Draw(panel).text((5, 4), text, fill=(255, 214, 90), font_size=13)
        panels.append(np.asarray(panel))
    return np.concatenate(panels, axis=1)


def _difference(one: PatientTwin, other: PatientTwin) -> np.ndarray:
    at, panels = _slice(one), []
    for a, b in zip(one.scans, other.scans, strict=True):
        change = b.volume.array[at].astype(float) - a.volume.array[at]
        panels.append(np.asarray(_large(np.clip(128 + change * 127 / 400, 0, 255).astype(np.uint8))))
    return np.concatenate(panels, axis=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
