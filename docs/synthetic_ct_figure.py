"""Makes `docs/images/synthetic-ct.png`: what the network makes of a cone-beam CT, and the doses on it.

python docs/synthetic_ct_figure.py PAIR CASE      made by benchmarks/cone_beam_pairs.py and benchmarks/synthetic_ct.py
"""

import pickle
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from scenarios.records.schema import SIMULATED
from simulators.learned.scanner import translator_named
from simulators.photon.superposition import superposed
from simulators.tasks.cbct_ct import TASK

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from synthetic_ct_judging import medium_of

HERE = Path(__file__).parent / "images"
SIZE = (300, 300)
WINDOW, DIFFERENCE, DOSE, DOSE_DIFFERENCE = (-1000.0, 300.0), 200.0, 66.0, 2.0


def grey(values):
    """HU in the window of lung and soft tissue."""
    low, high = WINDOW
    level = (255 * np.clip((values - low) / (high - low), 0, 1)).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def coloured(values, largest):
    """Blue below, white at nought, red above."""
    v = np.clip(values / largest, -1, 1)[..., None]
    red, blue = np.array([200.0, 40, 40]), np.array([40.0, 70, 200])
    return (255 + np.where(v > 0, v * (red - 255), -v * (blue - 255))).astype(np.uint8)


def panel(pixels, words):
    """A picture with words above."""
    scale = min(SIZE[0] / pixels.shape[1], SIZE[1] / pixels.shape[0])
    size = round(scale * pixels.shape[1]), round(scale * pixels.shape[0])
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
    whole = Image.new("RGB", (SIZE[0] + 4, SIZE[1] + 22), (24, 24, 24))
    whole.paste(image, (2 + (SIZE[0] - size[0]) // 2, 20 + (SIZE[1] - size[1]) // 2))
    ImageDraw.Draw(whole).text((4, 3), words, fill=(235, 235, 235), font_size=13)
    return np.asarray(whole)


def images(place, share=0.5):
    """Cone beam, synthetic CT, truth, and both differences, at a share of the scan's length."""
    (case,) = TASK.cases(place)
    made = translator_named("cbct-ct").translate(case.source)
    z = int(share * len(case.truth.array))
    seen, synthetic, truth = (v.array[z].astype(float) for v in (case.source, made, case.truth))
    inside = TASK.field(case.source)[z]
    away = [coloured(np.where(inside, v - truth, 0.0), DIFFERENCE) for v in (seen, synthetic)]
    shown = [grey(np.where(inside, v, -1000.0)) for v in (seen, synthetic, truth)]
    words = (
        "cone beam, corrected",
        "synthetic CT",
        "CT",
        "cone beam - CT, +-200 HU",
        "synthetic - CT, +-200 HU",
    )
    return [panel(p, w) for p, w in zip([*shown, *away], words, strict=True)]


def doses(file):
    """Density, the dose on the true CT, what both others differ by from it, in the slice of the isocentre."""
    case = pickle.loads(Path(file).read_bytes())
    spacing_mm = max(case["true"])
    true = case["true"][spacing_mm]
    z = int(np.clip(round(float(true.grid.index(case["beams"].isocentre)[0])), 0, true.grid.shape[0] - 1))
    other = [superposed(medium_of(case, way, spacing_mm), case["beams"]) for way in ("corrected", "cbct-ct")]
    density = [medium_of(case, way, spacing_mm).density[z] for way in ("cbct-ct", "true")]
    planned = coloured(case["dose"][z], DOSE)
    shown = [grey(1000 * (d - 1)) for d in density]
    away = [coloured(d[z] - case["dose"][z], DOSE_DIFFERENCE) for d in other]
    words = ("synthetic CT of a fast scan", "CT", "dose on the CT, 0 to 66 Gy", "cone beam: dose - that, +-2 Gy",
             "synthetic CT: dose - that, +-2 Gy")  # fmt: skip
    return [panel(p, w) for p, w in zip([*shown, planned, *away], words, strict=True)]


def main(place, file):
    """Write the figure of a pair and a case."""
    body = np.concatenate([np.concatenate(row, axis=1) for row in (images(Path(place)), doses(file))])
    picture = Image.fromarray(np.concatenate([body, np.zeros((24, body.shape[1], 3), np.uint8)]))
    ImageDraw.Draw(picture).text((6, picture.height - 20), SIMULATED, fill=(255, 214, 90), font_size=14)
    picture.quantize(200).save(HERE / "synthetic-ct.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
