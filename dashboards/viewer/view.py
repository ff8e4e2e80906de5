"""The state of a view as it stands in the address, so that a link opens the same view again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.files.run_folder import RunFolder
from scenarios.records.layer import DOSE, Layer

PLANES = ("axial", "coronal", "sagittal")
WINDOWS = ("soft", "lung", "bone", "brain")
DOSES = ("off", "todate", "full")
SCANS = ("overlay", "only")
STRUCTURES = ("none", "tumour", "all")
LAYOUTS = ("2", "3", "4", "planes", "days", "scans")  # how the panels of a comparison are hung
MOST_PANELS = 6


@dataclass(frozen=True)
class View:
    """What the controls of a page begin with; anything in a link that is not understood falls back to its default.

    Example:
        >>> view = View.of({"plans": "60-30,55-20", "day": "90", "window": "soft", "plane": "nonsense"})
        >>> view.plans, view.day, view.window, view.plane
        (('60-30', '55-20'), 90.0, 'soft', 'axial')
    """

    plans: tuple[str, ...] = ()
    day: float | None = None
    plane: str = "axial"
    window: str = "lung"
    dose: str = "off"
    structures: str = "tumour"
    layout: str = ""
    scans: tuple[tuple[str, str], ...] = ()  # layer and how it is shown, as a link names them: pet=overlay

    @classmethod
    def of(cls, query: Mapping[str, str]) -> View:
        """The view of a link's query.

        Args:
            query: names and values, as the address has them.
        """

        def one_of(name: str, allowed: tuple[str, ...]) -> str:
            value = query.get(name)
            return value if value in allowed else getattr(cls, name)

        return cls(
            plans=tuple(p for p in query.get("plans", "").split(",") if p)[:MOST_PANELS],
            day=_number(query.get("day")),
            plane=one_of("plane", PLANES),
            window=one_of("window", WINDOWS),
            dose=one_of("dose", DOSES),
            structures=one_of("structures", STRUCTURES),
            layout=one_of("layout", LAYOUTS),
            scans=tuple((name, how) for name, how in query.items() if how in SCANS),
        )

    def scan(self, layers: Sequence[Layer]) -> str:
        """The value of the control of other scans: LAYER:overlay, LAYER:only or off.

        Args:
            layers: of what is shown.
        """
        known = [value for value, _ in scan_choices(layers)]
        asked = (f"{name}:{how}" for name, how in self.scans)
        return next((value for value in asked if value in known), "off")

    def plans_of(self, run: RunFolder) -> tuple[str, ...]:
        """Two to four plans of a run to show: those of the link that the run has, else the first two.

        Args:
            run: the run.
        """
        known = [plan.slug for plan in run.record.plans]
        asked = [slug for slug in self.plans if slug in known]
        shown = asked if len(asked) > 1 else (asked + [s for s in known if s not in asked])[:2]
        return tuple(shown if len(shown) > 1 else shown * 2)

    def layout_of(self, plans: Sequence[str]) -> str:
        """How the panels are hung: as the link says, else one for each plan that is shown.

        Args:
            plans: of `plans_of`.
        """
        return self.layout or str(min(4, len(plans)))

    def day_of(self, days: list[float]) -> float:
        """The follow-up day of the link, or the last one.

        Args:
            days: of the follow-ups, ascending.
        """
        if self.day is None:
            return days[-1]
        return min(days, key=lambda d: abs(d - (self.day or 0.0)))


def scan_choices(layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """The choices among scans of other modalities than the CT, each with its words: off, LAYER:overlay, LAYER:only.

    Args:
        layers: of what is shown; the dose has a control of its own.

    Example:
        >>> from scenarios.records.layer import scan_layer
        >>> scan_choices([scan_layer("PT", "SUV")])
        [('off', 'No PET'), ('pet:overlay', 'Overlay'), ('pet:only', 'PET')]
    """
    scans = [layer for layer in layers if layer.draw in ("overlay", "alone") and layer != DOSE]
    one = len(scans) == 1
    choices = [("off", f"No {scans[0].label}" if one else "CT" if scans else "No other scans")]
    for layer in scans:
        if layer.draw == "overlay":
            choices.append((f"{layer.name}:overlay", "Overlay" if one else f"{layer.label} over CT"))
        choices.append((f"{layer.name}:only", layer.label))
    return choices


def own_choices(layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """The choices of one panel among all scans, each with its words: the CT, LAYER:overlay, LAYER:only, LAYER:mip.

    Args:
        layers: of what is shown.
    """
    choices = [("off", "CT")]
    for layer in layers:
        if layer.draw in ("overlay", "alone") and layer != DOSE:
            if layer.draw == "overlay":
                choices.append((f"{layer.name}:overlay", f"{layer.label} over CT"))
            choices.append((f"{layer.name}:only", layer.label))
            if layer.modality == "PT":
                choices.append((f"{layer.name}:mip", f"{layer.label}, MIP"))
    return choices


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e6 else None
