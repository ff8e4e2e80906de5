"""The body on slices whose pieces are known."""

import numpy as np

from simulators.tasks.body import body, reaching_rim

Y, X = np.indices((40, 40))
INSIDE = ((Y - 20) / 15) ** 2 + ((X - 20) / 18) ** 2 < 1
LUNG = ((Y - 20) / 9) ** 2 + ((X - 13) / 5) ** 2 < 1


def test_the_body_holds_the_lung_that_it_encloses_and_no_couch():
    hu = np.where(INSIDE, np.where(LUNG, -800, 40), -1000)
    hu[37:39] = 100  # a couch below it, from rim to rim
    np.testing.assert_array_equal(body(hu[None])[0], INSIDE)


def test_a_slice_of_air_has_no_body():
    assert not body(np.full((2, 5, 5), -1000)).any()


def test_only_pieces_that_reach_the_rim_are_taken():
    plane = np.zeros((9, 9), bool)
    plane[4, 4] = plane[8, 6] = plane[7, 6] = True
    np.testing.assert_array_equal(np.argwhere(reaching_rim(plane)), [[7, 6], [8, 6]])
