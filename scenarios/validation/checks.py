"""The engine held against what is known: exact values, and published outcomes with what missed them.

Exact rows hold to the digits shown. Clinical rows compare with a published number and its interval; which of them the
engine was calibrated on is said in each row, and no row is left out because it misses.
"""

from __future__ import annotations

from scenarios.validation.dose import dose_rows
from scenarios.validation.exact import exact_rows
from scenarios.validation.row import Row, joined
from scenarios.validation.survival import pacific_rows, rtog0617_rows, survival_rows
from scenarios.validation.trials import chart_rows, complication_rows, control_rows, regression_rows

SEEDS = 4
PHANTOMS = 20  # seeds of the patients whose dose is looked at
QUICK = (1000, 1)  # patients of an arm and seeds of phantoms: the first of the whole
_CLINICAL = (
    regression_rows,
    control_rows,
    chart_rows,
    rtog0617_rows,
    survival_rows,
    pacific_rows,
    complication_rows,
)


def validate(*, patients: int = 4000, seed: int = 0, phantoms: int = PHANTOMS) -> list[Row]:
    """All rows: exact ones first, then regression, control, complications, survival and dose.

    Args:
        patients: simulated in each arm of a trial, in `SEEDS` parts that say how much is chance.
        seed: of the simulated patients.
        phantoms: in-silico patients of each kind whose dose is looked at, of consecutive seeds from `seed` on; they
            take most of the time, and a smaller number takes the first of them.
    """
    size, seeds = max(1, patients // SEEDS), range(SEEDS * seed, SEEDS * (seed + 1))
    clinical = [
        joined(rows) for part in _CLINICAL for rows in zip(*(part(size, one) for one in seeds), strict=True)
    ]
    return [*exact_rows(), *clinical, *dose_rows(range(seed, seed + phantoms))]
