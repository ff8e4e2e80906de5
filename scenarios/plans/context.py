"""Where the engine may be believed: plans outside this context of use run, and are marked everywhere."""

from __future__ import annotations

from scenarios.plans.plan import TreatmentPlan
from simulators.dose.approximate import SBRT_GY
from twin import ClinicalRecord, PatientTwin

_CONVENTIONAL_GY = (1.1, 4.0)  # dose a fraction of the trials that the control model was set by
_SBRT_LARGEST_CM3 = 65.4  # a sphere of 5 cm, the largest lesion in RTOG 0236
_LARGEST_CM3 = 500.0
_LEAST_TOTAL_GY, _LEAST_SBRT_GY = 45.0, 40.0
_LONGEST_DAYS = 5 * 365.25


def outside_context(plan: TreatmentPlan, twin: PatientTwin, days: float) -> list[str]:
    """Why a plan for this patient lies outside the engine's context of use; empty where it lies inside.

    The context is curative radiotherapy of non-small-cell lung cancer: conventional or moderately hypofractionated
    courses, and SBRT for node-negative tumours up to 5 cm (RTOG 0236), followed for up to five years.
    """
    drawn = any(s.name.startswith("GTVn") for s in twin.contours)
    given_gy = sum(f.dose_gy for f in twin.fractions) if plan.more else 0.0
    return reasons_outside(plan, twin.clinical, twin.gtv_cm3, days, drawn_nodes=drawn, given_gy=given_gy)


def reasons_outside(
    plan: TreatmentPlan,
    clinical: ClinicalRecord,
    gtv_cm3: float,
    days: float,
    *,
    drawn_nodes: bool = False,
    given_gy: float = 0.0,
) -> list[str]:
    """`outside_context` of a patient known by numbers only.

    Args:
        plan: the plan.
        clinical: whose N and M categories count.
        gtv_cm3: tumour volume at day 0, cm3.
        days: how far to look, days from day 0.
        drawn_nodes: whether involved nodes were contoured.
        given_gy: dose given before the plan's fractions, Gy.
    """
    reasons = []
    size = plan.largest_fraction_gy
    nodes = clinical.n_stage not in (None, "N0", "NX") or drawn_nodes
    if size >= SBRT_GY:
        if gtv_cm3 > _SBRT_LARGEST_CM3:
            reasons.append(
                f"{size:g} Gy a fraction for a tumour of {gtv_cm3:.1f} cm3; SBRT is modelled "
                f"up to {_SBRT_LARGEST_CM3:g}"
            )
        if nodes:
            reasons.append(
                f"{size:g} Gy a fraction with involved nodes; SBRT is modelled for node-negative disease"
            )
        if plan.total_gy < _LEAST_SBRT_GY:
            reasons.append(
                f"{plan.total_gy:g} Gy of SBRT is less than the {_LEAST_SBRT_GY:g} Gy that is modelled"
            )
    elif plan.phases:
        sizes = [p.fraction_gy for p in plan.phases]
        if min(sizes) < _CONVENTIONAL_GY[0] or max(sizes) > _CONVENTIONAL_GY[1]:
            reasons.append(
                f"fractions of {min(sizes):g} to {max(sizes):g} Gy; modelled are {_CONVENTIONAL_GY[0]:g} to "
                f"{_CONVENTIONAL_GY[1]:g} Gy, and SBRT from {SBRT_GY:g} Gy"
            )
        if plan.total_gy + given_gy < _LEAST_TOTAL_GY:
            reasons.append(
                f"{plan.total_gy + given_gy:g} Gy in all is less than the {_LEAST_TOTAL_GY:g} Gy that is modelled"
            )
    if gtv_cm3 > _LARGEST_CM3:
        reasons.append(
            f"a tumour of {gtv_cm3:.0f} cm3 is larger than the {_LARGEST_CM3:g} cm3 that is modelled"
        )
    if clinical.m_stage not in (None, "M0"):
        reasons.append(f"{clinical.m_stage}: metastatic disease is not modelled")
    if days > _LONGEST_DAYS:
        reasons.append(f"{days:g} days is longer than the five years that are modelled")
    return reasons
