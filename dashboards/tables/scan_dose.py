"""The dose of a plan on another scan of a patient beside that on the baseline CT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from scenarios.records.schema import SIMULATED

_UNITS = {"percent": "%", "gy": "Gy", "cm3": "cm\u00b3", "mm": "mm"}
_NAMES = {
    "ptv": "PTV",
    "gtv": "GTV",
    "d95": "D95",
    "v20": "V20",
    "v5": "V5",
    "r50": "R50",
    "r100": "R100",
    "dmax": "Dmax",
    "d2cm": "D2cm",
}


def scan_dose(facts: Mapping[str, Any]) -> Any:
    """A table of what `rt-twin dose --scan --json` says.

    Args:
        facts: its measures on the scan, and by how much each is more than on the baseline CT.
    """
    scan, change = facts["scan"], facts["change"]
    head = [html.Th(words) for words in ("Measure", "On the baseline CT", f"On {scan}", "Change")]
    rows = []
    for name, more in change.items():
        now = facts[name]
        cells = (f"{now - more:.1f}", f"{now:.1f}", _signed(more))
        rows.append(
            html.Tr(
                [
                    html.Th(_words(name), scope="row"),
                    *(html.Td(text, className="rt-number") for text in cells),
                ]
            )
        )
    gamma = (
        f"{facts['gamma_2_2_percent']:.1f} % of voxels above half the prescription agree within 2 % and 2 mm (local "
        f"gamma). The beams' paths to the isocentre change by {facts['path_change_mm']:.1f} mm of water on average, "
        f"{facts['largest_path_change_mm']:.1f} mm at most. {facts['plan']}, {facts['method']}. {SIMULATED}."
    )
    return [html.Table([html.Thead(html.Tr(head)), html.Tbody(rows)], className="rt-table"), html.P(gamma)]


def _signed(change: float) -> str:
    text = f"{change:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "\u2212")


def _words(name: str) -> str:
    *words, last = name.split("_")
    text = " ".join(_NAMES.get(word, word) for word in (words if last in _UNITS else [*words, last]))
    text = text[0].upper() + text[1:]
    return f"{text}, {_UNITS[last]}" if last in _UNITS else text
