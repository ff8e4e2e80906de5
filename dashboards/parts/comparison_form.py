"""The form of a new comparison: its fields held to their bounds, and what it would amount to for a patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dashboards.parts.scenario_form import Asked, Break, numbers_of, scenarios_of
from scenarios.engine.courses import realise, remaining
from scenarios.engine.planned_dose import DOSE_BY_DEFAULT
from scenarios.plans.context import reasons_outside
from scenarios.plans.plan import TreatmentPlan, sentence
from scenarios.plans.scenario import MakeUp, Scenario
from scenarios.records.budget import Size, afford_comparison
from scenarios.records.request import Request
from simulators.core.course import Event
from simulators.names.outcomes import OUTCOMES_BY_DEFAULT
from twin import ClinicalRecord, Fraction, InputError, PatientTwin
from twin.inputs.quantities import Day, GapDays, Horizon, ImageSpacing, Samples, Seed, SomeSamples

Text = Annotated[str, Field(max_length=500)]


class PolicyField(BaseModel):
    """One parameter of a policy, as the browser names it."""

    model_config = ConfigDict(frozen=True)

    policy: Text
    field: Text


class Form(BaseModel):
    """The form's fields; an empty one is as if it were not there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Text
    plans: tuple[Text, ...] = Field((), max_length=20)
    chemo: Literal["none", "concurrent", "sequential"] = "none"
    immuno: bool = False
    policies: tuple[Text, ...] = Field((), max_length=20)
    given: tuple[float | Text | None, ...] = ()
    ids: tuple[PolicyField, ...] = ()
    broken: bool = False
    off_days: GapDays = Field(1, title="days off")
    off_from: Day = Field(0, title="first day off")
    make_up: MakeUp = "prolong"
    during: ImageSpacing | None = Field(None, title="images in treatment, every")
    after: ImageSpacing | None = Field(None, title="images after treatment, every")
    also: Text = ""
    days: Horizon
    samples: Samples
    images: SomeSamples = Field(title="imaged samples")
    seed: Seed
    scanners: tuple[Text, ...] = Field((), max_length=20)
    generator: Text = "auto"
    dose: Text = DOSE_BY_DEFAULT

    @field_validator("*", mode="before")
    @classmethod
    def _not_empty(cls, value: Any, info: Any) -> Any:
        field = cls.model_fields[info.field_name]
        return value if value not in (None, "") or field.is_required() else field.get_default()

    @classmethod
    def read(cls, values: Mapping[str, Any], given: Any, ids: Any) -> Form:
        """The form of what a browser sends.

        Args:
            values: the fields by name.
            given: of the policies' parameters.
            ids: whose they are, {"policy": kind, "field": name}.

        Raises:
            InputError: a field that is empty, or that cannot be.
        """
        if any(values[name] in (None, "") for name in ("days", "samples", "images", "seed")):
            raise InputError("fill in days, samples, imaged samples and seed")
        try:
            return cls.model_validate({**values, "given": given, "ids": ids})
        except ValidationError as error:
            field = cls.model_fields.get(str(error.errors()[0]["loc"][0]))
            name = str(error.errors()[0]["loc"][0])
            raise InputError(sentence(error).replace(name, (field and field.title) or name, 1)) from None

    @property
    def request(self) -> Request:
        """How far, and for how many samples."""
        numbers = (self.days, self.samples, self.images, self.seed)
        return Request(*numbers, self.generator, self.scanners, "standard", OUTCOMES_BY_DEFAULT, self.dose)

    @property
    def scenarios(self) -> list[Scenario]:
        """What is compared.

        Raises:
            InputError: plans or values that cannot be.
        """
        parameters: dict[str, dict[str, Any]] = {kind: {} for kind in self.policies}
        for value, whose in zip(self.given, self.ids, strict=False):
            if whose.policy in parameters and value not in (None, ""):
                parameters[whose.policy][whose.field] = value
        asked = Asked(
            gap=Break(self.off_days, self.off_from, self.make_up) if self.broken else None,
            chemotherapy=self.chemo,
            immunotherapy=self.immuno,
            policies=parameters,
            during_days=self.during,
            after_days=self.after,
            also=numbers_of(self.also, "further days with images"),
        )
        return scenarios_of(self.plans, asked)


_MORE = "+20/8"  # fractions from now on, as the form's help writes them


@dataclass(frozen=True)
class Known:
    """What a preview needs to know of a patient: no voxels.

    Args:
        id, clinical, now_days, day0_weekday: as in `PatientTwin`.
        fractions: what was delivered, without its dose grids.
        gtv_cm3: tumour volume on the baseline CT, cm3.
        drawn_nodes: whether involved nodes were contoured.
        size: of the patient's images.
    """

    id: str
    clinical: ClinicalRecord
    now_days: float
    day0_weekday: int | None
    fractions: tuple[Fraction, ...]
    gtv_cm3: float
    drawn_nodes: bool
    size: Size

    @classmethod
    def of(cls, twin: PatientTwin) -> Known:
        """Of a twin.

        Raises:
            InputError: it has no CT, or no tumour on it.
        """
        return cls(
            twin.id,
            twin.clinical,
            twin.now_days,
            twin.day0_weekday,
            tuple(replace(f, grid=None) for f in twin.fractions),
            twin.gtv_cm3,
            any(s.name.startswith("GTVn") for s in twin.contours),
            Size.of(twin),
        )

    @property
    def light(self) -> PatientTwin:
        """The patient without images."""
        return PatientTwin(
            self.id,
            self.clinical,
            fractions=self.fractions,
            now_days=self.now_days,
            day0_weekday=self.day0_weekday,
        )


@dataclass(frozen=True)
class Foreseen:
    """What a scenario will be for a patient: its label, in words, and why it may lie outside the context of use."""

    label: str
    words: str
    outside: Sequence[str]


def fitting(plans: Sequence[str], patient: Known) -> list[str]:
    """The prescriptions that do not contradict what was delivered, and further fractions where fewer than two are left.

    Args:
        plans: as the form has them.
        patient: for whom.
    """
    left = [plan for plan in plans if _fits(plan, patient.light)]
    return left if len(left) == len(plans) or len(left) > 1 else [*left, _MORE]


def _fits(plan: str, light: PatientTwin) -> bool:
    try:
        remaining(Scenario(plan=TreatmentPlan.parse(plan)), light)
    except InputError:
        return False
    return True


def foreseen(form: Form, patient: Known) -> list[Foreseen]:
    """What the scenarios of a form will be for a patient.

    Args:
        form: what is asked for.
        patient: for whom.

    Raises:
        InputError: a plan that cannot be, or contradicts what was delivered; or the comparison would be too large.
    """
    found, images, scenarios = [], [], form.scenarios
    given_gy = sum(f.dose_gy for f in patient.fractions)
    for scenario in scenarios:
        course = realise(scenario, patient.light, form.days)
        fractions = course.of(Event.FRACTION)
        images.append(len(course.of(Event.IMAGING)))
        treated = (
            f"{len(fractions)} fractions, {course.dose_gy[fractions].sum():g} Gy, the last on day "
            f"{course.end_days:.0f}"
            if len(fractions)
            else "no treatment"
        )
        outside = reasons_outside(
            scenario.plan, patient.clinical, patient.gtv_cm3, form.days,
            drawn_nodes=patient.drawn_nodes, given_gy=given_gy if scenario.plan.more else 0.0,
        )  # fmt: skip
        found.append(Foreseen(scenario.label, f"{treated}; {images[-1]} follow-up images", outside))
    afford_comparison(patient.size, scenarios, form.request, images)
    return found
