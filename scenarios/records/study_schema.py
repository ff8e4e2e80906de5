"""The schemas of a study's tables: those of a run with a patient's name, and what is said of many patients.

`plan` is the plan's slug, `day` days from day 0. In `outcomes` and `effects` the mean is over the samples of the
patient's belief; low and high are what `kind` says. The truth is never among the samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from scenarios.records.schema import SCHEMAS

Schema = Mapping[str, type[pl.DataType]]
_ESTIMATE = {c: t for c, t in SCHEMAS["contrasts"].items() if c not in ("level", "n")}

# One file of each in every part, merged in order.
PART_SCHEMAS: dict[str, Schema] = {
    # one row a patient; fault says why a patient could not be simulated
    "patients": {
        "patient": pl.String,
        "in_silico": pl.Boolean,
        "fault": pl.String,
        "gtv_cm3": pl.Float64,
        "site": pl.String,
        "age_years": pl.Float64,
        "sex": pl.String,
        "histology": pl.String,
        "t_stage": pl.String,
        "n_stage": pl.String,
        "m_stage": pl.String,
        "stage": pl.String,
        "ecog": pl.Int64,
        "smoking": pl.String,
        "comorbidity": pl.Boolean,
        "chemotherapy": pl.String,
    },
    # weekly bands of each patient, cm3, and the true volume
    "trajectory": {
        "patient": pl.String,
        "plan": pl.String,
        "day": pl.Float32,
        "low": pl.Float32,
        "median": pl.Float32,
        "high": pl.Float32,
        "truth": pl.Float32,
    },
    "outcomes": {"patient": pl.String, **{c: t for c, t in SCHEMAS["outcomes"].items() if c != "note"}},
    # individual treatment effects: plan - reference, paired by sample; better = share of samples it is better in,
    # worse = the share it is worse in
    "effects": {
        "patient": pl.String,
        **_ESTIMATE,
        "better": pl.Float64,
        "worse": pl.Float64,
        "level": pl.Float64,
    },
    # one true life for each patient and plan; null: it never happens, or (death) is unknown
    "lives": {
        "patient": pl.String,
        "plan": pl.String,
        "controlled": pl.Boolean,
        "local_days": pl.Float64,
        "distant_days": pl.Float64,
        "death_days": pl.Float64,
        "cause": pl.String,
    },
    # the true tumours: one Float64 column for each parameter follows
    "truth": {"patient": pl.String},
    "decisions": {"patient": pl.String, **SCHEMAS["decisions"]},
    # true daily volumes of an arm, counted in bins (`study_part.bin_edges`)
    "arms": {"plan": pl.String, "day": pl.Int32, "bin": pl.Int32, "n": pl.Int64},
    # effects summed over patients in each draw of the population that all of them share, in units of 1e-12: whole
    # numbers add without rounding
    "draws": {"plan": pl.String, "outcome": pl.String, "sample": pl.Int32, "total": pl.Int64, "n": pl.Int64},
}
# Made from the merged parts.
SUMMARY_SCHEMAS: dict[str, Schema] = {
    # daily, over the true volumes of all patients of an arm, cm3
    "bands": SCHEMAS["bands"],
    # over patients: mean effect and its interval by kind: "expected" = patients averaged within each draw of what is
    # not known of the population, central interval over draws; "monte-carlo" = that of a mean over so many
    # patients, where nothing is drawn that they share. error: of the mean, by the number of patients. Then the central
    # interval of the individual effects, shares of patients who are better and worse off, and how many to treat
    # for one to be better off (negative: worse off)
    "contrasts": {
        **_ESTIMATE,
        "patients_low": pl.Float64,
        "patients_high": pl.Float64,
        "better": pl.Float64,
        "worse": pl.Float64,
        "nnt": pl.Float64,
        "nnt_low": pl.Float64,
        "nnt_high": pl.Float64,
        "level": pl.Float64,
        "n": pl.Int32,
    },
    # the same by subgroup of one covariate
    "benefit": {
        "plan": pl.String,
        "reference": pl.String,
        "outcome": pl.String,
        "covariate": pl.String,
        "group": pl.String,
        "mean": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "level": pl.Float64,
        "n": pl.Int32,
    },
}
