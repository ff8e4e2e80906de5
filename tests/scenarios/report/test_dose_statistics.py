"""Statistics of a run's stored histograms are those of the dose itself, to the steps of the table."""

import numpy as np
import polars as pl
import pytest

from scenarios.records.run import PlanRecord
from scenarios.records.schema import SCHEMAS
from scenarios.report.dose_statistics import SCHEMA, dose_statistics
from simulators.dose.dvh import from_samples

PLAN = PlanRecord(
    slug="60-30", label="60/30", total_gy=60.0, fractions=30, end_days=40.0, grid=None, context=(), scenario={}
)  # fmt: skip


def stored(histogram) -> pl.DataFrame:
    """Rows as a run keeps them: in steps of a quarter gray."""
    gy = np.arange(0.0, histogram.max_gy + 0.5, 0.25)
    share = np.interp(gy, histogram.dose_gy, histogram.volume_fraction, right=0.0)
    columns = {"plan": "60-30", "structure": histogram.name, "estimated": False, "dose_method": "approximate"}
    return pl.DataFrame({"dose_gy": gy, "volume_fraction": share, **columns}).select(list(SCHEMAS["dvh"]))


def test_each_number_is_the_histograms_own():
    gy = 60.0 + 2.0 * np.random.default_rng(0).standard_normal(4000)
    low = 25.0 * np.random.default_rng(1).random(4000)
    target, lung = (from_samples(n, d, np.ones(4000), 10.0) for n, d in (("PTV", gy), ("Lungs-GTV", low)))
    found = dose_statistics(pl.concat([stored(target), stored(lung)]), [PLAN], {"PTV": 10.0})
    assert found.columns == list(SCHEMA) and found["structure"].to_list() == ["PTV", "Lungs-GTV"]
    first, second = found.iter_rows(named=True)
    for column, percent in (("d98_gy", 98), ("d95_gy", 95), ("d50_gy", 50), ("d2_gy", 2)):
        assert first[column] == pytest.approx(np.quantile(gy, 1 - percent / 100), abs=0.13)
    assert first["mean_gy"] == pytest.approx(gy.mean(), abs=0.02)
    assert first["v95_percent"] == pytest.approx(100 * (gy >= 57.0).mean(), abs=0.5)
    assert second["v20_percent"] == pytest.approx(100 * (low >= 20.0).mean(), abs=0.5)
    assert second["volume_cm3"] is None and first["volume_cm3"] == 10.0
    assert first["dose_method"] == "approximate"
