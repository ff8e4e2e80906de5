"""In-silico heads: a CT with its true structures, metastases of a lung tumour among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simulators.core.chance import Key, Purpose
from twin import ClinicalRecord, PatientTwin, Scan, StructureSet, Volume
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Metastases, Seed


@bounded
def make_head(
    maps: Path, seed: Seed = 0, *, lesions: Path | None = None, metastases: Metastases | None = None
) -> tuple[PatientTwin, dict]:
    """The head of an in-silico patient with NSCLC on day 0, and the truth about it.

    Args:
        maps: a zip or folder with grey and white matter of the MNI 152 template, as the package nilearn has them.
        seed: chance; the same arguments give the same bytes.
        lesions: a zip or folder with masks of white-matter lesions in the space of the MNI; one is drawn. None
            has none.
        metastases: how many; by chance where None.

    Returns:
        The twin with Body, Brain, GrayMatter, WhiteMatter, CSF, and where there are any WMLesions, Edema, Necrosis and
        GTVm1, GTVm2, ... (each with its necrosis), all true; and the truth as plain values for JSON.

    Raises:
        InputError: no maps or masks, or a number outside its range.
    """
    from simulators.insilico.head.maps import lesion_mask, tissue_maps
    from simulators.insilico.head.scene import GRID, Tissue, build

    name = f"insilico-head-{seed}" + ("" if metastases is None else f"-{metastases}")
    key = Key(seed, name, Purpose.ANATOMY)
    whose, mask = (None, None) if lesions is None else lesion_mask(lesions, key.at(ordinal=6).generator())
    scene = build(*tissue_maps(maps), mask, metastases, key)
    drawn = StructureSet(GRID, ()).with_mask("Body", "EXTERNAL", scene.label != Tissue.AIR)
    brain = np.isin(scene.label, range(Tissue.GREY, Tissue.NECROSIS + 1))
    parts = {
        "Brain": brain, "GrayMatter": scene.label == Tissue.GREY, "WhiteMatter": scene.label == Tissue.WHITE,
        "CSF": scene.label == Tissue.FLUID, "WMLesions": scene.label == Tissue.LESION,
        "Edema": scene.label == Tissue.OEDEMA, "Necrosis": scene.label == Tissue.NECROSIS,
    }  # fmt: skip
    for label, there in parts.items():
        if there.any():
            drawn = drawn.with_mask(label, "OAR", there)
    for n, there in enumerate(scene.masks, start=1):
        if there.any():
            drawn = drawn.with_mask(f"GTVm{n}", "GTV", there, colour=(255, 0, 0))
    rng = key.at(ordinal=7).generator()
    clinical = ClinicalRecord(
        age_years=float(np.clip(round(rng.normal(65, 9)), 40, 88)), m_stage="M1c", tnm_edition=8
    )
    twin = PatientTwin(
        id=name, clinical=clinical, scans=(Scan("CT", 0.0, Volume(GRID, scene.hu, "CT", "HU")),), structures=(drawn,),
        day0_weekday=0, in_silico=True,
    )  # fmt: skip
    volumes = {label: float(there.sum()) / 1000 for label, there in parts.items()}
    return twin, {"seed": seed, "id": name, **scene.truth, "lesions": whose, "cm3": volumes}
