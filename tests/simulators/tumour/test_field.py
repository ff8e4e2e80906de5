"""The tumour field: the lumped tumour's volume, mass kept at walls, second order, and the same on any machine."""

import io
from dataclasses import replace

import numpy as np
import pytest

from simulators.belief.prior import median_parameters, prior_belief
from simulators.core.course import Course, Event
from simulators.core.kinetics import TumourState
from simulators.tumour.dose_volume import DoseVolumeKinetics, trajectory
from simulators.tumour.field import FieldKinetics, partial_volume
from twin import DoseGrid, Geometry, InputError, PatientTwin, StructureSet, Volume
from twin.scan import Scan

PATIENT = PatientTwin("field-test")
GRID = Geometry((24, 26, 28), (2.0, 2.0, 2.0))


def ball(geometry, radius_mm, centre=None):
    """Share of each voxel in a ball, its rim smoothed over one voxel."""
    at = np.moveaxis(np.indices(geometry.shape), 0, -1) * geometry.spacing_mm
    middle = (np.asarray(geometry.shape) - 1) / 2 * geometry.spacing_mm if centre is None else centre
    distance = np.linalg.norm(at - middle, axis=-1)
    return np.clip((radius_mm - distance) / geometry.spacing_mm[0] + 0.5, 0, 1).astype(np.float32)


OCCUPANCY = ball(GRID, 14.0)
EVERYWHERE = np.ones(GRID.shape, dtype=bool)


def standard(total=60.0, fractions=30, grid=-1, grids=()):
    days = [d + 0.375 for d in range(200) if d % 7 < 5][:fractions]
    n = fractions + 1
    return Course(
        np.array([*days, days[-1]]),
        np.array([Event.FRACTION] * fractions + [Event.COURSE_END], dtype=np.int8),
        np.array([total / fractions] * fractions + [0.0]),
        np.full(n, grid, dtype=np.int16),
        np.zeros(n),
        grids,
    )


NO_PLAN = replace(standard(), **{f: v[:0] for f, v in vars(standard()).items() if isinstance(v, np.ndarray)})


def median(**changes):
    values = {k: float(v[0]) for k, v in median_parameters(PATIENT).items()}
    return {k: np.float64(v) for k, v in {**values, **changes}.items()}


def field(**options):
    return FieldKinetics(GRID, OCCUPANCY, EVERYWHERE, **options)


def same(a: TumourState, b: TumourState):
    mine, theirs = a.arrays(), b.arrays()
    for name, value in mine.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)


def test_with_uniform_dose_and_no_invasion_the_volume_is_the_lumped_one():
    kinetics, p = field(invasion_mm2_per_d=0.0), median()
    volume_cm3 = float(OCCUPANCY.sum(dtype=np.float64)) * GRID.voxel_cm3
    days = np.array([0.0, 0.4, 10.0, 20.2, 39.375, 60.0, 200.0, 900.0])
    course = standard(40.0, 20)
    curve, last = trajectory(kinetics, PATIENT, p, [course], days)
    lumped, end = trajectory(DoseVolumeKinetics(volume_cm3), PATIENT, p, [course], days)
    np.testing.assert_allclose(curve, lumped, rtol=1e-6)
    assert float(last.survivors) == pytest.approx(float(end.survivors), rel=1e-9)


def test_invasion_conserves_mass_at_walls():
    domain = EVERYWHERE.copy()
    domain[:, :, :9] = False  # a wall that cuts close to the tumour
    domain[12, 13:, :] = False
    occupancy = np.where(domain, ball(GRID, 14.0), 0).astype(np.float32)
    kinetics = FieldKinetics(GRID, occupancy, domain, invasion_mm2_per_d=0.5)
    p = median(growth_per_d=0.0, remnant_fraction=0.0)
    state = kinetics.start(PATIENT, p)
    before = state.viable.sum(dtype=np.float64)
    after = kinetics.advance(state, p, [NO_PLAN], 1500.0).viable
    assert after.sum(dtype=np.float64) == pytest.approx(before, rel=2e-6)
    assert (after[~domain] == 0).all() and (after >= 0).all()
    reached = domain[1:-1, 1:-1, 1:-1]
    assert after[1:-1, 1:-1, 1:-1][reached].min() > 1e-3  # it did spread everywhere else


def test_invasion_is_diffusion():
    """The spread of a point source: variance grows by 2 D t along each axis."""
    occupancy = np.zeros(GRID.shape, dtype=np.float32)
    occupancy[12, 13, 14] = 1.0
    kinetics = FieldKinetics(GRID, occupancy, EVERYWHERE, invasion_mm2_per_d=0.05)
    p = median(growth_per_d=0.0, remnant_fraction=0.0)
    v = kinetics.advance(kinetics.start(PATIENT, p), p, [NO_PLAN], 100.0).viable.astype(np.float64)
    z = (np.arange(GRID.shape[0]) - 12) * 2.0
    assert v.sum() == pytest.approx(1.0, rel=1e-6)
    assert (v.sum(axis=(1, 2)) * z**2).sum() == pytest.approx(2 * 0.05 * 100, rel=1e-3)


@pytest.mark.parametrize("stop", [0.375, 11.0, 30.0, 30.77, 39.375, 41.2])
def test_stopping_saving_and_going_on_is_never_stopping(stop):
    relative = {"g": (0.8 + 0.3 * ball(GRID, 12.0)).astype(np.float32)}
    kinetics, p = field(relative_dose=relative), median(control_quantile=0.9)
    course = standard(grid=0, grids=("g",))
    start = kinetics.start(PATIENT, p)
    copy = {k: v.copy() for k, v in start.arrays().items()}
    straight = kinetics.advance(start, p, [course], 75.6)
    file = io.BytesIO()
    np.savez(file, **kinetics.advance(start, p, [course], stop).arrays())
    file.seek(0)
    same(kinetics.advance(TumourState(**np.load(file)), p, [course], 75.6), straight)
    for name, value in start.arrays().items():  # the caller's arrays are as they were
        np.testing.assert_array_equal(value, copy[name])


def test_the_result_depends_on_neither_threads_nor_batch():
    import numba

    samples = prior_belief(PATIENT, 3, seed=1).samples
    kinetics, course = field(), standard()
    together = kinetics.advance(kinetics.start(PATIENT, samples), samples, [course], 50.3)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        for i in range(3):
            p = {k: v[i] for k, v in samples.items()}
            alone = kinetics.advance(kinetics.start(PATIENT, p), p, [course], 50.3)
            np.testing.assert_array_equal(alone.viable, together.viable[i])
            assert float(kinetics.gtv_cm3(alone)) == kinetics.gtv_cm3(together)[i]
    finally:
        numba.set_num_threads(threads)


def test_arms_of_one_batch_follow_their_own_courses():
    kinetics, p = field(), median()
    arms = {k: np.broadcast_to(v, (2,)) for k, v in p.items()}
    both = kinetics.advance(kinetics.start(PATIENT, arms), arms, [standard(), NO_PLAN], 30.0)
    for i, course in enumerate([standard(), NO_PLAN]):
        alone = kinetics.advance(kinetics.start(PATIENT, p), p, [course], 30.0)
        np.testing.assert_array_equal(both.viable[i], alone.viable)


def test_a_plan_of_zero_dose_equals_no_plan():
    kinetics, p = field(), median()
    start = kinetics.start(PATIENT, p)
    nothing = kinetics.advance(start, p, [standard(0.0)], 90.0)
    none = kinetics.advance(start, p, [NO_PLAN], 90.0)
    np.testing.assert_array_equal(nothing.viable, none.viable)
    assert np.isnan(nothing.survivors)


def test_steps_converge_to_second_order():
    p = median(growth_per_d=0.02, remnant_fraction=0.1, clearance_half_time_d=8.0, control_quantile=0.5)
    course = standard(6.0, 3)

    def at(step):
        kinetics = field(step_days=step, invasion_mm2_per_d=0.0)
        return float(kinetics.gtv_cm3(kinetics.advance(kinetics.start(PATIENT, p), p, [course], 66.0)))

    exact = at(1 / 32)
    errors = np.abs([at(step) - exact for step in (4.0, 2.0)])
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.25)


def test_invasion_converges_to_second_order():
    p = median(growth_per_d=0.0, remnant_fraction=0.0)

    def at(step):
        kinetics = field(step_days=step, invasion_mm2_per_d=0.06)
        return kinetics.advance(kinetics.start(PATIENT, p), p, [NO_PLAN], 64.0).viable.astype(np.float64)

    exact = at(1 / 8)
    errors = [np.linalg.norm(at(step) - exact) for step in (1.0, 0.5)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("step_days", [30.0, 1e4])
def test_no_step_size_is_unstable_or_negative(step_days):
    kinetics, p = field(step_days=step_days, invasion_mm2_per_d=1.0), median(growth_per_d=0.5)
    state = kinetics.advance(kinetics.start(PATIENT, p), p, [standard()], 800.0)
    assert np.isfinite(state.viable).all() and (state.viable >= 0).all() and (state.doomed >= 0).all()
    assert float(kinetics.gtv_cm3(state)) <= 1150 * 1.001


def test_survival_of_ten_to_the_minus_ten_is_neither_lost_nor_slow():
    """30 fractions that leave exp(-23) = 1e-10 of every cell, as a float32 field."""
    p = median(alpha_per_gy=23.0 / 60 / 1.2, growth_per_d=0.0, remnant_fraction=0.0, repair_half_time_h=0.1)
    course = replace(standard(), kind=np.array([Event.FRACTION] * 30 + [Event.IMAGING], dtype=np.int8))
    kinetics = field(invasion_mm2_per_d=0.0)
    state = kinetics.advance(kinetics.start(PATIENT, p), p, [course], 90.0)
    inside = OCCUPANCY == 1
    np.testing.assert_allclose(state.viable[inside], np.exp(-23.0), rtol=1e-5)
    lowest = state.viable[state.viable > 0].min()
    assert lowest > np.finfo(np.float32).tiny  # no denormal number, which would slow every step


def test_a_controlled_field_keeps_no_viable_cell_and_a_failed_one_regrows():
    course = standard()
    kinetics = field()
    for quantile, controlled in ((1e-6, True), (1 - 1e-6, False)):
        p = median(control_quantile=quantile, growth_per_d=0.02)
        state = kinetics.advance(kinetics.start(PATIENT, p), p, [course], 60.0)
        late = kinetics.advance(state, p, [course], 2500.0)
        assert (float(state.survivors) == 0) is controlled
        assert bool(state.viable.max() == 0) is controlled
        assert (float(kinetics.gtv_cm3(late)) > 200) is not controlled


def test_survivors_of_a_flushed_field_stand_where_survival_was_highest():
    cold = np.ones(GRID.shape, dtype=np.float32)
    cold[12, 13, 14] = 0.85
    kinetics = field(relative_dose={"g": cold}, invasion_mm2_per_d=0.0)
    course = standard(120.0, 30, grid=0, grids=("g",))
    p = median(control_quantile=1 - 1e-16, repair_half_time_h=0.1, alpha_per_gy=0.3)
    state = kinetics.advance(kinetics.start(PATIENT, p), p, [course], 60.0)
    assert float(state.survivors) >= 1
    assert np.argwhere(state.viable > 0).tolist() == [[12, 13, 14]]


def test_partial_volume_keeps_the_masks_volume():
    fine = Geometry((20, 41, 37), (3.0, 0.977, 0.977), (5.0, -3.0, 2.0))
    mask = np.random.default_rng(0).random(fine.shape) < 0.3
    coarse = fine.resampled(2.0)
    shares = partial_volume(mask, fine, coarse)
    assert shares.shape == coarse.shape and shares.max() <= 1 + 1e-6
    assert shares.sum(dtype=np.float64) * coarse.voxel_cm3 == pytest.approx(
        mask.sum() * fine.voxel_cm3, rel=1e-6
    )


@pytest.fixture
def small_twin():
    """A ball of tumour at the edge of its CT, half of it against a wall."""
    ct = Geometry((24, 60, 60), (3.0, 1.0, 1.0), (-20.0, 10.0, 5.0))
    lung = np.zeros(ct.shape, dtype=bool)
    lung[:, :, :30] = True
    tumour = ball(ct, 9.0, centre=(0.0, 30.0, 28.0)) > 0.5
    contours = StructureSet(ct, ()).with_mask("GTVp", "GTV", tumour)
    contours = contours.with_mask("Lung_L", "OAR", lung & ~tumour)
    scan = Scan("ct", 0.0, Volume(ct, np.zeros(ct.shape, dtype=np.int16), "CT", "HU"))
    coarse = Geometry((30, 30, 30), (4.0, 4.0, 4.0), (-40.0, -10.0, -15.0))
    x_mm = coarse.lps(np.moveaxis(np.indices(coarse.shape), 0, -1))[..., 0]
    dose = DoseGrid("60/30", Volume(coarse, (60 + x_mm).astype(np.float32), "DOSE", "Gy"), 60.0)
    return PatientTwin("small", scans=(scan,), structures=(contours,)), {"60/30": dose}


def test_a_patients_field_is_his_tumour_lung_and_dose(small_twin):
    twin, doses = small_twin
    kinetics = FieldKinetics.from_twin(twin, doses)
    p = median()
    state = kinetics.start(twin, p)
    assert float(kinetics.gtv_cm3(state)) == pytest.approx(twin.gtv_cm3, rel=1e-6)
    centre = kinetics.geometry.lps(np.argwhere(kinetics.occupancy > 0)).mean(axis=0)
    mask_centre = twin.contours.geometry.lps(np.argwhere(twin.contours.gtv())).mean(axis=0)
    assert np.abs(centre - mask_centre).max() < 1.0
    at = tuple(np.rint(kinetics.geometry.index(mask_centre)).astype(int))
    x_mm = kinetics.geometry.lps(at)[0]
    assert kinetics.relative_dose["60/30"][at] == pytest.approx((60 + x_mm) / 60, rel=1e-3)
    view = kinetics.view(kinetics.advance(state, p, [NO_PLAN], 30.0), p)
    assert view.gtv0_cm3 == pytest.approx(twin.gtv_cm3, rel=1e-6) and view.gtv_cm3 > view.gtv0_cm3
    right_of_wall = kinetics.geometry.lps(np.argwhere(view.viable > 0))[:, 0]
    assert right_of_wall.max() < -20 + 5 + 28 + 10 + 6  # the wall's side stays free but for the tumour itself


def test_dose_bins_of_a_patient_are_ranked_by_dose(small_twin):
    twin, doses = small_twin
    bins = DoseVolumeKinetics.from_dose(twin, doses, bins=5)
    ratios = bins.relative_dose["60/30"]
    assert bins.bin_fraction.sum() == pytest.approx(1.0) and (np.diff(ratios) > 0).all()
    inside = doses["60/30"].volume.on(twin.contours.geometry)[twin.contours.gtv()] / 60
    assert (bins.bin_fraction * ratios).sum() == pytest.approx(inside.mean(), rel=1e-6)


def test_what_cannot_be_is_refused_with_a_sentence():
    kinetics, p = field(relative_dose={"a": EVERYWHERE.astype(np.float32)}), median()
    start = kinetics.start(PATIENT, p)
    with pytest.raises(InputError, match="'b'"):
        kinetics.advance(start, p, [standard(grid=0, grids=("b",))], 3.0)
    with pytest.raises(InputError, match="back"):
        kinetics.advance(kinetics.advance(start, p, [NO_PLAN], 3.0), p, [NO_PLAN], 2.0)
    with pytest.raises(InputError, match="border"):
        FieldKinetics(GRID, EVERYWHERE.astype(np.float32), EVERYWHERE)
