"""The state of a view as it stands in the address, so that a link opens the same view again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from dashboards.viewer.subject import RunFolder

PLANES = ("axial", "coronal", "sagittal")
WINDOWS = ("soft", "lung", "bone", "brain")
DOSES = ("off", "todate", "full")
PETS = ("off", "overlay", "only")
STRUCTURES = ("none", "tumour", "all")


@dataclass(frozen=True)
class View:
    """What the controls of a page begin with; anything in a link that is not understood falls back to its default.

    Example:
        >>> view = View.parse("?plans=60-30,55-20&day=90&window=soft&plane=nonsense")
        >>> view.plans, view.day, view.window, view.plane
        (('60-30', '55-20'), 90.0, 'soft', 'axial')
    """

    plans: tuple[str, ...] = ()
    day: float | None = None
    plane: str = "axial"
    window: str = "lung"
    dose: str = "off"
    pet: str = "off"
    structures: str = "tumour"

    @classmethod
    def parse(cls, search: str | None) -> View:
        """The view of a query string."""
        query = {name: values[-1] for name, values in parse_qs((search or "").lstrip("?")).items()}

        def one_of(name: str, allowed: tuple[str, ...]) -> str:
            value = query.get(name)
            return value if value in allowed else getattr(cls, name)

        return cls(
            plans=tuple(p for p in query.get("plans", "").split(",") if p)[:4],
            day=_number(query.get("day")),
            plane=one_of("plane", PLANES),
            window=one_of("window", WINDOWS),
            dose=one_of("dose", DOSES),
            pet=one_of("pet", PETS),
            structures=one_of("structures", STRUCTURES),
        )

    def plans_of(self, run: RunFolder) -> tuple[str, ...]:
        """Two to four plans of a run to show: those of the link that the run has, else the first two."""
        known = [plan.slug for plan in run.record.plans]
        asked = [slug for slug in self.plans if slug in known]
        shown = asked if len(asked) > 1 else (asked + [s for s in known if s not in asked])[:2]
        return tuple(shown if len(shown) > 1 else shown * 2)

    def day_of(self, days: list[float]) -> float:
        """The follow-up day of the link, or the last one."""
        if self.day is None:
            return days[-1]
        return min(days, key=lambda d: abs(d - (self.day or 0.0)))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e6 else None
