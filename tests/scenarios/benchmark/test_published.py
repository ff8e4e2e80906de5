import json

import pytest

from scenarios.benchmark.published import published_scores
from scenarios.commands.published import published
from twin import InputError


@pytest.mark.long
def test_who_knows_the_equation_beats_the_regression_and_twins_are_few(capsys):
    published(patients=12, training=200, gamma=[1.0], as_json=True)
    rows = json.loads(capsys.readouterr().out)
    error = {(r["forecast"], r["patients"], r["forecaster"]): r["rmse_percent"] for r in rows}
    forecasts = {forecast for forecast, _, _ in error}
    assert forecasts == {"one step", "5 days, sliding"}
    for forecast in forecasts:
        assert error[forecast, "all", "Bayesian filter"] < error[forecast, "all", "linear"]
        assert (forecast, "all", "the engine's twin") not in error
        assert error[forecast, "day 20", "the engine's twin"] > error[forecast, "day 20", "Bayesian filter"]
    assert all(0 <= r["coverage"] <= 1 for r in rows)


def test_nobody_to_score_is_refused():
    with pytest.raises(InputError, match="must lie between"):
        next(published_scores(patients=0))
