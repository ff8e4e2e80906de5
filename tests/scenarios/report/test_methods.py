"""Where plans of a comparison have doses of different methods, everything says so."""

import io
from contextlib import redirect_stdout

import numpy as np
import polars as pl
import pytest

from dashboards.files.library import Library
from dashboards.tables.outcomes import contrast_table, outcome_table
from scenarios import TreatmentPlan, compare
from scenarios.commands.compare import print_comparison
from scenarios.report.page import write_report
from twin import DoseGrid, PatientTwin, Volume

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def mixed_run(thorax):
    """A patient with one stereotactic plan of a planning system, which is compared with a conventional one."""
    scan, contours = thorax()
    gy = Volume(contours.geometry, np.full(contours.geometry.shape, 54.0, np.float32), "DOSE", "Gy")
    doses = {"RTDOSE": DoseGrid("RTDOSE", gy, 54.0, fractions=3)}
    twin = PatientTwin("boxes", scans=(scan,), structures=(contours,), doses=doses)
    plans = [TreatmentPlan.parse(p) for p in ("54/3", "60/30")]
    return compare(twin, plans, days=40, samples=4, image_samples=0, dose="approximate")


def test_tables_have_the_method_of_each_number(mixed_run):
    organs = mixed_run.outcomes.filter(pl.col("outcome") == "mean_lung_dose")
    assert organs["dose_method"].to_list() == ["planning system", "approximate"]
    volumes = mixed_run.outcomes.filter(pl.col("unit") == "cm3")
    assert volumes["dose_method"].is_null().all()
    pairs = mixed_run.contrasts.filter(pl.col("outcome") == "mean_lung_dose")
    assert pairs["dose_method"].to_list() == ["approximate - planning system"]
    for name in ("scorecard", "dvh"):
        found = getattr(mixed_run, name).select("plan", "dose_method").unique().sort("plan").rows()
        assert found == [("54-3", "planning system"), ("60-30", "approximate")]
    assert [p.dose_method for p in mixed_run.record.plans] == ["planning system", "approximate"]


def test_terminal_report_and_pages_say_it_beside_the_number(mixed_run, tmp_path):
    said = io.StringIO()
    with redirect_stdout(said):
        print_comparison(mixed_run)
    assert "dose: planning system" in said.getvalue() and "dose: approximate" in said.getvalue()
    assert "The methods differ between these plans" in " ".join(said.getvalue().split())
    write_report(mixed_run, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    for words in ("dose, planning system: ", "dose, approximate: ", "doses by approximate - planning system"):
        assert words in html
    mixed_run.save(tmp_path / "run")
    library = Library(tmp_path)
    folder = library.run("run")
    assert str(outcome_table(folder)).count("planning system") > 3
    assert "doses by approximate - planning system" in str(contrast_table(folder))
