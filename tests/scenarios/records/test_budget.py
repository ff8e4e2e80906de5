"""What would take more than 4 GB is refused before it begins, with the estimate."""

import pytest

from scenarios import Scenario, compare, run_study, simulate_clinic
from scenarios.clinic.department import Clinic, Referrals
from scenarios.records.budget import Size, batch_size, comparison_gb
from scenarios.records.request import Request
from scenarios.study.cohort import SampledCohort
from twin import InputError

THORAX = Size(29_000_000, 2.2, 60.0)


def request(**more) -> Request:
    asked = {
        "days": 365,
        "samples": 200,
        "image_samples": 1,
        "seed": 0,
        "generator": "auto",
        "scanners": ("pet",),
    }
    return Request(**{**asked, "kinetics": "standard", "outcomes": "standard", "dose": "approximate", **more})


def test_the_estimate_of_what_was_measured_lies_above_it_and_below_twice_of_it():
    # peak of `compare` on the in-silico patient of seed 7, mechanistic, MB
    for plans, asked, images, peak_mb in (
        (["60/30", "55/20"], request(), (18, 18), 1646),
        (["60/30", "55/20"], request(samples=20, scanners=("ct",)), (16, 15), 3317),
        (["60/30"], request(samples=5000, image_samples=0), (18,), 669),
        (["60/30"], request(days=30, samples=10, image_samples=0), (5,), 649),
    ):
        found = 1000 * comparison_gb(THORAX, [Scenario.parse(p) for p in plans], asked, images)
        assert peak_mb < found < 2 * peak_mb


def test_the_fine_grid_of_stereotactic_fluence_plans_counts():
    scenarios, images = [Scenario.parse("54/3")], (18,)
    coarse, fine = (
        comparison_gb(THORAX, scenarios, request(dose=d), images) for d in ("approximate", "fluence")
    )
    assert fine - coarse == pytest.approx(18 * 7 * 4 * THORAX.coarse_voxels / 1e9)


def test_a_comparison_that_is_too_large_is_refused_before_any_work(phantom_twin):
    plans = [Scenario.parse("60/30")]
    for asked in ({"days": 36_525, "samples": 100_000}, {"image_samples": 100, "samples": 200}):
        with pytest.raises(
            InputError, match=r"this comparison would take about \d+(\.\d)? GB of memory, more than 4"
        ):
            compare(phantom_twin, plans, **asked)


def test_a_study_takes_fewer_patients_at_once_before_it_is_refused(tmp_path):
    assert batch_size(3, 200, 365, 1000) == 64
    assert 1 <= batch_size(4, 5000, 1826, 1000) < 64
    with pytest.raises(InputError, match=r"this study would take about \d+ GB"):
        run_study(SampledCohort(10), [Scenario.parse("60/30")], tmp_path / "s", days=36_525, samples=100_000)
    assert not (tmp_path / "s").exists()


def test_a_clinic_that_is_too_large_is_refused():
    with pytest.raises(InputError, match="this clinic would take about"):
        simulate_clinic(Clinic(), Referrals(per_year=100_000), days=3660)
    with pytest.raises(InputError, match="this clinic would take about"):
        simulate_clinic(Clinic(), Referrals(), days=365, samples=100_000)
