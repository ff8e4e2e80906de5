"""The tumour's parameters as people call them."""

from __future__ import annotations

from typing import Any

from dash import html

# name in the tables -> (words, unit)
_NAMES = {
    "alpha_per_gy": ("Radiosensitivity \u03b1", "/Gy"),
    "alpha_beta_gy": ("\u03b1/\u03b2", "Gy"),
    "clearance_half_time_d": ("Clearance half-time", "days"),
    "clearance_coupling": ("Correlation of clearance and \u03b1", ""),
    "clearance_cohort_factor": ("Clearance, this cohort's factor", ""),
    "remnant_fraction": ("Share that never clears", ""),
    "growth_per_d": ("Growth rate, untreated", "/day"),
    "capacity_cm3": ("Largest volume", "cm\u00b3"),
    "clonogen_density_per_cm3": ("Clonogens", "/cm\u00b3"),
    "kickoff_d": ("Repopulation begins after", "days"),
    "doubling_d": ("Doubling time of repopulation", "days"),
    "reoxygenation_half_time_d": ("Reoxygenation half-time", "days"),
    "repair_half_time_h": ("Repair half-time", "hours"),
    "erosion_fraction": ("Share of the loss by erosion", ""),
    "chemo_log_kill": ("Kill by concurrent drugs, ln", ""),
    "contour_error": ("Contour error, relative", ""),
}
CHANCE = ("control_quantile",)  # draws of a sample, of which nothing can be learned


def parameter_name(name: str) -> tuple[str, str]:
    """Words and unit of a parameter.

    Args:
        name: of the parameter in the tables.

    Example:
        >>> parameter_name("clearance_half_time_d"), parameter_name("new_one")
        (('Clearance half-time', 'days'), ('New one', ''))
    """
    words = name.replace("_", " ")
    return _NAMES.get(name, (words[:1].upper() + words[1:], ""))


def belief_rows(rows: list[dict[str, Any]]) -> list[Any]:
    """Prior and posterior of each parameter, those that the scans did not inform marked.

    Args:
        rows: like those of the table `learned`.
    """
    made = []
    for row in rows:
        if row["parameter"] in CHANCE:
            continue
        name, unit = parameter_name(row["parameter"])
        words: list[Any] = [name, html.Span(unit, className="rt-unit")]
        if not row["informed"]:
            words.append(html.Span("not informed by these scans", className="rt-interval rt-missing"))
        prior = _interval(row["prior_low"], row["prior_median"], row["prior_high"], "rt-number rt-faint")
        now = _interval(row["low"], row["median"], row["high"], "rt-number")
        made.append(html.Tr([html.Th(words, scope="row"), prior, now]))
    return made


def belief_head() -> Any:
    """The head of `belief_rows`."""
    numbers = [html.Th(t, scope="col", className="rt-number") for t in ("Prior", "Posterior")]
    return html.Thead(html.Tr([html.Th("Parameter", scope="col"), *numbers]))


def observations(count: int) -> str:
    """How many observations.

    Args:
        count: how many there are.

    Example:
        >>> observations(1), observations(3)
        ('1 observation', '3 observations')
    """
    return f"{count} observation{'s' * (count != 1)}"


def _interval(low: float, middle: float, high: float, look: str) -> Any:
    shown, *ends = (f"{v:.2g}".replace("-", "\u2212") for v in (middle, low, high))
    parts = [html.Span(shown, className="rt-middle"), html.Span(" to ".join(ends), className="rt-interval")]
    return html.Td(parts, className=look)
