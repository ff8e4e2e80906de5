"""Who comes to the department."""

import numpy as np
import polars as pl
import pytest

from scenarios.clinic.department import Clinic, Referrals
from scenarios.clinic.flow import Flow


def test_arrivals_are_poisson_and_in_office_hours():
    referrals = Referrals(per_year=1000)
    counts = []
    for seed in range(4):
        arrived = pl.Series([p.arrival for p in Flow(Clinic(), referrals, 364, seed).patients])
        counts += np.histogram(arrived, np.arange(0, 365, 7))[0].tolist()
        assert (arrived % 1 >= 8.5 / 24 - 1e-9).all()
        assert (arrived % 1 <= 16.5 / 24 + 1e-9).all()
        assert (arrived.floor() % 7 < 5).all()
    assert np.mean(counts) == pytest.approx(1000 / 52.1, rel=0.05)
    assert np.var(counts) / np.mean(counts) == pytest.approx(1, abs=0.25)
