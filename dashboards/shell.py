"""The frame around every page: brand, navigation, the SIMULATED banner, theme, and the sheet of keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboards.access.visitor import Visitor
from dashboards.elements import OVER, data, hinted, named
from dashboards.jobs.tray import tray
from scenarios.records.schema import SIMULATED

_KEYS = (
    ("\u2191 \u2193 or wheel", "next or previous slice"),
    ("Page up, Page down", "five slices"),
    ("Home, End", "first or last slice"),
    ("\u2190 \u2192", "previous or next follow-up day"),
    ("1 2 3 4", "soft tissue, lung, bone, brain window"),
    ("v", "axial, coronal, sagittal"),
    ("+ \u2212 or Ctrl + wheel", "zoom; drag to pan"),
    ("click, or Shift + move", "crosshair in all views"),
    ("right button + drag", "window: wider to the right, level downwards"),
    ("l", "lists: structures, isodoses, PET, measuring"),
    ("m", "one view large, or all again"),
    ("g", "contours: none, tumour, all"),
    ("t", "dose: off, so far, full course"),
    ("p", "other scans, such as PET: off, over the CT, alone"),
    ("d", "difference to the first plan"),
    ("i", "invert"),
    ("c", "play through the follow-ups"),
    ("r or double click", "reset the view"),
    ("?", "this sheet"),
)


def shell(folder_name: str, pages: Mapping[str, str], visitor: Visitor) -> Any:
    """The layout that stays while pages change.

    Args:
        folder_name: name of the opened folder.
        pages: name and title of each page, in the navigation's order.
        visitor: who sees it; a reader sees no jobs.
    """
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh=False),
            html.Div(
                [
                    _header(folder_name, pages, visitor),
                    html.P(id="fault", className="rt-fault", role="alert"),
                    html.Main(id="page", className="rt-page"),
                ],
                className="rt-app",
            ),
            _key_sheet(),
            *(tray() if visitor.role != "reader" else []),
        ],
        defaultColorScheme="auto",
        theme={
            "primaryColor": "cyan",
            "primaryShade": 9,  # white text on it has a contrast of 5.7
            "defaultRadius": "sm",
            "fontFamily": 'Inter, "Segoe UI", "DejaVu Sans", system-ui, sans-serif',
            "headings": {"fontWeight": 600},
            "respectReducedMotion": True,
        },
    )


def _header(folder_name: str, pages: Mapping[str, str], visitor: Visitor) -> Any:
    links = [
        dcc.Link(title, href=f"/{name}", className="rt-link", id=f"link-{name}")
        for name, title in pages.items()
    ]
    return html.Header(
        [
            dcc.Link([html.Span(className="rt-mark"), "RT-Twin"], href="/", className="rt-brand"),
            html.Nav(links, className="rt-nav", **named("Pages")),
            html.Div(id="header-page", className="rt-header-page"),
            html.Span(id="who", className="rt-who-shown", title="the patient of this page"),
            html.Span(SIMULATED, className="rt-simulated", id="simulated", role="note"),
            html.Span(folder_name, className="rt-folder", title="the opened folder"),
            hinted(
                dmc.ColorSchemeToggle(
                    lightIcon="\u2600",
                    darkIcon="\u263e",
                    variant="subtle",
                    color="gray",
                    size="md",
                    id="scheme-toggle",
                    **named("Light or dark"),
                ),
                "light or dark",
            ),
            *(
                [
                    html.Button(
                        "Tour",
                        className="rt-csv",
                        type="button",
                        title="five steps through a comparison",
                        **data(tour="yes"),
                    )
                ]
                if visitor.role != "reader"
                else []
            ),
            hinted(
                dmc.ActionIcon("?", id="keys-button", variant="subtle", color="gray", **named("Keys")),
                "all keys (?)",
            ),
            *(
                [html.Button("Log out", className="rt-csv", title=visitor.name, **data(logout="yes"))]
                if visitor.password
                else []
            ),
        ],
        className="rt-header",
    )


def _key_sheet() -> Any:
    rows = [html.Tr([html.Td(dmc.Kbd(keys)), html.Td(what)]) for keys, what in _KEYS]
    return dmc.Modal(
        html.Table(html.Tbody(rows), className="rt-keys"),
        id="keys-sheet",
        title="Keys",
        **OVER,
        size="md",
        centered=True,
    )
