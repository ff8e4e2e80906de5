"""The layers of a patient's images: what each kind of image is, and how it is called and drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from twin.structures import Role
from twin.volume import Modality, Unit

if TYPE_CHECKING:
    from twin import Volume

Draw = Literal["base", "outline", "overlay", "alone"]


class Layer(BaseModel):
    """One kind of image, and how it is called and drawn.

    Args:
        name: by which images refer to their layer.
        modality: of its voxels.
        unit: of its voxels.
        label: how people call it; an outline's is the name of its structure.
        draw: "base", a CT in the place of a region of the baseline; "outline", the border of a mask on such a region;
            "overlay", in colours over the CT, or alone in grey; "alone", in grey in the place of the CT.
        low: value at the lower end of the scale, in the unit; None for a CT, which is shown in a window.
        high: value at the upper end of the scale, in the unit; None where it is the image's own.
        colour: an outline's as hex, an overlay's scale by name: plasma or hot; else grey.
        role: of an outline's structure.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    modality: Modality
    unit: Unit
    label: str
    draw: Draw
    low: float | None = None
    high: float | None = None
    colour: str = "grey"
    role: Role | None = None


# What the engine itself makes for an imaging day; virtual scanners add their own.
FOLLOW_UP = Layer(name="ct", modality="CT", unit="HU", label="CT", draw="base")
TUMOUR = Layer(
    name="gtv", modality="MASK", unit="1", label="GTVp", draw="outline", colour="#ffd43b", role="GTV"
)
INJURY = Layer(
    name="injury", modality="MASK", unit="1", label="LungInjury", draw="outline", colour="#7dd3fc", role="OTHER"
)  # fmt: skip
DOSE = Layer(name="dose", modality="DOSE", unit="Gy", label="Dose", draw="overlay", low=0.0, colour="plasma")
PRESENCE = Layer(
    name="presence", modality="MASK", unit="1", label="Presence", draw="overlay", low=0.0, high=1.0,
    colour="plasma",
)  # fmt: skip
_OWN = {layer.name: layer for layer in (FOLLOW_UP, TUMOUR, INJURY, DOSE, PRESENCE)}
_SCANS: dict[str, dict[str, Any]] = {  # how scans of a modality are drawn
    "PT": {"label": "PET", "draw": "overlay", "low": 0.0, "high": 10.0, "colour": "hot"},
    "MR": {"label": "MR", "draw": "alone", "low": 0.0},
    "CT": {"low": -1000.0, "high": 400.0},
    "CBCT": {"low": -1000.0, "high": 400.0},
    "DX": {"label": "Radiograph", "low": 0.0, "high": 1.0},
}
MADE_BY = "-scan"  # a scanner's layer never bears the name of one of the engine's own


def scanned_by(scanner: str) -> str:
    """The layer of a virtual scanner's images in a run.

    Args:
        scanner: its name.

    Example:
        >>> scanned_by("ct")
        'ct-scan'
    """
    return scanner + MADE_BY


def scan_layer(modality: Modality, unit: Unit, name: str | None = None) -> Layer:
    """The layer of a scan of some modality.

    Args:
        modality: of the scan.
        unit: of its voxels.
        name: of the layer, or None for the modality's own.

    Example:
        >>> scan_layer("PT", "SUV").name, scan_layer("PT", "SUV", "pet-low-dose").label
        ('pet', 'PET, pet-low-dose')
        >>> scan_layer("PT", "SUV", scanned_by("pet")).label
        'PET'
    """
    look = {"label": modality, "draw": "alone", **_SCANS.get(modality, {})}
    own = look["label"].lower()
    if name not in (None, own, scanned_by(own)):
        look["label"] += f", {str(name).removesuffix(MADE_BY)}"
    return Layer(name=name or own, modality=modality, unit=unit, **look)


def layers_of(images: Iterable[tuple[str, Volume]]) -> tuple[Layer, ...]:
    """The layers that images need, the engine's own first.

    Args:
        images: name of the layer and voxels of each.
    """
    found = {name: (volume.modality, volume.unit) for name, volume in images}
    own = [layer for name, layer in _OWN.items() if name in found]
    scans = [scan_layer(*made, name=name) for name, made in found.items() if name not in _OWN]
    return (*own, *scans)


def layers_of_first_format(kinds: Iterable[str]) -> tuple[Layer, ...]:
    """The layers of a run of format 1, which names the kinds of its images alone.

    Args:
        kinds: of the run's images.
    """
    known = {**_OWN, "pet": scan_layer("PT", "SUV")}
    present = set(kinds)
    return tuple(layer for name, layer in known.items() if name in present)
