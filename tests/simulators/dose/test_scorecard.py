"""Constraints and the scorecard."""

import numpy as np
import pytest

from simulators.dose.constraints import Constraint, ConstraintSet, constraint_sets, metric, metric_unit
from simulators.dose.dvh import from_samples
from simulators.dose.scorecard import scorecard
from twin import Geometry, InputError, StructureSet, Volume

GRID = Geometry((20, 20, 40), (5.0, 5.0, 5.0))


def patient(heart_estimated=False):
    """Lungs of 1 and 1 litre with a GTV, a heart and a cord; dose given by x."""
    left, right, gtv, heart, cord = (np.zeros(GRID.shape, bool) for _ in range(5))
    left[:, :, :20], right[:, :, 20:] = True, True
    heart[5:10, 5:11, 18:22] = True
    cord[:, 18:19, 30:31] = True
    gtv[8:12, 8:12, 8:12] = True
    s = StructureSet(GRID, ()).with_mask("Lung_L", "OAR", left & ~gtv).with_mask("Lung_R", "OAR", right)
    s = s.with_mask("Heart", "OAR", heart, estimated=heart_estimated)
    return s.with_mask("SpinalCord", "OAR", cord).with_mask("GTVp", "GTV", gtv)


def dose(left_gy, right_gy):
    values = np.full(GRID.shape, right_gy, np.float32)
    values[:, :, :20] = left_gy
    return Volume(GRID, values, "DOSE", "Gy")


def verdict(scores, structure, name, limit=None):
    found = [
        s
        for s in scores
        if s.constraint.structure == structure
        and s.constraint.metric == name
        and s.verdict != "not applicable"
        and limit in (None, s.constraint.limit)
    ]
    assert len(found) == 1
    return found[0]


def test_metrics_of_a_known_histogram():
    h = from_samples("x", np.array([10.0, 20.0, 30.0, 40.0]), np.ones(4), 100.0)
    assert metric(h, "Dmean") == 25
    assert metric(h, "Dmin") == 10
    assert metric(h, "Dmax") == pytest.approx(40, abs=0.02)
    assert metric(h, "V25Gy") == pytest.approx(50)
    assert metric(h, "V25Gy[cc]") == pytest.approx(50)
    assert metric(h, "CV25Gy") == pytest.approx(50)
    assert metric(h, "V50%", prescription_gy=70) == pytest.approx(25)
    assert metric(h, "D30cc") == pytest.approx(30, abs=0.02)
    assert metric(h, "D95%") == pytest.approx(10, abs=0.02)
    assert metric(h, "gEUD(1)") == pytest.approx(25, abs=0.01)
    with pytest.raises(InputError, match="prescribed"):
        metric(h, "V50%")
    for wrong in ("V20", "D20Gy", "Dmedian", "V20cc", "D5%[cc]", "", "v20gy"):
        with pytest.raises(InputError, match="unknown dose-volume metric"):
            metric_unit(wrong)


def test_the_shipped_sets_are_whole_and_cite_their_source():
    sets = {s.name: s for s in constraint_sets()}
    assert set(sets) == {"QUANTEC", "SBRT"}
    assert all("20" in s.source and s.checked for s in sets.values())
    # The lung's mean doses and rates are those of the paper's own fit.
    for c in sets["QUANTEC"].constraints:
        if (c.structure, c.metric) == ("Lungs-GTV", "Dmean"):
            assert c.rate_percent == pytest.approx(100 / (1 + np.exp(3.87 - 0.126 * c.limit)), abs=0.7)
    unchecked = [c for s in sets.values() for c in s.constraints if c.from_memory]
    assert len(unchecked) == 8 and {c.fractions for c in unchecked} == {4}
    limits = {(c.fractions, c.structure, c.metric): c.limit for s in sets.values() for c in s.constraints}
    assert limits[None, "Lungs-GTV", "V20Gy"] == 30
    assert limits[5, "Esophagus", "Dmax"] == 35
    assert limits[4, "Heart", "D15cc"] == 28
    # A longer schedule never allows less: the tables carry no slip of a digit in that direction.
    for (n, structure, name), limit in limits.items():
        if n in (3, 4) and not name.startswith("CV") and (n + 1, structure, name) in limits:
            assert limits[n + 1, structure, name] > limit


def test_conventional_plan_passes_and_fails_where_it_should():
    scores = scorecard(dose(25, 5), patient(), prescription_gy=60, fractions=30)
    v20 = verdict(scores, "Lungs-GTV", "V20Gy")
    assert v20.verdict == "fail"
    assert v20.value == pytest.approx(100 * (8000 - 64) / (16000 - 64), rel=1e-3)
    assert v20.unit == "%"
    assert verdict(scores, "SpinalCord", "Dmax", 50).verdict == "pass"
    assert verdict(scores, "Esophagus", "Dmean").verdict == "unknown"
    assert verdict(scores, "Esophagus", "Dmean").value is None


def test_a_dose_that_is_known_to_be_off_is_judged_by_what_it_should_be():
    half = {"SpinalCord": 0.5}
    told = {"prescription_gy": 60, "fractions": 30}
    as_is, known = (
        scorecard(dose(25, 5), patient(), **told, factor=f)
        for f in (lambda _: 1.0, lambda n: half.get(n, 1.0))
    )
    for structure, name, limit, ratio in (("SpinalCord", "Dmax", 50, 0.5), ("Lungs-GTV", "V20Gy", None, 1.0)):
        before, after = (verdict(scores, structure, name, limit).value for scores in (as_is, known))
        assert after == pytest.approx(ratio * before, abs=0.03)


def test_outside_its_fractionation_a_constraint_is_not_applicable_never_a_pass():
    for total, n, holds in ((60, 30, {"QUANTEC"}), (54, 3, {"SBRT"}), (55, 20, set()), (60, 8, {"SBRT"})):
        scores = scorecard(dose(0, 0), patient(), prescription_gy=total, fractions=n)
        spoken = {s.set_name for s in scores if s.verdict != "not applicable"}
        assert spoken == (holds if n != 8 else set())
        assert all(s.value is None and s.met is None for s in scores if s.verdict == "not applicable")


def test_an_estimated_organ_says_estimated_with_its_value():
    scores = scorecard(
        dose(5, 5), patient(heart_estimated=True), prescription_gy=54, fractions=3, approximate=True
    )
    heart = verdict(scores, "Heart", "D15cc")
    assert heart.verdict == "estimated"
    assert heart.met is True
    assert heart.value == pytest.approx(5, abs=0.02)
    assert heart.approximate


def test_spared_volume_must_be_reached():
    spared = scorecard(dose(50, 5), patient(), prescription_gy=54, fractions=3)
    assert verdict(spared, "Lungs-GTV", "CV12.4Gy").value == pytest.approx(1000, rel=1e-3)
    assert verdict(spared, "Lungs-GTV", "CV12.4Gy").verdict == "pass"
    assert verdict(spared, "Lungs-GTV", "CV11.6Gy").verdict == "fail"


def test_a_user_s_own_set_is_read_and_a_wrong_one_refused(tmp_path):
    good = tmp_path / "mine.yaml"
    good.write_text(
        "name: Mine\ntitle: t\nsource: our department\nfraction_gy: [1, 3]\n"
        "constraints:\n  - {structure: Heart, metric: Dmean, limit: 10, endpoint: e}\n"
    )
    mine = constraint_sets(good)
    assert mine == [
        ConstraintSet(
            name="Mine",
            title="t",
            source="our department",
            fraction_gy=(1, 3),
            constraints=(Constraint(structure="Heart", metric="Dmean", limit=10, endpoint="e"),),
        )
    ]
    assert scorecard(dose(8, 8), patient(), prescription_gy=55, fractions=20, sets=mine)[0].verdict == "pass"
    for text, said in (
        (good.read_text().replace("Dmean", "Dmiddle"), "metric"),
        (good.read_text().replace("limit: 10", "limit: ten"), "limit"),
        ("name: [", "not valid YAML"),
        ("", "needs a mapping"),
    ):
        bad = tmp_path / "bad.yaml"
        bad.write_text(text)
        with pytest.raises(InputError, match=said):
            constraint_sets(bad)
    with pytest.raises(InputError, match=r"none\.yaml"):
        constraint_sets(tmp_path / "none.yaml")
