"""A translation of scans is a virtual scanner like any other."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FamilyConfig
from models.families.copy import Copy
from models.hub import Weights
from simulators import FollowUp, Key, Purpose, ScanRequest, scanner_named
from simulators.learned.scanner import ScanTranslator, translator_named
from simulators.learned.weights import Network
from simulators.tasks.denoise import TASK
from twin import Geometry, InputError, Volume

GRID = Geometry((6, 32, 40), (3.0, 2.0, 2.0))
KEY = Key(3, "patient", Purpose.SCANNER)


@pytest.fixture(scope="module")
def scanner():
    family = Copy(FamilyConfig(task=TASK.task, slices=3, widths=(4,), embedding=4))
    return ScanTranslator(TASK, Network(Weights("denoise", "copy", Path("copy")), family, "0", {}, "cpu"))


def ct(value):
    return Volume(GRID, np.full(GRID.shape, value, np.int16), "CT", "HU")


def test_it_scans_the_ct_as_it_is_on_the_day(scanner):
    box = (slice(1, 4), slice(3, 9), slice(5, 20))
    part = Volume(GRID.crop(box), np.full(GRID.crop(box).shape, -700, np.int16), "CT", "HU")
    still = np.broadcast_to(np.float32(0.0), (3, *part.geometry.shape))
    followup = FollowUp(None, part, part, part, 1.0, still, "test")
    before, after = scanner.scan(
        [ScanRequest(ct(40), None, KEY), ScanRequest(ct(40), None, KEY, followup=followup)]
    )
    assert (before.modality, before.unit) == (scanner.modality, scanner.unit) == ("CT", "HU")
    assert before.geometry == GRID and (before.array == 40).all()
    assert (after.array[box] == -700).all()
    assert np.count_nonzero(after.array != 40) == part.array.size


class Grey(Copy):
    """Takes away all that is in a scan."""

    def translate(self, batch, steps):
        return super().translate(batch, steps) * 0.0


def test_of_what_was_taken_away_the_share_that_weights_tell_of_is_given_back():
    family = Grey(FamilyConfig(task=TASK.task, slices=3, widths=(4,), embedding=4))
    told = Network(Weights("denoise", "grey", Path("grey")), family, "0", {"grain": 0.25}, "cpu")
    made = {grain: ScanTranslator(TASK, told, grain=grain) for grain in (True, False)}
    assert (made[True].translate(ct(80)).array == 20).all() and (
        made[False].translate(ct(80)).array == 0
    ).all()
    assert [t.version for t in made.values()] == ["denoise/grey 0", "denoise/grey+smooth 0"]


def test_a_name_says_that_no_grain_is_given_back():
    shipped = translator_named("denoise")
    assert shipped.grain and shipped.network.facts["grain"] == pytest.approx(1 / 3)
    assert not translator_named("denoise", "regression+smooth").grain
    with pytest.raises(InputError, match="give the number of network evaluations"):
        translator_named("denoise", "regression@many+smooth")
    with pytest.raises(InputError, match="no grain back; leave \\+smooth out"):
        translator_named("cbct-ct", "bridge+smooth")


def test_what_it_cannot_do_is_said(scanner):
    with pytest.raises(InputError, match="scanner denoise has no options; it was given level"):
        scanner.scan([ScanRequest(ct(0), None, KEY, {"level": 1})])
    pet = Volume(GRID, np.zeros(GRID.shape, np.float32), "PT", "SUV")
    with pytest.raises(InputError, match="the scan is PT, not CT"):
        scanner.scan([ScanRequest(pet, None, KEY)])


def test_a_name_is_a_physical_scanner_or_a_translation_of_scans():
    with pytest.raises(InputError, match=r"unknown scanner 'follow-up'; there are: .*pet, .*denoise"):
        scanner_named("follow-up")
    with pytest.raises(InputError, match="no weights"):
        scanner_named("denoise/of-nobody")
