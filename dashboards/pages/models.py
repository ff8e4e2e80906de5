"""About the models: the card of each generator and scanner, with its figures and its domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from dashboards.elements import card_text, named
from dashboards.files.library import Library
from dashboards.files.model_cards import Card, built_in, learned
from dashboards.parts.page import Page

_WHERE = "models/weights/NAME, or a folder of your own named by RT_TWIN_WEIGHTS"


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The page of all cards that stand; it asks for nothing of the opened folder.

    Args:
        library: the opened folder.
        query: of the page's address.
    """
    trained = learned()
    groups = [("Generators and scanners that need no weights", built_in()), ("Learned from data", trained)]
    index: list[Any] = []
    body: list[Any] = []
    for title, cards in groups:
        index.append(html.H2(title))
        index.append(
            html.Ul([html.Li(html.A(c.title, href=f"#card-{c.name}")) for c in cards], className="rt-list")
        )
        body += [_card(c) for c in cards]
    if not trained:
        missing = f"No learned generator or scanner is installed. Weights are read from {_WHERE}."
        index.append(html.P(missing, className="rt-missing"))
    words = (
        "Every generated image names what made it. A request outside a generator's domain is refused, or made by the "
        "mechanistic generator and marked with the reason."
    )
    page = html.Div(
        [
            html.Nav(
                [html.H1("About the models"), html.P(words), *index],
                className="rt-card-index",
                **named("Cards"),
            ),
            html.Div(body, className="rt-model-cards"),
        ],
        className="rt-models",
    )
    return page, None


def _card(card: Card) -> Any:
    head = html.Div(
        [
            html.H2(card.title),
            html.Span(card.kind, className="rt-tag"),
            html.Code(card.name, className="rt-faint") if card.name != card.title else None,
        ],
        className="rt-card-head",
    )
    parts: list[Any] = [head, card_text(card.text, f"Card of {card.name}", "rt-scroll")]
    if card.facts:
        rows = [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in card.facts]
        table = html.Table(html.Tbody(rows), className="rt-table rt-tight")
        parts.append(html.Details([html.Summary("Configuration"), table]))
    return html.Section(parts, className="rt-card rt-model-card", id=f"card-{card.name}")


PAGE = Page("Models", 7, layout)
