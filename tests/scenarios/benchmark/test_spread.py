"""What the spread of free follow-ups is worth: of a sampler that knows where injury may come, and of one image."""

import numpy as np
import polars as pl
import pytest

from scenarios.benchmark.scores import SCHEMA, spread
from scenarios.benchmark.tables import _spread

CHANCE = np.random.default_rng(0)
RISEN = np.array([80.0, 0.0, 120.0, np.nan])


def test_a_sampler_is_told_from_its_mean():
    truth = 50 * CHANCE.standard_normal(4000)
    sampler = spread(
        50 * CHANCE.standard_normal((8, 4000)),
        truth,
        np.array([[90.0, 0, 0, np.nan], [0, 40, 0, np.nan]] * 4),
        RISEN,
    )
    one = spread(np.zeros((8, 4000)), truth, np.zeros((8, 4)), RISEN)
    assert sampler["energy_hu"] < one["energy_hu"] == pytest.approx(np.sqrt((truth**2).mean()))
    assert sampler["voxels_between"] == pytest.approx(1, abs=0.05) and one["voxels_between"] == 0
    assert (sampler["injury_shown"], one["injury_shown"]) == (0.5, 0.0)
    assert np.isnan(spread(np.zeros((2, 1)), np.zeros(1), np.zeros((2, 4)), np.zeros(4))["injury_shown"])


def test_the_table_has_a_row_for_who_was_asked_more_than_once():
    rows = [
        {"patient": p, "generator": "bridge", "plan": "60-30", "day": 95.0, "other": None, "mode": "free",
         "metric": m, "value": v}
        for p in ("a", "b") for m, v in (("energy_hu", 30.0), ("voxels_between", 0.8), ("injury_shown", 0.25))
        if (p, m) != ("b", "injury_shown")
    ]  # fmt: skip
    (table,) = _spread(pl.DataFrame(rows, schema=SCHEMA))
    (row,) = table.frame.to_dicts()
    assert (row["follow-ups"], row["follow-ups with injury"]) == (2, 1) and row["energy score, HU"] == 30
    assert row["injury that some sample shows"] == "25.0 %"
    assert _spread(pl.DataFrame(rows[1:2], schema=SCHEMA)) == []
