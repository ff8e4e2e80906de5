"""How far a scan is from what shipped weights learned from."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.guard import PATTERN
from models.layout import CONFIG
from simulators.learned.distance import Far, distance, far_words
from simulators.learned.weights import located
from twin import Geometry, InputError, Volume

GRID = Geometry((12, 90, 102), (2.0, 2.0, 2.0), (-102.0, -90.0, -12.0))


def boxes():
    """Nothing that a network learned from."""
    hu = np.full(GRID.shape, -1000, np.int16)
    hu[:, 20:70, 20:80] = 40
    return Volume(GRID, hu, "CBCT", "HU")


def test_what_is_no_thorax_is_far_from_what_was_learned_whatever_the_evaluations():
    far = distance(boxes(), "cbct-ct")
    assert far is not None and far.times > 2
    assert distance(boxes(), "cbct-ct", "bridge@4") == distance(boxes(), "cbct-ct", "bridge@4+smooth") == far


@pytest.mark.parametrize("slices", [1, 3, 12])
def test_a_ct_of_few_slices_has_a_distance_too(slices):
    part = boxes().crop((slice(0, slices), slice(None), slice(None)))
    assert distance(Volume(part.geometry, part.array, "CT", "HU"), "denoise").times > 1


def test_weights_without_a_guard_say_nothing_and_a_task_that_is_no_translation_is_refused(tmp_path):
    shipped = located("bridge", "cbct-ct").folder
    told = (shipped / CONFIG).read_text()
    (tmp_path / CONFIG).write_text(told.replace('"guard"', '"former"'))
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(b"")
    assert distance(boxes(), "cbct-ct", str(tmp_path)) is None
    assert distance(boxes(), "cbct-ct", "of-nobody") is None
    with pytest.raises(InputError, match="no translation of a scan"):
        distance(boxes(), "follow-up")


def test_words_say_in_what_a_scan_is_furthest_only_where_it_is_far():
    assert far_words(None) is None
    within = far_words(Far(0.84, "dose"))
    assert within == "the scan is 0.8 times as far from what was learned as 95 % of such scans stay"
    assert "stay, most of all in its motion: do not rely" in far_words(Far(1.3, "motion"))
    assert "stay: do not rely" in far_words(Far(1.3, PATTERN))
