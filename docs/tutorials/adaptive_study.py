# %% [markdown]
# # An adaptive study with weekly cone-beam CT
#
# Would it help to replan when the tumour has shrunk, or when the dose of the day no longer covers it? This tutorial
# compares adaptation policies on many courses of one patient, then follows one course with a cone-beam CT every week.
#
# Everything here is SIMULATED - research use only.

# %%
from typing import ClassVar, Literal

import matplotlib.pyplot as plt
import polars as pl

from scenarios import Decision, Imaging, Policy, Scenario, Seen, TreatmentPlan, compare
from simulators.insilico import make_patient

patient, _ = make_patient(seed=7)
weekly = Imaging(modality="cbct", every="week")
plan = TreatmentPlan.parse("55/20").model_copy(update={"imaging": weekly})

# %% [markdown]
# ## A policy of your own
#
# At every image a policy sees what a clinic would see, with its error, and decides. It never sees the truth.

# %%


class Shrunk(Policy):
    """Replans once, when the tumour has lost a quarter of its volume."""

    kind: Literal["shrunk"] = "shrunk"
    loss: float = 0.25

    def decide(self, seen: Seen) -> Decision:
        lost = 1 - seen.gtv_cm3 / patient.gtv_cm3
        if lost > self.loss and seen.replans == 0:
            return Decision("replan", f"{lost:.0%} smaller")
        return Decision("continue", f"{lost:.0%} smaller")


arms = [
    Scenario.model_validate({"plan": plan, "name": "none", "policy": {"kind": "none"}}),
    Scenario(plan=plan, name="shrunk", policy=Shrunk()),
]
runs = compare(patient, arms, days=40, samples=24, image_samples=0, dose="approximate")
runs.decisions.group_by("plan", "decision").len().sort("plan", "decision")

# %% [markdown]
# When were plans changed, and what did it bring the lungs?

# %%
replans = runs.decisions.filter(pl.col("decision") == "replan")
plt.figure(figsize=(7, 3))
plt.hist(replans["day"], bins=range(0, 36, 2))
plt.xlabel("day of the replan")
plt.ylabel("courses")
plt.title("SIMULATED - research use only")
plt.show()
runs.contrasts.filter(pl.col("unit") == "Gy").select("plan", "outcome", "mean", "low", "high")

# %% [markdown]
# Most courses got a new plan, and the lungs hardly anything: with margins that stay, a smaller tumour alone
# saves little. Every decision is a row of `decisions`, with what was seen and why it was taken.

# %%
runs.decisions.filter(pl.col("plan") == "shrunk").select(
    "sample", "day", "gtv_cm3", "decision", "reason"
).head(4)

# %% [markdown]
# ## What the machine shows
#
# A policy with `pixels = True` may also look at the scan of the day. This one only looks, and keeps what it saw: the
# cone-beam CTs of one course, with their scatter, cupping and short field. The policy `dose of the day` goes further:
# it recalculates the plan on each of them, and replans where the target is no longer covered. That takes fluence plans
# (`dose="fluence"`) and some minutes.

# %%
seen_on = {}


class Looking(Policy):
    """Looks at the scan of the day, and goes on."""

    kind: Literal["looking"] = "looking"
    pixels: ClassVar[bool] = True

    def decide(self, seen: Seen) -> Decision:
        seen_on[seen.day] = seen.ct
        return Decision("continue", "looked")


compare(
    patient, [Scenario(plan=plan, policy=Looking())], days=40, samples=1, image_samples=0, dose="approximate"
)
gtv, geometry = patient.contours.gtv(), patient.baseline.volume.geometry
middle = geometry.lps([index.mean() for index in gtv.nonzero()])
figure, axes = plt.subplots(1, len(seen_on), figsize=(4 * len(seen_on), 4), squeeze=False)
for axis, (day, volume) in zip(axes[0], seen_on.items(), strict=True):
    k = round(float(volume.geometry.index(middle)[0]))
    axis.imshow(volume.array[k], cmap="gray", vmin=-1000, vmax=400)
    axis.set_title(f"SIMULATED, day {day:.0f}")
    axis.axis("off")
plt.show()

# %% [markdown]
# To study a policy over many patients, give the same scenarios to `run_study`: with a folder of twins every patient has
# his own images, with a sampled cohort the policy sees volumes and doses.
