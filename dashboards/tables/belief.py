"""What is believed of a tumour, and what the observations did not inform."""

from __future__ import annotations

from typing import Any

import numpy as np
from dash import html

from dashboards.tables.parameters import belief_head, belief_rows, observations
from twin import Belief, PatientTwin

_QUANTILES = (0.1, 0.5, 0.9)  # the central 80 % interval and the median


def belief_table(twin: PatientTwin) -> Any:
    """Prior and posterior of each parameter, side by side; nothing where nothing was learned yet.

    Args:
        twin: the patient.
    """
    from simulators.belief.information import what_was_learned
    from simulators.belief.prior import prior_belief

    if twin.belief is None or twin.belief.kind != "posterior":
        return None
    prior = prior_belief(twin, twin.belief.n, 0)
    before, after = quantiles(prior), quantiles(twin.belief)
    rows = [
        {
            "parameter": found.parameter,
            "informed": found.informed,
            **dict(zip(("prior_low", "prior_median", "prior_high"), before[found.parameter], strict=True)),
            **dict(zip(("low", "median", "high"), after[found.parameter], strict=True)),
        }
        for found in what_was_learned(prior, twin.belief)
    ]
    note = f"Median and 80 % interval; {observations(len(twin.belief.learned_from))}."
    table = html.Table([belief_head(), html.Tbody(belief_rows(rows))], className="rt-table rt-belief")
    return html.Section([html.H2("Belief"), html.P(note, className="rt-faint"), table])


def quantiles(belief: Belief) -> dict[str, tuple[float, float, float]]:
    """Parameter -> 10 %, 50 % and 90 % quantile of the weighted samples.

    Args:
        belief: with or without weights.

    Example:
        >>> belief = Belief({"x": np.arange(5.0)}, weights=np.array([0.0, 0.0, 1.0, 0.0, 0.0]))
        >>> quantiles(belief)["x"]
        (2.0, 2.0, 2.0)
    """
    found = {}
    for name, values in belief.samples.items():
        order = np.argsort(values)
        weights = np.full(len(values), 1 / len(values)) if belief.weights is None else belief.weights[order]
        at = np.searchsorted(np.cumsum(weights) / np.sum(weights), _QUANTILES).clip(0, len(values) - 1)
        low, middle, high = (float(values[order][i]) for i in at)
        found[name] = (low, middle, high)
    return found
