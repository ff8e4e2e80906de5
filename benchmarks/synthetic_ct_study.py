"""A study of policies with weekly synthetic CTs, for `benchmarks/synthetic_ct.py`."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import numpy as np
from synthetic_ct_cases import PLAN, patient, write

from scenarios import Scenario
from scenarios.comparison.clock import Clock
from scenarios.comparison.forecast import forecast
from scenarios.engine.arm import Arm
from scenarios.engine.course_dose import fractions_of
from scenarios.records.request import Request
from simulators.core.course import Event
from simulators.core.outcome import Treated
from simulators.dose.accumulation import delivered_at
from simulators.dose.organ_points import OrganPoints
from simulators.names.kinetics import kinetics_named
from simulators.names.outcomes import outcome_model_named
from twin import InputError, PatientTwin

FIRST_STUDY_SEED = 8000  # no patient that anything learned from
STUDY_DAYS = 60
ARMS = "none", "volume trigger", "dose of the day"


def study(folder: Path, translation: str, patients: int, most: int) -> None:
    """The patients that are missing."""
    for number in range(patients):
        if most > 0 and not (folder / f"study-{number:03d}.json").exists():
            most -= 1
            study_of(folder, translation, number)


def study_of(folder: Path, translation: str, number: int) -> None:
    """A patient under each policy."""
    imaging = {"modality": "cbct", "every": "week", "synthetic_ct": translation}
    scenarios = [Scenario(plan=PLAN, policy=p, name=p, imaging=imaging) for p in ARMS]
    try:
        rows = study_rows(patient(FIRST_STUDY_SEED, number), scenarios)
    except InputError as error:
        rows = [{"fault": str(error)}]
    write(folder / f"study-{number:03d}.json", json.dumps(rows).encode())
    print(number, f"{process_time():.0f} s", rows[-1], flush=True)


def study_rows(twin: PatientTwin, scenarios: list[Scenario]) -> list[dict]:
    request = Request(STUDY_DAYS, 1, 0, 0, "mechanistic", (), "standard", "calibrated", "fluence")
    made = forecast(
        twin, scenarios, request, kinetics_named("standard"), "fluence plan", None, Clock(lambda s, p: None)
    )
    outcomes, rows = outcome_model_named("calibrated"), []
    for scenario, arm, delivery, structures, survivors in zip(
        scenarios, made.arms, made.deliveries, made.structures, made.survivors, strict=True
    ):
        first = arm.doses[PLAN.label].volume
        found = {"patient": twin.id, "gtv_cm3": twin.gtv_cm3, "arm": scenario.name}
        found["target_d95_gy"] = coverage(arm, made.twin, structures)
        for key, organ in (("mean_lung_gy", "Lungs-GTV"), ("mean_heart_gy", "Heart")):
            points = OrganPoints.even(twin.contours, organ, first).lps_mm
            found[key] = float(delivery.at(points, 1, organ=organ)[0].mean())
        ordered = [row for row in arm.decisions if row["decision"] == "replan" and row["approved"]]
        course = arm.course(0)
        imaged = course.time_days[course.of(Event.IMAGING)]
        found |= {"replans": len(ordered), "images": int((imaged < course.end_days).sum())}
        found["fractions"] = len(course.of(Event.FRACTION))
        treated = Treated(
            made.twin, made.belief.samples, [course], survivors, 0, arm.relative, arm.bin_fraction
        )
        found["control"] = float(outcomes.control(treated).mean())
        rows.append(found | {"reasons": [row["reason"] for row in ordered]})
    return rows


def coverage(arm: Arm, twin: PatientTwin, structures) -> float:
    """D95 of the CTV's tissue as it was delivered, with set-up errors and the tumour's shifts, Gy."""
    mask = structures["CTV"].mask
    found = np.argwhere(mask.array > 0)
    points = mask.geometry.lps(found[:: max(1, len(found) // 5000)])
    given = fractions_of(arm.course(0))
    still = np.zeros((1, len(given), 3))
    return float(np.percentile(delivered_at(arm.tumour_doses or arm.doses, given, points, still)[0], 5.0))
