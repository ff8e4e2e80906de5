"""The learned treatment, held by networks whose right answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt, maximum_filter

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FamilyConfig  # noqa: E402
from models.families.copy import Copy  # noqa: E402
from simulators import Key, Purpose, TreatmentRequest, TumourView  # noqa: E402
from simulators.learned.treatment import LearnedTreatment  # noqa: E402
from simulators.tasks.crop import SHAPE, VECTOR, Crop  # noqa: E402
from simulators.tasks.follow_up import TASK  # noqa: E402

pytestmark = pytest.mark.long  # follow-ups at full size

RELATIVE = VECTOR.index("relative_gtv")
DRAFT = ("draft_tissue", "draft_tumour", "draft_share")


def request(twin, **fields):
    usual = {
        "scan": twin.baseline,
        "structures": twin.contours,
        "dose_since": None,
        "eqd2_since": None,
        "fractions_since": 0,
        "elapsed_days": 30.0,
        "since_rt_end_days": -9.0,
        "clinical": twin.clinical,
        "tumour": None,
        "key": Key(0, twin.id, Purpose.IMAGE),
    }
    return TreatmentRequest(**{**usual, **fields})


def view(twin, share):
    return TumourView(share * twin.gtv_cm3, twin.gtv_cm3, 0.5)


class Undrawn(Copy):
    """Gives back the scan and what is drawn on it, and knows no volume where none is given."""

    hidden = DRAFT

    def __init__(self):
        super().__init__(FamilyConfig(task=TASK.task, slices=1, widths=(4,), embedding=4, hidden=self.hidden))
        self.drawn = None

    def translate(self, batch, steps):
        return self.changed(self.head.start(batch.source).clone(), batch)

    def changed(self, layers, batch):
        return layers


class Darker(Undrawn):
    """Takes 102.4 HU from every pixel (0.1 of the half range), below its range, too."""

    def layers(self, batch, steps=None):
        layers = super().layers(batch, steps)
        layers[:, :2] -= 0.1
        return layers


class Noisy(Undrawn):
    """Adds its noise, of which channel 0 is one number for the volume; draws the volume where none is given."""

    def __init__(self):
        super().__init__()
        self.noise_channels, self.slices = 2, 3

    def guided(self, batch):
        drawn = torch.special.ndtr(batch.noise[:, :1, 0, 0])
        free = batch.vector.isnan() & (torch.arange(batch.vector.shape[1]) == RELATIVE)
        return replace(batch, vector=torch.where(free, drawn, batch.vector))

    def changed(self, layers, batch):
        assert (
            batch.source.shape[1] == 22 and len(batch) == 16
        )  # three slices of seven channels, and the depth
        assert torch.isfinite(batch.vector[:, RELATIVE]).all()
        layers[:, :2] += 0.02 * batch.noise.sum(dim=1, keepdim=True)
        layers[:, 2] = layers[:, 2] * 0.9 + 0.05
        return layers


class Smooth(Undrawn):
    """Takes the grain out, as a denoising network does."""

    def changed(self, layers, batch):
        layers[:, :2] = torch.nn.functional.avg_pool2d(layers[:, :1], 3, 1, 1, count_include_pad=False)
        return layers


class Layered(Undrawn):
    """Air where there is no tumour, metal where there is."""

    def changed(self, layers, batch):
        layers[:, 0], layers[:, 1] = -1.0, 1.0
        return layers


class Drafted(Undrawn):
    """Corrects nothing of its draft."""

    hidden = ()


class Shifted(Drafted):
    """Moves its draft's tumour by two of its pixels, 4 mm, and leaves both layers as they are."""

    def changed(self, layers, batch):
        layers[:, 2] = torch.roll(layers[:, 2], 2, dims=-1)
        return layers


def changed(twin, followup):
    box = twin.baseline.volume.geometry.box_of(followup.scan.geometry)
    return followup.scan.array.astype(int) - twin.baseline.volume.array[box], box


def test_copying_gives_the_scan_and_the_tumour_back(phantom_twin):
    followup = LearnedTreatment("copy", Undrawn()).generate([request(phantom_twin)])[0]
    change, _ = changed(phantom_twin, followup)
    assert not change.any(), "bit for bit"
    assert followup.gtv_cm3 == pytest.approx(phantom_twin.gtv_cm3, rel=0.01)
    assert not followup.injury.array.any()


@pytest.mark.parametrize("share", [0.3, 1.6])
def test_who_corrects_nothing_of_the_draft_gives_the_mechanistic_follow_up(phantom_twin, share):
    from simulators.treatment.mechanistic import MechanisticTreatment

    asked = request(phantom_twin, tumour=view(phantom_twin, share))
    ours = LearnedTreatment("drafted", Drafted()).generate([asked])[0]
    theirs = MechanisticTreatment().generate([asked])[0]
    box = ours.scan.geometry.box_of(theirs.scan.geometry)
    np.testing.assert_array_equal(ours.scan.array[box], theirs.scan.array)
    assert np.count_nonzero(ours.gtv.array[box] != theirs.gtv.array) <= 2  # a tie at the border
    np.testing.assert_array_equal(ours.displacement_mm[(slice(None), *box)], theirs.displacement_mm)


def test_a_border_that_moves_is_as_sharp_as_before_and_leaves_no_rim(phantom_twin):
    asked = request(phantom_twin, tumour=view(phantom_twin, 0.5))
    profiles, centres = [], []
    for family in (Drafted(), Shifted()):
        followup = LearnedTreatment("moved", family).generate([asked])[0]
        gtv, grid = followup.gtv.array > 0, followup.scan.geometry
        box = phantom_twin.baseline.volume.geometry.box_of(grid)
        lung = phantom_twin.contours.mask("Lung_L", "Lung_R", "GTVp")[box]
        inside, outside = (distance_transform_edt(m, sampling=grid.spacing_mm) for m in (gtv, ~gtv))
        depth = np.floor(inside - outside)
        profiles.append([followup.scan.array[lung & (depth == d)].mean() for d in range(-5, 5)])
        centres.append(grid.lps(np.argwhere(gtv)).mean(axis=0))
    assert centres[1][0] - centres[0][0] == pytest.approx(4.0, abs=0.1)
    np.testing.assert_allclose(profiles[1], profiles[0], atol=100)  # of 800 HU between lung and tumour
    assert profiles[1][-3] > 20 and abs(profiles[1][-1] - profiles[0][-1]) < 10


def test_an_edge_that_has_hardly_moved_leaves_no_bright_rim_where_the_network_moves_it(phantom_twin):
    # Until the surface has come in by 2 mm the draft shows the old edge, which its layers have of their own.
    asked = request(phantom_twin, tumour=view(phantom_twin, 0.93))
    ours, theirs = (
        LearnedTreatment("moved", family).generate([asked])[0].scan.array.astype(int)
        for family in (Shifted(), Drafted())
    )
    assert (ours != theirs).any()
    near = maximum_filter(theirs, (7, 11, 11))
    assert (ours - near).max() <= 25  # the grain


def test_a_change_is_whole_at_the_tumour_and_fades_to_nothing_at_the_border(phantom_twin):
    followup = LearnedTreatment("darker", Darker()).generate([request(phantom_twin)])[0]
    change, box = changed(phantom_twin, followup)
    tumour = phantom_twin.contours.gtv()[box]
    assert abs(change[tumour].mean() + 102.4) < 1
    assert abs(change[:, 0]).max() <= 1 and abs(change[:, :, -1]).max() <= 1
    assert abs(np.diff(change, axis=2)).max() < 30, "no seam"


@pytest.mark.parametrize("share", [0.02, 0.3, 0.8, 1.0, 1.7])
def test_the_mask_has_the_volume_that_guides(phantom_twin, share):
    asked = request(phantom_twin, tumour=view(phantom_twin, share))
    followup = LearnedTreatment("noisy", Noisy()).generate([asked])[0]
    wanted = share * phantom_twin.gtv_cm3
    held = followup.gtv.array.sum() * followup.gtv.geometry.voxel_cm3
    assert held == pytest.approx(wanted, abs=max(0.03 * wanted, 0.1))
    assert followup.gtv_cm3 == pytest.approx(wanted)


def test_without_guidance_the_network_draws_the_volume_once(phantom_twin):
    followup = LearnedTreatment("noisy", Noisy()).generate([request(phantom_twin)])[0]
    assert 0 < followup.gtv_cm3 < phantom_twin.gtv_cm3


def test_volumes_are_those_of_the_images(phantom_twin):
    from simulators.treatment.mechanistic import MechanisticTreatment

    for treatment in (LearnedTreatment("noisy", Noisy()), MechanisticTreatment()):
        volumes = treatment.volumes_cm3(request(phantom_twin), 3)
        asked = request(phantom_twin, key=Key(0, phantom_twin.id, Purpose.IMAGE, 2))
        assert treatment.generate([asked])[0].gtv_cm3 == pytest.approx(volumes[2], rel=1e-5)
        assert np.ptp(volumes) > 1


def test_one_sample_keeps_its_noise_through_time_and_across_plans(phantom_twin):
    treatment = LearnedTreatment("noisy", Noisy())
    asked = request(phantom_twin, tumour=view(phantom_twin, 0.5))
    later = replace(asked, elapsed_days=200.0, fractions_since=20, tumour=view(phantom_twin, 0.2))
    other = replace(asked, key=asked.key.at(sample=1))
    first, same, different = (changed(phantom_twin, f)[0] for f in treatment.generate([asked, later, other]))
    assert first.any()
    np.testing.assert_array_equal(first, same)
    assert (first != different).mean() > 0.5


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_batch_gives_what_each_request_gives_alone(phantom_twin, two_threads):
    treatment = LearnedTreatment("noisy", Noisy())
    asked = [request(phantom_twin, key=Key(0, "p", Purpose.IMAGE, s)) for s in (0, 1)]
    alone = [treatment.generate([a])[0] for a in asked]
    for one, other in zip(alone, treatment.generate(asked), strict=True):
        np.testing.assert_array_equal(one.scan.array, other.scan.array)
    assert torch.get_num_threads() == 2  # as whoever asked had it


def test_the_grain_that_a_network_smooths_away_is_given_back(phantom_twin):
    asked = request(phantom_twin)
    plain, grained = (
        LearnedTreatment("smooth", Smooth(), grain=g).generate([asked])[0] for g in (False, True)
    )
    crop = Crop.of(phantom_twin.baseline, phantom_twin.contours)
    middle = tuple(slice(12, n - 12) for n in crop.grid.shape)
    lung = (crop.image < -0.7) & (crop.image > -0.95)
    left = [
        np.abs(f.scan.on(crop.grid) - phantom_twin.baseline.volume.on(crop.grid)) for f in (plain, grained)
    ]
    smoothed, kept = (np.median(x[middle][lung[middle]]) for x in left)
    assert kept < 0.5 * smoothed


def test_the_tissue_moves_as_the_mechanistic_generator_says(phantom_twin):
    from simulators.treatment.mechanistic import MechanisticTreatment

    asked = request(phantom_twin, tumour=view(phantom_twin, 0.4))
    ours = LearnedTreatment("copy", Undrawn()).generate([asked])[0]
    theirs = MechanisticTreatment().generate([asked])[0]
    at = theirs.scan.geometry.lps(np.argwhere(theirs.gtv.array)[::50])
    moved = [
        f.displacement_mm[(slice(None), *np.rint(f.scan.geometry.index(at)).astype(int).T)]
        for f in (ours, theirs)
    ]
    assert np.abs(moved[1]).max() > 0.5
    np.testing.assert_array_equal(*moved)


def test_outside_what_it_learned_from_it_says_so(phantom_twin):
    treatment = LearnedTreatment("copy", Undrawn(), limits={"elapsed_days": [3, 200]})
    assert treatment.domain(request(phantom_twin)) is None
    assert treatment.domain(request(phantom_twin, elapsed_days=300.0)) == (
        "it learned from 3 to 200 days after the scan"
    )
    huge = phantom_twin.contours.with_mask(
        "GTVn", "GTV", np.ones(phantom_twin.contours.geometry.shape, dtype=bool)
    )
    assert "exceeds the crop" in treatment.domain(request(phantom_twin, structures=huge))


def test_a_tall_tumour_is_given_more_slices(phantom_twin):
    tall = phantom_twin.contours.gtv()
    z = np.flatnonzero(tall.any(axis=(1, 2)))
    tall[z[0] - 5 : z[-1] + 5] |= tall[z[len(z) // 2]]
    crop = Crop.of(phantom_twin.baseline, phantom_twin.contours.with_mask("GTVp", "GTV", tall))
    assert SHAPE[0] < crop.grid.shape[0] <= 96 and crop.grid.shape[0] % 16 == 0
    assert not crop.exceeds


def test_the_image_shows_the_tumour_where_the_mask_has_it_and_as_large(phantom_twin):
    followup = LearnedTreatment("layered", Layered()).generate(
        [request(phantom_twin, tumour=view(phantom_twin, 0.4))]
    )[0]
    _, box = changed(phantom_twin, followup)
    around = binary_dilation(
        phantom_twin.structures[0].gtv()[box], iterations=4
    )  # the crop's border lies beyond
    seen = np.count_nonzero((followup.scan.array > 0) & around) * followup.scan.geometry.voxel_cm3
    assert seen == pytest.approx(0.4 * phantom_twin.gtv_cm3, rel=0.05)
