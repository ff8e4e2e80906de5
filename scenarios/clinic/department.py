"""A radiotherapy department: its machines and staff, and who is referred to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator, model_validator

from scenarios.plans.calendar import fraction_times
from scenarios.plans.plan import Frozen, preset, sentence
from scenarios.plans.presets import find_preset
from scenarios.plans.scenario import Scenario, scenario_preset
from twin import InputError
from twin.inputs.mapping import read_mapping
from twin.inputs.quantities import Day, Few, Hour, Share, TumourCm3, VisitMinutes, Weekday, WorkHours


class Clinic(Frozen):
    """The department.

    Times of work are means; each is log-normal with the spread given. Their source, unless said otherwise, is the
    timing study of intensity-modulated radiotherapy in three English centres (Clin Oncol 2010;22:658, 63 head and
    neck patients).

    Args:
        linacs, ct, oncologists, planners, physicists: how many.
        opens_h, closes_h: opening hours of the linacs.
        office_opens_h, office_closes_h: those of everything else.
        closed: days on which nobody works, besides weekends.
        first_fraction_min, fraction_min: gate to gate, 28 min and 20 min.
        sbrt_fraction_min: 40 min [assumed].
        fraction_spread: SD(ln) of these [assumed].
        scan_min: room occupancy of a planning CT, 23 min (DEGRO-QUIRO, Strahlenther Onkol 2011;187:449).
        contour_h, plan_h, qa_h: 108 min to outline, 7.9 h to produce and check a plan, 1.9 h for its quality
            assurance.
        task_spread: SD(ln) of these [assumed].
        downtime: share of opening hours in which a linac is down, 2.8 % (29 Czech linacs in 2016-17, 0.2 to 7.6 %).
        repair_h: mean length of a breakdown [assumed].
        overtime_h: a visit that would end so much later than closing is put off [assumed].
        matched_linacs: while a linac is down its patients may be treated on another one.
        replan_due_days: working days after which a replan is late; 1 to 5 are usual, no source was found.
    """

    linacs: Few = 4
    ct: Few = 1
    oncologists: Few = 2
    planners: Few = 6
    physicists: Few = 2
    opens_h: Hour = 8.0
    closes_h: Hour = 18.0
    office_opens_h: Hour = 8.5
    office_closes_h: Hour = 16.5
    closed: Annotated[tuple[Day, ...], Field(max_length=4000)] = ()
    day0_weekday: Weekday = 0
    first_fraction_min: VisitMinutes = 28.0
    fraction_min: VisitMinutes = 20.0
    sbrt_fraction_min: VisitMinutes = 40.0
    fraction_spread: Share = 0.2
    scan_min: VisitMinutes = 23.0
    contour_h: WorkHours = 1.8
    plan_h: WorkHours = 7.9
    qa_h: WorkHours = 1.9
    task_spread: Share = 0.3
    downtime: Annotated[float, Field(ge=0, le=0.5)] = 0.028
    repair_h: WorkHours = 2.0
    overtime_h: Annotated[float, Field(ge=0, le=6)] = 1.5
    matched_linacs: bool = True
    replan_due_days: Annotated[float, Field(gt=0, le=60)] = 3.0

    @model_validator(mode="after")
    def _hours(self) -> Clinic:
        longest_h = max(self.first_fraction_min, self.sbrt_fraction_min) / 60 + 1 / 6
        if self.closes_h - self.opens_h < longest_h:
            raise ValueError(f"a linac day of {self.closes_h - self.opens_h:g} h holds no visit")
        if self.office_closes_h - self.office_opens_h < 0.5:
            raise ValueError(
                f"an office day of {self.office_closes_h - self.office_opens_h:g} h is too short"
            )
        return self

    def works(self, day: int) -> bool:
        """Whether the department is open on a day."""
        return (day + self.day0_weekday) % 7 < 5 and day not in self.closed


class Case(Frozen):
    """A kind of patient.

    Args:
        scenario: the course that he is meant to have; a preset's name will do.
        weight: how common, against the others.
        gtv_cm3: median tumour volume; 80 and 9 cm3 as in the control model's calibration.
        gtv_spread: SD(ln) of the volume [assumed].
        priority: in every queue, the lower the sooner; replans have 0.
    """

    scenario: Scenario
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    gtv_cm3: TumourCm3 = 80.0
    gtv_spread: Annotated[float, Field(ge=0, le=2)] = 0.8
    priority: Annotated[int, Field(ge=1, le=9)] = 2

    @field_validator("scenario", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, str):
            return scenario_preset(value) if find_preset(value) else Scenario.parse(value)
        return value


def _mix() -> tuple[Case, ...]:
    """Curative lung radiotherapy [assumed shares]; those who are treated more than daily go first."""
    shares = {"60/30": 30, "55/20": 25, "66/33": 12, "60/15": 5, "69.6/58 bid": 2, "CHART": 1, "CHARTWEL": 1}
    sbrt = {"54/3": 10, "50/5": 8, "48/4": 6}
    return tuple(
        Case(scenario=Scenario(plan=preset(name)), weight=share, priority=1 if share < 5 else 2)
        for name, share in shares.items()
    ) + tuple(
        Case(scenario=Scenario(plan=preset(name)), weight=share, gtv_cm3=9.0) for name, share in sbrt.items()
    )


class Referrals(Frozen):
    """Who comes, and how it goes with them.

    Args:
        per_year: mean number of patients in a year of 261 working days; a Poisson process in office hours.
        cases: the kinds of patient.
        nonadherent: share of patients who miss fractions repeatedly; with the rates below 22 % of patients with 30
            fractions miss two or more (Ohri 2016, IJROBP 95:563, 1,227 patients).
        absence: chance that one of these misses a fraction; 5 of 30, so that the course is a week longer as reported.
        absence_others: that of the others [assumed].
        stops: share of patients who never start or do not finish, 4 % of 3,250 patients.
        red, orange: worst anatomical change by traffic light, 12 and 36 % of patients (Kwint 2014, Radiother Oncol
            113:392); red is acted on before treatment, orange before the next fraction.
        orange_replanned: share of orange changes that need a new plan [assumed].
    """

    per_year: Annotated[float, Field(gt=0, le=100_000)] = 1000.0
    cases: tuple[Case, ...] = Field(default_factory=_mix, min_length=1, max_length=100)
    nonadherent: Share = 0.21
    absence: Share = 5 / 30
    absence_others: Share = 0.005
    stops: Share = 0.04
    red: Share = 0.12
    orange: Share = 0.36
    orange_replanned: Share = 0.25

    @model_validator(mode="after")
    def _possible(self) -> Referrals:
        if self.red + self.orange > 1:
            raise ValueError("more than all patients have a red or orange change")
        for case in self.cases:
            plan = case.scenario.plan
            if not plan.phases or plan.more:
                raise ValueError(f"a clinic needs whole courses of fractions, not {plan.label}")
            if plan.chemotherapy and plan.chemotherapy.timing == "sequential":
                raise ValueError(
                    f"{plan.label}: referral to this clinic is after the sequential drugs; leave them out"
                )
            if any(phase.gap_hours != 6 for phase in plan.phases):
                raise ValueError(f"{plan.label}: fractions of one day are six hours apart in a clinic")
            if next(fraction_times(case.scenario, 0), None) is None:
                raise ValueError(f"{case.scenario.label} gives no fraction at all")
        return self


def clinic_from_yaml(path: Path) -> tuple[Clinic, Referrals]:
    """A department and its referrals from a YAML file with the mappings `clinic` and `referrals`.

    Raises:
        InputError: no such file, not YAML, or not a clinic.
    """
    data = read_mapping(path)
    unknown = set(data) - {"clinic", "referrals"}
    if unknown:
        raise InputError(f"{path} holds {min(unknown)!r}; a clinic's file has clinic and referrals")
    try:
        return Clinic.model_validate(data.get("clinic") or {}), Referrals.model_validate(
            data.get("referrals") or {}
        )
    except ValidationError as error:
        raise InputError(f"the clinic {path} cannot be: {sentence(error)}") from None
