# %% [markdown]
# # The twin learns
#
# A twin begins with what is known of tumours like this one. Every volume that is measured narrows that. Here an
# in-silico patient is measured, whose true tumour is known, to see whether the forecast comes nearer to the truth.
#
# Everything here is SIMULATED - research use only.

# %%
import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from scenarios import Scenario, TreatmentPlan, compare
from scenarios.engine import observe
from simulators.belief import update_belief
from simulators.insilico import make_patient
from twin import Belief

patient, truth = make_patient(seed=7)
plan = TreatmentPlan.parse("60/30")


def forecast(twin, samples=200):
    return compare(twin, [plan], days=180, samples=samples, image_samples=0, dose="approximate")


# %% [markdown]
# The truth lies beside the patient and is never part of the twin. A belief of one sample, the truth, gives what really
# happens under the plan.

# %%
true_tumour = Belief({name: np.array([value]) for name, value in truth["biology"].items()})
real = forecast(patient.fork(belief=true_tumour), samples=1).trajectory

# %% [markdown]
# ## Measure
#
# The clinic draws the tumour on days 21 and 90, with the error that drawing has. `observe` records the fractions that
# were delivered by then and the volume; `update_belief` learns from it.
# Each is a new twin: `patient` stays as it was.

# %%
twins, rng = {"before": patient}, np.random.default_rng(1)
now = patient
for day in (21, 90):
    true_cm3 = real.filter(pl.col("day") == day)["gtv_cm3"][0]
    drawn_cm3 = true_cm3 * np.exp(0.08 * rng.standard_normal())
    now = update_belief(observe(now, day, gtv_cm3=drawn_cm3, plan=Scenario(plan=plan)))
    twins[f"after day {day}"] = now
    print(
        f"day {day}: {drawn_cm3:.1f} cm3 drawn, {true_cm3:.1f} in truth, {len(now.fractions)} fractions delivered"
    )

# %% [markdown]
# ## Forecast again

# %%
runs = {name: forecast(twin) for name, twin in twins.items()}
figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True)
for axis, (name, run) in zip(axes, runs.items(), strict=True):
    axis.fill_between(
        run.bands["day"], run.bands["low"], run.bands["high"], alpha=0.25, label="80 % interval"
    )
    axis.plot(run.bands["day"], run.bands["median"], label="median")
    axis.plot(real["day"], real["gtv_cm3"], "k--", label="truth")
    seen = run.twin.observations
    axis.plot([o.time_days for o in seen], [o.value for o in seen], "ro", label="drawn" if seen else None)
    axis.set_title(name)
    axis.set_xlabel("day")
axes[0].set_ylabel("tumour volume, cm3")
axes[-1].legend()
figure.suptitle("SIMULATED - research use only", y=1.02)
plt.show()

# %% [markdown]
# How wide is the forecast of day 150, and where in it does the truth lie?

# %%
at_150 = [run.bands.filter(pl.col("day") == 150).select("low", "median", "high") for run in runs.values()]
table = pl.concat(at_150).with_columns(pl.Series("forecast", list(runs)))
table.with_columns(
    truth=real.filter(pl.col("day") == 150)["gtv_cm3"][0], width=pl.col("high") - pl.col("low")
)

# %% [markdown]
# The forecast on day 21 is narrower and no nearer: it is too early to see what will stay as a scar. The one on day 90
# is. It still lies a little above the truth, as an 80 % interval does in some patients: this tumour leaves less of a
# scar than most.
#
# ## What was learned, and what was not
#
# Volumes tell how fast dead cells clear and how much of the tumour stays as a scar. They hardly tell whether it is
# controlled. `ratio` is the posterior's spread over the prior's: 1 means that nothing was learned.

# %%
last = runs["after day 90"]
last.learned.select("parameter", "prior_median", "median", "ratio", "informed").sort("ratio").head(6)

# %%
control = [run.outcomes.filter(pl.col("outcome") == "tumour_control") for run in runs.values()]
pl.concat(control).select("outcome", "mean", "low", "high").with_columns(pl.Series("forecast", list(runs)))
