"""Write docs/calibration.md from the posterior and the cross-validation that the package carries.

    python docs/calibration_tables.py

So table and text cannot differ from what is used; a test holds the file to this script.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from simulators.calibration.crossvalidation import CrossValidation
from simulators.calibration.evidence import evidence
from simulators.calibration.forecasts import Difference, Forecast
from simulators.calibration.posterior import Posterior

PAGE = Path(__file__).parent / "calibration.md"
_HEAD = """# Outcomes calibrated on trials: what was learned, and how it did where it was not fitted

`docs/calibration_tables.py` makes this page from the posterior and the cross-validation that the package
carries, and `rt-twin calibrate` makes those again. [model.md](model.md), section 10, has the equations, and
[evidence.md](evidence.md) the evidence and the rule."""


def page() -> str:
    """The page's text."""
    table = evidence()
    posterior, found = Posterior.load(digest=table.digest), CrossValidation.load(digest=table.digest)
    return "\n".join(
        [_HEAD, "", *_scores(found), *_parameters(posterior), *_forecasts(found), *_differences(found)]
    )


def _scores(found: CrossValidation) -> Iterator[str]:
    yield "## How it did\n"
    yield from (f"- {words}." for words in found.words())
    yield ""


def _parameters(posterior: Posterior) -> Iterator[str]:
    yield "## Parameters\n"
    yield "The table has medians with 80 % intervals. The spread is the SD of the posterior over that of the prior."
    yield f"Above 0.95 the parameter was not learned. What is known of the fit's sampler: {posterior.words()}.\n"
    yield "| parameter | prior | posterior | spread | R-hat | ESS | prior from |\n|---|---|---|---|---|---|---|"
    for r in posterior.table():
        before = f"{r['prior']:.3g} ({r['prior_low']:.3g} to {r['prior_high']:.3g})"
        now = f"{r['median']:.3g} ({r['low']:.3g} to {r['high']:.3g})"
        spread = f"{r['spread_ratio']:.2f}" + ("" if r["learned"] else ", not learned here")
        yield f"| {r['parameter']} | {before} | {now} | {spread} | {r['r_hat']:.2f} | {r['ess']:.0f} | {r['source']} |"
    yield ""


def _forecasts(found: CrossValidation) -> Iterator[str]:
    for title, rows in (("Left out in ten folds", found.left_out), ("Never fitted to", found.tested)):
        yield f"## {title}, misses on top\n"
        yield (
            "The numbers are percent without the event: published, the forecast with its 80 % predictive interval,\n"
            "and the null model. A row with * has no vote.\n"
        )
        yield "| | trial | arm | endpoint | months | published | forecast | 80 % | null |"
        yield "|---" * 9 + "|"
        for f in sorted(rows, key=lambda f: (f.inside, -abs(f.ours - f.published))):
            yield _forecast(f)
        yield ""


def _forecast(f: Forecast) -> str:
    mark = ("" if f.inside else "miss") + ("" if f.votes else "*")
    return (
        f"| {mark} | {f.trial} | {f.arm} | {f.endpoint.replace('_', ' ')} | {f.months:g} | {f.published:.1f} | "
        f"{f.ours:.1f} | {f.low:.0f} to {f.high:.0f} | {f.null:.1f} |"
    )


def _differences(found: CrossValidation) -> Iterator[str]:
    yield "## Randomised differences of trials that were left out\n"
    yield "The numbers are points of the share without the event.\n"
    yield "| | trial | arms | endpoint | months | published | forecast | 80 % |"
    yield "|---" * 8 + "|"
    for d in sorted(found.differences, key=lambda d: (d.inside, -abs(d.ours - d.published))):
        yield _difference(d)


def _difference(d: Difference) -> str:
    mark = "" if d.inside else "miss"
    return (
        f"| {mark} | {d.trial} | {d.arms} | {d.endpoint.replace('_', ' ')} | {d.months:g} | "
        f"{d.published:+.1f} | {d.ours:+.1f} | {d.low:+.0f} to {d.high:+.0f} |"
    )


if __name__ == "__main__":
    PAGE.write_text(page() + "\n", encoding="utf-8")
