"""Published survival and what this engine makes of the same treatment: doses, drugs, and cohorts as they came."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scenarios.validation.cohort import ADVANCED, LUNG1, SEQUENTIAL, YEAR_D, Cohort, hazard_ratio
from scenarios.validation.row import Row, median_row, share_row
from simulators.outcome.life import DRAWS, draws, median_months, survival_curve
from simulators.tumour.systemic import IMMUNE_PROGRESSION_RATIO, Systemic

DRAW_HARM = DRAWS.index("harm")  # places the immune term between its bounds
_OS, _PFS = "overall_survival", "progression_free_survival"
_NODES = "nodal and contralateral failures are not modelled"
_PACIFIC = "PACIFIC, 473 and 236 patients, from randomisation, 1 to 42 days after chemo-radiotherapy"


def rtog0617_rows(patients: int, seed: int) -> Iterator[Row]:
    """74 against 60 Gy: the hazard ratio of death term by term. Nothing is tuned towards it."""
    cohort = Cohort(ADVANCED, ("60/30", "74/37"), patients, seed)
    u = draws(f"validate-{ADVANCED.name}", seed, np.arange(patients))

    def ratio(edic_quantile: float | None = None, **terms: bool) -> float:
        own = u.copy()
        if edic_quantile is not None:
            own[:, DRAW_HARM] = edic_quantile
        death = cohort.lives(u=own, **terms).death
        return hazard_ratio(death[1], death[0])

    source = "RTOG 0617, 496 patients"
    whole = ratio()
    low, high = ratio(0.0), ratio(1.0)
    terms = (
        f"control alone {ratio(heart=False, immune=False, fatal=False):.2f}, "
        f"with heart dose {ratio(immune=False, fatal=False):.2f}, "
        f"with immune dose {ratio(fatal=False):.2f}, with fatal pneumonitis {whole:.2f}; "
        f"{low:.2f} to {high:.2f} over the immune term; what is missing to 1.35 has no honest term"
    )
    yield Row(
        "hazard ratio of death, 74 over 60 Gy",
        source,
        "clinical",
        1.35,
        1.08,
        1.69,
        whole,
        note=terms,
        of=_OS,
    )
    lives = cohort.lives()
    for i, (arm, months, n, five) in enumerate((("60 Gy", 28.7, 218, 32.1), ("74 Gy", 20.3, 206, 23.0))):
        yield median_row(
            f"median survival, {arm}, months", source, months, n, median_months(lives.death[i]), of=_OS
        )
        ours = 100 * float(lives.alive(5 * YEAR_D)[i].mean())
        yield share_row(f"5-year survival, {arm}, %", source, five, n, ours, of=_OS)
    for i, (arm, published, n) in enumerate((("60 Gy", 18.3, 218), ("74 Gy", 13.0, 206))):
        ours = 100 * float((lives.progression[i] > 5 * YEAR_D).mean())
        yield share_row(
            f"5-year progression-free survival, {arm}, %", source, published, n, ours, of=_PFS, note=_NODES
        )


def survival_rows(patients: int, seed: int) -> Iterator[Row]:
    """Survival of cohorts and trials without a dose question."""
    lung1 = Cohort(LUNG1, ("60/30",), patients, seed).lives()
    for years, published in ((1, 64.2), (2, 40.3), (3, 31.3), (5, 19.1)):
        ours = 100 * float(lung1.alive(years * YEAR_D).mean())
        yield share_row(
            f"{years}-year survival, %", "Lung1, 338 patients", published, 338, ours, held_out=False, of=_OS,
            note="relapse, survival after it and other causes of unselected patients were set on this curve",
        )  # fmt: skip
    for trial, arm, months, five, n in (
        (SEQUENTIAL, "sequential", 14.6, 10.0, 195),
        (ADVANCED, "concurrent", 17.0, 16.0, 195),
    ):
        lives = Cohort(trial, ("62.4/35",), patients, seed).lives()
        source = f"RTOG 9410, {arm}"
        era = "staged in 1994 to 1998 without PET; the standard model has no effect of the era"
        yield median_row(
            "median survival, months", source, months, n, median_months(lives.death), note=era, of=_OS
        )
        ours = 100 * float(lives.alive(5 * YEAR_D).mean())
        yield share_row("5-year survival, %", source, five, n, ours, note=era, of=_OS)


def pacific_rows(patients: int, seed: int) -> Iterator[Row]:
    """Durvalumab: the clock starts after chemo-radiotherapy, in those who have not failed by then.

    The hazard ratio of progression is the trial's own; survival follows from it.
    """
    cohort = Cohort(ADVANCED, ("60/30",), patients, seed)
    entry = cohort.courses[0].end_days + 21.0  # the middle of 1 to 42 days
    drug = Systemic(immune_from_days=entry, immune_ratio=IMMUNE_PROGRESSION_RATIO)
    placebo, durvalumab = cohort.lives(), cohort.lives(systemic=drug)
    eligible = placebo.progression > entry
    note = "patients free of progression at entry"
    for arm, lives, n, months, five, pfs in (
        ("placebo", placebo, 236, 29.1, 33.4, 19.0),
        ("durvalumab", durvalumab, 473, 47.5, 42.9, 33.1),
    ):
        death, failed = lives.death[eligible] - entry, lives.progression[eligible] - entry
        at_five = np.array([5 * YEAR_D])
        yield median_row(
            f"median survival, {arm}, months", _PACIFIC, months, n, median_months(death), note=note, of=_OS
        )
        alive, free = (100 * float(survival_curve(t, at_five)[0]) for t in (death, failed))
        yield share_row(f"5-year survival, {arm}, %", _PACIFIC, five, n, alive, note=note, of=_OS)
        yield share_row(
            f"5-year progression-free survival, {arm}, %",
            _PACIFIC,
            pfs,
            n,
            free,
            note=f"{note}; {_NODES}",
            of=_PFS,
        )
    for what, name, published, low, high, held_out in (
        ("death", "hazard ratio of death, durvalumab over placebo", 0.72, 0.59, 0.89, True),
        (
            "progression",
            "hazard ratio of progression or death, durvalumab over placebo",
            0.55,
            0.45,
            0.68,
            False,
        ),
    ):
        with_drug, without = (getattr(lives, what)[eligible] - entry for lives in (durvalumab, placebo))
        ours = hazard_ratio(with_drug, without)
        said = "follows from that of progression" if held_out else "the drug's hazard ratio was set on it"
        yield Row(
            name,
            _PACIFIC,
            "clinical",
            published,
            low,
            high,
            ours,
            held_out=held_out,
            note=said,
            of=_OS if held_out else _PFS,
        )
