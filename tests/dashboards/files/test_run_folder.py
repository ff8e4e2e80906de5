"""A run that was made before runs listed their layers opens as it did."""

from pathlib import Path

import pytest

from dashboards.files.library import Library
from dashboards.viewer.pack import unpack
from dashboards.viewer.shown import Shown

FORMATS = Path(__file__).parents[2] / "fixtures" / "formats"


@pytest.fixture(scope="module")
def first():
    return Library(FORMATS / "v1" / "run").run("run")


def test_its_layers_are_those_of_its_images(first):
    assert [layer.name for layer in first.layers] == ["ct", "gtv", "dose", "pet"]
    assert Shown(first).describe()["scans"] == ["off", "pet:overlay", "pet:only"]


def test_its_follow_ups_and_scans_are_drawn(first):
    shown = Shown(first)
    for index, frame in enumerate(first.frames):
        assert set(unpack(shown.follow_up(index))[1]) == {"ct", "gtv"} & set(frame.files)
    index = next(i for i, frame in enumerate(first.frames) if "pet" in frame.files)
    assert unpack(shown.over(index, "pet"))[1]["pet"].any()
