"""Simulated readers of known skill; no person has read anything here."""

import json

import numpy as np
import pytest

from scenarios.commands.main import app
from scenarios.readers import results_of
from scenarios.readers.mixed import mixed_logistic
from twin import InputError


def test_the_skill_of_simulated_readers_comes_back(study, read):
    with pytest.raises(InputError, match="no reader has answered"):
        results_of(study)
    read(study, {"r1": 0.0, "r2": 1.0})
    found = results_of(study)
    shares = {(r["name"], r["measure"]): r for r in found.shares.iter_rows(named=True)}
    assert shares["r1", "accuracy"]["share"] == 0.0 and shares["r2", "accuracy"]["share"] == 1.0
    assert shares["resident", "accuracy"]["share"] == shares["all", "accuracy"]["share"] == 0.5
    assert (shares["r2", "simulated told"]["right"], shares["r2", "simulated told"]["n"]) == (6, 6)
    assert found.curves["r1"].area == 0.0 and found.curves["r2"].area == 1.0
    assert found.kappa == -1.0 and found.kappa_cases == 12
    assert found.notes == ["not complete: cases left: r3 12"]
    assert found.answers.filter(reader="r2")["right"].all()


def test_the_mixed_model_finds_what_was_put_in():
    """Twelve simulated readers, sixty cases: odds of 2 and 6 by experience, twice as high for simulated volumes."""
    import statsmodels.api

    chance = np.random.default_rng(3)
    reader, case = np.repeat(np.arange(12), 60), np.tile(np.arange(60), 12)
    of_reader, of_case = chance.normal(0, 0.3, 12), chance.normal(0, 0.5, 60)
    simulated, special = case % 2 == 1, reader >= 6
    for own, group in ((of_reader, np.arange(12) < 6), (of_case, np.arange(60) % 2 == 0)):
        np.subtract(own, np.where(group, own[group].mean(), own[~group].mean()), out=own)
    logit = (
        np.log(2) + np.log(3) * special + np.log(2) * (simulated - 0.5) + of_reader[reader] + of_case[case]
    )
    right = chance.random(720) < 1 / (1 + np.exp(-logit))
    words = np.where(special, "specialist", "resident")
    given = (right, simulated, words, reader.astype(str), case)
    effects = {e.name: e for e in mixed_logistic(*given)}
    assert effects["specialist, not resident"].odds == pytest.approx(3, rel=0.25)
    assert effects["simulated, not real"].odds == pytest.approx(2, rel=0.25)
    assert effects["SD between cases"].odds == pytest.approx(0.5, rel=0.5)
    fixed = np.column_stack([np.ones(720), simulated - 0.5, special])
    plain = statsmodels.api.Logit(right.astype(float), fixed).fit(disp=0)
    assert [e.odds for e in effects.values()][:3] == pytest.approx(np.exp(plain.params), rel=0.15)
    assert mixed_logistic(*given) == list(effects.values())


def test_the_command_makes_a_study_and_its_results(sources, tmp_path, read):
    from typer.testing import CliRunner

    from scenarios.readers import load_reader_study

    out = tmp_path / "study"
    said = CliRunner().invoke(
        app,
        [
            "reader-study",
            "make",
            *map(str, sources),
            "--out",
            str(out),
            "--reader=r1:resident",
            "--reader=r2:specialist",
        ],
    )
    assert said.exit_code == 0 and "12 cases" in said.output and said.output.count("/readers?reader=") == 2
    read(load_reader_study(out), {"r1": 0.6, "r2": 0.9})
    scored = CliRunner().invoke(
        app, ["reader-study", "score", str(out), "--json", f"--csv={tmp_path / 'a.csv'}"]
    )
    facts = json.loads(scored.output)
    assert {row["group"] for row in facts["shares"]} == {"all", "experience", "reader"}
    assert "low" not in facts["roc_area"]["all"] and "low" in facts["roc_area"]["r1"]
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 25
    assert "Fleiss' kappa" in CliRunner().invoke(app, ["reader-study", "score", str(out)]).output
