"""Stereotactic treatment near the central airways: the distance decides, and what is not drawn is unknown."""

import numpy as np
import pytest

from simulators.outcome.central import SERIES, Centrality, central_risks, pooled
from twin import Geometry, StructureSet

GRID = Geometry((10, 10, 60), (2.0, 2.0, 2.0))


def drawn(gap_mm, airway="BronchialTree", **fields):
    """An airway of one voxel, and a tumour whose surface lies so far from its."""
    tumour, tube = np.zeros(GRID.shape, dtype=bool), np.zeros(GRID.shape, dtype=bool)
    tube[5, 5, 5] = True
    tumour[5, 5, 6 + int(gap_mm / 2) :] = True
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", tumour)
    return structures.with_mask(airway, "OAR", tube, **fields) if airway else structures


@pytest.mark.parametrize(
    ("gap_mm", "kind"),
    [(0, "ultracentral"), (10, "ultracentral"), (12, "central"), (20, "central"), (22, "peripheral")],
)
def test_the_gap_between_tumour_and_airways_decides(gap_mm, kind):
    near = Centrality.of(drawn(gap_mm))
    assert near.kind == kind and near.gap_mm == pytest.approx(gap_mm)


def test_what_is_not_drawn_is_unknown_and_a_trachea_alone_shows_only_that_a_tumour_is_near():
    assert Centrality.of(drawn(0, airway="")).kind == "unknown"
    assert Centrality.of(drawn(60, airway="Trachea")).kind == "unknown"
    assert Centrality.of(drawn(4, airway="Trachea", estimated=True)).estimated
    risks = central_risks("unknown", 5, 0)
    assert set(risks) == {"central_toxicity", "central_death"}
    assert all(np.isnan(p).all() for p in risks.values())
    assert central_risks("peripheral", 5, 0) == {}


def test_two_series_are_pooled_by_hand():
    """Log odds -2 and 0 with variances 0.05: between them 2 - 0.05, the mean's variance (1.95 + 0.05) / 2."""
    odds = np.exp([-2.0, 0.0])
    series = []
    for o in odds:  # 1 / e + 1 / (n - e) = 0.05 with e = o (n - e)
        rest = (1 + 1 / o) / 0.05
        series.append((o * rest, (1 + o) * rest))
    mean, sd = pooled(tuple(series))
    assert mean == pytest.approx(-1.0) and sd**2 == pytest.approx(1.95 + 1.0)


def test_rates_lie_within_their_series_and_nearer_is_worse():
    near, far = (central_risks(kind, 4000, 0)["central_toxicity"] for kind in ("ultracentral", "central"))
    assert near.mean() > far.mean() and np.std(near) > np.std(far)
    assert 0.01 < np.quantile(near, 0.1) < 0.1 and 0.34 < np.quantile(near, 0.9) < 0.6
    for what, classes in SERIES.items():
        for series in classes.values():
            rates = [e / n for e, n in series]
            middle = 1 / (1 + np.exp(-pooled(series)[0]))
            assert min(rates) <= middle + 1e-9 and middle <= max(rates) + 0.01, what
    same = central_risks("ultracentral", 4, 0)["central_toxicity"]
    np.testing.assert_array_equal(same, near[:4])
