"""A radiograph: where things lie, what is bright, and how much scatter there is."""

import numpy as np
import pytest

from simulators import Key, Purpose, ScanRequest, scanner_named
from simulators.scanners.radiograph import RadiographOptions, body_centre, exposure
from twin import Geometry, InputError, Volume

KEY = Key(3, "p", Purpose.SCANNER)


@pytest.fixture(scope="module")
def chest(thorax):
    return thorax(60)[0].volume


def radiograph(ct, **options):
    return scanner_named("radiograph").scan([ScanRequest(ct, None, KEY, options)])[0]


def grey(picture, lps):
    at = np.rint(picture.geometry.index(lps)).astype(int)
    return picture.array[tuple(np.clip(at, 0, np.subtract(picture.geometry.shape, 1)))]


@pytest.mark.parametrize("view", ["pa", "ap", "lateral"])
def test_what_is_dense_is_bright_and_lies_where_it_is(chest, view):
    picture = radiograph(chest, view=view)
    assert picture.array.size == 512 * 512 and (picture.modality, picture.unit) == ("DX", "a.u.")
    assert picture.array.min() >= 0 and picture.array.max() <= 1
    if view == "lateral":
        assert grey(picture, (0, -10, 0)) > grey(picture, (0, 50, 0))  # tumour and lung
    else:
        assert grey(picture, (75, 0, 0)) > grey(picture, (-75, 0, 0)) + 0.05  # tumour, and the other lung
        assert grey(picture, (0, 0, 60)) > grey(picture, (-75, 0, 60)) + 0.2  # mediastinum
    assert (picture.array[0] == 0).all()  # below the CT


def test_scatter_is_most_behind_the_mediastinum_and_a_grid_takes_most_of_it(chest):
    """Of all that is read, 0.6 to 0.75 is published with a grid and about 0.9 without; this chest is thin."""

    def share(made, u):
        return made.scatter[u, 256] / (made.scatter[u, 256] + made.primary[u, 256])

    grid, bare = (exposure(chest, body_centre(chest), RadiographOptions(grid=on)) for on in (True, False))
    middle, lung = 256, 256 + round(75 / 0.7465)
    assert 0.5 < share(grid, middle) < 0.8 and 0.8 < share(bare, middle) < 0.95
    assert share(grid, lung) < share(bare, lung) < share(grid, middle)


def test_more_current_less_noise_and_the_key_decides(chest):
    few, again, many = (radiograph(chest, mas=mas).array for mas in (1, 1, 1000))
    assert np.array_equal(few, again)
    assert np.abs(few - many)[200:300, 0, 200:300].std() > 1e-4


def test_options_that_cannot_be_and_a_scan_without_a_body_are_sentences(chest):
    with pytest.raises(InputError, match="the option view must be pa, ap or lateral, not 'oblique'"):
        radiograph(chest, view="oblique")
    with pytest.raises(InputError, match="no body is found"):
        radiograph(Volume(chest.geometry, np.full_like(chest.array, -1000), "CT", "HU"))


@pytest.mark.parametrize("name", ["radiograph", "cbct", "pet", "mr"])
def test_a_field_too_small_is_a_sentence_of_every_scanner(name):
    for shape, words in (
        ((2, 40, 40), "mm long; an? .* needs"),
        ((30, 4, 40), "20 mm wide; an? .* needs 50 mm"),
    ):
        ct = Volume(Geometry(shape, (4.0, 5.0, 5.0), (0.0, 0.0, 0.0)), np.zeros(shape, np.int16), "CT", "HU")
        with pytest.raises(InputError, match=words):
            scanner_named(name).scan([ScanRequest(ct, None, Key(1, "p", Purpose.SCANNER))])
