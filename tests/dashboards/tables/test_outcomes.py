import polars as pl

from dashboards.tables.outcomes import contrast_table, outcome_table


def test_each_outcome_is_a_row_with_its_interval(run, text):
    shown = text(outcome_table(run))
    row = run.table("outcomes").filter((pl.col("plan") == "60-15") & (pl.col("outcome") == "mean_lung_dose"))
    assert "Mean lung dose" in shown
    assert f"{row['mean'][0]:.1f}" in shown
    assert f"{row['low'][0]:.1f} to {row['high'][0]:.1f}" in shown
    assert "80 % over samples" in shown


def test_plans_outside_their_context_are_marked_in_the_head(run, text):
    assert "30/10 \u26a0 outside" in text(outcome_table(run))
    assert "60/15 \u26a0 outside" not in text(outcome_table(run))


def test_approximate_doses_are_marked_and_explained(run, text):
    shown = text(outcome_table(run))
    assert "\u2248 approximate" in shown


def test_differences_name_both_plans(run, text):
    assert "30/10 \u2212 60/15" in text(contrast_table(run))
