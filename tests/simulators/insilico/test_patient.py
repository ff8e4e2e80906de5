"""In-silico patients: what was asked for, what is true, and whether it is like a CT."""

import hashlib
import json

import numpy as np
import pytest
from scipy import ndimage

from simulators.insilico.patient import make_patient
from simulators.insilico.thorax.body import Frame, Habitus
from simulators.insilico.thorax.mediastinum import airways
from twin import InputError

pytestmark = pytest.mark.long  # makes whole patients


@pytest.fixture(scope="module")
def central(phantom_twin):
    return phantom_twin


@pytest.fixture(scope="module")
def again():
    return make_patient(seed=7)


@pytest.fixture(scope="module")
def peripheral():
    return make_patient(seed=3, gtv_cm3=8.0, site="peripheral")


@pytest.fixture(scope="module")
def by_the_heart():
    return make_patient(seed=5, gtv_cm3=70.0, side="left", lobe="lower", nodes=True)


@pytest.fixture(scope="module")
def everyone(central, peripheral, by_the_heart):
    return [central, peripheral[0], by_the_heart[0]]


def hu(twin, *names):
    return twin.baseline.volume.array[twin.contours.mask(*names)]


def core(mask, voxels=2):
    return ndimage.binary_erosion(mask, np.ones((1, 3, 3)), iterations=voxels)


def test_the_primary_has_the_volume_that_was_asked_for(everyone):
    for twin, wanted in zip(everyone, (60, 8, 70), strict=True):
        assert twin.contours["GTVp"].cm3 == pytest.approx(wanted, rel=0.02)
        assert ndimage.label(twin.contours["GTVp"].mask.array)[1] == 1


def test_all_structures_are_there_and_true(everyone):
    names = {"Body", "Lung_L", "Lung_R", "Heart", "Esophagus", "SpinalCord", "Trachea", "GTVp"}
    for twin in everyone:
        assert twin.in_silico and twin.day0_weekday == 0
        assert set(twin.contours.names) - {"GTVn"} == names
        assert not any(s.estimated for s in twin.contours)
        assert twin.contours["Body"].role == "EXTERNAL" and twin.contours["GTVp"].role == "GTV"


def test_structures_do_not_overlap_and_lie_in_the_body(everyone):
    for twin in everyone:
        count = np.zeros(twin.contours.geometry.shape, dtype=np.uint8)
        for structure in twin.contours:
            if structure.name != "Body":
                count[twin.contours.box(structure)] += structure.mask.array
        assert count.max() == 1
        assert not (count.astype(bool) & ~twin.contours.mask("Body")).any()


def test_organs_have_plausible_volumes(everyone):
    bounds = {
        "Lung_L": (1400, 3000), "Lung_R": (1500, 3000), "Heart": (550, 850), "Esophagus": (15, 50),
        "SpinalCord": (15, 45), "Trachea": (20, 60), "Body": (14000, 40000),
    }  # fmt: skip
    for twin in everyone:
        for name, (low, high) in bounds.items():
            assert low < twin.contours[name].cm3 < high, (twin.id, name)
        assert twin.contours["Lung_R"].cm3 > twin.contours["Lung_L"].cm3


def test_tissues_have_their_hounsfield_numbers(everyone):
    for twin in everyone:
        blood = np.median(hu(twin, "Heart"))
        assert 35 < blood < 190
        assert -900 < np.median(hu(twin, "Lung_R")) < -720
        assert 10 < np.median(hu(twin, "GTVp")) < 60
        assert 25 < np.median(hu(twin, "SpinalCord")) < 55
        volume, body = twin.baseline.volume.array, twin.contours.mask("Body")
        middle = slice(volume.shape[0] // 2, volume.shape[0] // 2 + 1)
        skin = core(body[middle], 4) & ~core(body[middle], 8)
        assert -125 < np.median(volume[middle][skin]) < -80  # fat under the skin
        assert np.median(volume[middle][~ndimage.binary_dilation(body[middle], iterations=40)]) < -950
        assert np.percentile(volume[body], 99.5) > 350  # bone


def test_the_lung_is_denser_at_the_back(central):
    volume, lung = central.baseline.volume.array, central.contours.mask("Lung_R")
    slab = slice(40, 60)
    rows = np.nonzero(lung[slab].any(axis=(0, 2)))[0]
    third = len(rows) // 3
    front, back = (np.median(volume[slab, r][lung[slab, r]]) for r in (rows[:third], rows[-third:]))
    assert 10 < back - front < 90


def test_the_same_arguments_give_the_same_bytes(central, again):
    twin, truth = again

    def digest(patient):
        parts = [patient.baseline.volume.array, *[s.mask.array for s in patient.contours]]
        return [hashlib.sha256(np.ascontiguousarray(p)).hexdigest() for p in parts]

    assert digest(twin) == digest(central)
    assert twin.id == central.id == "insilico-7"
    assert twin.clinical == central.clinical
    assert json.loads(json.dumps(truth)) == truth


def test_a_central_tumour_touches_the_bronchi_and_a_peripheral_one_the_wall(again, peripheral, by_the_heart):
    assert again[1]["tumour"]["side"] == "right"
    for truth in (again[1], by_the_heart[1]):
        assert truth["tumour"]["airway_mm"] < 6
    assert (
        peripheral[1]["tumour"]["airway_mm"] > 20
    )  # outside the 2 cm around the bronchi, as RTOG 0813 has it
    assert peripheral[1]["tumour"]["chest_wall_mm"] < 15


def test_side_and_lobe_are_where_they_were_asked_for(by_the_heart):
    twin, truth = by_the_heart
    geometry = twin.contours.geometry
    tumour = geometry.lps(np.argwhere(twin.contours.mask("GTVp")).mean(axis=0))
    carina = geometry.lps(np.argwhere(twin.contours.mask("Trachea"))[0])
    assert (truth["tumour"]["side"], truth["tumour"]["lobe"]) == ("left", "lower")
    assert tumour[0] - carina[0] > 20 and tumour[2] < carina[2] - 30
    heart = ndimage.binary_dilation(twin.contours.mask("Heart")[:, ::2, ::2], iterations=5)
    assert (heart & twin.contours.mask("GTVp")[:, ::2, ::2]).any()  # within a centimetre


def test_nodes_are_enlarged_and_lie_around_the_airways(by_the_heart, central):
    twin, truth = by_the_heart
    assert "GTVn" not in central.contours and twin.contours["GTVn"].role == "GTV"
    assert 3 < twin.contours["GTVn"].cm3 < 40
    assert 2 <= len(truth["tumour"]["stations"]) <= 3
    assert twin.gtv_cm3 == pytest.approx(twin.contours["GTVp"].cm3 + twin.contours["GTVn"].cm3, rel=1e-6)
    assert twin.clinical.n_stage != "N0" and central.clinical.n_stage == "N0"
    assert -10 < np.median(hu(twin, "GTVn")) < 60


def test_air_runs_from_the_trachea_into_both_lungs(central, again):
    frame = Frame(Habitus(**{**again[1]["habitus"], "wobble": tuple(again[1]["habitus"]["wobble"])}))
    box = (slice(None), slice(150, 400), slice(130, 380))
    air = ndimage.uniform_filter(central.baseline.volume.array[box].astype(np.float32), (1, 3, 3)) < -900
    parts, _ = ndimage.label(air)
    start = np.rint(frame.voxels(np.array([(0.0, 9.0, 20.0)]))[0]).astype(int) - (0, 150, 130)
    tracheal = parts == parts[tuple(start)]
    assert parts[tuple(start)] > 0
    for name in ("right lower", "left lower"):
        line, _ = airways()[name]
        k, j, i = np.rint(frame.voxels(line[1][None])[0]).astype(int) - (0, 150, 130)
        assert tracheal[k - 1 : k + 2, j - 3 : j + 4, i - 3 : i + 4].any(), name


def vessel_share(volume, lungs):
    """Share of the inner lung that is 150 HU denser than its median: vessels and bronchial walls."""
    inner = ndimage.binary_erosion(lungs[:, ::2, ::2], np.ones((1, 3, 3)), iterations=4)
    values = volume[:, ::2, ::2][inner].astype(np.float32)
    return float((values > np.median(values) + 150).mean())


def test_the_lung_holds_as_much_vessel_as_a_real_one(everyone, lung_twin):
    real = vessel_share(lung_twin.baseline.volume.array, lung_twin.contours.mask("Lung_L", "Lung_R"))
    for twin in everyone:
        ours = vessel_share(twin.baseline.volume.array, twin.contours.mask("Lung_L", "Lung_R"))
        assert 0.5 < ours / real < 2.0, (ours, real)


def test_the_noise_is_that_of_a_real_ct(central, lung_twin):
    def heart_noise(twin):
        volume = twin.baseline.volume.array.astype(np.float32)
        inner = core(twin.contours.mask("Heart"), 12)
        fine = volume - ndimage.gaussian_filter(volume, (0, 2, 2))
        return float(1.4826 * np.median(np.abs(fine[inner])))  # robust against calcium and fat

    assert 0.5 < heart_noise(central) / heart_noise(lung_twin) < 2.0


def test_the_truth_is_not_a_sample_of_the_belief(again):
    from simulators.belief.prior import prior_belief

    twin, truth = again
    belief = prior_belief(twin, n=50, seed=7)
    assert set(truth["biology"]) == set(belief.samples)
    assert not np.isclose(belief.samples["alpha_per_gy"], truth["biology"]["alpha_per_gy"]).any()
    assert twin.belief is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gtv_cm3": 0.0}, "gtv_cm3 must lie between 0.2 and 400"),
        ({"gtv_cm3": float("nan")}, "gtv_cm3 must lie between 0.2 and 400"),
        ({"site": "middle"}, "central, peripheral"),
        ({"side": "top"}, "left, right"),
        ({"lobe": "lingula"}, "upper, lower"),
        ({"seed": -1}, "seed must lie between 0 and"),
    ],
)
def test_a_wrong_wish_is_refused_with_a_sentence(wrong, said):
    with pytest.raises(InputError, match=said):
        make_patient(**wrong)
