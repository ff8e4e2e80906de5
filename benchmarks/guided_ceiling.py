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

from scenarios.longitudinal_baseline import in_silico
from scenarios.longitudinal_patient import Patient
from scenarios.render import accumulated
from simulators.chance import Key, Purpose
from simulators.conditions import MARGIN_MM
from simulators.mechanistic import MAX_GROWTH
from simulators.prior import prior_belief
from simulators.response import mean_gy
from simulators.response_traits import Traits

SEED = 900_000


def main() -> None:
    patients, answers = (int(v) for v in (sys.argv[1:] + ["12", "24"][len(sys.argv) - 1 :]))
    copied, single, best, cases = 0.0, 0.0, 0.0, 0
    for seed in range(SEED, SEED + patients):
        errors = errors_of(Patient(f"{seed:06d}", in_silico(seed, f"{seed:06d}"), seed), answers)
        for error in errors:
            copied, single, best = copied + error[0], single + error[1], best + error[2]
            cases += 1
    print(f"{patients} in-silico patients from seed {SEED}, {cases} follow-ups, {answers} answers of each")
    print(
        f"MAE within 3 cm, HU: copy {copied / cases:.1f}, one answer {single / cases:.1f}, median {best / cases:.1f}"
    )
    print(f"best possible gain over copying: {100 * (1 - best / copied):.1f} %")


def errors_of(patient: Patient, answers: int) -> list[tuple[float, float, float]]:
    """Mean absolute error near the tumour of the copy, of one other answer and of their median, a follow-up each."""
    b = patient.baseline
    acquired, drawn = patient.acquired
    far = distance_transform_edt(~drawn.gtv(), sampling=drawn.geometry.spacing_mm)
    near = (np.asarray(far) <= MARGIN_MM) & b.structures.mask("Body")
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
        _, eqd2, _ = accumulated(arm.course, arm.doses, int(np.searchsorted(arm.course.time_days, day)))
        told = {
            "since_rt_end_days": day - arm.course.end_days,
            "eqd2": eqd2,
            "gtv_gy": mean_gy(eqd2, b.structures),
        }
        guesses = np.stack([other.at(gtv_cm3, day, **told).hu[near] for other in others])
        median = np.median(guesses, axis=0)
        copy = acquired.volume.array[near].astype(np.float32)
        found.append(tuple(float(np.abs(g - truth).mean()) for g in (copy, guesses[0], median)))
    return found


if __name__ == "__main__":
    main()
