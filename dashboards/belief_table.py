"""What is believed of a tumour, and what the observations did not inform."""

from __future__ import annotations

from typing import Any

import numpy as np
from dash import html

from twin import Belief, PatientTwin

_QUANTILES = (0.1, 0.5, 0.9)  # the central 80 % interval and the median
_DRAWS = 4000
_UNINFORMED = 0.9  # an interval that kept this share of the prior's width learned next to nothing


def belief_table(twin: PatientTwin) -> Any:
    """Prior and posterior of each parameter, side by side; nothing where nothing was learned yet.

    Args:
        twin: the patient.
    """
    from simulators.prior import prior_belief

    if twin.belief is None or twin.belief.kind != "posterior":
        return None
    before = quantiles(prior_belief(twin, _DRAWS, 0))
    after = quantiles(twin.belief)
    rows: list[Any] = []
    for name, (low, middle, high) in after.items():
        if name not in before:
            continue
        was_low, was_middle, was_high = before[name]
        if was_high == was_low:  # a constant of the model
            continue
        informed = (high - low) < _UNINFORMED * (was_high - was_low)
        words: list[Any] = [name.replace("_", " ")]
        if not informed:
            words.append(html.Span("not informed", className="rt-interval rt-missing"))
        prior = html.Td(_interval(was_low, was_middle, was_high), className="rt-number rt-faint")
        now = html.Td(_interval(low, middle, high), className="rt-number")
        rows.append(html.Tr([html.Th(words, scope="row"), prior, now]))
    heads = html.Tr([html.Th(t, scope="col") for t in ("Parameter", "Prior", "Posterior")])
    note = f"Median and 80 % interval; {len(twin.belief.learned_from)} observations."
    table = html.Table([html.Thead(heads), html.Tbody(rows)], className="rt-table rt-belief")
    return html.Section([html.H2("Belief"), html.P(note, className="rt-faint"), table])


def quantiles(belief: Belief) -> dict[str, tuple[float, float, float]]:
    """Parameter -> 10 %, 50 % and 90 % quantile of the weighted samples.

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


def _interval(low: float, middle: float, high: float) -> list[Any]:
    return [
        html.Span(f"{middle:.2g}", className="rt-middle"),
        html.Span(f"{low:.2g} to {high:.2g}".replace("-", "\u2212"), className="rt-interval"),
    ]
