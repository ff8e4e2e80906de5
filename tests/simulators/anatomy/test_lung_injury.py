import numpy as np
import pytest

from simulators.anatomy.lung_injury import (
    Reaction,
    ablation,
    amplitude_hu,
    fibrosis_share,
    filled,
    injury_hu,
    mean_injury_hu,
    response,
    smooth_noise,
)
from simulators.core.chance import Key, Purpose
from twin import Geometry

MONTH = 30.4375
KEY = Key(0, "patient", Purpose.IMAGE)
WHOLE = Geometry((40, 100, 100), (3.0, 1.5, 1.5))


def conventional(reaction):
    """Lung that answers, and is not ablated."""
    return Reaction(reaction, np.zeros_like(reaction))


def test_half_the_amplitude_at_40_gy_and_nothing_below_15():
    floor = 1 / (1 + (40 / 15) ** 4)
    assert response(np.array([40.0]))[0] == pytest.approx(0.5 - floor, abs=1e-6)
    assert response(np.array([80.0]))[0] == pytest.approx(16 / 17 - floor, abs=1e-6)
    assert (response(np.array([0.0, 5.0, 14.9])) == 0).all()


def test_nothing_in_the_first_weeks_and_most_around_month_five():
    days = np.arange(-40.0, 800.0, 5.0)
    course = np.array([amplitude_hu(d) for d in days])
    assert (course[days < 21] == 0).all()
    assert course.max() == 150.0
    assert 4 <= days[course.argmax()] / MONTH <= 6
    assert 100 < course[-1] < 150
    assert fibrosis_share(5.9 * MONTH) == 0 and fibrosis_share(12.1 * MONTH) == 1


def test_the_mean_rise_follows_dose_and_time_and_stays_in_the_lung():
    reaction = np.zeros(WHOLE.shape, dtype=np.float32)
    reaction[:, :50] = 0.8
    rise = np.mean(
        [
            injury_hu(conventional(reaction), WHOLE, WHOLE, 150, KEY.at(sample=s))[:, :50].mean()
            for s in range(24)
        ]
    )
    assert rise == pytest.approx(0.8 * 150, rel=0.15)
    one = injury_hu(conventional(reaction), WHOLE, WHOLE, 150, KEY)
    assert (one[:, 50:] == 0).all() and one.min() >= 0
    assert not injury_hu(conventional(reaction), WHOLE, WHOLE, 10, KEY).any()


def test_fibrosis_is_patchier_than_ground_glass():
    reaction = np.full(WHOLE.shape, 0.9, dtype=np.float32)
    glass, scar = (injury_hu(conventional(reaction), WHOLE, WHOLE, m * MONTH, KEY) for m in (5, 14))
    assert scar.std() / scar.mean() > 1.5 * glass.std() / glass.mean()


def test_patches_hang_on_the_scan_and_not_on_the_crop():
    box = (slice(10, 30), slice(20, 60), slice(35, 80))
    crop = WHOLE.crop(box)
    reaction = np.full(WHOLE.shape, 0.9, dtype=np.float32)
    np.testing.assert_allclose(
        injury_hu(conventional(reaction[box]), crop, WHOLE, 200, KEY),
        injury_hu(conventional(reaction), WHOLE, WHOLE, 200, KEY)[box],
        rtol=1e-4,
    )


def test_smooth_noise_has_unit_variance_and_its_own_streams():
    a, b = (smooth_noise(KEY, stream, 6.0, WHOLE, WHOLE) for stream in (1, 2))
    assert a.std() == pytest.approx(1.0, abs=0.12)
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.1


def test_stereotactic_doses_consolidate_and_conventional_ones_do_not():
    dose = np.linspace(1.0, 227.0, 200)  # EQD2 of 54 Gy in 3 fractions is 227 Gy
    late = mean_injury_hu(Reaction(response(dose), ablation(dose)), 12 * MONTH)
    assert late[dose > 150].min() > 500
    assert late[dose < 66].max() < 150
    early = mean_injury_hu(Reaction(response(dose), ablation(dose)), 3 * MONTH)
    assert 100 < early[-1] < 250  # ground glass first
    edge = dose[np.argmin(np.abs(late - 0.5 * late.max()))]
    assert 90 < edge < 120  # the shape of the high dose


def test_injury_fills_air_and_nothing_else():
    hu = np.array([-1000.0, -950.0, -800.0, -400.0, 0.0, 40.0, 300.0])
    rise = filled(hu, np.full(hu.shape, 600.0))
    assert rise[2] == pytest.approx(600.0)
    assert 0.4 * 600 < rise[3] < 0.6 * 600
    assert rise[4] < 40 and not rise[5:].any() and not rise[:2].any()
    assert (hu + filled(hu, np.full(hu.shape, 5000.0)))[:6].max() <= 40.0
