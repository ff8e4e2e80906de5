"""The schemas of every table in a run folder, in one place.

`plan` is the plan's slug (60-30), `sample` the index of the belief's sample, `day` days from day 0. `outside` marks
rows of a plan outside its context of use.
"""

from __future__ import annotations

import polars as pl

RUN_FORMAT = "rt-twin-run/5"
# Prior, models and templates were the usual ones.
FOURTH_RUN_FORMAT = "rt-twin-run/4"
# Images were those of the first samples, whatever they stood for.
THIRD_RUN_FORMAT = "rt-twin-run/3"
# The ends of some intervals, their kinds and two outcomes had other names (`scenarios.records.former`).
SECOND_RUN_FORMAT = "rt-twin-run/2"
# Runs did not list their layers, and a sample with images had one curve, its field's, which tables were made from.
FIRST_RUN_FORMAT = "rt-twin-run/1"
SIMULATED = "SIMULATED - research use only"
LEVEL = 0.8  # of every interval

_BANDS: dict[str, type[pl.DataType]] = {
    "plan": pl.String,
    "day": pl.Float64,
    "low": pl.Float64,
    "median": pl.Float64,
    "high": pl.Float64,
    "mean": pl.Float64,
    "level": pl.Float64,
    "n": pl.Int32,
}

SCHEMAS: dict[str, dict[str, type[pl.DataType]]] = {
    # one row a sample: its parameters; one Float64 column for each parameter follows
    "samples": {"sample": pl.Int32},
    # daily tumour volume of every sample, in dose bins whether it has images or not; field_gtv_cm3: that of the field
    # which a sample's images are made from, null where it has none
    "trajectory": {
        "plan": pl.String,
        "sample": pl.Int32,
        "day": pl.Float64,
        "gtv_cm3": pl.Float64,
        "field_gtv_cm3": pl.Float64,
    },
    # daily quantiles over the samples: the central interval of that level, and the median
    "bands": _BANDS,
    # the same of the prior, where the twin has learned from observations; else empty
    "prior_bands": _BANDS,
    # the same of the volume as it would be drawn, contour error added; belief: "prior" or "posterior"
    "drawn_bands": {"belief": pl.String, **_BANDS},
    # one plan's forecast for one day before any observation (order 0, its columns null) and after each of them: of the
    # true volume and of the drawn one, cm3; moved_cm3 = the true median's change; control = expected probability of
    # tumour control under the plan, moved_control = its change; empty without observations
    "moved": {
        "plan": pl.String,
        "order": pl.Int32,
        "day": pl.Float64,
        "kind": pl.String,
        "value": pl.Float64,
        "forecast_day": pl.Float64,
        "low": pl.Float64,
        "median": pl.Float64,
        "high": pl.Float64,
        "drawn_low": pl.Float64,
        "drawn_median": pl.Float64,
        "drawn_high": pl.Float64,
        "moved_cm3": pl.Float64,
        "control": pl.Float64,
        "moved_control": pl.Float64,
        "level": pl.Float64,
        "ess": pl.Float64,
        "n": pl.Int32,
    },
    # what the observations taught: ratio = posterior spread over prior spread; empty without observations
    "learned": {
        "parameter": pl.String,
        "prior_median": pl.Float64,
        "prior_low": pl.Float64,
        "prior_high": pl.Float64,
        "median": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "ratio": pl.Float64,
        "informed": pl.Boolean,
    },
    # the realised course, sample null where all share it; delivered = happened before the twin's now
    "events": {
        "plan": pl.String,
        "sample": pl.Int32,
        "ordinal": pl.Int32,
        "day": pl.Float64,
        "kind": pl.String,
        "dose_gy": pl.Float64,
        "grid": pl.String,
        "delivered": pl.Boolean,
    },
    # decisions of an adaptation policy: what was seen and forecast, what was decided and why, what came of it
    "decisions": {
        "plan": pl.String,
        "sample": pl.Int32,
        "ordinal": pl.Int32,
        "day": pl.Float64,
        "decision": pl.String,
        "reason": pl.String,
        "fractions": pl.Int32,
        "approved": pl.Boolean,
        "gtv_cm3": pl.Float64,
        "shift_mm": pl.Float64,
        "forecast_mean_lung_gy": pl.Float64,
        "final_mean_lung_gy": pl.Float64,
    },
    # kind says what `low` and `high` are of: "expected" = an expected value, patients averaged within each draw of what
    # is not known (population, trial, dose); "predictive" = this patient's own volume, time or dose; "monte-carlo" =
    # only whether there are enough samples, where a model has no draws of its population. mean: of a predictive row
    # the median. error: Monte Carlo standard error of `mean`
    # status: "ok", "approximate", "estimated" (organ estimated), "unknown" (mean, low, high null)
    # dose_method, there and in the tables below: how the doses were calculated that a value follows from ("planning
    # system", "fluence plan", "approximate", several joined by "and"), null where it is of no organ and in runs of
    # former releases; in `contrasts` "A - B" where it differs between the plans
    "outcomes": {
        "plan": pl.String,
        "outcome": pl.String,
        "unit": pl.String,
        "mean": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "level": pl.Float64,
        "n": pl.Int32,
        "kind": pl.String,
        "error": pl.Float64,
        "status": pl.String,
        "outside": pl.Boolean,
        "dose_method": pl.String,
        "note": pl.String,
    },
    # paired differences plan - reference under common random numbers; kind and error as in `outcomes`
    "contrasts": {
        "plan": pl.String,
        "reference": pl.String,
        "outcome": pl.String,
        "unit": pl.String,
        "mean": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "level": pl.Float64,
        "n": pl.Int32,
        "kind": pl.String,
        "error": pl.Float64,
        "dose_method": pl.String,
    },
    # how far each outcome may be believed (docs/evidence.md): grade = the least of evidence, agreement and
    # applicability, each 0 to 3. fitted, tested: sources; numbers: of the tested ones that could be judged, inside: of
    # these; error and null_error: median over sources of the error of the model and of a null model, points
    "credibility": {
        "plan": pl.String,
        "outcome": pl.String,
        "grade": pl.String,
        "evidence": pl.Int32,
        "agreement": pl.Int32,
        "applicability": pl.Int32,
        "fitted": pl.Int32,
        "tested": pl.Int32,
        "numbers": pl.Int32,
        "inside": pl.Int32,
        "error": pl.Float64,
        "null_error": pl.Float64,
        "words": pl.String,
    },
    # what trial arms with a plan's schedule and patients of like stage found: share without the event at some months,
    # and its printed 95 % interval; outcome: the run's of the same endpoint and time, null for others (a median is a
    # share of a half at its month); side: whether outcomes are fitted to it ("fit") or tested on it ("test")
    "trials": {
        "plan": pl.String,
        "outcome": pl.String,
        "endpoint": pl.String,
        "months": pl.Float64,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "n": pl.Int32,
        "trial": pl.String,
        "arm": pl.String,
        "stages": pl.String,
        "drugs": pl.String,
        "side": pl.String,
        "source": pl.String,
        "words": pl.String,
    },
    # published constraints held against the whole course; verdict: "pass", "fail", "estimated" (organ drawn by this
    # software), "not applicable" (other fractionation), "unknown" (no such organ). value: of the dose as planned, in
    # `unit`; low, high: interval over n samples of the dose's error and of set-up errors; share_passing: of them
    "scorecard": {
        "plan": pl.String,
        "set": pl.String,
        "structure": pl.String,
        "metric": pl.String,
        "goal": pl.String,
        "unit": pl.String,
        "limit": pl.Float64,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "level": pl.Float64,
        "n": pl.Int32,
        "share_passing": pl.Float64,
        "verdict": pl.String,
        "met": pl.Boolean,
        "endpoint": pl.String,
        "grade": pl.String,
        "rate_percent": pl.Float64,
        "source": pl.String,
        "approximate": pl.Boolean,
        "dose_method": pl.String,
        "outside": pl.Boolean,
    },
    # size of all GTVs on each imaged date: plan and sample null for what was acquired; longest_mm = sum of the lesions'
    # longest axial diameters (RECIST 1.1); response: "baseline", "complete", "partial", "stable", "progression"
    "recist": {
        "plan": pl.String,
        "sample": pl.Int32,
        "day": pl.Float64,
        "cm3": pl.Float64,
        "longest_mm": pl.Float64,
        "perpendicular_mm": pl.Float64,
        "lesions": pl.Int32,
        "response": pl.String,
    },
    # where the samples with images lie among all samples: stands_for: "median", "low" or "high" (nearest the median, or
    # the ends of the interval, by mean rank over all plans' days with images) or "between"; percentile: share of the n
    # samples with a smaller volume on that day, in %
    "imaged": {
        "plan": pl.String,
        "sample": pl.Int32,
        "stands_for": pl.String,
        "day": pl.Float64,
        "gtv_cm3": pl.Float64,
        "percentile": pl.Float64,
        "n": pl.Int32,
    },
    # day of "local failure", "regional failure" and "distant failure" in each sample: null where there is none before
    # death; a kind that the outcome model or the clinical record does not tell has no rows
    "failures": {"plan": pl.String, "sample": pl.Int32, "kind": pl.String, "day": pl.Float64},
    # cumulative DVH of the planned dose
    "dvh": {
        "plan": pl.String,
        "structure": pl.String,
        "dose_gy": pl.Float64,
        "volume_fraction": pl.Float64,
        "estimated": pl.Boolean,
        "dose_method": pl.String,
    },
}

# Tables that runs of the first releases lack: they are read as empty.
ADDED = ("drawn_bands", "moved", "scorecard", "recist", "failures", "credibility", "trials", "imaged")

# What an interval is of (`outcomes`), and how it is said.
KINDS = {
    "expected": "expected value",
    "predictive": "predictive",
    "monte-carlo": "Monte Carlo",
}

# Names of outcomes, and how pages call them.
OUTCOMES = {
    "gtv_end_of_treatment": "Tumour volume, end of treatment",
    "gtv_3_months": "Tumour volume, 3 months (day 90)",
    "gtv_6_months": "Tumour volume, 6 months (day 180)",
    "gtv_12_months": "Tumour volume, 12 months (day 365)",
    "tumour_control": "Tumour control (no clonogen survives)",
    "local_control_2y": "Local control at 2 years",
    "overall_survival_2y": "Overall survival at 2 years from day 0",
    "overall_survival_5y": "Overall survival at 5 years from day 0",
    "progression_free_survival_2y": "Alive without progression at 2 years from day 0",
    "local_failure_2y": "Local failure within 2 years, before death",
    "local_failure_5y": "Local failure within 5 years, before death",
    "regional_failure_2y": "Regional failure within 2 years, before death",
    "regional_failure_5y": "Regional failure within 5 years, before death",
    "distant_failure_2y": "Distant failure within 2 years, before death",
    "distant_failure_5y": "Distant failure within 5 years, before death",
    "mean_lung_dose": "Mean lung dose (lungs - GTV)",
    "lung_v20": "Lung V20Gy",
    "lung_v5": "Lung V5Gy",
    "mean_heart_dose": "Mean heart dose",
    "mean_oesophagus_dose": "Mean oesophagus dose",
    "oesophagus_v60": "Oesophagus V60Gy",
    "pneumonitis": "Pneumonitis, symptomatic (QUANTEC)",
    "pneumonitis_lkb": "Pneumonitis, grade 2 or more (Seppenwoolde)",
    "pneumonitis_risk_factors": "Pneumonitis, symptomatic, by risk factors (Appelt)",
    "oesophagitis": "Oesophagitis, grade 3 or more (Palma)",
    "oesophagitis_belderbos": "Oesophagitis, grade 2 or more (Belderbos)",
    "oesophagitis_chapet": "Oesophagitis, grade 2 or more (Chapet)",
    "pericarditis": "Pericarditis (Burman)",
    "cardiac_events_2y": "Cardiac event within 2 years (Wang)",
    "central_toxicity": "Stereotactic near central airways: toxicity of grade 3 to 5",
    "central_death": "Stereotactic near central airways: death of toxicity",
}


def table(name: str, columns: dict | list[dict]) -> pl.DataFrame:
    """A table of that schema from columns or rows; further columns (parameters of `samples`) are kept."""
    schema = SCHEMAS[name]
    if isinstance(columns, list):
        return pl.DataFrame(columns, schema=schema, orient="row")
    return pl.DataFrame(columns).cast({k: v for k, v in schema.items() if k in columns})
