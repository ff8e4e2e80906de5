"""Virtual FDG-PET: activity, kinetics, noise and chance."""

from dataclasses import replace

import numpy as np
import pytest

from simulators import FollowUp, Key, Purpose, ScanRequest, TreatmentRequest, TumourView
from simulators.scanners.pet import PetScanner, Traits, avid, point_spread, with_noise
from simulators.scanners.uptake import BLOOD_POOL_SUV, Anatomy, Compartment, background_suv, block_mean
from twin import ClinicalRecord, Geometry, InputError, Scan, StructureSet, Volume
from twin.structures import bounding_box

KEY = Key(3, "patient", Purpose.SCANNER)
GRID = Geometry((40, 110, 150), (3.0, 2.0, 2.0), (-149.0, -109.0, -58.5))


def ball(centre, radius):
    z, y, x = (
        o + np.arange(n) * s
        for n, s, o in zip(GRID.shape, GRID.spacing_mm, GRID.origin_mm[::-1], strict=True)
    )
    cx, cy, cz = centre
    return (z[:, None, None] - cz) ** 2 + (y[:, None] - cy) ** 2 + (x - cx) ** 2 <= radius**2


@pytest.fixture(scope="module")
def thorax():
    """Two lungs of constant section that end 30 mm above the bottom, soft tissue between, around and below."""
    z, y, x = (
        o + np.arange(n) * s
        for n, s, o in zip(GRID.shape, GRID.spacing_mm, GRID.origin_mm[::-1], strict=True)
    )
    up = z[:, None, None] > -30
    body = np.broadcast_to((y[:, None] / 100) ** 2 + (x / 140) ** 2 <= 1, GRID.shape)
    lungs = ((y[:, None] / 70) ** 2 + ((np.abs(x) - 70) / 40) ** 2 <= 1) & up
    gtv = ball((-70, 0, 20), 20)
    hu = np.where(body, 40, -1000).astype(np.int16)
    hu[lungs] = -750
    hu[gtv] = 40
    structures = StructureSet(GRID, ()).with_mask("Body", "EXTERNAL", body).with_mask("GTVp", "GTV", gtv)
    structures = structures.with_mask("Lung_L", "OAR", lungs & (x > 0))
    structures = structures.with_mask("Lung_R", "OAR", lungs & (x < 0) & ~gtv)
    return Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU")), structures


def followup(
    thorax, *, viable=0.8, doomed=0.0, remnant=0.2, day=0.0, fractions=0, eqd2=None, end=-40.0, shift=0.0
):
    """The thorax with its tumour unchanged in shape, and cells as given."""
    scan, structures = thorax
    gtv = structures.gtv()
    box = bounding_box(gtv, (4, 10, 10))
    grid = GRID.crop(box)
    cells = gtv[box].astype(np.float32)
    cm3 = float(gtv.sum()) * GRID.voxel_cm3
    view = TumourView(
        cm3 * (viable + doomed + remnant), cm3, 0.5, grid, cells * viable, cells * doomed, cells * remnant
    )
    request = TreatmentRequest(
        scan,
        structures,
        eqd2,
        eqd2,
        fractions,
        day,
        end,
        ClinicalRecord(),
        view,
        Key(3, "patient", Purpose.IMAGE),
    )
    still = np.zeros((3, *grid.shape), np.float32)
    still[2] = shift
    empty = Volume(grid, np.zeros(grid.shape, np.uint8), "MASK", "1")
    return FollowUp(request, scan.volume.crop(box), structures["GTVp"].mask, empty, cm3, still, "test")


def tumour_max(pet):
    z, y, x = np.round(pet.geometry.index((-70, 0, 20))).astype(int)
    return float(pet.array[z - 5 : z + 6, y - 5 : y + 6, x - 5 : x + 6].max())


def test_the_point_spread_conserves_activity():
    image = np.zeros((21, 21, 21), np.float32)
    image[10, 10, 10], image[0, 0, 3] = 100.0, 50.0
    blurred = point_spread(image, 6.0)
    assert blurred.sum() == pytest.approx(150.0, rel=1e-5)
    # A point's peak: erf(half a voxel over sqrt 2 sigma) cubed, within the filter's sampling.
    assert 100 * 0.2 < blurred[10, 10, 10] < 100 * 0.3


def test_noise_is_unbiased_and_its_variance_follows_the_activity():
    for suv in (0.5, 2.2, 10.0):
        flat = np.full((60, 60, 60), suv, np.float32)
        noisy = with_noise(flat, np.random.default_rng(1), 0.10)
        assert noisy.mean() == pytest.approx(suv, rel=0.01)  # four standard errors of 0.5
        assert noisy.std() == pytest.approx(0.10 * np.sqrt(2.2 * suv), rel=0.03)
    near = np.corrcoef(noisy[:, :, :-1].ravel(), noisy[:, :, 1:].ravel())[0, 1]
    assert 0.3 < near < 0.9  # a reconstruction correlates neighbours


def test_the_same_key_gives_the_same_scan_and_another_event_other_noise_of_the_same_patient(thorax):
    f = followup(thorax)
    a, b, c = PetScanner().scan([ScanRequest.after(f, key) for key in (KEY, KEY, KEY.at(ordinal=5))])
    np.testing.assert_array_equal(a.array, b.array)
    assert not np.array_equal(a.array, c.array)
    assert Traits.of(KEY) == Traits.of(KEY.at(ordinal=5))
    assert Traits.of(KEY) != Traits.of(KEY.at(sample=1))
    assert np.corrcoef(a.array.ravel(), c.array.ravel())[0, 1] > 0.9


def test_a_whole_scan_at_4_mm_in_suv_with_an_avid_tumour(thorax):
    pet = PetScanner().scan([ScanRequest.after(followup(thorax), KEY)])[0]
    assert (pet.modality, pet.unit) == ("PT", "SUV")
    assert pet.geometry.spacing_mm == (4.0, 4.0, 4.0)
    np.testing.assert_allclose(pet.geometry.extent_mm, GRID.extent_mm, atol=4.0)
    assert 7 < tumour_max(pet) < 16
    outside = pet.array[:, :3, :3]
    assert outside.max() < 0.1


def test_an_untreated_patient_is_scanned_from_the_ct_and_what_is_drawn_on_it(thorax):
    scan, structures = thorax
    plain, later = PetScanner().scan(
        [ScanRequest(scan.volume, structures, KEY), ScanRequest.after(followup(thorax), KEY)]
    )
    # The follow-up's crop reaches further than the tumour; its uptake is that of an untreated tumour too.
    assert np.abs(plain.array - later.array).max() < 0.05 * later.array.max()
    assert 7 < tumour_max(plain) < 16


def test_a_ct_on_which_nothing_is_drawn_shows_the_body_and_no_tumour(thorax):
    scan, structures = thorax
    bare, drawn = PetScanner().scan(
        [ScanRequest(scan.volume, None, KEY), ScanRequest(scan.volume, structures, KEY)]
    )
    assert bare.geometry == drawn.geometry
    assert tumour_max(bare) < 3
    assert bare.array[:, :3, :3].max() < 0.1

    def at(pet, x, y, z, half=2):
        centre = np.round(pet.geometry.index((x, y, z))).astype(int)
        return float(pet.array[tuple(slice(c - half, c + half + 1) for c in centre)].mean())

    assert at(bare, 70, 0, 20) == pytest.approx(at(drawn, 70, 0, 20), abs=0.1)  # lung by its HU
    assert at(bare, 0, 0, 20) == pytest.approx(at(drawn, 0, 0, 20), abs=0.1)
    assert at(bare, 0, 0, 20) > 1.0  # blood
    # The liver, below the right lung that is found.
    assert at(bare, -70, 0, -50) == pytest.approx(at(drawn, -70, 0, -50), abs=0.2)
    assert at(bare, -70, 0, -50) > at(bare, 0, -85, 20) + 0.8


def test_no_body_is_said(thorax):
    air = Volume(GRID, np.full(GRID.shape, -1000, np.int16), "CT", "HU")
    with pytest.raises(InputError, match="no body is found"):
        PetScanner().scan([ScanRequest(air, None, KEY)])


def recovered(millimetres, **options):
    """Greatest activity of a sphere over its true one, without background or noise."""
    from simulators.scanners.pet import RECONSTRUCTIONS, resolved

    z, y, x = np.meshgrid(*(np.arange(64) - 31.5,) * 3, indexing="ij")
    fine = (z**2 + y**2 + x**2 <= (millimetres / 2) ** 2).astype(np.float32)
    coarse = fine.reshape(16, 4, 16, 4, 16, 4).mean(axis=(1, 3, 5))
    return float(resolved(10 * coarse, *RECONSTRUCTIONS[options["reconstruction"]]).max()) / 10


def test_spheres_recover_as_the_standards_ask():
    # EARL 1, maximum: 10 mm 0.34 to 0.57, 17 mm 0.73 to 1.01, 28 mm 0.91 to 1.13; these have no noise, which
    # lifts a maximum.
    for millimetres, low, high in ((10, 0.3, 0.57), (17, 0.65, 1.01), (28, 0.91, 1.13)):
        assert low < recovered(millimetres, reconstruction="earl1") < high
    # EARL 2, maximum: 10 mm 0.52 to 0.88 and from 17 mm on a tenth to three above 1.
    assert 0.45 < recovered(10, reconstruction="earl2") < 0.88
    assert 1.0 < recovered(22, reconstruction="earl2") < 1.3


def test_later_scans_show_more_tumour_and_less_blood(thorax):
    scan, structures = thorax
    early, late = PetScanner().scan(
        [ScanRequest(scan.volume, structures, KEY, {"uptake_min": m, "noise": 0}) for m in (60, 120)]
    )
    blood = tuple(np.round(early.geometry.index((0, 0, 20))).astype(int))
    assert tumour_max(late) > 1.15 * tumour_max(early) and late.array[blood] < 0.9 * early.array[blood]


def test_the_bed_stays_avid_for_months(thorax):
    eqd2 = Volume(GRID, np.full(GRID.shape, 60, np.float32), "DOSE", "Gy")
    maxima = []
    for sample in range(12):
        f = followup(thorax, viable=0.0, doomed=0.02, day=140, fractions=30, eqd2=eqd2, end=98)
        (pet,) = PetScanner().scan([ScanRequest.after(f, KEY.at(sample=sample))])
        maxima.append(tumour_max(pet))
    assert 3.0 < np.median(maxima) < 4.6  # ACRIN 6668: 4.0 fourteen weeks after the end


def test_an_option_that_the_scanner_does_not_have_is_refused(thorax):
    scan, structures = thorax
    with pytest.raises(
        InputError,
        match="scanner pet has no option 'dose'; its options are: reconstruction",
    ):
        PetScanner().scan([ScanRequest(scan.volume, structures, KEY, {"dose": 0.5})])


def test_suvmax_falls_by_30_to_50_percent_mid_course_with_the_median_kinetics(thorax):
    first = tumour_max(PetScanner().scan([ScanRequest.after(followup(thorax), KEY)])[0])
    for day, fractions in ((17.0, 13), (21.0, 15)):
        # Clearance of 32 d; after 13 fractions hardly a viable cell is left.
        f = followup(
            thorax, viable=1e-4, doomed=0.8 * 2 ** (-day / 32), day=day, fractions=fractions
        )  # fmt: skip
        change = (
            tumour_max(PetScanner().scan([ScanRequest.after(f, KEY.at(ordinal=fractions))])[0]) / first - 1
        )
        assert -0.5 < change < -0.3


def test_untreated_tissue_is_fully_avid_and_fibrosis_is_dark():
    cells = np.ones((1, 1, 1), np.float32)
    grid = Geometry((1, 1, 1), (1.0, 1.0, 1.0))
    untreated = TumourView(1, 1, 0.5, grid, 0.8 * cells, 0 * cells, 0.2 * cells)
    scar = TumourView(0.2, 1, 0.5, grid, 0 * cells, 0 * cells, 0.2 * cells)
    assert avid(untreated, 0.0) == pytest.approx(1.0)
    assert avid(scar, 90.0) == 0.0
    assert avid(TumourView(40, 80, 0.5), 20.0) == pytest.approx(0.5)


def test_doomed_cells_lose_half_their_uptake_in_15_days_clearance_counted():
    cells, grid = np.ones((1, 1, 1), np.float32), Geometry((1, 1, 1), (1.0, 1.0, 1.0))

    def activity(day):
        left = 2.0 ** (-day / 32)
        view = TumourView(left, 1, 0.5, grid, 0 * cells, left * cells, 0 * cells)
        return float(avid(view, day)[0, 0, 0]) * left

    assert activity(15.0) / activity(0.0) == pytest.approx(0.5, rel=1e-4)


def test_irradiated_lung_is_inflamed_in_weeks_2_to_16_where_eqd2_passed_40_gy(thorax):
    eqd2 = Volume(GRID, np.full(GRID.shape, 70, np.float32), "DOSE", "Gy")
    eqd2.array.setflags(write=False)
    lung = (slice(10, 20), slice(22, 32), slice(50, 60))  # in the left lung on the 4 mm grid

    def lung_suv(day, dose, fractions=30):
        f = followup(thorax, viable=0.0, doomed=0.1, day=day, fractions=fractions, eqd2=dose, end=day - 40)
        pet = PetScanner().scan([ScanRequest.after(f, KEY)])[0]
        assert Anatomy.of(*anatomy_args(thorax, pet)).compartment[lung].min() == Compartment.LUNG
        return pet.array[lung].mean()

    low = Volume(GRID, np.full(GRID.shape, 35, np.float32), "DOSE", "Gy")
    assert lung_suv(60, eqd2) > lung_suv(60, low) + 0.4
    assert lung_suv(60, low) == pytest.approx(lung_suv(60, None), abs=1e-6)
    assert lung_suv(150, eqd2) == pytest.approx(lung_suv(150, None), abs=1e-6)


def anatomy_args(thorax, pet):
    scan, structures = thorax
    return scan.volume, structures, pet.geometry


def test_compartments_of_a_simple_thorax(thorax):
    scan, structures = thorax
    grid = GRID.resampled(4.0)
    anatomy = Anatomy.of(scan.volume, structures, grid)

    def at(x, y, z):
        return Compartment(int(anatomy.compartment[tuple(np.round(grid.index((x, y, z))).astype(int))]))

    assert at(0, 0, 20) is Compartment.MEDIASTINUM
    assert at(70, 0, 20) is Compartment.LUNG
    assert at(-70, 0, -50) is Compartment.LIVER
    assert at(70, 0, -50) is Compartment.STOMACH
    assert at(0, -85, 20) is Compartment.BODY
    assert at(140, 100, 20) is Compartment.OUTSIDE
    suv = background_suv(anatomy.hu, anatomy.compartment, 3.0)
    assert suv[tuple(np.round(grid.index((0, 0, 20))).astype(int))] == pytest.approx(BLOOD_POOL_SUV)


def test_a_scan_stored_upside_down_has_its_liver_in_the_same_place(thorax):
    scan, structures = thorax
    turn = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
    flipped = Geometry(GRID.shape, GRID.spacing_mm, (-149.0, -109.0, 58.5), turn)
    turned = StructureSet(flipped, ())
    for s in structures:
        turned = turned.with_mask(s.name, s.role, structures.mask(s.name)[::-1])
    ct = Volume(flipped, scan.volume.array[::-1].copy(), "CT", "HU")
    grid = flipped.resampled(4.0)
    anatomy = Anatomy.of(ct, turned, grid)
    index = tuple(np.round(grid.index((-70, 0, -50))).astype(int))
    assert anatomy.compartment[index] == Compartment.LIVER


def test_uptake_is_carried_by_the_displacement(thorax):
    # Only the half of the baseline tumour at greater x is viable; the image shows tissue from 20 mm further.
    f = followup(thorax, shift=20.0)
    view = f.request.tumour
    x = view.geometry.lps(np.indices(view.geometry.shape).transpose(1, 2, 3, 0))[..., 0]
    half = np.where(x > -70, view.viable, 0).astype(np.float32)
    dead = (view.viable - half) + view.remnant
    tumour = TumourView(20, 33, 0.5, view.geometry, half, 0 * half, dead)
    request = replace(f.request, tumour=tumour)
    moved = PetScanner().scan([ScanRequest.after(replace(f, request=request), KEY)])[0]
    at = tuple(np.round(moved.geometry.index((-82, 0, 20))).astype(int))
    assert moved.array[at] > 5  # 12 mm on the dead side, where tissue from the living side has moved in


def test_block_means_keep_the_sum_of_even_grids():
    values = np.random.default_rng(0).random((4, 6, 8)).astype(np.float32)
    assert block_mean(values).sum() * 8 == pytest.approx(values.sum(), rel=1e-5)
    assert block_mean(values[:3, :5]).shape == (2, 3, 4)
