"""The first step of a comparison: what each plan becomes, and how the tumour answers in every sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from scenarios.comparison.clock import Clock
from scenarios.engine.adaptive import Approve, realise_adaptive
from scenarios.engine.arm import Arm
from scenarios.engine.courses import realise
from scenarios.engine.day_images import DayImages
from scenarios.engine.delivery import Delivery, Shrinking
from scenarios.engine.fluence import FluencePlans, Targets
from scenarios.engine.planned_dose import Computed, planned_doses
from scenarios.engine.replan import PlanLibrary
from scenarios.plans.scenario import Scenario
from scenarios.records.request import Request
from simulators.belief.prior import prior_belief, prior_of
from simulators.core.chance import Key, Purpose
from simulators.core.kinetics import TumourModel
from simulators.planner.template import Template
from simulators.tumour.dose_volume import trajectory
from twin import Belief, DoseGrid, InputError, PatientTwin, StructureSet


@dataclass(frozen=True, eq=False)
class Forecast:
    """A patient under several plans, with common random numbers.

    Args:
        twin: the patient.
        seed: root of all chance.
        tumour: how the tumour grows and answers.
        scenarios: what was asked for.
        structures: of each plan, with its targets.
        arms: what each scenario became.
        belief: the samples, all of equal weight.
        daily: (days,) days from day 0.
        gtv_cm3: (plan, sample, day) tumour volume, cm3, of the grain in dose bins.
        survivors: (plan, sample) clonogens that survive the course; nan where there was none.
        dose_notes: what is to be said of the plans' doses.
        before: the belief before the observations and its volumes for the same courses; None where nothing was learned.
    """

    twin: PatientTwin
    seed: int
    tumour: TumourModel
    scenarios: Sequence[Scenario]
    structures: Sequence[StructureSet]
    arms: Sequence[Arm]
    belief: Belief
    daily: np.ndarray
    gtv_cm3: np.ndarray
    survivors: np.ndarray
    dose_notes: tuple[str, ...]
    before: tuple[Belief, np.ndarray] | None

    @cached_property
    def deliveries(self) -> list[Delivery]:
        """How each arm reaches the patient, whose tissue follows the shrinking tumour."""
        from simulators.anatomy.tissue_motion import TissueMotion  # loads numba

        try:
            motion = TissueMotion.of(self.twin)
        except InputError:  # no lung is drawn: nothing is known of how it gives
            return [Delivery(self.twin, arm, self.seed) for arm in self.arms]
        return [
            Delivery(self.twin, arm, self.seed, shrinking=Shrinking.of(motion, self.belief, volumes))
            for arm, volumes in zip(self.arms, self.gtv_cm3, strict=True)
        ]


def forecast(
    twin: PatientTwin,
    scenarios: Sequence[Scenario],
    request: Request,
    tumour: TumourModel,
    method: Computed,
    approve: Approve | None,
    clock: Clock,
    templates: Mapping[str, Template] | None = None,
) -> Forecast:
    """What each scenario becomes for a patient, and what his tumour does.

    Args:
        twin: the patient.
        scenarios: the plans.
        request: how far, and for how many samples.
        tumour: how it grows and answers.
        method: of doses that the twin does not hold.
        approve: accepts or refuses each decision of a policy that changes something.
        clock: is told of each step.
        templates: of fluence plans by technique, where they are not the usual ones.

    Raises:
        InputError: a plan contradicts what was delivered, or the tumour model does not know what the belief is about.
    """
    belief = tumour.believed(twin, resampled(twin, request.samples, request.seed), request.seed)
    clock.lap("belief", 0.02)
    targets = Targets(twin)
    fluence = FluencePlans(
        twin, targets, lambda step, share: clock.progress(step, 0.02 + 0.13 * share), templates
    )
    planned = planned_doses(twin, [s.plan for s in scenarios], fluence, method=method)
    twin = planned.twin
    clock.lap("dose", 0.15)
    replans = fluence if method == "fluence plan" else None
    arms = _arms(twin, scenarios, planned.doses, replans, belief, request, tumour, approve)
    clock.lap("courses", 0.2)
    daily = np.arange(0.0, np.floor(request.days) + 1)
    gtv_cm3, survivors = _trajectories(twin, tumour, arms, belief, daily)
    before = None
    if belief.kind != "prior":
        prior = tumour.believed(
            twin, prior_belief(twin, belief.n, request.seed, prior_of(twin)), request.seed
        )
        before = prior, _trajectories(twin, tumour, arms, prior, daily)[0]
    clock.lap("biology", 0.25)
    structures = [targets.of(s.plan) for s in scenarios]
    return Forecast(
        twin, request.seed, tumour, scenarios, structures, arms, belief, daily, gtv_cm3, survivors,
        (*planned.notes, *fluence.notes), before,
    )  # fmt: skip


def resampled(twin: PatientTwin, n: int, seed: int) -> Belief:
    """Samples of equal weight: the prior where the twin has no belief, else its belief resampled once.

    Args:
        twin: the patient.
        n: how many samples.
        seed: root of all chance.
    """
    if twin.belief is None:
        return prior_belief(twin, n, seed)
    if twin.belief.weights is None and twin.belief.n == n:
        return twin.belief
    weights = (
        np.full(twin.belief.n, 1 / twin.belief.n) if twin.belief.weights is None else twin.belief.weights
    )
    start = Key(seed, twin.id, Purpose.PRIOR).generator().random()
    ticks = (start + np.arange(n)) / n  # systematic resampling, Kitagawa 1996
    chosen = np.searchsorted(np.cumsum(weights) / np.sum(weights), ticks).clip(0, twin.belief.n - 1)
    return replace(twin.belief, samples={k: v[chosen] for k, v in twin.belief.samples.items()}, weights=None)


def _arms(
    twin: PatientTwin,
    scenarios: Sequence[Scenario],
    doses: Mapping[str, DoseGrid],
    fluence: FluencePlans | None,
    belief: Belief,
    request: Request,
    tumour: TumourModel,
    approve: Approve | None,
) -> list[Arm]:
    """What each scenario becomes; scenarios of one plan share the doses of its replans, and all the days' images."""
    arms: list[Arm] = []
    libraries: dict[str, PlanLibrary] = {}
    images = DayImages(twin, request.seed)
    for scenario in scenarios:
        plan = scenario.plan
        if scenario.policy is None or plan.total_gy == 0:
            arms.append(Arm.open_loop(twin, realise(scenario, twin, request.days), doses))
            continue
        if plan.label not in libraries:
            libraries[plan.label] = PlanLibrary(twin, plan, doses[plan.label], fluence)
        arms.append(
            realise_adaptive(
                scenario, scenario.policy, twin, belief, libraries[plan.label],
                days=request.days, seed=request.seed, approve=approve, tumour=tumour, images=images,
            )
        )  # fmt: skip
    return arms


def _trajectories(
    twin: PatientTwin, tumour: TumourModel, arms: Sequence[Arm], belief: Belief, daily: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Daily volumes (plan, sample, day) in cm3 and surviving clonogens (plan, sample)."""
    volumes, survivors = [], []
    for arm in arms:
        kinetics = tumour.dose_bins(twin.gtv_cm3, arm.bin_fraction, arm.relative)
        gtv_cm3, state = trajectory(kinetics, twin, belief.samples, arm.courses, daily)
        end_days = max(course.end_days for course in arm.courses)
        if end_days > state.t_days:  # control is known when the last fraction has been given
            state = kinetics.advance(state, belief.samples, arm.courses, end_days)
        volumes.append(gtv_cm3)
        survivors.append(state.survivors)
    return np.stack(volumes), np.stack(survivors)
