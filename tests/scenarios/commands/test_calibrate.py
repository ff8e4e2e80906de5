"""Mistakes of `rt-twin calibrate` are one sentence, before anything is fitted."""

import pytest

from scenarios.commands.calibrate import calibrate
from twin import InputError


def test_a_folder_that_is_not_there_and_a_table_that_is_none(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        calibrate(tmp_path / "none" / "posterior.json")
    with pytest.raises(InputError, match="cannot be read"):
        calibrate(tmp_path / "posterior.json", tmp_path / "arms.csv")
    assert not list(tmp_path.iterdir())
