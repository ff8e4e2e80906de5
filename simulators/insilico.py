"""In-silico patients: a thorax CT with its true structures, a clinical record and the truth behind them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from simulators.chance import Key, Purpose
from twin import ClinicalRecord, Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

Site = Literal["central", "peripheral"]
_COLOURS = {
    "Body": (0, 255, 0), "Lung_L": (0, 191, 255), "Lung_R": (30, 144, 255), "Heart": (255, 105, 180),
    "Esophagus": (210, 180, 140), "SpinalCord": (255, 255, 0), "Trachea": (127, 255, 212),
    "GTVp": (255, 0, 0), "GTVn": (255, 128, 0),
}  # fmt: skip


def make_patient(
    seed: int = 0,
    *,
    gtv_cm3: float = 60.0,
    site: Site = "central",
    nodes: bool = False,
    side: Literal["left", "right"] | None = None,
    lobe: Literal["upper", "lower"] | None = None,
) -> tuple[PatientTwin, dict]:
    """An in-silico NSCLC patient on day 0, and the truth about it."""
    if not 0.2 <= gtv_cm3 <= 400:
        raise InputError(
            f"an in-silico tumour needs 0.2 to 400 cm3, not {gtv_cm3:g}; choose another --gtv-cm3"
        )
    if site not in ("central", "peripheral"):
        raise InputError(f"unknown site {site!r}; choose central or peripheral")
    name = f"insilico-{seed}"
    rng = Key(seed, name, Purpose.ANATOMY).generator()
    geometry = Geometry((100, 512, 512), (3.0, 0.9, 0.9), (-229.95, -229.95, -180.0))
    zs = np.arange(100) * 3.0 - 180
    z, y, x = (
        zs[:, None, None].astype(np.float32),
        (np.arange(512) * 0.9 - 229.95)[None, :, None].astype(np.float32),
        (np.arange(512) * 0.9 - 229.95)[None, None, :].astype(np.float32),
    )

    def ball(cx, cy, cz, rx, ry, rz):
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1

    def tube(cx, cy, r):
        return ((x - cx) ** 2 + (y - cy) ** 2 < r * r) & (z > -1e9)

    side = side or ("right" if seed == 7 or rng.random() < 0.6 else "left")
    sign = -1.0 if side == "right" else 1.0
    body = (x / 185) ** 2 + (y / 120) ** 2 + 0 * z < 1
    inner = ((x / 170) ** 2 + (y / 105) ** 2 + 0 * z) < 1
    heart = ball(25, -20, -70, 62, 50, 55)
    lung_r = ball(-78, 0, -40, 62, 88, 150) & (z > -100 - (np.hypot(x + 78, y) / 70) ** 2 * 40)
    lung_l = ball(78, 0, -40, 62, 88, 150) & (z > -110 - (np.hypot(x - 78, y) / 70) ** 2 * 40)
    spine = tube(0, 62, 18)
    cord = tube(0, 84, 6)
    eso = tube(6, 36, 7)
    trachea = tube(0, 18, 8) & (z > 0)
    aorta = tube(25, 42, 13)
    for organ in (heart, spine, aorta, eso):
        lung_r &= ~organ
        lung_l &= ~organ
    low = lobe == "lower"
    centre = (sign * (40 if site == "central" else 105), 10 if not low else 0, -60 if low else 10)
    field = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    field = field + 2.0 * np.sin((x + 2 * y) / 7) * np.sin((z - y) / 6)
    allowed = lung_r if side == "right" else lung_l
    n = round(gtv_cm3 / geometry.voxel_cm3)
    level = np.partition(field[allowed], n)[n]
    gtv = allowed & (field < level)
    lung_r &= ~gtv
    lung_l &= ~gtv
    masks = {
        "Body": body, "Lung_L": lung_l, "Lung_R": lung_r, "Heart": heart, "Esophagus": eso,
        "SpinalCord": cord, "Trachea": trachea, "GTVp": gtv,
    }  # fmt: skip
    hu = np.full(geometry.shape, -1000.0, dtype=np.float32)
    for mask, value in (
        (body, -100.0), (inner, 45.0), (lung_r, -820.0), (lung_l, -820.0), (heart, 45.0), (spine, 250.0),
        (cord, 35.0), (aorta, 50.0), (trachea, -990.0), (gtv, 35.0),
    ):  # fmt: skip
        hu[mask] = value
    if nodes:
        masks["GTVn"] = ball(-14, 8, 25, 9, 8, 10) & ~trachea & ~lung_r & ~lung_l & ~gtv & ~eso
        hu[masks["GTVn"]] = 40.0
    hu += 15 * rng.standard_normal(hu.shape, dtype=np.float32)
    scan = Scan("CT", 0.0, Volume(geometry, np.clip(hu, -1024, 3000).astype(np.int16), "CT", "HU"))
    structures = StructureSet(geometry, ())
    for label, mask in masks.items():
        role = "EXTERNAL" if label == "Body" else "GTV" if label.startswith("GTV") else "OAR"
        structures = structures.with_mask(label, role, mask, colour=_COLOURS[label])
    twin = PatientTwin(
        id=name,
        clinical=ClinicalRecord(age_years=67, sex="male", histology="squamous", tnm_edition=8),
        scans=(scan,),
        structures=(structures,),
        day0_weekday=0,
        in_silico=True,
    )
    return twin, {"seed": seed, "side": side, "site": site, "gtv_cm3": twin.gtv_cm3}
