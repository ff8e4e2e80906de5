# %% [markdown]
# # Train and judge a generator
#
# A generator makes follow-up CTs. This tutorial makes a small in-silico set whose follow-ups are known under every
# plan, trains a network on it for a few steps, and judges it beside the one that ships and beside plain copying.
# A useful training takes some hundred patients and half an hour; the steps are the same.
#
# Everything here is SIMULATED - research use only.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import polars as pl

from scenarios.benchmark import Scope, run_evaluation
from scenarios.datasets import SetRequest, make_set
from scenarios.datasets.train import train
from twin import PatientTwin

# %% [markdown]
# ## Two sets
#
# Two patients to learn from, as a clinic would have them: their own plans and the follow-ups that were acquired. One
# held out, with the truth: the noise-free follow-up under every plan, which no clinic has.

# %%
make_set(SetRequest(2, seed=5020), Path("set"), workers=1)
make_set(SetRequest(1, seed=900_024, truth=True), Path("held"), workers=1)
patient = PatientTwin.load("set/005020.twin")
print(*(f"{scan.name}, day {scan.time_days:.0f}" for scan in patient.scans), sep="\n")
print("plans whose truth is known:", *sorted(path.stem for path in Path("held/900024.truth").glob("*.twin")))

# %% [markdown]
# ## Train
#
# The family says how it is learned, the file how large the network is and how long it learns. `log.jsonl` keeps the
# losses.

# %%
Path("tiny.yaml").write_text("""
family: bridge
widths: [16, 32]
embedding: 16
steps: 25
quantile_steps: 50
batch_volumes: 2
""")
done = train([Path("set")], "tiny.yaml", Path("weights/tiny"))
print(f"{done.examples} examples of {done.patients} patients")

# %% [markdown]
# ## Judge
#
# Copying the last scan is what every generator has to beat; the mechanistic generator is the draft that the network
# corrects. A gain of 0 % is as good as copying, 100 % is the truth itself.

# %%
run_evaluation(
    Path("held"),
    ["weights/tiny", "bridge"],
    Path("evaluation"),
    scope=Scope(days=1, plans=1, samples=0),
    patients=None,
    workers=1,
    n_pictures=1,
    cost=False,
    cards=False,
    progress=lambda step, share: None,
)
sorted(path.stem for path in Path("evaluation/tables").glob("*.csv"))

# %%
images = pl.read_csv("evaluation/tables/images.csv")
images.select("generator", "outside_the_domain", "guided_gain", "MAE near, HU", "SSIM")

# %%
[picture] = Path("evaluation/pictures").glob("*.png")
plt.figure(figsize=(12, 8))
plt.imshow(plt.imread(picture))
plt.axis("off")
plt.show()

# %% [markdown]
# After 25 steps on two patients the small network is at best as good as its draft, and one held-out patient proves
# nothing: the tables of the generators that ship are of a hundred. `outside_the_domain` says how often a network
# refused a request for being unlike all that it learned from. Your own weights are used by the path of their folder,
# `rt-twin compare ... --generator weights/tiny`.
