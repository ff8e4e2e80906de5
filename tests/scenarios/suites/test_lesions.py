"""Lesions by thirds of their size: who belongs where, and what is said of whom."""

import numpy as np
import polars as pl
import pytest

from scenarios.suites.lesions import by_size, lesion_tables, thirds
from scenarios.suites.tables import less_is_better, means

SIZES = (30.0, 2.0, 80.0, 5.0, 12.0, 200.0, 9.0)


def people(sizes=SIZES):
    """Whose Dice is better the larger the lesion is, and whose SUVmax is off by the same everywhere."""
    rows = [
        ("ct-pet", "real", who, metric, str(n), value)
        for who in ("one", "other")
        for n, cm3 in enumerate(sizes)
        for metric, value in (
            ("lesion_cm3", cm3), ("lesion_dice", cm3 / 200), ("lesion_suvmax_error", 0.25), ("ssim", 0.9)
        )
    ]  # fmt: skip
    columns = ["task", "kind", "contestant", "metric", "patient", "value"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def test_a_third_of_the_lesions_is_small_by_their_own_sizes():
    found = dict(thirds(people()).select("cm3", "third").iter_rows())
    assert [found[s] for s in sorted(SIZES)] == ["small"] * 3 + ["middle"] * 2 + ["large"] * 2
    assert len(thirds(people(SIZES[:2]))) == 0, "two lesions have no thirds"


def test_shape_and_uptake_stand_apart_with_the_sizes_that_they_are_of():
    table = by_size(people())
    assert set(table["metric"]) == {"lesion_dice", "lesion_suvmax_error"}
    small = table.filter((pl.col("third") == "small") & (pl.col("metric") == "lesion_dice")).to_dicts()[0]
    own = np.array([2.0, 5.0, 9.0]) / 200
    assert small["mean"] == pytest.approx(own.mean()) and small["low"] < small["mean"] < small["high"]
    assert (small["from_cm3"], small["to_cm3"], small["people"]) == (2, 9, 3)
    (shape, uptake) = lesion_tables(table, "ct-pet", "real")
    assert shape[0].endswith("shape") and shape[1].columns[2:] == ["lesion_dice"]
    assert uptake[1]["lesion_suvmax_error"].to_list() == ["0.25 [0.25, 0.25]"] * 6
    assert shape[1]["lesions"].to_list()[0] == "small, 2 to 9 cm3, 3 people"
    assert lesion_tables(table, "ct-pet", "in silico") == []


def test_a_size_is_no_score_and_a_distance_is_better_small():
    assert "lesion_cm3" not in set(means(people())["metric"])
    assert (
        less_is_better("lesion_hd95_mm")
        and less_is_better("niqe")
        and not less_is_better("detection_auc_4mm")
    )
