"""A CT at another dose, kernel and thickness: its noise grows as photons get fewer, and its HU stay."""

from dataclasses import replace

import numpy as np
import pytest

from simulators import Key, Purpose, ScanRequest, scanner_named
from simulators.scanners.quality import KERNELS, Kernel, OwnNoise
from simulators.scanners.quality.added_noise import _ProjectedNoise, added_noise
from twin import Geometry, InputError, Volume

KEY = Key(3, "p", Purpose.SCANNER)
N, PIXEL = 128, 2.0
GRID = Geometry((4, N, N), (3.0, PIXEL, PIXEL), (-127.0, -127.0, 0.0))
LINE = (np.arange(N) - (N - 1) / 2) * PIXEL
RADIUS = np.hypot(LINE[:, None], LINE)
KERNEL = Kernel.of(0.15)


@pytest.fixture(scope="module")
def scan():
    """A water cylinder of 20 cm, by photons of a known number and a known kernel."""
    hu = np.broadcast_to(np.where(RADIUS < 100, 0.0, -1000.0), GRID.shape).astype(np.float32)
    where = np.broadcast_to(RADIUS < 90, GRID.shape)
    known = OwnNoise(0.0, KERNEL, np.arange(4), where, 3)
    noise = _ProjectedNoise(Volume(GRID, hu, "CT", "HU"), known)
    made = hu + noise.of(lambda p, flux: np.exp(p) / (4e4 * flux), np.arange(4), replace(KEY, root=99))
    return Volume(GRID, np.rint(made).astype(np.int16), "CT", "HU")


def scanned(scan, **options):
    (made,) = scanner_named("ct").scan([ScanRequest(scan, None, KEY, options)])
    return made


def test_all_of_the_dose_is_the_scan_bit_for_bit(scan):
    made = scanned(scan, dose="1")
    assert made.array.dtype == scan.array.dtype and np.array_equal(made.array, scan.array)


def test_its_own_noise_and_kernel_are_found(scan):
    own = OwnNoise.of(scan)
    inside = scan.array[:, RADIUS < 80].astype(float)
    assert own.sd_hu == pytest.approx(inside.std(), rel=0.15)  # regions of 6 mm do not hold its longest waves
    assert own.kernel.f50_per_mm == pytest.approx(KERNEL.f50_per_mm, rel=0.1)


@pytest.mark.parametrize("dose", [0.5, 0.25])
def test_variance_goes_as_one_over_dose_and_hu_stay(scan, dose):
    made = scanned(scan, dose=dose).array.astype(float)
    for where in (RADIUS < 50, (RADIUS > 60) & (RADIUS < 95)):
        ratio = made[:, where].var() / scan.array[:, where].astype(float).var()
        assert ratio == pytest.approx(1 / dose, rel=0.12)
    assert abs((made - scan.array)[:, RADIUS < 95].mean()) < 1.0


def test_at_very_low_dose_the_electronics_add_noise_of_their_own(scan):
    core = RADIUS < 50
    ratio = scanned(scan, dose=0.1).array[:, core].var() / scan.array[:, core].var()
    assert 10.5 < ratio < 16


def test_added_noise_has_the_colour_of_the_scan(scan):
    own, low = OwnNoise.of(scan), OwnNoise.of(scanned(scan, dose=0.25))
    assert low.kernel.f50_per_mm == pytest.approx(own.kernel.f50_per_mm, rel=0.1)
    assert low.sd_hu == pytest.approx(2 * own.sd_hu, rel=0.1)


def test_each_slice_has_noise_of_its_own_and_the_key_alone_decides(scan):
    first, again = (scanned(scan, dose=0.25).array for _ in range(2))
    assert np.array_equal(first, again)
    added = (first.astype(float) - scan.array)[:, RADIUS < 90]
    assert abs(np.corrcoef(added)[0, 1]) < 0.05


def test_a_softer_kernel_lowers_the_mtf_and_a_sharper_one_is_refused():
    fine = replace(GRID, spacing_mm=(3.0, 0.7, 0.7))
    f = np.fft.fftfreq(N, 0.7)
    noise = np.random.default_rng(5).normal(0, 1, GRID.shape)
    shape = np.hypot(f[:, None], f)
    coloured = np.fft.ifft2(np.fft.fft2(noise) * np.sqrt(shape) * Kernel.named("medium").mtf(shape)).real
    hu = 15 * coloured / coloured.std()
    hu[2, 64, 64] += 2000  # an impulse shows what the kernel does
    scan = Volume(fine, np.rint(hu).astype(np.int16), "CT", "HU")
    soft = scanned(scan, kernel="soft")
    without = Volume(fine, np.where(hu > 1000, scan.array - 2000, scan.array).astype(np.int16), "CT", "HU")
    seen = soft.array[2].astype(float) - scanned(without, kernel="soft").array[2]
    transfer = np.abs(np.fft.fft2(seen))[0]
    own, wanted = OwnNoise.of(scan).kernel, Kernel.named("soft")
    low = (f > 0.05) & (f < 0.5)
    assert np.abs(transfer[low] / transfer[0] - wanted.mtf(f[low]) / own.mtf(f[low])).max() < 0.06
    assert soft.array[0].std() < 0.75 * scan.array[0].std()
    with pytest.raises(InputError, match=r"kernel sharp has it at 8\.5.*softer kernels are: soft, standard"):
        scanned(scan, kernel="sharp")


def test_thicker_slices_are_means_and_thinner_ones_are_refused(scan):
    made = scanned(scan, slice_mm=6)
    assert made.geometry.shape[0] == 2 and made.geometry.spacing_mm[0] == 6.0
    inside = RADIUS < 95
    means = scan.array.reshape(2, 2, N, N).mean(1)
    assert np.abs(made.array - means)[:, inside].max() <= 0.5
    with pytest.raises(InputError, match="slices are 3 mm apart; slices of 1 mm cannot be made"):
        scanned(scan, slice_mm=1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dose": "0"}, "the option dose must lie between 0.01 and 1, not '0'"),
        ({"dose": "1.5"}, "the option dose must lie between"),
        (
            {"kernel": "B70f"},
            "the option kernel must be soft, standard, medium, lung, sharp or bone, not 'B70f'",
        ),
        ({"mas": 3}, "no option 'mas'; its options are: dose, kernel, slice_mm"),
    ],
)
def test_options_that_cannot_be_are_a_sentence(scan, options, words):
    with pytest.raises(InputError, match=words):
        scanned(scan, **options)


def test_a_scan_without_a_body_or_without_noise_is_refused(scan):
    empty = Volume(GRID, np.full(GRID.shape, -1000, np.int16), "CT", "HU")
    for options in ({}, {"dose": 0.5}, {"slice_mm": 6}):
        with pytest.raises(InputError, match="no body is found"):
            scanned(empty, **options)
    with pytest.raises(InputError, match="mm wide; a CT scan needs 50 mm"):
        scanned(scan.crop((slice(None), slice(0, 10), slice(0, 10))))
    clean = Volume(
        GRID, np.broadcast_to(np.where(RADIUS < 100, 0, -1000), GRID.shape).astype(np.int16), "CT", "HU"
    )
    with pytest.raises(InputError, match="no noise"):
        scanned(clean, dose=0.5)


def test_every_kernel_has_its_mtf():
    for name in KERNELS:
        kernel = Kernel.named(name)
        assert kernel.mtf(np.array([0.0, kernel.f50_per_mm, kernel.f10_per_mm])) == pytest.approx(
            [1, 0.5, 0.1]
        )


def drawn(pixel=0.45, noise=0.0):
    """A wire-like edge: a bone-bright half plane in water, in pixels that only drawn anatomy has."""
    n = 128
    grid = Geometry((3, n, n), (3.0, pixel, pixel), (0.0, 0.0, 0.0))
    hu = np.zeros(grid.shape, np.float32)
    hu[:, :, n // 2 :] = 400
    hu += noise * np.random.default_rng(0).standard_normal(grid.shape)
    return Volume(grid, np.rint(hu).astype(np.int16), "CT", "HU")


def rise_mm(image):
    """From 10 to 90 % of an edge."""
    edge = image.array.astype(float).mean(axis=(0, 1))
    edge = (edge - edge[:30].mean()) / (edge[-30:].mean() - edge[:30].mean())
    return image.geometry.spacing_mm[2] * (
        np.interp(0.9, edge[45:85], np.arange(40)) - np.interp(0.1, edge[45:85], np.arange(40))
    )


def test_sharp_kernels_scan_what_is_drawn_for_them_and_make_more_noise():
    made = {name: scanned(drawn(), kernel=name) for name in ("soft", "standard", "sharp")}
    widths = [rise_mm(image) for image in made.values()]
    assert widths[0] > widths[1] > 1.3 * widths[2]
    flat = [image.array[:, 8:-8, 8:48].astype(float).std() for image in made.values()]
    assert flat[0] < flat[1] and 2 < flat[2] / flat[0] < 4.5  # B70f over B30f
    assert abs(made["sharp"].array[:, 8:-8, 8:48].mean()) < 2


def test_a_drawn_object_is_scanned_at_a_usual_dose():
    """Behind 30 cm, slices of 1 mm with a soft kernel have 10 to 15 HU of noise."""
    n, pixel = 256, 0.49
    line = (np.arange(n) - (n - 1) / 2) * pixel
    disk = np.hypot(line[:, None], line) < 60
    grid = Geometry((2, n, n), (1.0, pixel, pixel), (0.0, 0.0, 0.0))
    dense = 300 / 120 - 1  # of the disk, so that 12 cm of it are 30 of water
    hu = np.broadcast_to(np.where(disk, 1000 * dense, -1000), grid.shape).astype(np.int16)
    made = added_noise(Volume(grid, hu, "CT", "HU"), Kernel.named("soft"), 1.0, KEY)
    assert 10 < made[:, 98:158, 98:158].std() < 15


def test_a_real_scan_in_small_pixels_stays_as_sharp_as_it_is():
    with pytest.raises(InputError, match=r"cannot be made sharper.*rt-twin phantom OUT\.twin --fine"):
        scanned(real_small(), kernel="sharp")


def real_small():
    """Noise of a soft kernel on water, in pixels of 0.45 mm."""
    noise = np.random.default_rng(1).standard_normal((3, 128, 128))
    f = np.hypot(np.fft.fftfreq(128, 0.45)[:, None], np.fft.fftfreq(128, 0.45))
    shaped = np.fft.ifft2(np.fft.fft2(noise) * np.sqrt(f) * Kernel.of(0.3).mtf(f)).real
    grid = Geometry((3, 128, 128), (3.0, 0.45, 0.45), (0.0, 0.0, 0.0))
    return Volume(grid, np.rint(30 * shaped / shaped.std()).astype(np.int16), "CT", "HU")


def test_a_single_slice_is_scanned_too(scan):
    one = Volume(GRID.crop((slice(1, 2), slice(None), slice(None))), scan.array[1:2], "CT", "HU")
    core = RADIUS < 80
    assert scanned(one, dose=0.25).array[:, core].std() > 1.5 * one.array[:, core].std()
