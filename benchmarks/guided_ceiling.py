"""What the best possible guided image would reach: how much of a follow-up nobody can foresee.

Told plan, date and the true tumour volume, the same in-silico patient could have answered otherwise: other places of
the tumour clear first, injury comes in other patches or not at all. The voxel-wise median of many such answers has the
least mean absolute error that is possible, even for who sees the baseline without noise.

    python benchmarks/guided_ceiling.py [PATIENTS] [ANSWERS]
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from scipy.ndimage import distance_transform_edt

from scenarios.datasets.baseline import in_silico
from scenarios.datasets.patient import Patient
from scenarios.engine.course_dose import accumulated
from simulators.belief.prior import prior_belief
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.insilico.response import mean_gy
from simulators.insilico.traits import Traits
from simulators.tasks.crop import MARGIN_MM
from simulators.treatment.mechanistic import MAX_GROWTH, MechanisticTreatment

SEED = 900_000
NAMES = (
    "copy",
    "mechanistic",
    "one other answer",
    "best possible, keeping the scan's noise",
    "best possible, without noise",
)


def main() -> None:
    patients, answers = (int(v) for v in (sys.argv[1:] + ["12", "24"][len(sys.argv) - 1 :]))
    errors = np.concatenate(
        [
            errors_of(Patient(f"{seed:06d}", in_silico(seed, f"{seed:06d}"), seed), answers)
            for seed in range(SEED, SEED + patients)
        ]
    )
    print(
        f"{patients} in-silico patients from seed {SEED}, {len(errors)} follow-ups, {answers} answers of each"
    )
    for name, error in zip(NAMES, errors.mean(axis=0), strict=True):
        gain = 100 * (1 - error / errors[:, 0].mean())
        print(f"{name:45s} MAE within 3 cm {error:5.1f} HU, gain over copying {gain:5.1f} %")


def errors_of(patient: Patient, answers: int) -> np.ndarray:
    """(follow-ups, 5) mean absolute error near the tumour, HU, in the order of `NAMES`."""
    b = patient.baseline
    acquired, drawn = patient.acquired
    far = distance_transform_edt(~drawn.gtv(), sampling=drawn.geometry.spacing_mm)
    drawn_cm3 = float(drawn.gtv().sum()) * drawn.geometry.voxel_cm3
    near = (np.asarray(far) <= MARGIN_MM) & b.structures.mask("Body")
    scan = acquired.volume.array.astype(np.float32)
    noise = (scan - patient.response.at(b.gtv_cm3, 0.0).hu)[near]
    erosion = prior_belief(patient._light, answers, SEED).samples["erosion_fraction"]
    others = [
        replace(
            patient.response,
            traits=Traits.draw(
                SEED + k, f"other {k}", gtv_cm3=b.gtv_cm3, central=b.central,
                squamous=b.whole.clinical.histology == "squamous",
            ),
            erosion=float(erosion[k]),
            key=Key(SEED + k, f"other {k}", Purpose.TRUTH, ordinal=2),
        )
        for k in range(answers)
    ]  # fmt: skip
    found = []
    rng = np.random.default_rng(patient.seed)
    for scenario in patient.plans[:2]:
        arm = patient.arm(scenario)
        day = float(rng.choice(patient.days))
        gtv_cm3 = float(arm.volumes(patient.params, [day])[0, 0])
        if gtv_cm3 > MAX_GROWTH * b.gtv_cm3:
            continue
        truth = patient.true_image(arm, day, gtv_cm3).hu[near]
        dose, eqd2, given = accumulated(
            arm.course, arm.doses, int(np.searchsorted(arm.course.time_days, day))
        )
        since = day - arm.course.end_days
        gtv_gy = mean_gy(eqd2, b.structures)
        guesses = np.stack(
            [o.at(gtv_cm3, day, since_rt_end_days=since, eqd2=eqd2, gtv_gy=gtv_gy).hu[near] for o in others]
        )
        median = np.median(guesses, axis=0)
        request = TreatmentRequest(
            acquired, drawn, dose, eqd2, given, day, since, b.whole.clinical,
            TumourView(gtv_cm3, drawn_cm3, 0.5), Key(0, patient.name, Purpose.IMAGE),
        )  # fmt: skip
        followup = MechanisticTreatment().generate([request])[0]
        mechanistic = scan.copy()
        mechanistic[acquired.volume.geometry.box_of(followup.scan.geometry)] = followup.scan.array
        every = (scan[near], mechanistic[near], guesses[0], median + noise, median)
        found.append([float(np.abs(g - truth).mean()) for g in every])
    return np.array(found).reshape(-1, len(NAMES))


if __name__ == "__main__":
    main()
