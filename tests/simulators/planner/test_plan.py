"""Plans on a thorax of boxes and ellipses: they cover the target, spare what lies beside it, and say what binds."""

import numpy as np
import pytest

from simulators.dose.medium import Medium
from simulators.dose.targets import grown, targets
from simulators.photon.superposition import Beams, superposed
from simulators.planner import beyond_limits, measures, plan_dose, template_for
from simulators.planner.cost import Term
from simulators.planner.pencil import PencilBeams
from simulators.planner.sample import Sample
from simulators.planner.template import Objective
from twin import DoseGrid, Geometry, InputError, Scan, StructureSet, Volume

pytestmark = pytest.mark.long  # plans on whole patients


@pytest.fixture(scope="module")
def quick():
    """The conventional template with fewer beams on a coarser grid."""
    return template_for(2.0).model_copy(update={"directions": 12, "spacing_mm": 5.0, "pixel_mm": 5.0})


@pytest.fixture(scope="module")
def planned(quick, thorax):
    return plan_dose(*thorax(), 60.0, 30, template=quick)


def test_the_target_is_covered_and_the_limits_hold(planned, thorax):
    found = measures(planned.dose, thorax()[1], planned.targets)
    assert found["ptv_d95_percent"] >= 95
    assert found["dmax_percent"] <= 110.5
    assert found["lung_v20_percent"] <= 35
    assert found["cord_max_gy"] <= 45
    assert 0.8 <= found["r100"] <= 1.3
    assert found["mean_heart_gy"] is None, "an organ that is not drawn has no dose"


def test_the_other_lung_is_spared(planned, thorax):
    contours = thorax()[1]
    dose = planned.dose.volume.on(contours.geometry)
    near, far = (dose[contours.mask(name)].mean() for name in ("Lung_L", "Lung_R"))
    assert far < 0.3 * near


def test_the_dose_is_that_of_the_beams_by_superposition(planned, thorax):
    scan, contours = thorax()
    medium = Medium.of(scan, contours, 5.0)
    np.testing.assert_allclose(
        superposed(medium, planned.beams), planned.dose.volume.array, rtol=1e-4, atol=1e-3
    )
    again = planned.recalculated(scan, contours)
    np.testing.assert_allclose(again.volume.array, planned.dose.volume.array, rtol=1e-4, atol=1e-3)


def test_a_lung_tumour_that_is_gone_changes_the_dose_and_the_path(planned, thorax):
    scan, contours = thorax(tumour_hu=-760)
    path = planned.depths_mm(scan, contours) - planned.depths_mm(*thorax())
    assert (path < -5).all(), "20 mm of tissue became lung"
    dose = planned.recalculated(scan, contours).volume.on(contours.geometry)
    gtv = contours.mask("GTVp")
    assert abs(dose[gtv].mean() - planned.dose.volume.on(contours.geometry)[gtv].mean()) > 0.3


def test_a_replan_begins_with_the_former_plan(planned, quick, thorax):
    once = quick.model_copy(update={"rounds": 0})
    fresh, continued = (plan_dose(*thorax(), 60.0, 30, template=once, start=s) for s in (None, planned))
    assert _misses(continued) < _misses(fresh)


def test_a_replan_of_a_target_that_moved_keeps_the_directions_and_covers_it(planned, quick, thorax):
    scan, contours = thorax()
    ptv = np.roll(planned.targets.mask("PTV"), (1, 2), axis=(0, 2)) & contours.mask("Body")
    moved = StructureSet(contours.geometry, ()).with_mask("PTV", "PTV", ptv)
    again = plan_dose(scan, contours, 60.0, 30, targets=moved, template=quick, start=planned)
    np.testing.assert_array_equal(again.beams.gantry_rad, planned.beams.gantry_rad)
    assert measures(again.dose, contours, moved)["ptv_d95_percent"] >= 95
    assert measures(planned.dose, contours, moved)["ptv_d95_percent"] < 95, "the former plan would miss it"


def test_a_dose_grid_that_ends_within_the_target_is_refused(planned, thorax):
    whole = planned.dose.volume
    middle = int(whole.geometry.index(planned.beams.isocentre)[0])
    part = DoseGrid("half", whole.crop((slice(0, middle), slice(None), slice(None))), 60.0)
    with pytest.raises(InputError, match=r"does not cover the target: [0-9]+% of the PTV"):
        measures(part, thorax()[1], planned.targets)


def test_a_protocol_s_limits_follow_the_volume_and_reach_the_objective(thorax):
    template = template_for(18.0)
    assert template.limits_for(10.3)["r50"][1] == pytest.approx((5.1 + 4.7) / 2, abs=0.01)
    found = {"ptv_cm3": 34.0, "d2cm_percent": 60.0, "r50": 4.2}
    assert [s.split(" ")[0] for s in beyond_limits(found, template)] == ["d2cm_percent"]
    scan, contours = thorax()
    medium = Medium.of(scan, contours, 5.0)
    ptv = targets(scan, contours, sbrt=True)
    sample = Sample.of(medium, contours, ptv)
    term = next(t for t in sample.terms(template, 54.0) if t.objective.kind == "far_at_most")
    assert (sample.distance_mm[term.voxels] >= 18).all()
    limit = template.limits_for(sample.ptv_cm3)["d2cm_percent"][1]
    assert term.level == pytest.approx(0.88 * limit / 100)
    half = next(t for t in sample.terms(template, 54.0) if t.objective.volume_percent > 0 and t.level == 0.5)
    r50 = template.limits_for(sample.ptv_cm3)["r50"][1]
    assert half.objective.volume_percent == pytest.approx(100 * (0.93 * r50 - 1)), "the PTV itself is apart"


def test_several_prescribed_levels_are_planned_at_once(quick, thorax):
    scan, contours = thorax()
    gtv = contours.mask("GTVp")
    outer = grown(gtv, contours.geometry.spacing_mm, 10.0) & contours.mask("Body")
    levels = StructureSet(contours.geometry, ()).with_mask("PTV60", "PTV", gtv)
    levels = levels.with_mask("PTV50", "PTV", outer & ~gtv)
    objectives = [
        Objective(structure="PTV60", kind="at_least", gy=60, weight=500),
        Objective(structure="PTV60", kind="at_most", gy=63, weight=300),
        Objective(structure="PTV50", kind="at_least", gy=50, weight=300),
        Objective(structure="PTV50", kind="at_most", gy=55, weight=100),
    ]
    template = quick.model_copy(update={"objectives": tuple(objectives), "normalised": "PTV60", "rounds": 0})
    dose = plan_dose(scan, contours, 60.0, 30, targets=levels, template=template).dose.volume
    inner, beside = dose.on(contours.geometry)[gtv], dose.on(contours.geometry)[outer & ~gtv]
    assert np.percentile(inner, 5) == pytest.approx(60, abs=1)
    assert 45 < np.median(beside) < 58


def _misses(plan):
    """Root mean square of what the PTV lacks, as a share of the prescription, with the median at the prescription."""
    ptv = plan.targets["PTV"].mask
    dose = plan.dose.volume.on(ptv.geometry)[ptv.array > 0]
    return np.sqrt(np.mean(np.minimum(dose / np.median(dose) - 1.0, 0.0) ** 2))


def test_open_beams_have_no_modulation(thorax):
    template = template_for(2.0, conformal=True).model_copy(
        update={"spacing_mm": 5.0, "pixel_mm": 5.0, "rounds": 0}
    )
    plan = plan_dose(*thorax(), 60.0, 30, template=template)
    assert len(plan.beams.fluence) == 5
    for field in plan.beams.fluence:
        levels = np.unique(np.round(field[field > 0] / max(field.max(), 1e-9), 4))
        assert len(levels) <= 2, "open, or behind the leaves"


def test_a_pencil_beam_s_transpose_is_its_transpose_and_a_correction_makes_it_right(planned, thorax):
    scan, contours = thorax()
    medium = Medium.of(scan, contours, 5.0)
    beams = planned.beams
    rng = np.random.default_rng(3)
    voxels = np.argwhere(medium.density > 0)[::37].astype(np.int32)
    pencil = PencilBeams.of(medium, beams, voxels)
    fluence = rng.random(beams.fluence.shape).astype(np.float32)
    weight = rng.random(len(voxels)).astype(np.float32)
    assert pencil.dose(fluence) @ weight == pytest.approx((pencil.pull(weight) * fluence).sum(), rel=1e-3)
    other = rng.random(beams.fluence.shape).astype(np.float32)
    both = [(pencil.blurred(a, 6.0) * b).sum() for a, b in ((fluence, other), (other, fluence))]
    assert both[0] == pytest.approx(both[1], rel=1e-4), "what smooths a fluence is its own transpose"
    true = planned.dose.volume.array[tuple(voxels.T)]
    corrected = pencil.corrected(beams.fluence, true)
    np.testing.assert_allclose(corrected.dose(beams.fluence), true, atol=1e-3 * true.max())


def test_the_pencil_beam_agrees_with_superposition_in_water():
    grid = Geometry((41, 50, 41), (5.0,) * 3, (-100.0, 2.5, -100.0))
    medium = Medium(grid, np.ones(grid.shape, np.float32))
    x = np.arange(-26, 27) * 4.0
    one = (np.abs(x) <= 40).astype(np.float32)
    beams = Beams(np.zeros(3), np.zeros(1), (one[:, None] * one)[None], x, x)
    voxels = np.array([(20, j, 20) for j in range(4, 30)], np.int32)
    ours = PencilBeams.of(medium, beams, voxels).dose(beams.fluence)
    true = superposed(medium, beams)[tuple(voxels.T)]
    np.testing.assert_allclose(ours, true, rtol=0.06)


@pytest.mark.parametrize("kind", ["at_least", "at_most", "mean_at_most", "volume_at_most"])
def test_derivatives_of_the_cost(kind):
    rng = np.random.default_rng(1)
    dose = rng.random(40)
    share = rng.random(20) / 10
    objective = Objective(structure="PTV", kind=kind, percent=40, volume_percent=30, weight=3)
    term = Term(objective, 0.4, np.arange(0, 40, 2), share)
    gradient, unused = np.zeros(40), np.zeros(40)
    term.add(dose, gradient)
    for i in range(0, 40, 2):
        up, down = dose.copy(), dose.copy()
        up[i], down[i] = up[i] + 1e-6, down[i] - 1e-6
        slope = (term.add(up, unused) - term.add(down, unused)) / 2e-6
        assert gradient[i] == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize(
    ("fraction_gy", "name"), [(2.0, "conventional"), (2.75, "hypofractionated"), (18, "stereotactic")]
)
def test_a_fraction_s_size_chooses_the_technique(fraction_gy, name):
    assert template_for(fraction_gy).name == name


def test_what_cannot_be_planned_is_refused_in_a_sentence(thorax):
    scan, contours = thorax()
    with pytest.raises(InputError, match="positive dose"):
        plan_dose(scan, contours, -2.0, 30)
    grid = scan.volume.geometry
    bodiless = StructureSet(grid, tuple(s for s in contours if s.role != "EXTERNAL"))
    with pytest.raises(InputError, match="EXTERNAL"):
        plan_dose(scan, bodiless, 60.0, 30)
    narrow = (
        slice(0, 40),
        slice(0, 46),
        slice(34, 58),
    )  # a field of view that cuts the body off on both sides
    grid = grid.crop(narrow)
    cut = StructureSet(grid, ())
    for s in contours:
        mask = contours.mask(s.name)[narrow]
        if mask.any():
            cut = cut.with_mask(s.name, s.role, mask)
    with pytest.raises(InputError, match="cuts the body off"):
        plan_dose(Scan("CT", 0.0, Volume(grid, scan.volume.array[narrow].copy(), "CT", "HU")), cut, 60.0, 30)


def test_metal_is_said(thorax):
    scan, contours = thorax()
    hu = scan.volume.array.copy()
    hu[18:22, 25:28, 30:34] = 3000
    template = template_for(2.0, conformal=True).model_copy(
        update={"spacing_mm": 5.0, "pixel_mm": 5.0, "rounds": 0}
    )
    plan = plan_dose(
        Scan("CT", 0.0, Volume(contours.geometry, hu, "CT", "HU")), contours, 60.0, 30, template=template
    )
    assert any("metal" in note for note in plan.notes)


def test_no_narrow_beam_passes_between_sample_voxels(thorax):
    scan, contours = thorax()
    medium = Medium.of(scan, contours, 5.0)
    sample = Sample.of(medium, contours, targets(scan, contours, sbrt=True))
    body = medium.density > 0
    level = int(medium.grid.index(contours["GTVp"].mask.geometry.lps((0, 0, 0)))[0])
    here = sample.voxels[np.abs(sample.voxels[:, 0] - level) <= 2]
    for row in range(body.shape[1]):
        if body[level, row].sum() > 30:
            assert (here[:, 1] == row).any(), "a beam along this row would not be seen"
    far = sample.distance_mm > 25
    planes = np.unique(sample.voxels[far][:, 0])
    there = body[planes[0] : planes[-1] + 1]
    assert sample.weight.sum() == pytest.approx(there.sum(), rel=0.1), "each voxel is stood for once"
