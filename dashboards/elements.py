"""Small elements that several pages are made of."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from dashboards.links import link


def named(text: str) -> dict[str, Any]:
    """The name of a component for screen readers, as its attribute.

    Args:
        text: the name.
    """
    return {"aria-label": text}


def card_text(text: str, name: str, place: str) -> Any:
    """A model's card; its wide tables are moved by the keyboard as well.

    Args:
        text: Markdown.
        name: of the region, for screen readers.
        place: class of the box that scrolls.
    """
    words = dcc.Markdown(text, className="rt-markdown", link_target="_blank")
    return html.Div(words, className=place, tabIndex=0, role="region", **named(name))


def data(**values: str) -> dict[str, Any]:
    """data-... attributes for the page's own JavaScript.

    Args:
        **values: name, without the prefix, and value of each.

    Example:
        >>> data(store="upload")
        {'data-store': 'upload'}
    """
    return {f"data-{name}": value for name, value in values.items()}


def about(kind: str, key: str, version: str, patient: str) -> dict[str, Any]:
    """What a page is of, for the frame around it: who stands in the tab's title, and when the page is made anew.

    Args:
        kind: run, twin or study.
        key: of it.
        version: of what is shown of it.
        patient: whose it is; of a study its name.
    """
    return data(of=kind, key=key, version=version, patient=patient)


def drop(store: str, words: str, small: bool = False, **more: str) -> list[Any]:
    """A place to drop a file (with many="yes" several, or a folder), and the store that names it once it is sent.

    Args:
        store: its name.
        words: what is to be dropped.
        small: a small place.
        **more: data attributes.
    """
    look = "rt-drop rt-small" if small else "rt-drop"
    return [
        html.Div(words, className=look, tabIndex=0, role="button", **data(store=store, **more)),
        dcc.Store(id=store),
    ]


def hinted(component: Any, hint: str) -> Any:
    """A component that says on hover what it does.

    Args:
        component: the component.
        hint: what it does.
    """
    return html.Div(component, title=hint)


def segments(
    control: str, label: str, options: list[tuple[str, str]], value: str, *, hint: str = "", **more: Any
) -> Any:
    """A small segmented control with a name for screen readers.

    Args:
        control: its id.
        label: its name.
        options: (value, text).
        value: the one that is chosen first.
        hint: shown on hover.
        **more: further properties of `dmc.SegmentedControl`.
    """
    listed = [{"value": v, "label": text} for v, text in options]
    bar = dmc.SegmentedControl(id=control, data=listed, value=value, size="xs", **more)
    return html.Div(bar, role="group", className="rt-segments", title=hint or label, **named(label))


def chooser(name: str, keys: list[str], value: str | None, label: str, **more: Any) -> Any:
    """The choice, in the header, of what the page shows.

    Args:
        name: its id.
        keys: of all that could be shown.
        value: of what is.
        label: its name for screen readers.
        **more: further properties of `dmc.Select`.
    """
    return dmc.Select(
        id=name, data=keys, value=value, allowDeselect=False,
        searchable=len(keys) > 8, size="xs", w=220, **more, **named(label),
    )  # fmt: skip


def tabs(
    name: str, heads: list[tuple[str, str]], contents: list[Any], aside: Any = None, first: str | None = None
) -> Any:
    """Tabs that fill their card.

    Args:
        name: of the group.
        heads: (value, text) of each tab.
        contents: what each holds.
        aside: shown at the end of the bar.
        first: the tab that is open first, in place of the first one.
    """
    bar = html.Div(
        [dmc.TabsList([dmc.TabsTab(text, value=value) for value, text in heads]), aside], className="rt-bar"
    )
    panels = [
        dmc.TabsPanel(c, value=v, className="rt-tab") for (v, _), c in zip(heads, contents, strict=True)
    ]
    return dmc.Tabs(
        [bar, *panels], id=f"tabs-{name}", value=first or heads[0][0], className="rt-tabs", keepMounted=True
    )


def figure(name: str, label: str, **clicked: str) -> Any:
    """The place of a figure whose JSON stands in the store `NAME-figure` (assets/charts.js draws it).

    Args:
        name: its id.
        label: its name for screen readers, and its title where it is saved.
        **clicked: click="STORE" puts what a clicked point carries into that store.
    """
    return html.Div(id=name, className="rt-figure", role="figure", **named(label), **data(**clicked))


def draws(app: Dash, *names: str) -> None:
    """Draw figures whenever their stores change.

    Args:
        app: the application.
        *names: of the figures' places.
    """
    for name in names:
        app.clientside_callback(
            ClientsideFunction("rt", "figure"), Output(name, "className"), Input(f"{name}-figure", "data")
        )


def saves(*formats: str) -> Any:
    """Buttons that save the figure which is seen in their card.

    Args:
        *formats: png, svg, csv; all of them where none is given.
    """
    shown = formats or ("png", "svg", "csv")
    buttons = [
        html.Button(
            f.upper(),
            className="rt-csv",
            type="button",
            **data(save=f),
            **named(f"Save figure as {f.upper()}"),
        )
        for f in shown
    ]
    return html.Div([html.Span("Save", className="rt-faint"), *buttons], className="rt-saves")


def scroll_table(head: list[Any], rows: list[Any], note: str) -> Any:
    """A table that scrolls in its card under a head that stays, and a note below it.

    Args:
        head: cells of the head.
        rows: rows of the body.
        note: what the numbers are.
    """
    table = html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="rt-table")
    scroll = html.Div(table, className="rt-scroll", tabIndex=0)
    return html.Div([scroll, html.P(note, className="rt-note")], className="rt-tabled")


def interval_cell(middle: str, interval: str, note: str = "") -> Any:
    """A value above its interval: one component, since a page takes a millisecond for each.

    Args:
        middle: the value.
        interval: in words; empty where there is none.
        note: shown on hover.
    """
    return html.Td(f"{middle}\n{interval}", className="rt-number rt-valued", title=note)


def report_link(**subject: str) -> Any:
    """The way to the report of a run or a study.

    Args:
        **subject: run or study, and its key.
    """
    hint = "pages for print, with images of several days, which the browser saves as PDF"
    return dcc.Link("Report", href=link("/report", **subject), className="rt-button", title=hint)


OVER: dict[str, Any] = {
    "closeButtonProps": {"aria-label": "Close"}
}  # of sheets and drawers: their cross has a name


def notice(
    title: str,
    text: str,
    kind: str = "info",
    command: str = "",
    go: tuple[str, str] | None = None,
    more: Any = None,
) -> Any:
    """A plain message in place of a page.

    Args:
        title: what it is about.
        text: a sentence.
        kind: "info" or "error".
        command: what to type in a terminal, shown as such.
        go: words and address of a page that helps.
        more: what stands below.
    """
    parts = [html.H1(title), html.P(text)]
    if command:
        parts.append(html.Pre(command))
    if go:
        parts.append(dcc.Link(go[0], href=go[1], className="rt-button rt-strong"))
    return html.Div([*parts, more], className=f"rt-notice rt-{kind}", role="status")
