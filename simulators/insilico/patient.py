"""In-silico patients: a thorax CT with its true structures, a clinical record and the truth behind them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from simulators.belief.prior import prior_belief
from simulators.core.chance import Key, Purpose
from twin import ClinicalRecord, InputError, PatientTwin, Scan, StructureSet, Volume
from twin.clinical.staging import stage_group
from twin.inputs.bounds import bounded
from twin.inputs.quantities import InSilicoCm3, Seed
from twin.structures import Role

Site = Literal["central", "peripheral"]
Side = Literal["left", "right"]
Lobe = Literal["upper", "lower"]
_COLOURS = {
    "Body": (0, 255, 0), "Lung_L": (0, 191, 255), "Lung_R": (30, 144, 255), "Heart": (255, 105, 180),
    "Esophagus": (210, 180, 140), "SpinalCord": (255, 255, 0), "Trachea": (127, 255, 212),
    "GTVp": (255, 0, 0), "GTVn": (255, 128, 0),
}  # fmt: skip


@bounded
def make_patient(
    seed: Seed = 0,
    *,
    gtv_cm3: InSilicoCm3 = 60.0,
    site: Site = "central",
    nodes: bool = False,
    side: Side | None = None,
    lobe: Lobe | None = None,
    noise: bool = True,
    fine: bool = False,
) -> tuple[PatientTwin, dict]:
    """An in-silico NSCLC patient on day 0, and the truth about it.

    Args:
        seed: chance; the same arguments give the same bytes.
        gtv_cm3: volume of the primary tumour, cm3.
        site: "central", grown out of the hilum, or "peripheral", near the chest wall.
        nodes: whether lymph nodes are involved (GTVn).
        side: lung of the tumour; by chance where None (seed 7: right).
        lobe: lobe of the tumour; by chance where None.
        noise: whether the scanner's noise is added; all else is the same without it.
        fine: drawn below 0.5 mm without noise, an object for the scanner ct and its sharp kernels; some 3 GB of memory.

    Returns:
        The twin, with Body, Lung_L, Lung_R, Heart, Esophagus, SpinalCord, Trachea, GTVp and, with nodes, GTVn,
        all true; and the truth as plain values for JSON, which is never part of the twin.

    Raises:
        InputError: an argument outside its range, or a tumour that does not fit.
    """
    _check(site, side, lobe)
    from simulators.insilico.thorax.scene import build
    from simulators.insilico.thorax.tumour import Wish

    name = _identity(seed, gtv_cm3, site, nodes, side, lobe, fine)
    key = Key(seed, f"insilico-{seed}", Purpose.ANATOMY)  # the anatomy depends on the seed alone
    rng = key.generator()
    drawn_side: Side = "right" if rng.random() < 0.58 or seed == 7 else "left"
    drawn_lobe: Lobe = "upper" if rng.random() < 0.62 or seed == 7 else "lower"
    wish = Wish(gtv_cm3, site, nodes, side or drawn_side, lobe or drawn_lobe)
    scene = build(wish, key, noise=noise and not fine, fine=2 if fine else 1)
    geometry = scene.geometry
    structures = StructureSet(geometry, ())
    for label, mask in scene.masks.items():
        role: Role = "EXTERNAL" if label == "Body" else "GTV" if label.startswith("GTV") else "OAR"
        structures = structures.with_mask(label, role, mask, colour=_COLOURS[label])
    clinical = _clinical(key.at(ordinal=2).generator(), scene.truth["habitus"]["sex"], gtv_cm3, site, nodes)
    twin = PatientTwin(
        id=name,
        clinical=clinical,
        scans=(Scan("CT", 0.0, Volume(geometry, scene.hu, "CT", "HU")),),
        structures=(structures,),
        day0_weekday=0,
        in_silico=True,
    )
    truth = {"seed": seed, "id": name, **scene.truth, "gtv_cm3": twin.gtv_cm3}
    return twin, {**truth, "biology": _biology(twin, seed)}


def _check(site: str, side: str | None, lobe: str | None) -> None:
    for what, value, known in (
        ("site", site, ("central", "peripheral")),
        ("side", side, (None, "left", "right")),
        ("lobe", lobe, (None, "upper", "lower")),
    ):
        if value not in known:
            choices = ", ".join(k for k in known if k)
            raise InputError(f"unknown tumour {what} {value!r}; there are: {choices}")


def _identity(seed, gtv_cm3, site, nodes, side, lobe, fine) -> str:
    """The twin's id: the seed, and what differs from the defaults."""
    parts = [f"insilico-{seed}"]
    if gtv_cm3 != 60.0:
        parts.append(f"{gtv_cm3:g}cm3")
    parts += [
        p
        for p in (
            site if site != "central" else "",
            side,
            lobe,
            "nodes" if nodes else "",
            "fine" if fine else "",
        )
        if p
    ]
    return "-".join(parts)


def _clinical(rng: np.random.Generator, sex: str, gtv_cm3: float, site: str, nodes: bool) -> ClinicalRecord:
    """A plausible record (shares as in NSCLC radiotherapy cohorts), with the gaps that real ones have."""
    width_cm = 2 * (gtv_cm3 * 3 / (4 * np.pi)) ** (1 / 3) * rng.uniform(1.0, 1.25)
    sizes = ((1, "T1a"), (2, "T1b"), (3, "T1c"), (4, "T2a"), (5, "T2b"), (7, "T3"), (99, "T4"))
    t_stage = next(t for limit, t in sizes if width_cm <= limit)
    n_stage = str(rng.choice(["N1", "N2", "N2", "N3"])) if nodes else "N0"
    smoking = str(rng.choice(["never", "former", "current"], p=[0.09, 0.53, 0.38]))
    squamous = 0.48 if site == "central" else 0.25
    histology = str(
        rng.choice(
            ["squamous", "adenocarcinoma", "large cell", "nos"], p=[squamous, 0.85 - squamous, 0.06, 0.09]
        )
    )
    record = {
        "age_years": float(np.clip(round(rng.normal(67, 9)), 40, 90)),
        "sex": sex,
        "histology": histology,
        "t_stage": t_stage,
        "n_stage": n_stage,
        "m_stage": "M0",
        "tnm_edition": 8,
        "stage": stage_group(t_stage, n_stage, "M0"),
        "ecog": int(rng.choice(4, p=[0.28, 0.5, 0.18, 0.04])),
        "smoking": smoking,
        "pack_years": 0.0 if smoking == "never" else float(np.clip(round(rng.gamma(4, 10)), 5, 150)),
        "fev1_percent": float(np.clip(round(rng.normal(73, 19)), 28, 125)),
        "dlco_percent": float(np.clip(round(rng.normal(63, 17)), 25, 120)),
        "interstitial_lung_disease": bool(rng.random() < 0.05),
        "comorbidity": bool(rng.random() < 0.45),
    }
    gaps = {"pack_years": 0.25, "fev1_percent": 0.2, "dlco_percent": 0.4, "interstitial_lung_disease": 0.5, "ecog": 0.1,
            "comorbidity": 0.15, "smoking": 0.06}  # fmt: skip
    missing = [field for field, share in gaps.items() if rng.random() < share]
    return ClinicalRecord(**{k: v for k, v in record.items() if k not in missing})


def _biology(twin: PatientTwin, seed: int) -> dict[str, float]:
    """The tumour's true parameters: one draw from the prior, from a stream that no belief uses."""
    belief = prior_belief(twin, n=1, seed=seed + 2**40)
    return {name: float(values[0]) for name, values in belief.samples.items()}
