"""The statistics on the page are those of the file that is saved, and both say what the dose is."""

import io

import polars as pl

from dashboards.tables.dose import dose_table


def test_the_page_and_its_file_hold_the_same_rows(run, client, text):
    answer = client.get("/data/table/dose-statistics.csv?key=demo")
    first, body = answer.text.split("\n", 1)
    assert "SIMULATED" in first and run.record.patient.id in first
    saved = pl.read_csv(io.StringIO(body))
    assert len(saved) == len(run.table("dvh").unique(["plan", "structure"])) > 4
    shown = text(dose_table(run))
    ptv = saved.filter(pl.col("structure") == "PTV", pl.col("plan") == "60-15").row(0, named=True)
    assert 45 < ptv["d95_gy"] < ptv["mean_gy"] < ptv["d2_gy"] and f"{ptv['d95_gy']:.1f}" in shown
    assert "approximate" in shown and "histograms in steps of 0.25 Gy" in shown
