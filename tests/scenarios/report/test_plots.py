"""Plots of a run: one code for plotly and matplotlib, marked as simulated."""

import pytest

from scenarios.records.schema import SIMULATED
from twin import InputError

NAMES = ("volumes", "dvh", "outcomes", "failures")


@pytest.mark.parametrize("name", NAMES)
def test_both_libraries_show_the_same_curves(run, name):
    figure, drawn = getattr(run.plot, name)(), getattr(run.plot, name)(by="matplotlib")
    shown = [t for t in figure.data if t.visible in (None, True) and t.showlegend is not False]
    axes = drawn.axes[0]
    assert {t.name for t in shown} == set(axes.get_legend_handles_labels()[1])
    assert axes.get_xlabel() == figure.layout.xaxis.title.text
    assert axes.get_title() == SIMULATED == figure.layout.annotations[0].text
    median = next(t for t in shown if t.fill is None)
    line = next(
        x for x in axes.lines + [c.lines[0] for c in axes.containers] if len(x.get_xdata()) == len(median.x)
    )
    assert list(line.get_xdata()) == pytest.approx(list(median.x))


def test_another_library_is_refused(run):
    with pytest.raises(InputError, match="matplotlib"):
        run.plot.volumes(by="bokeh")
