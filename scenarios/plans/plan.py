"""Treatment plans: what is prescribed, when it is given, and when images are taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scenarios.plans.presets import find_preset, known_preset
from twin import InputError
from twin.inputs.bounds import shortened
from twin.inputs.mapping import read_mapping
from twin.inputs.quantities import MOST_FRACTIONS, Fractions, Gray, ImageDay, ImageSpacing

_SHORT = re.compile(
    r"(?P<more>\+)?(?P<total>\d{1,3}(\.\d{1,3})?)/(?P<n>\d{1,3})( (?P<rate>bid|tid))?( every (?P<every>[2-7]) days)?"
)
_PER_DAY = {None: 1, "bid": 2, "tid": 3}
_RATE = {1: "", 2: " bid", 3: " tid"}
_SPACING = {"day": 1.0, "week": 7.0}  # days
NO_TRANSLATION = "none"
TRANSLATION = "cbct-ct"  # by the weights that its task prefers
_FORMS = (
    "60/30, 54/36 tid, 69.6/58 bid, 54/3 every 2 days, CHART, CHARTWEL, PACIFIC, sequential, isotoxic, "
    "+20/8 (eight more from now), none, or a YAML file"
)


class Frozen(BaseModel):
    """What is read from a user or a file: unknown fields and numbers that are not finite are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Phase(Frozen):
    """Fractions of one size, given at one rate.

    Args:
        total_gy: dose of the phase, Gy.
        fractions: number of fractions.
        per_day: fractions a treatment day, one to three.
        every_days: least number of days from one treatment day to the next; 2 gives alternate days.
        gap_hours: least time between two fractions of one day; six hours in CHART (Saunders 1999).
    """

    total_gy: Gray
    fractions: Fractions
    per_day: Literal[1, 2, 3] = 1
    every_days: int = Field(1, ge=1, le=7)
    gap_hours: float = Field(6.0, ge=4, le=12)

    @model_validator(mode="after")
    def _size(self) -> Phase:
        if (self.per_day - 1) * self.gap_hours > 14:  # from 09:00 to 23:00
            raise ValueError(f"{self.per_day} fractions {self.gap_hours:g} h apart do not fit into a day")
        if self.fraction_gy > 34:  # the largest single fraction tried in lung: RTOG 0915, 34 Gy
            raise ValueError(f"{self.fraction_gy:g} Gy in one fraction is above 34 Gy")
        return self

    @property
    def fraction_gy(self) -> float:
        """Dose of one fraction, Gy."""
        return self.total_gy / self.fractions


class Imaging(Frozen):
    """When follow-up images are taken, every so many days from day 0, and of what kind those are that policies look at.

    In YAML `every: day` or `every: week` says `during_days` in words.

    Args:
        modality: of what is acquired during treatment: a CT, or a cone-beam CT in the quality fast.
        synthetic_ct: what makes a CT of a cone-beam CT: a task (with its preferred weights), TASK/WEIGHTS, or "none",
            which takes its HU as they are.
        during_days: spacing while treatment lasts, days; None for none on a schedule.
        after_days: spacing afterwards, days; None for none on a schedule.
        also: further days.
        spread_days: an image of the schedule comes up to so many whole days early or late, as in practice; by how
            many is the patient's own chance, the same under every plan.
    """

    modality: Literal["ct", "cbct"] = "ct"
    synthetic_ct: str = Field(TRANSLATION, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/@-]{0,99}$")
    during_days: ImageSpacing | None = 7.0
    after_days: ImageSpacing | None = 30.0
    also: tuple[ImageDay, ...] = Field((), max_length=1000)
    spread_days: int = Field(0, ge=0, le=60)

    @model_validator(mode="before")
    @classmethod
    def _in_words(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "every" not in data:
            return data
        told = dict(data)
        word = told.pop("every")
        if not isinstance(word, str) or word not in _SPACING:
            raise ValueError(
                f"every is {' or '.join(_SPACING)}, not {shortened(word)}; days are told by during_days"
            )
        if "during_days" in told:
            raise ValueError("every and during_days say the same; give one of them")
        return {**told, "during_days": _SPACING[word]}

    @model_validator(mode="after")
    def _orderly(self) -> Imaging:
        for spacing in (self.during_days, self.after_days):
            if spacing is not None and 2 * self.spread_days >= spacing and self.spread_days:
                raise ValueError(f"images {spacing:g} days apart cannot be {self.spread_days} days off")
        return self


class Chemotherapy(Frozen):
    """Chemotherapy by cycle: with radiotherapy, or before it.

    Concurrent cycles begin with radiotherapy. Sequential ones begin on day 0, and radiotherapy after them; they shrink
    the tumour and lower distant failure, and leave its control as it is (`simulators.tumour.systemic`).

    Args:
        cycles: how many; concurrent ones share the log-kill of a whole concurrent course (Auperin 2010;
            docs/model.md).
        every_days: from one cycle to the next.
        timing: "concurrent" or "sequential".
        wait_days: from the last sequential cycle to the first day of radiotherapy.
    """

    cycles: int = Field(2, ge=1, le=12)
    every_days: int = Field(21, ge=1, le=42)
    timing: Literal["concurrent", "sequential"] = "concurrent"
    wait_days: int = Field(21, ge=1, le=84)

    @property
    def lead_days(self) -> int:
        """Days from the first cycle to the first day of radiotherapy."""
        return (self.cycles - 1) * self.every_days + self.wait_days if self.timing == "sequential" else 0


class Immunotherapy(Frozen):
    """Consolidation after radiotherapy, for those who have not failed by then: durvalumab as in PACIFIC.

    Args:
        wait_days: from the last fraction to the first infusion; 1 to 42 days in PACIFIC.
        every_days: from one infusion to the next.
        months: how long it is given.
        hazard_ratio: of local and distant failure from the first infusion on; that of progression or death in
            PACIFIC after five years, 0.45 to 0.68 (Spigel 2022, J Clin Oncol 40:1301).
    """

    wait_days: int = Field(28, ge=1, le=180)
    every_days: int = Field(14, ge=7, le=42)
    months: float = Field(12.0, gt=0, le=36)
    hazard_ratio: float = Field(0.55, gt=0, le=1)


class TreatmentPlan(Frozen):
    """A course of radiotherapy and its images.

    Args:
        phases: given one after the other; none means no treatment.
        more: the fractions come on top of what was delivered, from now on.
        weekends: whether Saturdays and Sundays are treatment days.
        chemotherapy: drugs with radiotherapy or before it, or None.
        immunotherapy: consolidation after it, or None.
        imaging: the imaging schedule.
        name: shown instead of the short form.

    Example:
        >>> plan = TreatmentPlan.parse("60/30")
        >>> plan.total_gy, plan.fractions, plan.slug
        (60.0, 30, '60-30')
        >>> TreatmentPlan.parse("54/36 tid").phases[0].per_day
        3
    """

    phases: tuple[Phase, ...] = Field((), max_length=20)
    more: bool = False
    weekends: bool = False
    chemotherapy: Chemotherapy | None = None
    immunotherapy: Immunotherapy | None = None
    imaging: Imaging = Imaging()
    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+/-]{0,39}$")

    @classmethod
    def parse(cls, text: str) -> TreatmentPlan:
        """A plan from its short form, or from a YAML file's path.

        Raises:
            InputError: the text is neither; the sentence names the accepted forms.
        """
        text = text.strip()
        if text == "none":
            return cls()
        if text.endswith((".yaml", ".yml")):
            return cls.from_yaml(Path(text))
        match = _SHORT.fullmatch(text)
        named = None if match else find_preset(text)
        if named is not None:
            if named.policy is not None:
                raise InputError(f"{text} is a plan with a policy: read it with Scenario.parse")
            return cls.model_validate(named.plan)
        if match is None or float(match["total"]) == 0 or int(match["n"]) == 0:
            raise InputError(f"the plan {shortened(text)} is not understood; write it like {_FORMS}")
        try:
            phase = Phase(
                total_gy=float(match["total"]),
                fractions=int(match["n"]),
                per_day=_PER_DAY[match["rate"]],
                every_days=int(match["every"] or 1),
            )
        except ValidationError as error:
            raise InputError(f"the plan {text!r} cannot be: {sentence(error)}") from None
        return cls(phases=(phase,), more=bool(match["more"]))

    @classmethod
    def from_yaml(cls, path: Path) -> TreatmentPlan:
        """A plan from a YAML file.

        Raises:
            InputError: no such file, not YAML, or not a plan.
        """
        try:
            return cls.model_validate(read_mapping(path))
        except ValidationError as error:
            raise InputError(f"the plan {path} cannot be: {sentence(error)}") from None

    def to_yaml(self) -> str:
        """The plan as YAML; `from_yaml` gives the same plan back."""
        import yaml

        return yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False)

    @property
    def total_gy(self) -> float:
        """Prescribed dose, Gy."""
        return sum(p.total_gy for p in self.phases)

    @property
    def fractions(self) -> int:
        """Number of fractions."""
        return sum(p.fractions for p in self.phases)

    @property
    def largest_fraction_gy(self) -> float:
        """Dose of the largest fraction, Gy."""
        return max((p.fraction_gy for p in self.phases), default=0.0)

    @property
    def label(self) -> str:
        """The name, or the short form."""
        if self.name:
            return self.name
        if not self.phases:
            return "none"
        parts = [
            f"{p.total_gy:g}/{p.fractions}{_RATE[p.per_day]}"
            + (f" every {p.every_days} days" if p.every_days > 1 else "")
            for p in self.phases
        ]
        drugs = ""
        if self.chemotherapy:
            drugs = (
                " with chemotherapy" if self.chemotherapy.timing == "concurrent" else " after chemotherapy"
            )
        if self.immunotherapy:
            drugs += " then immunotherapy"
        return ("+" if self.more else "") + " then ".join(parts) + drugs

    @model_validator(mode="after")
    def _possible(self) -> TreatmentPlan:
        if self.fractions > MOST_FRACTIONS or self.total_gy > 200:
            raise ValueError(
                f"{self.total_gy:g} Gy in {self.fractions} fractions is more than the 200 Gy and {MOST_FRACTIONS} "
                "fractions that a plan may have"
            )
        if (self.chemotherapy or self.immunotherapy) and not self.phases:
            raise ValueError("drugs are given with radiotherapy, and the plan has none")
        return self

    @property
    def slug(self) -> str:
        """The label in characters that every file system takes."""
        return slug_of(self.label)


def preset(name: str) -> TreatmentPlan:
    """The plan of a name.

    Args:
        name: as in `scenarios.plans.presets.PRESETS`; case does not matter.

    Raises:
        InputError: no such preset; the sentence lists them.

    Example:
        >>> preset("CHART").weekends, preset("54/3").label
        (True, '54/3 every 2 days')
    """
    return TreatmentPlan.model_validate(known_preset(name).plan)


def slug_of(label: str) -> str:
    """A label in characters that every file system takes.

    Example:
        >>> slug_of("+20/8, 7 days off")
        'plus-20-8-7-days-off'
    """
    return re.sub(r"[^A-Za-z0-9.]+", "-", label.replace("+", "plus ")).strip("-.")


def sentence(error: ValidationError) -> str:
    """The first thing that a validation found wrong, in words; of fields that there are not, all."""
    found = [(".".join(map(str, e["loc"])), e) for e in error.errors()]
    where, first = found[0]
    if first["type"] == "extra_forbidden":
        unknown = (place for place, e in found if e["type"] == "extra_forbidden")
        return f"there is no field {', '.join(unknown)}"
    return (
        f"{where}: {first['msg']}".removeprefix(": ")
        .replace("Value error, ", "")
        .replace("Input should", "it should")
    )
