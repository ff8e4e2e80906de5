"""Makes the figures of docs/concepts.md from an in-silico patient and a small study: `make figures`."""

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from scenarios import Gap, SampledCohort, Scenario, TreatmentPlan, compare, realise, run_study
from scenarios.engine import observe
from scenarios.records.schema import SIMULATED
from scenarios.report.colours import PLAN_COLOURS
from scenarios.study.survival import kaplan_meier, times
from simulators import Event
from simulators.belief import update_belief
from simulators.insilico import make_patient
from twin import PatientTwin

HERE = Path(__file__).parent / "images"
PLANS = tuple(TreatmentPlan.parse(text) for text in ("60/30", "55/20"))
BROKEN = Scenario(plan=PLANS[0], name="60/30, a week off", gaps=(Gap(from_day=14, days=7),))


def main() -> None:
    """Write `docs/images/concept-*.png`."""
    matplotlib.use("Agg")
    plt.rcParams |= {"axes.prop_cycle": matplotlib.cycler(color=PLAN_COLOURS), "axes.spines.top": False,
                     "axes.spines.right": False, "font.size": 9, "figure.constrained_layout.use": True}  # fmt: skip
    patient, _ = make_patient(seed=7)
    _twin(patient)
    _course(patient)
    _belief(patient)
    _comparison(patient)
    _policy(patient)
    _study()


def _kept(name: str) -> None:
    plt.gcf().text(0.995, 0.005, SIMULATED, ha="right", va="bottom", fontsize=7, color="grey")
    plt.savefig(HERE / f"concept-{name}.png", dpi=110)
    plt.close()


def _twin(patient: PatientTwin) -> None:
    """A slice with what is drawn on it, beside what else is known."""
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), width_ratios=(1.3, 1))
    volume, drawn = patient.baseline.volume, patient.contours
    z = int(drawn.gtv().sum(axis=(1, 2)).argmax())
    left.imshow(volume.array[z], cmap="gray", vmin=-1000, vmax=400)
    for k, s in enumerate(drawn):
        left.contour(drawn.mask(s.name)[z], [0.5], colors=[plt.cm.tab10(k % 10)], linewidths=0.9)
    left.axis("off")
    record = {
        k: v for k, v in patient.clinical.model_dump().items() if v is not None and not isinstance(v, dict)
    }
    lines = [f"tumour {patient.gtv_cm3:.0f} cm3", *(f"{k} {v}" for k, v in record.items())][:13]
    right.text(0, 1, "\n".join(lines), va="top", family="monospace", fontsize=8)
    right.axis("off")
    _kept("twin")


def _course(patient: PatientTwin) -> None:
    """The events of a plan as it stands, and with a week off."""
    _, axis = plt.subplots(figsize=(8, 1.9))
    for row, scenario in enumerate((Scenario(plan=PLANS[0]), BROKEN)):
        course = realise(scenario, patient, 90)
        for kind, mark, words in ((Event.FRACTION, "|", "fraction"), (Event.IMAGING, "s", "image")):
            days = course.time_days[course.of(kind)]
            axis.plot(days, np.full(len(days), -row - 0.25 * (mark == "s")), mark, color=PLAN_COLOURS[mark == "s"],
                      markersize=9 if mark == "|" else 5, label=None if row else words)  # fmt: skip
    axis.set_yticks([0, -1], ["60/30", BROKEN.name])
    axis.set_ylim(-1.6, 0.5)
    axis.set_xlabel("days from the first fraction")
    axis.legend(loc="upper right", ncols=2, frameon=False)
    _kept("course")


def _belief(patient: PatientTwin) -> None:
    """How fast dead cells clear: before and after a volume was measured."""
    before = update_belief(patient)
    after = update_belief(observe(patient, 40, gtv_cm3=0.55 * patient.gtv_cm3, plan=Scenario(plan=PLANS[0])))
    _, axis = plt.subplots(figsize=(6, 2.6))
    for twin, words in ((before, "prior"), (after, "posterior, after a volume on day 40")):
        assert twin.belief is not None
        belief = twin.belief
        axis.hist(belief.samples["clearance_half_time_d"], np.geomspace(5, 300, 40), density=True, alpha=0.5,
                  weights=belief.weights, label=words)  # fmt: skip
    axis.set_xscale("log")
    axis.set_yticks([])
    axis.set_xlabel("half-time in which dead cells clear, days")
    axis.legend(frameon=False)
    _kept("belief")


def _comparison(patient: PatientTwin) -> None:
    """Samples that live under both plans, and what differs."""
    run = compare(patient, PLANS, days=180, samples=40, image_samples=0, dose="approximate")
    _, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8))
    wide = run.trajectory.pivot("plan", index=["sample", "day"], values="gtv_cm3")
    first, second = (p.slug for p in run.record.plans)
    for (sample,), one in wide.group_by("sample", maintain_order=True):
        if sample < 12:
            left.plot(one["day"], one[first], color=PLAN_COLOURS[0], linewidth=0.8)
            left.plot(one["day"], one[second], color=PLAN_COLOURS[1], linewidth=0.8)
            right.plot(one["day"], one[second] - one[first], color="grey", linewidth=0.8)
    left.set_title("twelve samples under 60/30 (blue) and 55/20 (orange)", fontsize=9)
    left.set_ylabel("tumour volume, cm3")
    right.set_title("55/20 minus 60/30, sample by sample", fontsize=9)
    for axis in (left, right):
        axis.set_xlabel("day")
    _kept("comparison")


def _policy(patient: PatientTwin) -> None:
    """What a traffic light saw, and when it replanned."""
    arm = Scenario.model_validate({"plan": PLANS[0], "policy": {"kind": "volume trigger", "loss": 0.3}})
    run = compare(patient, [arm], days=60, samples=40, image_samples=0, dose="approximate")
    _, axis = plt.subplots(figsize=(6, 2.8))
    for (decision,), rows in run.decisions.group_by("decision", maintain_order=True):
        axis.plot(
            rows["day"], rows["gtv_cm3"], "^" if decision == "replan" else ".", label=decision, alpha=0.7
        )
    axis.axhline(0.7 * patient.gtv_cm3, color="grey", linestyle="--", linewidth=1)
    axis.set_xlabel("day")
    axis.set_ylabel("measured volume, cm3")
    axis.legend(frameon=False)
    _kept("policy")


def _study() -> None:
    """Survival of a cohort of which every patient lives under each plan."""
    with TemporaryDirectory() as folder:
        arms = (Scenario(plan=PLANS[0]), Scenario(plan=TreatmentPlan.parse("40/15")))
        study = run_study(SampledCohort(400), arms, Path(folder) / "study", samples=20)
        curves = kaplan_meier(times(study.lives, "overall_survival"), np.linspace(0, 1826, 61))
    _, axis = plt.subplots(figsize=(6, 2.8))
    for (plan,), curve in curves.group_by("plan", maintain_order=True):
        axis.step(curve["day"] / 365.25, curve["survival"], where="post", label=plan.replace("-", "/"))
        axis.fill_between(curve["day"] / 365.25, curve["low"], curve["high"], step="post", alpha=0.15)
    axis.set_ylim(0, 1)
    axis.set_xlabel("years")
    axis.set_ylabel("alive")
    axis.legend(frameon=False)
    _kept("study")


if __name__ == "__main__":
    main()
