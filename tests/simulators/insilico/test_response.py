"""The in-silico truth of images: how one patient answers to what was given."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from simulators.core.chance import Key, Purpose
from simulators.insilico.response import Response
from simulators.insilico.traits import Traits
from twin import Geometry, Scan, StructureSet, Volume

GRID = Geometry((48, 80, 96), (2.0, 2.0, 2.0))
PLAIN = Traits(
    uneven=0.6, necrosis_hu=0.0, necrotic_at_first=False, cavity_loss=np.inf, closing=np.inf, onset_months=1.5,
    glass_hu=260.0, glass_months=3.0, stray=False, fibrosis_hu=280.0, effusion_day=np.inf, effusion_mm=12.0,
)  # fmt: skip


def thorax(radius_mm: float = 12.0) -> tuple[Scan, StructureSet]:
    """Two lungs with some vessels in soft tissue, and a ball in the left one."""
    z, y, x = (GRID.spacing_mm[k] * np.indices(GRID.shape)[k] for k in range(3))
    hu = np.full(GRID.shape, 40.0)
    lungs = {}
    for name, centre in (("Lung_R", 46.0), ("Lung_L", 144.0)):
        lungs[name] = ((y - 80) / 62) ** 2 + ((x - centre) / 38) ** 2 < 1
    lung = lungs["Lung_R"] | lungs["Lung_L"]
    rng = np.random.default_rng(0)
    hu[lung] = -820 + rng.normal(0, 8, int(lung.sum()))
    hu[lung & ((y % 24 < 2.5) & (x % 20 < 2.5))] = 0
    ball = (z - 48) ** 2 + (y - 80) ** 2 + (x - 146) ** 2 < radius_mm**2
    hu[ball] = 40
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", ball)
    for name, mask in lungs.items():
        structures = structures.with_mask(name, "OAR", mask & ~ball)
    structures = structures.with_mask("Body", "EXTERNAL", np.ones(GRID.shape, bool))
    return Scan("CT", 0.0, Volume(GRID, np.rint(hu).astype(np.int16), "CT", "HU")), structures


def patient(erosion: float = 0.5, seed: int = 0, **traits) -> Response:
    scan, structures = thorax()
    return Response(scan, structures, replace(PLAIN, **traits), erosion, Key(seed, "p", Purpose.TRUTH))


@pytest.fixture(scope="module")
def plain() -> Response:
    return patient()


@pytest.fixture(scope="module")
def dose() -> Volume:
    """EQD2 of 60 Gy around the tumour, falling to nothing over 4 cm."""
    z, y, x = (2.0 * np.indices(GRID.shape)[k] for k in range(3))
    away = np.sqrt((z - 48) ** 2 + (y - 80) ** 2 + (x - 146) ** 2)
    return Volume(GRID, (60 * np.clip(1.6 - away / 40, 0, 1)).astype(np.float32), "DOSE", "Gy")


@pytest.mark.parametrize("relative", [2.5, 1.3, 1.1, 1.04, 1.0, 0.9, 0.6, 0.3, 0.1, 0.02])
def test_the_mask_has_the_volume_that_the_kinetics_gave(plain, relative):
    wanted = relative * plain.site.gtv_cm3
    image = plain.at(wanted, 50.0)
    assert image.gtv.sum() * GRID.voxel_cm3 == pytest.approx(wanted, abs=max(0.03 * wanted, 0.1))
    assert image.gtv_cm3 == pytest.approx(wanted, abs=max(0.03 * wanted, 0.1))


def test_nothing_lost_and_nothing_given_is_the_baseline_itself(plain):
    image = plain.at(plain.site.gtv_cm3, 200.0)
    assert np.array_equal(image.hu, plain.scan.volume.array)
    assert np.array_equal(image.gtv, plain.structures.gtv())


def test_without_dose_only_growth_is_seen(plain):
    image = plain.at(1.8 * plain.site.gtv_cm3, 300.0)
    far = distance_transform_edt(~image.gtv, sampling=2.0) > 6.0
    assert np.array_equal(image.hu[far], plain.scan.volume.array[far])
    assert image.gtv[plain.structures.gtv()].mean() > 0.99
    assert np.median(image.hu[image.gtv & ~plain.structures.gtv()]) > -100


def test_the_same_history_gives_the_same_bits(plain, dose):
    args = {"since_rt_end_days": 90.0, "eqd2": dose, "gtv_gy": 60.0}
    one, two = plain.at(3.0, 130.0, **args), patient().at(3.0, 130.0, **args)
    assert np.array_equal(one.hu, two.hu)
    assert np.array_equal(one.gtv, two.gtv)


def test_two_tumours_of_one_size_are_lost_in_different_places(plain):
    small = 0.4 * plain.site.gtv_cm3
    one, other = plain.at(small, 60.0).gtv, patient(seed=5).at(small, 60.0).gtv
    dice = 2 * (one & other).sum() / (one.sum() + other.sum())
    assert dice < 0.93


def test_lung_reappears_where_an_eroding_tumour_was(plain):
    eroding = patient(erosion=1.0)
    image = eroding.at(0.3 * eroding.site.gtv_cm3, 100.0)
    cleared = eroding.structures.gtv() & ~binary_dilation(image.gtv)
    assert np.median(image.hu[cleared]) < -600


def test_a_necrotic_core_is_darker_than_its_rim(dose):
    response = patient(necrosis_hu=30.0)
    image = response.at(0.9 * response.site.gtv_cm3, 60.0, since_rt_end_days=10.0, eqd2=dose, gtv_gy=60.0)
    depth = distance_transform_edt(image.gtv, sampling=2.0)
    assert np.median(image.hu[depth > 8.0]) < np.median(image.hu[(depth > 2) & (depth < 5)]) - 15
    untreated = response.at(response.site.gtv_cm3, 60.0)
    assert np.array_equal(untreated.hu, response.scan.volume.array)


def test_collapsed_lung_is_there_at_first_and_opens_as_the_tumour_shrinks():
    response = patient(closing=0.8)
    first = response.at(response.site.gtv_cm3, 0.0)
    collapsed = (first.hu > -100) & (response.scan.volume.array < -600)
    assert collapsed.sum() * GRID.voxel_cm3 > 5.0
    assert not (collapsed & first.gtv).any()
    later = response.at(0.4 * response.site.gtv_cm3, 60.0)
    assert np.median(later.hu[collapsed]) < -600


def test_ground_glass_comes_after_its_onset_in_patches_where_the_dose_was(plain, dose):
    lung = plain.lung
    assert lung.injury_hu(dose, -5.0) is None
    assert lung.injury_hu(dose, 20.0) is None
    rise = lung.injury_hu(dose, 110.0)
    hot = (dose.array > 45) & (lung.lung > 0.9)
    assert rise[dose.array <= 15].max() < 1.0
    assert 60 < rise[hot].mean() < 300
    assert rise[hot].std() > 40
    assert rise[lung.lung == 0].max() == 0


def test_injury_leaves_the_tumour_alone(plain, dose):
    volume = 0.5 * plain.site.gtv_cm3
    args = {"since_rt_end_days": 110.0, "gtv_gy": 60.0}
    with_dose, without = plain.at(volume, 150.0, eqd2=dose, **args), plain.at(volume, 150.0, **args)
    assert np.array_equal(with_dose.gtv, without.gtv)
    inside = binary_erosion(with_dose.gtv, iterations=2)
    assert np.abs(with_dose.hu[inside] - without.hu[inside]).max() < 2.0
    assert with_dose.hu.max() <= without.hu.max() + 1e-3


def test_an_effusion_gathers_at_the_back_of_the_tumours_lung_only(dose):
    response = patient(effusion_day=20.0)
    args = {"since_rt_end_days": -1.0, "eqd2": dose}
    before = response.at(response.site.gtv_cm3, 15.0, **args).hu
    after = response.at(response.site.gtv_cm3, 40.0, **args).hu
    changed = after - before > 300
    assert changed.sum() * GRID.voxel_cm3 > 3.0
    _, y, x = np.nonzero(changed)
    assert y.min() * 2.0 > 80 - 20
    assert x.min() * 2.0 > 100


def test_traits_depend_on_the_patient_and_never_on_a_plan():
    about = {"gtv_cm3": 30.0, "central": True, "squamous": True}
    drawn = [Traits.draw(0, f"p{i}", **about) for i in range(400)]
    assert drawn[3] == Traits.draw(0, "p3", **about)
    closed = np.mean([t.closing < 1 for t in drawn])
    assert 0.2 < closed < 0.4  # 0.45 at a bronchus, of which 62 % are closed on day 0
    assert 0.53 < np.mean([t.glass_hu > 50 for t in drawn]) < 0.67
    seen = [Traits.draw(0, f"p{i}", **about, as_seen=True) for i in range(200)]
    assert not any(t.necrotic_at_first or t.closing < 1.0 for t in seen)
