# %% [markdown]
# # A what-if cohort and a simulated trial
#
# What would two weeks of a broken machine cost a clinic's patients? And how many patients would a trial need
# to show it? This tutorial samples a cohort, treats every patient under each plan, and draws trials from it.
#
# Everything here is SIMULATED - research use only.

# %%
import matplotlib.pyplot as plt
import numpy as np
import polars as pl

from scenarios import Gap, SampledCohort, Scenario, TreatmentPlan, run_study
from scenarios.study.survival import kaplan_meier, log_rank, randomised, restricted_mean, times
from scenarios.study.trial import power

plan = TreatmentPlan.parse("60/30")
arms = [
    Scenario(plan=plan),
    Scenario(plan=plan, name="breakdown", gaps=(Gap(from_day=14, days=14),)),
    Scenario(plan=TreatmentPlan.parse("55/20")),
]
study = run_study(SampledCohort(300), arms, "study", days=365, samples=50, seed=1)
study

# %% [markdown]
# ## The patients
#
# Their ages, stages and volumes follow published distributions. A table of your own (`TableCohort`) or a folder of
# twins (`FolderCohort`) takes the place of `SampledCohort`.

# %%
study.patients.select("age_years", "gtv_cm3").describe()

# %% [markdown]
# ## What the plans do
#
# Every patient lives under every plan, so that differences are taken patient by patient. `contrasts` has their means
# with intervals, and how many patients are better or worse off.

# %%
endpoints = ["tumour_control", "overall_survival_2y", "pneumonitis_grade2"]
shown = study.contrasts.filter(pl.col("outcome").is_in(endpoints))
(shown if len(shown) else study.contrasts).select("plan", "outcome", "mean", "low", "high", "kind").head(9)

# %%
deaths = times(study.lives, "overall_survival", follow_up_days=1826)
years = np.linspace(0, 5, 61)
curves = kaplan_meier(deaths, years * 365.25)
plt.figure(figsize=(7, 4))
for (name,), curve in curves.group_by("plan", maintain_order=True):
    plt.step(curve["day"] / 365.25, curve["survival"], where="post", label=name)
plt.xlabel("years")
plt.ylabel("overall survival")
plt.ylim(0, 1)
plt.legend()
plt.title("SIMULATED - research use only")
plt.show()

# %% [markdown]
# The mean time alive within five years, paired: the same patients under both plans.

# %%
restricted_mean(deaths, horizon_days=1826)

# %% [markdown]
# ## Who loses most
#
# `effects` has one row for each patient, plan and outcome: the plan's value minus the first plan's.

# %%
outcome = "overall_survival_2y"
lost = study.effects.filter((pl.col("outcome") == outcome) & (pl.col("plan") == "breakdown"))
lost = lost.join(study.patients, on="patient")
plt.figure(figsize=(7, 4))
plt.scatter(lost["gtv_cm3"], 100 * lost["mean"], s=8, alpha=0.6)
plt.axhline(0, color="grey", linewidth=1)
plt.xscale("log")
plt.xlabel("tumour volume, cm3")
plt.ylabel("two-year survival, percentage points")
plt.title("SIMULATED: what two weeks without treatment cost each patient")
plt.show()

# %% [markdown]
# ## A trial
#
# In a trial each patient gets one plan, by chance. One trial of this cohort finds this:

# %%
log_rank(randomised(deaths.filter(pl.col("plan") != "breakdown"), seed=1))

# %% [markdown]
# And many of them, with patients drawn anew, find a difference as often as this. The intervals hold the chance of the
# trials and of this cohort, and nothing of what the model itself may have wrong.

# %%
found = power(study.lives, arms=("60-30", "55-20"), sizes=(200, 800, 3200), trials=200)
found.select("size", "power", "low", "high", "events", "hazard_ratio")
