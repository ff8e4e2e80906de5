"""The mechanistic follow-up on a real planning CT, held to what a follow-up CT must and must not show."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulators.anatomy.deformation import jacobian
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TreatmentRequest, TumourView
from simulators.treatment.mechanistic import MechanisticTreatment
from twin import ClinicalRecord, Geometry, InputError, Scan, StructureSet, Volume

pytestmark = pytest.mark.long  # follow-ups at full size


@pytest.fixture(scope="module")
def treatment():
    return MechanisticTreatment()


@pytest.fixture(scope="module")
def eqd2(lung_twin):
    """100 Gy in the GTV and around it, falling off into the lung."""
    from scipy.ndimage import distance_transform_edt

    coarse = lung_twin.baseline.volume.geometry.resampled(5.0)
    gtv = Volume(lung_twin.contours.geometry, lung_twin.contours.gtv().astype(np.float32), "MASK", "1").on(
        coarse
    )
    away_mm = distance_transform_edt(gtv < 0.5, sampling=coarse.spacing_mm)
    dose = 100.0 * np.exp(-np.maximum(0.0, away_mm - 10.0) / 15.0)
    return Volume(coarse, dose.astype(np.float32), "DOSE", "Gy")


def request(twin, share, erosion=0.5, *, eqd2=None, since_end=-10.0, sample=0, elapsed=60.0):
    gtv0 = twin.gtv_cm3
    return TreatmentRequest(
        scan=twin.baseline,
        structures=twin.contours,
        dose_since=eqd2,
        eqd2_since=eqd2,
        fractions_since=30,
        elapsed_days=elapsed,
        since_rt_end_days=since_end,
        clinical=twin.clinical,
        tumour=TumourView(share * gtv0, gtv0, erosion),
        key=Key(0, twin.id, Purpose.IMAGE, sample),
    )


def made(treatment, *args, **kwargs):
    return treatment.generate([request(*args, **kwargs)])[0]


def on_whole(twin, followup):
    """The follow-up as a whole volume, and its tumour mask."""
    geometry = twin.baseline.volume.geometry
    box = geometry.box_of(followup.scan.geometry)
    hu = np.array(twin.baseline.volume.array, dtype=np.int32)
    gtv = np.zeros(geometry.shape, dtype=bool)
    hu[box], gtv[box] = followup.scan.array, followup.gtv.array > 0
    return hu, gtv


def volume_cm3(followup):
    return float(followup.gtv.array.sum()) * followup.gtv.geometry.voxel_cm3


@pytest.mark.parametrize("erosion", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("share", [0.0, 0.0005, 0.02, 0.3, 0.8, 0.99, 1.0, 1.3, 3.0])
def test_the_mask_has_the_volume_that_was_asked_for(treatment, lung_twin, share, erosion):
    followup = made(treatment, lung_twin, share, erosion)
    wanted = share * lung_twin.gtv_cm3
    for measured in (volume_cm3(followup), followup.gtv_cm3):
        assert abs(measured - wanted) <= max(0.03 * wanted, 0.1)


def test_an_unchanged_tumour_gives_back_the_scan_and_the_contour(treatment, lung_twin):
    followup = made(treatment, lung_twin, 1.0)
    hu, gtv = on_whole(lung_twin, followup)
    np.testing.assert_array_equal(hu, lung_twin.baseline.volume.array)
    np.testing.assert_array_equal(gtv, lung_twin.contours.gtv())


@pytest.mark.parametrize(("share", "erosion"), [(0.8, 0.0), (0.5, 0.3), (0.1, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("since_end", [-10.0, 400.0])
def test_the_deformation_folds_nowhere(treatment, lung_twin, eqd2, share, erosion, since_end):
    followup = made(treatment, lung_twin, share, erosion, eqd2=eqd2, since_end=since_end)
    assert jacobian(followup.displacement_mm, followup.scan.geometry.spacing_mm).min() > 0.0


def test_the_elastic_share_of_the_loss_is_drawn_in_even_beside_the_mediastinum(treatment, lung_twin):
    from scipy.ndimage import map_coordinates

    followup = made(treatment, lung_twin, 0.5, 0.5)
    geometry = followup.scan.geometry
    gtv = lung_twin.contours.gtv()[lung_twin.contours.geometry.box_of(geometry)].astype(np.float32)
    steps = np.asarray(geometry.spacing_mm)[:, None, None, None]
    moved = map_coordinates(gtv, np.indices(gtv.shape) + followup.displacement_mm / steps, order=1)
    drawn_cm3 = float(gtv.sum() - moved.sum()) * geometry.voxel_cm3
    assert drawn_cm3 == pytest.approx(0.5 * 0.5 * lung_twin.gtv_cm3, rel=0.2)


def test_erosion_alone_moves_nothing_and_takes_no_memory(treatment, lung_twin):
    shift = made(treatment, lung_twin, 0.3, 1.0).displacement_mm
    assert not shift.any() and shift.strides == (0, 0, 0, 0)


def test_more_erosion_means_less_movement(treatment, lung_twin):
    lengths = [
        np.abs(made(treatment, lung_twin, 0.4, e).displacement_mm).mean() for e in (0.0, 0.3, 0.7, 1.0)
    ]
    assert lengths == sorted(lengths, reverse=True) and lengths[0] > 0.1


def test_grid_and_frame_stay(treatment, lung_twin, eqd2):
    geometry = lung_twin.baseline.volume.geometry
    for since_end in (-10.0, 150.0):
        followup = made(treatment, lung_twin, 0.4, eqd2=eqd2, since_end=since_end)
        part = geometry.crop(geometry.box_of(followup.scan.geometry))
        assert part.same_grid(followup.scan.geometry)
        assert followup.scan.array.dtype == np.int16
        assert followup.displacement_mm.shape == (3, *part.shape)
        assert followup.gtv.geometry == followup.injury.geometry == followup.scan.geometry


@pytest.mark.parametrize(("share", "erosion"), [(0.5, 0.5), (0.0, 1.0), (0.1, 0.0), (1.5, 0.5)])
def test_the_crop_ends_where_nothing_changes(treatment, lung_twin, eqd2, share, erosion):
    followup = made(treatment, lung_twin, share, erosion, eqd2=eqd2, since_end=150.0)
    before = lung_twin.baseline.volume.array[
        lung_twin.baseline.volume.geometry.box_of(followup.scan.geometry)
    ]
    change = np.abs(followup.scan.array.astype(int) - before)
    for axis in range(3):
        for end in (0, -1):
            assert np.take(change, end, axis).max() <= 6


@pytest.fixture(scope="module")
def walls(lung_twin):
    """Bone, and soft tissue two voxels and more from the GTV; an opening takes away vessels, which go with the lung."""
    from scipy.ndimage import binary_dilation, binary_opening, maximum_filter

    hu = lung_twin.baseline.volume.array
    free = ~lung_twin.contours.mask("Lung_L", "Lung_R")
    gtv = lung_twin.contours.gtv()
    bone = binary_opening((hu > 250) & free & ~gtv)
    # Voxels that soft tissue shares with lung are injured with it.
    apart = ~maximum_filter(~free, (3, 9, 9), mode="constant") & ~binary_dilation(gtv, iterations=2)
    return bone, binary_opening(free & ~gtv, iterations=3) & (hu > -200) & apart


@pytest.mark.parametrize(("share", "erosion"), [(0.5, 0.5), (0.0, 1.0), (0.1, 0.0), (1.5, 0.5)])
def test_chest_wall_and_mediastinum_are_kept(treatment, lung_twin, eqd2, walls, share, erosion):
    followup = made(treatment, lung_twin, share, erosion, eqd2=eqd2, since_end=150.0)
    box = lung_twin.baseline.volume.geometry.box_of(followup.scan.geometry)
    change = np.abs(followup.scan.array.astype(int) - lung_twin.baseline.volume.array[box])
    bone, solid = (w[box] for w in walls)
    assert change[bone].max() == 0
    assert (change[solid] > 20).mean() < 2e-4


def test_what_fills_the_place_looks_like_the_patients_own_lung(treatment, lung_twin):
    from scipy.ndimage import binary_erosion

    before = lung_twin.baseline.volume.array.astype(int)
    after, _ = on_whole(lung_twin, made(treatment, lung_twin, 0.0, 1.0))
    gtv = lung_twin.contours.gtv()
    place = binary_erosion(gtv, iterations=2)
    filled = after[place][after[place] < -400]  # the rest of the place is closed by the mediastinum
    own = before[binary_erosion(lung_twin.contours.mask("Lung_L"), iterations=2)]
    own = own[own < -400]
    assert filled.size > 0.3 * place.sum()
    assert abs(np.median(filled) - np.median(own)) < 60
    assert 0.5 < filled.std() / own.std() < 2.0


def test_volume_and_mask_shrink_monotonely(treatment, lung_twin):
    requests = [request(lung_twin, v, 1.0) for v in (1.0, 0.8, 0.6, 0.4, 0.2, 0.05)]
    masks = [on_whole(lung_twin, f)[1] for f in treatment.generate(requests)]
    for large, small in pairwise(masks):
        assert small.sum() < large.sum()
        assert (small & ~large).sum() <= 0.03 * small.sum()


def test_the_tumour_is_dense_and_the_cleared_lung_is_not(treatment, lung_twin):
    before = lung_twin.baseline.volume.array
    for erosion in (0.0, 0.5, 1.0):
        after, gtv = on_whole(lung_twin, made(treatment, lung_twin, 0.4, erosion))
        assert np.median(after[gtv]) == pytest.approx(np.median(before[lung_twin.contours.gtv()]), abs=25)


def test_growth_goes_into_lung_and_not_into_bone_or_chest_wall(treatment, lung_twin):
    from scipy.ndimage import binary_dilation

    before = lung_twin.baseline.volume.array
    lung, gtv = lung_twin.contours.mask("Lung_L", "Lung_R"), lung_twin.contours.gtv()
    after, grown = on_whole(lung_twin, made(treatment, lung_twin, 1.5))
    new = grown & ~gtv
    assert not (gtv & ~grown).any()
    assert lung[new].mean() > 0.6  # the rest is what the contour left between tumour and lung
    assert binary_dilation(lung, iterations=4)[new].mean() > 0.99
    assert (before[new] > 250).mean() < 0.002
    assert np.median(after[new]) > -60


def test_the_same_request_gives_the_same_image_alone_or_in_company(treatment, lung_twin, eqd2):
    requests = [
        request(lung_twin, v, 0.4, eqd2=eqd2, since_end=150.0, sample=s) for v, s in ((0.6, 0), (0.2, 1))
    ]
    together = treatment.generate(requests)
    other = MechanisticTreatment()
    alone = [other.generate([r])[0] for r in reversed(requests)][::-1]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_array_equal(a.scan.array, b.scan.array)
        np.testing.assert_array_equal(a.gtv.array, b.gtv.array)
        np.testing.assert_array_equal(a.displacement_mm, b.displacement_mm)


def test_one_sample_does_not_flicker_and_two_samples_differ(treatment, lung_twin, eqd2):
    a, b = (made(treatment, lung_twin, 0.5, 1.0, eqd2=eqd2, since_end=d) for d in (150.0, 151.0))
    assert np.abs(a.scan.array.astype(int) - b.scan.array).max() <= 12
    c = made(treatment, lung_twin, 0.5, 1.0, eqd2=eqd2, since_end=150.0, sample=1)
    assert np.abs(a.scan.array.astype(int) - c.scan.array).max() > 40


def test_injury_stays_in_irradiated_lung_and_follows_time(treatment, lung_twin, eqd2):
    from scipy.ndimage import maximum_filter

    before = lung_twin.baseline.volume.array
    lung, gtv = lung_twin.contours.mask("Lung_L", "Lung_R"), lung_twin.contours.gtv()
    rises = {}
    for months in (0.3, 2.0, 5.0):
        followup = made(treatment, lung_twin, 1.0, eqd2=eqd2, since_end=months * 30.4)
        box = lung_twin.baseline.volume.geometry.box_of(followup.scan.geometry)
        rise = followup.scan.array.astype(int) - lung_twin.baseline.volume.array[box]
        dose = eqd2.on(followup.scan.geometry)
        # Beyond the lung's contour only what shares its voxels with lung answers.
        beyond = ~maximum_filter(lung[box] | gtv[box], (5, 17, 17), mode="constant")
        assert not rise[beyond].any()
        assert not rise[(before[box] > 80) & ~gtv[box] & ~lung[box]].any()
        assert not rise[dose < 15].any()
        assert not (followup.injury.array.astype(bool) & (gtv[box] | ~lung[box])).any()
        rises[months] = rise[lung[box] & (dose > 70)].mean()
    assert rises[0.3] == 0
    assert 10 < rises[2.0] < rises[5.0]
    assert 70 < rises[5.0] < 250


def test_fibrosis_draws_lung_in_from_month_six(treatment, lung_twin, eqd2):
    still, scarred = (
        made(treatment, lung_twin, 0.3, 1.0, eqd2=eqd2, since_end=months * 30.4, elapsed=400.0)
        for months in (5, 13)
    )
    assert not still.displacement_mm.any()
    assert 1.0 < np.abs(scarred.displacement_mm).max() < 15.0
    assert jacobian(scarred.displacement_mm, scarred.scan.geometry.spacing_mm).min() > 0.0
    assert abs(volume_cm3(scarred) - 0.3 * lung_twin.gtv_cm3) < 0.1


def test_the_displacement_says_where_each_point_came_from():
    """A bright bead in lung beside a ball of tumour is found again at its new place."""
    geometry = Geometry((50, 110, 110), (2.0, 1.0, 1.0), (-55.0, -55.0, -50.0))
    z, y, x = np.indices(geometry.shape)
    distance = np.sqrt((2.0 * z - 50) ** 2 + (y - 55) ** 2 + (x - 55) ** 2)
    gtv = distance <= 16
    bead = (25, 55, 77)
    hu = np.where(gtv, 40.0, -800.0) + 800.0 * np.exp(
        -((2.0 * (z - 25)) ** 2 + (y - 55) ** 2 + (x - 77) ** 2) / 8.0
    )
    structures = StructureSet(geometry, ()).with_mask("GTVp", "GTV", gtv).with_mask("Lung_R", "OAR", ~gtv)
    base = TreatmentRequest(
        scan=Scan("ct", 0.0, Volume(geometry, hu.astype(np.int16), "CT", "HU")),
        structures=structures,
        dose_since=None,
        eqd2_since=None,
        fractions_since=20,
        elapsed_days=40.0,
        since_rt_end_days=-1.0,
        clinical=ClinicalRecord(),
        tumour=TumourView(8.0, float(gtv.sum()) * geometry.voxel_cm3, 0.0),
        key=Key(0, "bead", Purpose.IMAGE),
    )
    followup = MechanisticTreatment().generate([base])[0]
    offset = [s.start for s in geometry.box_of(followup.scan.geometry)]
    away = distance[geometry.box_of(followup.scan.geometry)]
    image = np.where((away > 12) & (followup.gtv.array == 0), followup.scan.array, -1000)
    found = np.array(np.unravel_index(np.argmax(image), image.shape))
    shift_mm = followup.displacement_mm[(slice(None), *found)]
    assert shift_mm[2] > 2.0  # it came from further out: lung was drawn in
    came_from_mm = (found + offset) * geometry.spacing_mm + shift_mm
    np.testing.assert_allclose(came_from_mm, np.multiply(bead, geometry.spacing_mm), atol=1.2)


def test_the_biology_is_drawn_from_the_prior_where_none_is_given(treatment, lung_twin):
    first, later, other = treatment.generate(
        [
            replace(request(lung_twin, 1.0, elapsed=day, sample=s, since_end=day - 40.0), tumour=None)
            for day, s in ((45.0, 3), (130.0, 3), (45.0, 4))
        ]
    )
    assert 0 < later.gtv_cm3 < first.gtv_cm3 < lung_twin.gtv_cm3
    assert other.gtv_cm3 != first.gtv_cm3


def test_outside_its_domain_it_says_why(treatment, lung_twin):
    inside = request(lung_twin, 0.5)
    assert treatment.domain(inside) is None
    assert "beyond 4 times" in treatment.domain(request(lung_twin, 5.0))
    assert "days" in treatment.domain(replace(inside, elapsed_days=3000.0))
    scan = lung_twin.baseline
    assert "PT, not CT" in treatment.domain(
        replace(inside, scan=Scan("pet", 0.0, Volume(scan.volume.geometry, scan.volume.array, "PT", "SUV")))
    )
    no_lungs = StructureSet(lung_twin.contours.geometry, (lung_twin.contours["GTVp"],))
    assert "Lung_L" in treatment.domain(replace(inside, structures=no_lungs))
    with pytest.raises(InputError, match="cannot have -1"):
        made(treatment, lung_twin, -1.0 / lung_twin.gtv_cm3)


def test_in_silico_patients_are_treated_like_real_ones(treatment, phantom_twin):
    for share, erosion in ((0.5, 0.5), (0.1, 0.0), (0.0, 0.5), (1.4, 0.5)):
        followup = made(treatment, phantom_twin, share, erosion)
        wanted = share * phantom_twin.gtv_cm3
        assert abs(volume_cm3(followup) - wanted) <= max(0.03 * wanted, 0.1)
        assert jacobian(followup.displacement_mm, followup.scan.geometry.spacing_mm).min() > 0.0


@pytest.fixture(scope="module")
def month_five(treatment, lung_twin, eqd2):
    """The crop before, a follow-up five months after 60 Gy and one after 54 Gy in three fractions, EQD2 3.8 times."""
    hot = Volume(
        eqd2.geometry, np.where(eqd2.array > 60, 3.8, 1.0) * np.minimum(eqd2.array, 60), "DOSE", "Gy"
    )
    mild = Volume(eqd2.geometry, np.minimum(eqd2.array, 60), "DOSE", "Gy")
    made_of = [
        made(treatment, lung_twin, 0.35, 0.3, eqd2=e, since_end=150.0, elapsed=190.0) for e in (mild, hot)
    ]
    box = lung_twin.baseline.volume.geometry.box_of(made_of[0].scan.geometry)
    return box, lung_twin.baseline.volume.array[box].astype(float), *made_of


def test_nothing_but_bone_and_contrast_exceeds_110_hu(month_five):
    from scipy.ndimage import maximum_filter

    _, before, *later = month_five
    dense = maximum_filter(before > 110, (5, 17, 17), mode="constant")  # and where they may have moved to
    for followup in later:
        new = (followup.scan.array > 110) & (before <= 110)
        assert new.sum() * followup.scan.geometry.voxel_cm3 < 0.1
        assert (new & ~dense).sum() * followup.scan.geometry.voxel_cm3 < 0.01


def test_no_dark_line_runs_along_the_pleura(month_five, lung_twin):
    from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, map_coordinates

    box, before, mild, _ = month_five
    lung = lung_twin.contours.mask("Lung_L", "Lung_R")[box]
    near = binary_dilation(lung_twin.contours.gtv()[box], iterations=6)
    plane = np.ones((1, 3, 3))
    edge = binary_dilation(lung, plane) & ~binary_erosion(lung, plane) & ~near
    across = np.stack(np.gradient(gaussian_filter(lung.astype(float), (0, 1, 1)), axis=(1, 2)))
    across = (across / np.maximum(np.linalg.norm(across, axis=0), 1e-6))[:, edge]
    at = np.argwhere(edge).T.astype(float)

    def dark(hu):
        sides = [
            map_coordinates(hu, at + k * np.stack([0 * across[0], *across]), order=1) for k in (-2.5, 2.5)
        ]
        return (np.minimum(*sides) - hu[edge] > 40).mean()

    assert dark(mild.scan.array.astype(float)) < dark(before) + 0.001


def test_fat_beside_injured_lung_stays_fat(month_five, lung_twin):
    from scipy.ndimage import binary_dilation, distance_transform_edt, median_filter

    box, before, *later = month_five
    lung = (lung_twin.contours.mask("Lung_L", "Lung_R") | lung_twin.contours.gtv())[box]
    spacing = later[0].scan.geometry.spacing_mm
    calm = median_filter(before, (1, 3, 3))
    fat = (calm > -130) & (calm < -70) & (distance_transform_edt(~lung, spacing) < 3.5) & ~lung
    fat &= ~binary_dilation(before < -300, np.ones((1, 3, 3)))  # which shares no voxel with lung
    for followup in later:
        injured = binary_dilation(followup.injury.array > 0, iterations=4)
        still = np.linalg.norm(followup.displacement_mm, axis=0) < 0.2
        at = fat & injured & still
        change = followup.scan.array[at] - before[at]
        assert at.sum() > 200 and -3.0 < change.mean() < 2.0 and np.quantile(change, 0.95) < 10.0


def test_stretched_lung_is_not_combed(month_five, lung_twin):
    """Across and along the stretch the image's fine part has equally steep slopes, as it had before."""
    from scipy.ndimage import binary_erosion, gaussian_filter

    box, before, mild, _ = month_five
    shift, spacing = mild.displacement_mm, mild.scan.geometry.spacing_mm
    rows = [[np.gradient(shift[k], spacing[a], axis=a) + (k == a) for a in (1, 2)] for k in (1, 2)]
    _, least, axes = np.linalg.svd(np.moveaxis(np.array(rows), (0, 1), (-2, -1)))
    lung = (lung_twin.contours.mask("Lung_L", "Lung_R") | lung_twin.contours.gtv())[box]
    calm = (
        binary_erosion(lung, np.ones((1, 3, 3)), iterations=3)
        & (mild.gtv.array == 0)
        & (least[..., 1] < 0.75)
    )
    assert calm.sum() > 5000

    def ratio(hu, where):
        fine = np.clip(hu - gaussian_filter(hu, (0, 1.5, 1.5)), -90, 90)
        y, x = np.gradient(fine, axis=(1, 2))
        along, across = (y * v[..., 0] + x * v[..., 1] for v in (axes[..., 1, :], axes[..., 0, :]))
        return np.square(across[where]).mean() / np.square(along[where]).mean()

    own = calm & ~lung_twin.contours.gtv()[box]
    assert ratio(mild.scan.array.astype(float), calm) < 1.2 * max(1.0, ratio(before, own))


def test_no_stipple_is_left_where_tissue_moved(month_five):
    from scipy.ndimage import maximum_filter, minimum_filter

    _, before, mild, _ = month_five
    after = mild.scan.array.astype(float)
    around = np.ones((1, 3, 3), bool)
    around[0, 1, 1] = False

    def lonely(hu):
        out = np.maximum(hu - maximum_filter(hu, footprint=around), minimum_filter(hu, footprint=around) - hu)
        return ((out > 100) & (np.abs(after - before) > 3) & (before < 250)).sum()

    assert lonely(after) < 1.5 * lonely(before) + 5


def test_stereotactic_injury_is_dense_and_has_the_shape_of_the_high_dose(month_five, lung_twin, eqd2):
    box, before, mild, hot = month_five
    lung = lung_twin.contours.mask("Lung_L", "Lung_R")[box] & (before < -600)
    high = lung & (eqd2.on(mild.scan.geometry) > 62)
    rises = [(f.scan.array - before)[high].mean() for f in (mild, hot)]
    assert rises[1] > 1.8 * rises[0]
    dense = lung & (hot.scan.array > -500)
    assert 2 * (dense & high).sum() / (dense.sum() + high.sum()) > 0.7
    assert (mild.scan.array[high] > -500).mean() < 0.3
