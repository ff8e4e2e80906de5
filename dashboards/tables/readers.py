"""The results of a reader study as cards."""

from __future__ import annotations

from typing import Any

from dash import dcc, html

from dashboards.access.visitor import current
from dashboards.elements import figure, saves, scroll_table
from dashboards.figures.roc import roc_figure
from dashboards.links import link
from scenarios.readers import ReaderStudy, Results, given, results_of
from twin.errors import InputError


def cards(study: ReaderStudy, key: str) -> list[Any]:
    """Who has read how much, and what came of it.

    Args:
        study: the study.
        key: by which addresses name it.

    Raises:
        InputError: a file of it is broken.
    """
    first = html.Section(
        [html.H1(f"Reader study {key}"), html.P(_about(study)), _readers(study)],
        className="rt-card rt-form",
        tabIndex=0,
    )
    try:
        results = results_of(study)
    except InputError as error:
        return [first, html.Section(html.P(str(error)), className="rt-card rt-form")]
    shares = html.Section([html.H2("Told apart"), _shares(results)], className="rt-card rt-shares")
    curve = html.Section(
        [
            html.Div([html.H2("Over confidence"), saves()], className="rt-titled"),
            html.Div(figure("roc", f"ROC over confidence, {key}"), className="rt-rest"),
            dcc.Store(id="roc-figure", data=roc_figure(results)),
        ],
        className="rt-card rt-graph-card",
    )
    more = html.Section(
        [
            html.H2("Agreement and model"),
            html.P(_kappa(results)),
            _effects(results),
            *(html.P(note, className="rt-outside") for note in results.notes),
            html.A("All answers with the truth, CSV", href=link("/data/reader-study.csv", key=key), className="rt-csv"),
        ],
        className="rt-card rt-form",
    )  # fmt: skip
    return [first, shares, curve, more]


def _about(study: ReaderStudy) -> str:
    kinds = " with ".join(layer.modality for layer in study.record.layers)
    real = sum(case.real for case in study.key.cases)
    return f"{study.record.cases} cases of {kinds}, {real} real, order by seed {study.record.seed}."


def _readers(study: ReaderStudy) -> Any:
    """Who reads; their links are for whoever may change something."""
    linked = current().role == "run" and not current().password
    head = [html.Th(words) for words in ("Reader", "Experience", "Read", *(["Link"] if linked else []))]
    rows = []
    for reader in study.record.readers:
        cells: list[Any] = [reader.experience, f"{len(given(study, reader.name))} of {study.record.cases}"]
        if linked:
            cells.append(html.Code(link("/readers", reader=reader.code)))
        rows.append(html.Tr([html.Th(reader.name, scope="row"), *(html.Td(cell) for cell in cells)]))
    return html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="rt-table")


def _shares(results: Results) -> Any:
    head = [html.Th(words) for words in ("Of", "Measure", "Share", "95 % (Wilson)", "Right")]
    rows = [
        html.Tr(
            [
                html.Th(row["name"], scope="row"),
                html.Td(row["measure"]),
                html.Td(f"{100 * row['share']:.0f} %", className="rt-number"),
                html.Td(f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %", className="rt-number"),
                html.Td(f"{row['right']} of {row['n']}", className="rt-number"),
            ]
        )
        for row in results.shares.iter_rows(named=True)
        if row["n"]
    ]
    note = "Intervals take answers for independent. 50 % of accuracy is chance."
    return html.Div(scroll_table(head, rows, note), className="rt-made")


def _kappa(results: Results) -> str:
    if results.kappa != results.kappa:
        return "Agreement cannot be told yet: two readers must have judged the same cases, and not all of them alike."
    return f"Fleiss' kappa {results.kappa:.2f} over the {results.kappa_cases} cases that all have judged."


def _effects(results: Results) -> Any:
    if not results.effects:
        return None
    head = [html.Th(words) for words in ("Odds to be right", "Ratio", "95 % credible")]
    rows = [
        html.Tr(
            [
                html.Th(effect.name, scope="row"),
                html.Td(f"{effect.odds:.2f}", className="rt-number"),
                html.Td(f"{effect.low:.2f} to {effect.high:.2f}", className="rt-number"),
            ]
        )
        for effect in results.effects
    ]
    return html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="rt-table")
