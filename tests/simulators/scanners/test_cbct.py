"""A cone-beam CT: what its physics does to water, tissue, noise and moving lungs."""

from functools import partial

import numpy as np
import pytest

from simulators import Key, Purpose, ScanRequest, scanner_named
from simulators.scanners.cbct import CbctOptions, image
from simulators.scanners.conebeam import System, acquire
from simulators.scanners.conebeam.breathing import Breathing
from simulators.scanners.xray import Scatter
from twin import Geometry, InputError, Volume

N, PIXEL = 84, 4.0
GRID = Geometry((20, N, N), (10.0, PIXEL, PIXEL), (-166.0, -166.0, -95.0))
STILL = Breathing(np.zeros((0, 0, 0), np.float32), np.zeros(1), np.zeros(90, int))
KEY = Key(3, "p", Purpose.SCANNER)


@pytest.fixture(scope="module")
def cylinder():
    """30 cm of water."""
    line = (np.arange(4 * N) - (4 * N - 1) / 2) * PIXEL / 4
    share = (np.hypot(line[:, None], line) < 150).reshape(N, 4, N, 4).mean((1, 3))
    hu = np.broadcast_to(1000 * share - 1000, GRID.shape).astype(np.float32)
    return Volume(GRID, np.ascontiguousarray(hu), "CT", "HU")


def seen(cylinder, *, seed=0, scattered=True, mas=5000.0, **options):
    asked = CbctOptions(views=90, voxel_mm=6, length_mm=36, **options)
    system = System.named(asked.system)
    beam = system.rays(90, 4.5, asked.field == "half")
    made = acquire(
        cylinder, np.zeros(3), system, beam, mas, STILL, np.random.default_rng(seed), scattered=scattered
    )
    return made, image(made, system, np.zeros(3), asked).array.astype(float)


def rings(hu):
    """Mean HU in rings of 20 mm from the middle outwards."""
    line = (np.arange(hu.shape[1]) - (hu.shape[1] - 1) / 2) * 6
    radius = np.hypot(line[:, None], line)
    return np.array([hu[:, (radius >= r) & (radius < r + 20)].mean() for r in range(0, 140, 20)])


@pytest.mark.parametrize("options", [{}, {"system": "elekta"}], ids=["varian", "elekta"])
def test_water_without_scatter_is_flat_and_zero(cylinder, options):
    assert np.abs(rings(seen(cylinder, scattered=False, correction=False, **options)[1])).max() < 4


@pytest.mark.parametrize(("system", "lost"), [("varian", 80), ("elekta", 200)])
def test_scatter_hollows_water_and_the_correction_fills_most_of_it(cylinder, system, lost):
    """Raw cone beams of large phantoms lose a hundred HU behind a grid, more without; corrected ones stay within 50."""
    raw, corrected = (rings(seen(cylinder, system=system, correction=on)[1]) for on in (False, True))
    assert raw[3:].min() < -lost and raw[-1] - raw[3:].min() > 30
    assert np.abs(corrected).max() < 50


def test_behind_30_cm_of_water_there_is_as_much_scatter_as_published(cylinder):
    """Without a grid more than the primary (Siewerdsen and Jaffray 2001), and up to 5 of it (Jarry et al. 2006)."""
    for system in ("varian", "elekta"):
        made, _ = seen(cylinder, system=system)
        ratio = (made.scatter / made.primary)[0, np.argmin(np.abs(made.beam.u_mm)), made.beam.v_mm.size // 2]
        assert 1 < ratio / Scatter(System.named(system).grid).to_primary() < 5


def test_variance_goes_as_one_over_mas(cylinder):
    def variance(mas):
        first, second = (seen(cylinder, seed=s, mas=mas)[1][:, 22:54, 22:54] for s in (1, 2))
        return (first - second).var() / 2

    assert 5 * variance(5) == pytest.approx(20 * variance(20), rel=0.05)


def scanned(thorax, **options):
    ct, drawn = thorax()
    request = ScanRequest(ct.volume, drawn, KEY, {"views": 90, "voxel_mm": 6, "length_mm": 90, **options})
    return scanner_named("cbct").scan([request])[0]


def test_a_thorax_is_seen_around_its_tumour(thorax):
    made = scanned(thorax, breath_mm=0)
    assert (made.modality, made.unit, made.geometry.shape[0]) == ("CBCT", "HU", 15)
    at = partial(made.geometry.index)
    value = {name: made.array[tuple(np.rint(at(lps)).astype(int))] for name, lps in
             {"tumour": (75, -10, 0), "lung": (-72, 30, 0), "wall": (0, -60, 0)}.items()}  # fmt: skip
    assert abs(value["tumour"] - 20) < 120 and abs(value["lung"] + 760) < 150 and abs(value["wall"]) < 150
    radius = System.named("varian").field_radius_mm(True)
    line = (np.arange(made.geometry.shape[2]) - (made.geometry.shape[2] - 1) / 2) * 6
    assert (made.array[:, np.hypot(line[:, None], line) > radius] == -1000).all()
    full = scanned(thorax, breath_mm=0, field="full")
    assert full.geometry.shape[2] < 0.65 * made.geometry.shape[2]


def test_breathing_blurs_and_the_key_alone_decides(thorax):
    still, moving, again = (scanned(thorax, breath_mm=mm).array.astype(float) for mm in (0, 20, 20))
    assert np.array_equal(moving, again)
    assert np.abs(moving - still).max() > 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"views": 10}, "the option views must lie between 60 and 1440, not 10"),
        ({"system": "siemens"}, "the option system must be varian or elekta, not 'siemens'"),
        ({"length_mm": 5}, "the option length_mm must lie between 20 and 600"),
        ({"correction": "maybe"}, "the option correction must be on or off, not 'maybe'"),
    ],
)
def test_options_that_cannot_be_are_a_sentence(thorax, options, words):
    with pytest.raises(InputError, match=words):
        scanned(thorax, **options)


def test_what_would_take_too_much_memory_is_refused(thorax):
    with pytest.raises(
        InputError, match=r"this cone-beam CT would take about .* GB .* fewer views or larger voxels"
    ):
        scanned(thorax, views=1440, voxel_mm=0.5, length_mm=600)


def test_a_scan_without_a_body_and_one_of_few_slices_are_refused(thorax):
    ct = thorax()[0].volume
    short = ct.crop((slice(0, 2), slice(None), slice(None)))
    empty = Volume(ct.geometry, np.full_like(ct.array, -1000), "CT", "HU")
    for volume, words in ((short, "is 10 mm long; a cone-beam CT needs 30"), (empty, "no body is found")):
        with pytest.raises(InputError, match=words):
            scanner_named("cbct").scan([ScanRequest(volume, None, KEY)])


def test_in_a_course_it_is_fast():
    assert CbctOptions.of("cbct", CbctOptions.course) == CbctOptions(quality="fast")
    assert "course" not in CbctOptions.model_fields
