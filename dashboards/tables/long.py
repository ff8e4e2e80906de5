"""Long tables: AG Grid (community edition), whose scripts come when the first such table is seen."""

from __future__ import annotations

from typing import Any

import dash_ag_grid
from dash import html
from dash_ag_grid import AgGrid

from dashboards.elements import named

LONGEST = 10_000  # rows that a page sends at most: two megabytes

# No page fetches the grid's megabyte at once; assets/long_table.js does when it is needed.
for _script in dash_ag_grid._js_dist:
    if _script["relative_package_path"] == "dash_ag_grid.min.js":
        _script["dynamic"] = True

_OPTIONS = {
    "theme": {"function": "rtTheme(themeQuartz)"},
    "ensureDomOrder": True,  # screen readers meet rows and cells in the order in which they are seen
    "suppressColumnVirtualisation": True,
    "suppressMovableColumns": True,
    "enableCellTextSelection": True,
    "enableBrowserTooltips": True,
    "animateRows": False,
}
_COLUMN = {
    "sortable": True,
    "resizable": True,
    "flex": 1,
    "wrapHeaderText": True,
    "autoHeaderHeight": True,
    "comparator": {"function": "rtMissingLast"},
    "cellClassRules": {"rt-missing": "params.value == null"},
    "useValueFormatterForExport": False,
}


def long_table(name: str, label: str, columns: list[dict[str, Any]], empty: str, rows: Any = None) -> Any:
    """A table that sorts, filters and scrolls thousands of rows in the browser.

    Args:
        name: its id; its property `rowData` takes the rows, a dictionary each.
        label: its name for screen readers.
        columns: made by `words`, `number` and the like.
        empty: what stands in place of rows where there are none.
        rows: those that are there from the first.
    """
    options = {**_OPTIONS, "localeText": {"noRowsToShow": empty}}
    grid = AgGrid(
        id=name, columnDefs=columns, rowData=rows, defaultColDef=_COLUMN, dashGridOptions=options,
        className="rt-grid", style={"height": "100%"},
    )  # fmt: skip
    return html.Div(grid, className="rt-rest", role="region", **named(label))


def words(field: str, head: str, missing: str = "missing", **more: Any) -> dict[str, Any]:
    """A column of words.

    Args:
        field: the key in each row.
        head: what stands above it.
        missing: what stands for none.
        **more: further properties of AG Grid's column, `cellRenderer` among them.
    """
    shown = {"function": f"rtWords(params.value, '{missing}')"}
    return {"field": field, "headerName": head, "valueFormatter": shown, "tooltipField": field, **more}


def number(field: str, head: str, digits: int = 1, missing: str = "missing", **more: Any) -> dict[str, Any]:
    """A column of numbers, to the right.

    Args:
        field: the key in each row.
        head: what stands above it, with the unit.
        digits: decimals that are shown.
        missing: what stands for none.
        **more: further properties of AG Grid's column.
    """
    shown = {"function": f"rtNumber(params.value, {digits}, '{missing}')"}
    column = {"field": field, "headerName": head, "type": "rightAligned", "valueFormatter": shown}
    return {**column, **more}
