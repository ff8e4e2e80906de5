# %% [markdown]
# # From DICOM to a comparison
#
# This tutorial reads a patient from DICOM, checks what was read, compares two plans and exports the follow-up CTs.
# It needs no data: an in-silico patient is written as DICOM first and then read like any other.
# Set `RT_TWIN_DICOM` to a folder or zip of your own, with a CT and an RTSTRUCT, to read that instead.
#
# Everything here is SIMULATED - research use only.

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import polars as pl

from scenarios import Imaging, TreatmentPlan, compare
from scenarios.report import export_dicom
from simulators.insilico import make_patient
from twin import import_patient
from twin.export import Origin, write_rtstruct, write_scan

source = Path(os.environ.get("RT_TWIN_DICOM", "dicom"))
if "RT_TWIN_DICOM" not in os.environ:
    drawn, _ = make_patient(seed=7)
    source.mkdir()
    origin = Origin(drawn.id, "planning", drawn.id, "in-silico anatomy", "1")
    ct = write_scan(source, drawn.baseline.volume, origin, description="planning CT")
    write_rtstruct(source / "rtstruct.dcm", drawn.contours, ct, label="planning")
    print(len(list(source.glob("*.dcm"))), "DICOM files")

# %% [markdown]
# ## Import
#
# The importer takes a folder or a zip. It finds the planning CT, the structures and, where there are any, plans and
# doses. A structure whose name says primary tumour becomes the GTV; for any other name, add `gtv="NAME"`. Notes say
# what was left out or assumed, checks whether the numbers are plausible.

# %%
patient = import_patient(source)
print(f"{patient.id}: tumour of {patient.gtv_cm3:.1f} cm3, {len(list(patient.contours))} structures")
for note in patient.notes:
    print("note:", note)
for check in patient.checks:
    print("ok:" if check.passed else "look:", check.words)

# %% [markdown]
# Look before you compute: the tumour must lie where it lies in your planning system.

# %%
ct, gtv = patient.baseline.volume, patient.contours.gtv()
z = int(gtv.sum(axis=(1, 2)).argmax())
plt.figure(figsize=(6, 4))
plt.imshow(ct.array[z], cmap="gray", vmin=-1000, vmax=400)
plt.contour(gtv[z], [0.5], colors="red", linewidths=1)
plt.title(f"Planning CT, slice {z}, the tumour in red")
plt.axis("off")
plt.show()

# %% [markdown]
# ## Compare two plans
#
# `60/30` is 60 Gy in 30 fractions, `55/20` is 55 Gy in 20. Both plans see the same samples of what is believed about
# this tumour, so that nothing but the plan makes them differ. `dose="approximate"` paints a dose in seconds; without
# it, a fluence plan is optimised on the CT, which takes half a minute. Plans come with an image a week; here one on
# day 60 is enough.

# %%
imaging = Imaging(during_days=None, after_days=None, also=(60,))
plans = [TreatmentPlan.parse(text).model_copy(update={"imaging": imaging}) for text in ("60/30", "55/20")]
runs = compare(patient, plans, days=100, samples=50, dose="approximate")
runs

# %%
plt.figure(figsize=(7, 4))
for (plan,), band in runs.bands.group_by("plan", maintain_order=True):
    plt.fill_between(band["day"], band["low"], band["high"], alpha=0.2)
    plt.plot(band["day"], band["median"], label=plan)
plt.xlabel("days from the first fraction")
plt.ylabel("tumour volume, cm3")
plt.legend(title="median and 80 % interval")
plt.title("SIMULATED - research use only")
plt.show()

# %% [markdown]
# The volumes under two curative plans nearly coincide. What separates plans is control and harm. In `outcomes`, `kind`
# says what an interval is of and `dose_method` how the organs' doses were calculated.

# %%
known = runs.outcomes.filter(pl.col("status") != "unknown")
known.select("plan", "outcome", "unit", "mean", "low", "high", "kind").head(10)

# %% [markdown]
# `contrasts` holds the differences between the plans, paired sample by sample: their intervals are far narrower than
# the two outcomes' own.

# %%
runs.contrasts.select("plan", "reference", "outcome", "unit", "mean", "low", "high").head(6)

# %% [markdown]
# ## Look at a follow-up
#
# On each imaging date a follow-up CT is made, by the learned generator where `rt-twin[learned]` is installed.
# `image` gives the one nearest to a day. It is stored as the part of the scan that changed.

# %%
row, column = (int(index.mean()) for index in gtv[z].nonzero())
place = ct.geometry.lps([z, row, column])
figure, axes = plt.subplots(1, 2, figsize=(8, 4))
later = runs.image("60/30", 60)
for axis, (volume, title) in zip(axes, ((ct, "day 0"), (later, "SIMULATED, day 60")), strict=True):
    k, j, i = (round(float(index)) for index in volume.geometry.index(place))
    top, left = max(0, j - 60), max(0, i - 60)
    axis.imshow(volume.array[k, top : j + 60, left : i + 60], cmap="gray", vmin=-1000, vmax=400)
    axis.set_title(title)
    axis.axis("off")
plt.show()

# %% [markdown]
# `save` writes the tables, the images and `report.html`. The export writes whole CTs with tumour, plan and dose, each
# marked as simulated, which a planning system opens.

# %%
runs.save("run")
print(
    export_dicom(runs, Path("followups")), "follow-ups,", len(list(Path("followups").rglob("*.dcm"))), "files"
)
