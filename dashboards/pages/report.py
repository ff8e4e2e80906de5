"""Report: a comparison or a study as pages for print, which the browser itself saves as PDF."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import Dash, dcc, html

from dashboards.elements import about, data, draws, figure
from dashboards.figures.dvh import dvh_figure
from dashboards.figures.forest import forest_figure
from dashboards.figures.study import effect_figure, survival_figure
from dashboards.figures.trajectory import trajectory_figure
from dashboards.files.library import Library
from dashboards.files.run_folder import RunFolder
from dashboards.links import link
from dashboards.names import in_words, plan_labels
from dashboards.parts.page import Desk, Page
from dashboards.tables.dose import dose_table
from dashboards.tables.outcomes import contrast_table, outcome_table, trial_table
from dashboards.tables.run import provenance
from dashboards.tables.scorecard import scorecard_table
from dashboards.tables.study import difference_table
from scenarios import load
from scenarios.records.schema import SIMULATED
from scenarios.report.images import strips
from scenarios.report.picks import whose
from scenarios.study.parts import Study
from twin.errors import InputError

_FIGURES = ("trajectory", "dvh", "survival", "effects", "forest")


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The report of a run or a study.

    Args:
        library: the opened folder.
        query: `run` or `study`.

    Raises:
        InputError: neither is named, there is no such run or study, or it is broken.
    """
    if query.get("study"):
        study = library.study(query["study"])
        entry = library.entry("studies", query["study"])
        page, back = _of_study(study, entry.key), link("/cohort", study=entry.key)
        whom = about("study", entry.key, entry.version, entry.key)
    elif query.get("run"):
        run = library.run(query["run"])
        page, back = _of_run(run), link("/compare", run=run.entry.key)
        whom = about("run", run.entry.key, run.entry.version, run.record.patient.id)
    else:
        raise InputError("choose a comparison or a study first: a report is opened from its page")
    save = html.Button(
        "Save as PDF", className="rt-button rt-strong", type="button", **data(print="yes"),
        title="the browser prints this report, or saves it as PDF",
    )  # fmt: skip
    return html.Article(page, className="rt-paper", **whom), [
        dcc.Link("Back", href=back, className="rt-button"),
        save,
    ]


def _section(title: str, *parts: Any) -> Any:
    return html.Section([html.H2(title), *parts])


def _drawn(name: str, label: str, made: dict[str, Any] | None) -> list[Any]:
    return [dcc.Store(id=f"paper-{name}-figure", data=made), figure(f"paper-{name}", label)]


def _of_run(run: RunFolder) -> list[Any]:
    record, who = run.record, run.record.patient.id
    kind = "In-silico patient" if record.patient.in_silico else "Patient"
    facts = (
        f"{kind} {who}, tumour {record.patient.gtv_cm3:.1f} cm\u00b3 on day 0; {record.samples} samples of the "
        f"{record.belief} over {record.days:g} days. {SIMULATED}."
    )
    parts = [
        html.H1("Comparison of " + in_words([plan.label for plan in record.plans])),
        html.P(facts),
        _images(run),
        _section("Tumour volume", *_drawn("trajectory", f"Tumour volume, {who}", trajectory_figure(run))),
        _section("Outcomes", outcome_table(run)),
    ]
    if not run.table("contrasts").is_empty():
        parts.append(_section("Differences, patient by patient", contrast_table(run)))
    if not run.table("trials").is_empty():
        parts.append(_section("Found by trials", trial_table(run)))
    if not run.table("dvh").is_empty():
        drawn = _drawn("dvh", f"Dose-volume histograms, {who}", dvh_figure(run))
        parts.append(_section("Planned dose", *drawn, dose_table(run)))
    return [
        *parts,
        _section("Constraints", scorecard_table(run)),
        _section("How it was made", provenance(run)),
    ]


def _images(run: RunFolder) -> Any:
    """Strips of pictures through time, of the sample that stands for all."""
    comparison = load(run.entry.path)
    rows: list[Any] = []

    def said(n: int, words: str) -> str:  # what is burnt into pictures so small cannot be read on paper
        return words if n == 0 and not run.record.patient.in_silico else f"{words}, SIMULATED"

    for strip in strips(comparison):
        rows.append(html.H3(f"{strip.plan.label}, {strip.layer.label}"))
        rows.append(
            html.Div(
                [
                    html.Figure(
                        [
                            html.Img(src=uri, alt=f"{strip.plan.label}, {words}"),
                            html.Figcaption(said(n, words)),
                        ]
                    )
                    for n, (words, uri) in enumerate(strip.pictures)
                ],
                className="rt-strip",
            )
        )
    head = (
        f"Axial slice through the tumour; {whose(comparison)}." if rows else "This comparison has no images."
    )
    return _section("Images of several days", html.P(head), *rows)


def _of_study(study: Study, key: str) -> list[Any]:
    record, names = study.record, plan_labels(study)
    patients = study.patients.filter(pl.col("fault").is_null())
    facts = (
        f"{record.cohort}; {len(patients)} of {record.patients} patients, each under every plan; {record.samples} "
        f"samples each, {record.days:g} days. {SIMULATED}."
    )
    parts = [html.H1(f"Cohort {key}: " + in_words(list(names.values()))), html.P(facts)]
    try:
        curves = survival_figure(study, names, "overall_survival", patients)
        parts.append(_section("Overall survival", *_drawn("survival", f"Overall survival, {key}", curves)))
    except InputError as error:
        parts.append(_section("Overall survival", html.P(str(error))))
    outcomes = study.contrasts["outcome"].unique(maintain_order=True).to_list()
    if outcomes and len(names) > 1:
        chosen = "overall_survival_2y" if "overall_survival_2y" in outcomes else outcomes[0]
        made, words = effect_figure(study, names, list(names)[1], chosen, patients)
        parts.append(
            _section("Who benefits", html.P(words), *_drawn("effects", f"Individual effects, {key}", made))
        )
        groups = forest_figure(study, names, list(names)[1], chosen)
        parts.append(_section("Subgroups", *_drawn("forest", f"Subgroups, {key}", groups)))
    parts.append(_section("Differences", difference_table(study, names)))
    made_by = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return [*parts, _section("How it was made", html.P(f"Seed {record.seed}. {made_by}."))]


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks: figures are drawn in the browser.

    Args:
        app: the application.
        desk: what pages work with.
    """
    del desk
    draws(app, *(f"paper-{name}" for name in _FIGURES))


PAGE = Page("Report", 9, layout, register, listed=False)
