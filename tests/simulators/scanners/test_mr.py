"""Virtual MR: signals worked by hand, tissues by HU and by what is drawn, artefacts, chance, and refusals."""

import numpy as np
import pytest

from simulators import Key, Purpose, ScanRequest, scanner_named
from simulators.scanners.resonance import Relaxation, Sequence, acquired, biased, signal, with_noise
from twin import Geometry, InputError, StructureSet, Volume

KEY = Key(3, "patient", Purpose.SCANNER)
GRID = Geometry((16, 80, 80), (3.0, 3.0, 3.0), (-118.5, -118.5, 0.0))


def scanned(ct, structures=None, key=KEY, **options):
    (made,) = scanner_named("mr").scan([ScanRequest(ct, structures, key, options)])
    return made


@pytest.fixture(scope="module")
def head():
    """A ball of brain in a shell of bone and one of fat, half of it white matter; a metastasis and fluid are drawn."""
    z, y, x = np.meshgrid(*((np.arange(n) - (n - 1) / 2) * 3.0 for n in GRID.shape), indexing="ij")
    radius = np.hypot(y, x) + 0 * z
    hu = np.where(radius < 110, -90, -1000)
    hu[radius < 100] = 1200
    hu[radius < 90] = 30
    fluid, spot = radius < 20, np.hypot(y - 50, x) < 15
    inside = (radius < 90) & ~fluid
    drawn = StructureSet(GRID, ()).with_mask("Body", "EXTERNAL", radius < 110)
    for name, mask in (
        ("WhiteMatter", inside & (x < 0)),
        ("GrayMatter", inside & (x >= 0)),
        ("CSF", fluid),
        ("GTVm1", spot & inside),
    ):
        drawn = drawn.with_mask(name, "GTV" if name == "GTVm1" else "OAR", mask)
    return Volume(GRID, hu.astype(np.int16), "CT", "HU"), drawn


def at(image, x, y, z=20.0, half=1):
    k, j, i = np.round(image.geometry.index((x, y, z))).astype(int)
    return float(image.array[k - 1 : k + 2, j - half : j + half + 1, i - half : i + half + 1].mean())


def test_signals_are_those_of_their_equations():
    tissue = Relaxation(0.8, 1000.0, 100.0, 50.0)
    echo = signal(Sequence("spin_echo", "head", 1000, 100, 1, 1), tissue)
    assert echo == pytest.approx(0.8 * (1 - np.exp(-1)) * np.exp(-1))
    ernst = Sequence("gradient_echo", "head", 10, 5, 1, 1, angle=np.degrees(np.arccos(np.exp(-0.01))))
    best = signal(ernst, tissue)
    e1, a = np.exp(-0.01), np.arccos(np.exp(-0.01))
    assert best == pytest.approx(0.8 * np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a)) * np.exp(-0.1))
    for other in (0.8, 1.2):  # at Ernst's angle it is greatest
        assert (
            signal(Sequence("gradient_echo", "head", 10, 5, 1, 1, angle=other * ernst.angle), tissue) < best
        )
    null = 1000 * (np.log(2) - np.log(1 + np.exp(-3)))
    assert signal(Sequence("inversion", "head", 3000, 10, 1, 1, ti=null), tissue) == pytest.approx(
        0, abs=1e-9
    )


@pytest.mark.parametrize("field", [1.5, 3])
def test_tissues_of_a_head_are_as_bright_as_readers_know_them(head, field):
    places = {"white": (-60, 0), "grey": (60, 0), "fluid": (0, 0), "spot": (0, 50), "bone": (95, 0)}
    made = {
        s: {n: at(scanned(*head, sequence=s, field=field, bias=0, pixel_mm=2), *p) for n, p in places.items()}
        for s in ("t1", "t2", "flair")
    }
    t1, t2, flair = made["t1"], made["t2"], made["flair"]
    assert t1["white"] > t1["grey"] > t1["fluid"] and t2["fluid"] > t2["spot"] > t2["grey"] > t2["white"]
    assert flair["spot"] > flair["grey"] > flair["white"] > 2.5 * flair["fluid"]
    assert t2["fluid"] / t2["white"] > 2 and max(m["bone"] / m["grey"] for m in made.values()) < 0.25


def test_a_tissue_of_a_brain_is_as_uneven_in_all_sequences(head):
    """Of a region without borders: by several per cent, in the same places."""
    made = [scanned(*head, sequence=s, bias=0, snr=500, pixel_mm=3, slice_mm=3) for s in ("t2", "flair")]
    white = [image.array[2:-2, 36:45, 14:24].astype(float) for image in made]
    first, second = (part / part.mean() for part in white)
    assert 0.03 < first.std() < 0.1 and np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.8


def test_a_head_on_which_nothing_is_drawn_is_known_by_its_skull(head):
    ct, _ = head
    bare = scanned(ct, sequence="flair", bias=0, pixel_mm=2)
    assert at(bare, -60, 0) == pytest.approx(
        at(scanned(*head, sequence="flair", bias=0, pixel_mm=2), -60, 0), rel=0.1
    )


def test_a_thorax_has_dark_lungs_bright_fat_and_no_flair(thorax):
    scan, drawn = thorax()
    t2 = scanned(scan.volume, drawn, sequence="t2", breath_mm=0, bias=0, pixel_mm=3)
    assert at(t2, 75, -40) < 0.15 * at(t2, 0, -90)
    assert at(t2, 75, -10, 0) > 1.15 * at(t2, 0, -90)  # the tumour over muscle
    with pytest.raises(InputError, match="flair is one of heads; the CT shows no brain"):
        scanned(scan.volume, drawn, sequence="flair")


def test_air_and_short_cts_and_wrong_options_are_refused(thorax):
    ct = thorax()[0].volume
    for volume, options, words in (
        (
            Volume(ct.geometry, np.full(ct.geometry.shape, -1000, np.int16), "CT", "HU"),
            {},
            "no body is found",
        ),
        (ct.crop((slice(0, 1), slice(None), slice(None))), {}, "5 mm long; an MR scan needs 10 mm"),
        (ct, {"sequence": "dwi"}, "the option sequence must be t1, t2 or flair"),
        (ct, {"field": 7}, "the option field must be 1.5 or 3"),
    ):
        with pytest.raises(InputError, match=words):
            scanned(volume, **options)


def test_the_same_key_gives_the_same_voxels_and_coils_are_the_patients_own(thorax):
    scan, drawn = thorax()
    one, same, later = (scanned(scan.volume, drawn, key=k, pixel_mm=3) for k in (KEY, KEY, KEY.at(ordinal=4)))
    assert np.array_equal(one.array, same.array) and not np.array_equal(one.array, later.array)
    body = one.array > 100
    assert np.corrcoef(one.array[body], later.array[body])[0, 1] > 0.9


def test_noise_is_rician():
    rng = np.random.default_rng(1)
    dark = with_noise(np.zeros((4, 64, 64), np.float32), 2.0, rng)
    assert dark.mean() == pytest.approx(2.0 * np.sqrt(np.pi / 2), rel=0.02)  # Rayleigh
    bright = with_noise(np.full((4, 64, 64), 200.0, np.float32), 2.0, rng)
    assert bright.std() == pytest.approx(2.0, rel=0.03)


def test_breathing_leaves_ghosts_before_and_behind_the_body_and_none_beside_it():
    body = np.zeros((3, 96, 96), np.float32)
    body[:, 30:66, 20:76] = 1.0
    seen = acquired(body, (3.0, 2.0, 2.0), 8.0, np.random.default_rng(0))
    assert seen[:, :20, 30:66].max() > 0.05 and seen[:, :, :18].max() < 1e-5
    assert np.array_equal(acquired(body, (3.0, 2.0, 2.0), 0.0, np.random.default_rng(0)), body)


def test_lines_see_the_body_in_their_phase_of_a_breath():
    """113 lines are ten breaths: what each line sees is worked line by line."""
    rng = np.random.default_rng(4)
    body = rng.uniform(0.5, 1, (1, 113, 3)).astype(np.float32)
    seen = acquired(body, (3.0, 2.0, 2.0), 2.0, np.random.default_rng(0))
    share = ((112 - np.arange(113)) / 112)[:, None] ** 2
    moved = (1 - share) * body[0] + share * np.roll(body[0], -1, axis=0)
    begun = np.random.default_rng(0).uniform(0, 2 * np.pi, 1)
    breath = np.cos(np.pi * np.fft.fftfreq(113) * 113 / 11.3 + begun)[:, None] ** 4 - 3 / 8
    lines = np.fft.fft(body[0], axis=0) + breath * np.fft.fft(moved - body[0], axis=0)
    assert np.allclose(seen[0], np.abs(np.fft.ifft(lines, axis=0)), atol=1e-5)


def test_coils_bend_slowly_by_their_strength():
    flat = np.ones((20, 60, 60), np.float32)
    field = np.log(biased(flat, (5.0, 5.0, 5.0), 0.15, np.random.default_rng(2)))
    assert 0.05 < field.std() < 0.3 and np.abs(np.diff(field, axis=2)).max() < 0.05
