import numpy as np

from dashboards.viewer.pack import Part, pack, quantised, unpack


def test_every_int16_survives_the_difference_coding():
    extremes = np.array([-32768, 32767, -1024, 0, 32767, -32768], np.int16).reshape(1, 2, 3)
    _, arrays = unpack(pack([Part("ct", extremes)]))
    np.testing.assert_array_equal(arrays["ct"], extremes)


def test_several_arrays_come_back_with_their_meta():
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 1500, (3, 5, 7)).astype(np.int16)
    mask = rng.random((2, 3, 5)) > 0.5
    header, arrays = unpack(pack([Part("ct", hu, {"start": [1, 2, 3]}), Part("gtv", mask)], day=7.5))
    np.testing.assert_array_equal(arrays["ct"], hu)
    np.testing.assert_array_equal(arrays["gtv"], mask)
    assert header["day"] == 7.5
    assert header["parts"][0]["start"] == [1, 2, 3]


def test_a_crop_that_is_not_contiguous_is_packed_in_its_own_order():
    whole = np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8)
    crop = whole[1:3, 2:5, ::2]
    np.testing.assert_array_equal(unpack(pack([Part("ct", crop)]))[1]["ct"], crop)


def test_dose_keeps_its_largest_value_and_its_zeros():
    dose = np.array([[[0.0, 33.3333, 66.6]]])
    part = quantised("dose", dose, 0.0)
    np.testing.assert_allclose(part.array * part.meta["scale"], dose, atol=66.6 / 30_000)
    assert part.array[0, 0, 0] == 0


def test_ct_compresses_to_less_than_its_raw_size(phantom_twin):
    slices = phantom_twin.baseline.volume.array[40:44]
    assert len(pack([Part("ct", slices.astype(np.int16))])) < 0.8 * slices.size * 2
