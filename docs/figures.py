"""Makes the pictures of the README from an in-silico patient: `make figures`."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scenarios import TreatmentPlan, compare
from scenarios.records.schema import SIMULATED
from scenarios.report.picture import LUNG, grey, outlined, windowed
from simulators.insilico.patient import make_patient

HERE = Path(__file__).parent / "images"
DAYS = (21, 60, 150)
HALF_MM = 85.0


def main() -> None:
    """Write `docs/images/follow-up.png`: axial and coronal slices through the tumour on several days."""
    twin, _ = make_patient(seed=7)
    run = compare(twin, [TreatmentPlan.parse("60/30")], days=151, samples=8, seed=0)
    whole = twin.baseline.volume
    columns = [("day 0, in-silico patient", whole.array, twin.contours.gtv())]
    for image in run.images:
        if image.record.kind == "ct" and int(image.record.day) in DAYS:
            box = whole.geometry.box_of(image.volume.geometry)
            hu, mask = whole.array.copy(), np.zeros(whole.array.shape, bool)
            hu[box] = image.volume.array
            gtv = run.image("60-30", image.record.day, "gtv")
            assert gtv is not None
            mask[whole.geometry.box_of(gtv.geometry)] = gtv.array > 0
            columns.append((f"SIMULATED, day {image.record.day:.0f} of 60/30", hu, mask))
    centre = np.argwhere(twin.contours.gtv()).mean(axis=0).round().astype(int)
    panels = [np.concatenate([_axial(c, centre, whole), _coronal(c, centre, whole)]) for c in columns]
    body = np.concatenate(panels, axis=1)
    strip = np.zeros((26, body.shape[1], 3), np.uint8)
    picture = Image.fromarray(np.concatenate([strip, body, strip]))
    draw = ImageDraw.Draw(picture)
    for k, (words, _, _) in enumerate(columns):
        draw.text((8 + k * panels[0].shape[1], 5), words, fill=(255, 214, 90), font_size=14)
    draw.text((8, picture.height - 21), SIMULATED, fill=(255, 214, 90), font_size=14)
    HERE.mkdir(exist_ok=True)
    picture.quantize(200).save(HERE / "follow-up.png", optimize=True)


def _axial(column, centre, whole) -> np.ndarray:
    _, dy, dx = whole.geometry.spacing_mm
    rows, across = _around(centre[1], HALF_MM / dy), _around(centre[2], HALF_MM / dx)
    return _panel(column[1][centre[0], rows, across], column[2][centre[0], rows, across])


def _coronal(column, centre, whole) -> np.ndarray:
    dz, _, dx = whole.geometry.spacing_mm
    rows, across = _around(centre[0], 0.7 * HALF_MM / dz), _around(centre[2], HALF_MM / dx)
    return _panel(column[1][rows, centre[1], across][::-1], column[2][rows, centre[1], across][::-1], dz / dx)


def _around(middle: int, half: float) -> slice:
    return slice(max(0, int(middle - half)), int(middle + half))


def _panel(hu: np.ndarray, mask: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    size = (320, round(320 * hu.shape[0] * aspect / hu.shape[1]))
    picture = Image.fromarray(grey(windowed(hu, LUNG))).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(outlined(picture, mask, (255, 60, 60)))


if __name__ == "__main__":
    main()
