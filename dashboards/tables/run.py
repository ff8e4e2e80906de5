"""The tables of a run on the page Compare: outcomes, differences, constraints, belief, and what made it all."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboards.elements import tabs
from dashboards.files.library import Library
from dashboards.files.run_folder import DOSE_STATISTICS, RunFolder
from dashboards.links import link
from dashboards.tables.dose import dose_table
from dashboards.tables.learning import learned_table
from dashboards.tables.outcomes import contrast_table, outcome_table, trial_table
from dashboards.tables.scorecard import scorecard_table
from scenarios.records.schema import SCHEMAS
from scenarios.report.colours import plan_colour

_LATER = {
    "differences": "Differences",
    "trials": "Trials",
    "scorecard": "Scorecard",
    "dose": "Dose",
    "belief": "Belief",
    "plans": "Plans",
}

_NEEDS = {
    "differences": "contrasts",
    "dose": "dvh",
    "trials": "trials",
    "belief": "learned",
}  # a tab is there with its table's rows


def card(run: RunFolder) -> Any:
    """The tables' tabs; all but the first are filled when they are opened.

    Args:
        run: the run.
    """
    heads, contents = [("outcomes", "Outcomes")], [outcome_table(run)]
    for name, words in _LATER.items():
        if name in _NEEDS and run.table(_NEEDS[name]).is_empty():
            continue
        heads.append((name, words))
        contents.append(html.Div("\u2026", id={"later": name}, className="rt-later"))
    return html.Section(
        tabs("tables", heads, contents, _saves(run, ("outcomes", DOSE_STATISTICS))), className="rt-card"
    )


def later(run: RunFolder, name: str) -> Any:
    """What a tab holds that is made when it is first opened: most of the page's elements stand in these.

    Args:
        run: the run.
        name: of the tab.
    """
    makers = {
        "differences": contrast_table,
        "trials": trial_table,
        "scorecard": scorecard_table,
        "dose": dose_table,
        "belief": learned_table,
        "plans": _plans,
    }
    return makers[name](run)


def _plans(run: RunFolder) -> Any:
    return html.Div([html.H2("Plans", className="rt-hidden"), provenance(run)])


def _saves(run: RunFolder, names: tuple[str, ...]) -> Any:
    """Links to tables as CSV."""
    return html.Div(
        [
            html.A(f"{name}.csv", href=link(f"/data/table/{name}.csv", key=run.entry.key), className="rt-csv")
            for name in names
        ],
        className="rt-saves",
    )


def provenance(run: RunFolder) -> Any:
    """Plans, generators, belief, seed and versions, and all tables as CSV.

    Args:
        run: the run.
    """
    record = run.record
    items: list[Any] = []
    for i, plan in enumerate(record.plans):
        marks = [
            html.P(f"Outside the context of use: {reason}.", className="rt-outside")
            for reason in plan.context
        ]
        items.append(
            html.Div(
                [
                    html.H3(
                        [html.Span(className="rt-swatch", style={"background": plan_colour(i)}), plan.label]
                    ),
                    html.P(
                        f"{plan.total_gy:g} Gy in {plan.fractions} fractions, the last on day {plan.end_days:.1f}."
                    ),
                    *marks,
                ]
            )
        )
    makers = sorted({image.generator for image in record.images})
    domains = dcc.Link("their domains and figures", href="/models")
    facts: list[tuple[str, Any]] = [
        ("Generators", [", ".join(makers) or "none", "; ", domains]),
        ("Belief", record.belief),
        ("Seed", str(record.seed)),
        ("Versions", ", ".join(f"{k} {v}" for k, v in record.versions.items())),
        ("Notes", " ".join(record.notes) or "none"),
    ]
    rows = [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in facts]
    return html.Div(
        [
            *items,
            html.Table(html.Tbody(rows), className="rt-table"),
            html.H3("All tables"),
            _saves(run, (*SCHEMAS, DOSE_STATISTICS)),
        ],
        className="rt-scroll",
        tabIndex=0,
    )


def register(app: Dash, library: Library) -> None:
    """The tabs' callback.

    Args:
        app: the application.
        library: the opened folder.
    """

    @app.callback(
        Output({"later": ALL}, "children"),
        Output({"later": ALL}, "className"),
        Input("tabs-tables", "value"),
        State({"later": ALL}, "className"),
        State("manifest", "data"),
        prevent_initial_call=True,
    )
    def open_tab(tab: str, looks: list[str], manifest: dict[str, Any]) -> Any:
        names = [output["id"]["later"] for output in ctx.outputs_list[0]]
        wanted = [n == tab and look == "rt-later" for n, look in zip(names, looks, strict=True)]
        if not any(wanted):
            return [no_update] * len(names), [no_update] * len(names)
        made = later(library.run(manifest["key"]), tab)
        return [made if w else no_update for w in wanted], ["rt-made" if w else no_update for w in wanted]
