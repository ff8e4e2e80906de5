"""Radiobiology, complications and growth as arithmetic, which holds to the digits shown."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scenarios.validation.row import Row
from simulators.outcome.complications import COMPLICATIONS
from simulators.outcome.control import regrowth_days
from simulators.tumour.radiobiology import (
    LN2,
    bed,
    effective_bed,
    eqd2,
    linear_bed,
    log_survival,
    poisson_tcp,
    survival,
    thames_factor,
)


def exact_rows() -> list[Row]:
    """Radiobiology, complications and growth as arithmetic."""
    return [_shown(*row) for row in _exact()]


def _shown(name: str, source: str, published: str, ours: float) -> Row:
    """A row whose interval is the last digit printed."""
    half = 0.5 * 10.0 ** -len(published.partition(".")[2])
    value = float(published)
    return Row(name, source, "exact", value, value - half, value + half, float(ours))


_SCHEDULES = (
    # total, fractions, BED10, EQD2 (10), BED3
    (60, 30, "72.0", "60", "100"),
    (66, 33, "79.2", "66", "110"),
    (74, 37, "88.8", "74", "123.3"),
    (54, 3, "151.2", "126", "378"),
    (50, 5, "100", "83.3", "216.7"),
    (48, 4, "105.6", "88", "240"),
    (55, 20, "70.1", "58.4", "105.4"),
    (60, 15, "84", "70", "140"),
    (54, 36, "62.1", "51.8", "81"),
    (69.6, 58, "78.0", "65.0", "97.4"),
)


def _exact() -> Iterator[tuple[str, str, str, float]]:
    yield from _fractionation()
    yield from _modifiers()
    yield from _complications()
    yield from _growth()


def _fractionation() -> Iterator[tuple[str, str, str, float]]:
    for total, n, bed10, eqd, bed3 in _SCHEDULES:
        plan = f"{total:g}/{n}"
        yield f"BED10 of {plan}, Gy", "Fowler 1989", bed10, float(bed(total, total / n, 10))
        yield f"EQD2 (10) of {plan}, Gy", "Fowler 1989", eqd, float(eqd2(total, total / n, 10))
        yield f"BED3 of {plan}, Gy", "Fowler 1989", bed3, float(bed(total, total / n, 3))


def _modifiers() -> Iterator[tuple[str, str, str, float]]:
    for plan, total, n, days, text in (
        ("60/30 in 40 d", 60, 30, 40, "62.76"),
        ("74/37 in 51 d", 74, 37, 51, "71.09"),
        ("CHART in 12 d", 54, 36, 12, "62.10"),
    ):
        yield (
            f"BED10 less repopulation, {plan}, Gy",
            "Fowler 1989",
            text,
            float(effective_bed(total, total / n, days)),
        )
    for half_time, text in ((1.5, "0.0859"), (4.0, "0.5547")):
        yield f"h of CHART, repair {half_time:g} h", "Thames 1985", text, thames_factor(3, 6.0, half_time)
    for half_time, ratio, text in ((1.5, 10, "62.80"), (1.5, 3, "83.32"), (4.0, 3, "95.98")):
        value = 54 * (1 + 1.5 * (1 + thames_factor(3, 6.0, half_time)) / ratio)
        yield f"BED{ratio} of CHART, repair {half_time:g} h, Gy", "Thames 1985", text, value
    for threshold, text in ((20, "151.2"), (10, "132.0"), (6.2, "109.4")):
        value = float(linear_bed(54, 18, 10, threshold))
        yield f"LQ-L BED10 of 54/3, d_T {threshold:g} Gy", "Astrahan 2008", text, value
    effect = 30 * float(log_survival(2.0, 0.3, 10.0)) + LN2 * 12 / 3
    for clonogens, text in ((1e7, "0.936"), (1e9, "0.0013")):
        yield (
            f"Poisson control of 60/30, {clonogens:.0e} clonogens",
            "Webb 1993",
            text,
            float(poisson_tcp(clonogens, effect)),
        )
    for oer, text in ((1.0, "0.487"), (1.7, "0.674"), (2.8, "0.795")):
        yield f"survival of 2 Gy, OER {oer:g}", "LQ", text, float(survival(2.0, 0.3, 10.0, oer=oer))


def _complications() -> Iterator[tuple[str, str, str, float]]:
    rows = {c.name: c for c in COMPLICATIONS}
    for name, texts in (
        ("pneumonitis", ("6.85", "12.13", "20.59", "32.74", "47.75")),
        ("pneumonitis_lkb", ("3.40", "8.28", "17.16", "30.54", "47.20")),
    ):
        for dose, text in zip((10, 15, 20, 25, 30), texts, strict=True):
            value = 100 * float(rows[name].probability(np.array(float(dose))))
            yield f"{name}, mean lung dose {dose} Gy, %", rows[name].source, text, value


def _growth() -> Iterator[tuple[str, str, str, float]]:
    params = {
        "growth_per_d": np.array(0.0017),
        "regrowth_factor": np.array(1.0),
        "capacity_cm3": np.array(1150.0),
    }
    for cells, text in ((1e6, "13"), (1.0, "27")):
        months = float(regrowth_days(np.array(cells), params)) / (365.25 / 12)
        yield f"{cells:g} cells to 1 cm3, months", "Gompertz", text, months
    doubling = np.log(2) / (0.0017 * np.log(1150 / 60))
    yield "volume doubling time at 60 cm3, d", "a 0.0017 /d and K 1,150 cm3", "138", float(doubling)
