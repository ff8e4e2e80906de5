"""The folder of a clinic's run."""

import pytest
from polars.testing import assert_frame_equal

from scenarios.clinic.run import load_clinic
from scenarios.clinic.schema import CLINIC_SCHEMAS
from scenarios.clinic.simulation import simulate_clinic
from twin import InputError


def test_a_clinics_folder_gives_the_run_back_and_keeps_what_is_another(run, tmp_path):
    run.save(tmp_path / "clinic")
    again = load_clinic(tmp_path / "clinic")
    assert set(again.tables) == set(CLINIC_SCHEMAS)
    for name in CLINIC_SCHEMAS:
        assert_frame_equal(again.tables[name], run.tables[name])
    assert (again.clinic, again.referrals, again.record) == (run.clinic, run.referrals, run.record)
    run.save(tmp_path / "clinic")  # the same request again
    with pytest.raises(InputError, match="already exists"):
        simulate_clinic(days=5).save(tmp_path / "clinic")
    with pytest.raises(InputError, match="not the folder of a clinic"):
        load_clinic(tmp_path)
    (tmp_path / "clinic" / "visits.parquet").write_bytes(b"")
    with pytest.raises(InputError, match="is damaged"):
        load_clinic(tmp_path / "clinic")
