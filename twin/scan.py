"""An image of the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.field import Field
from twin.volume import Volume


@dataclass(frozen=True)
class Registration:
    """How a scan of another frame of reference was laid on the baseline.

    Args:
        similarity: normalised mutual information reached, 1 (none) to 2 (the same image).
        shift_mm: how far the scan's frame was moved at its origin, mm.
        turn_deg: the angle by which it was turned, degrees.
        poor: the similarity is too low to trust the place of the scan.
        jacobian: least and greatest volume of tissue in the body over that on the baseline, where a displacement field
            was found as well; the similarity is the one after it then.
        surface_mm: "body" and "lungs" -> mean distance of their surfaces after it, mm.
    """

    similarity: float
    shift_mm: float
    turn_deg: float
    poor: bool
    jacobian: tuple[float, float] | None = None
    surface_mm: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Acquired:
    """How the patient lay in the scanner, how the scanner laid out its images, and what they say of themselves.

    Args:
        position: DICOM PatientPosition, as "HFS" or "FFP"; empty where the images do not say.
        direction: 3 x 3 LPS cosines of the images' x, y and slice axes, row-major, as in `Geometry`.
        unannotated: all images say that no text is burned into their pixels (DICOM BurnedInAnnotation NO).
    """

    position: str
    direction: tuple[float, ...]
    unannotated: bool = False


@dataclass(frozen=True)
class Simulated:
    """How a virtual scanner made a scan: all that is needed to make it again.

    Args:
        scanner: by name.
        source: name of the CT that was scanned.
        seed: root of its chance.
        options: all settings of the scanner by name.
        version: of this software, and of weights where it is a learned one.
    """

    scanner: str
    source: str
    seed: int
    options: Mapping[str, str | bool | int | float | None] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, eq=False)
class Scan:
    """An image, acquired or simulated.

    Args:
        name: by which observations refer to it.
        time_days: when, in days from day 0; negative before it.
        volume: its voxels, on a grid in the baseline's frame.
        registration: how it came into that frame, or None where it was acquired in it.
        acquired: how the patient lay, by which it is exported; None where that is not known.
        simulated: how it was made, or None where a scanner acquired it.
        changed: what was made of the acquired scan on import, which is kept under its `source`'s name; None where the
            voxels are as they were acquired.
        deformation: where the baseline's tissue lies in it, or None where nobody looked.
    """

    name: str
    time_days: float
    volume: Volume
    registration: Registration | None = None
    acquired: Acquired | None = None
    simulated: Simulated | None = None
    deformation: Field | None = None
    changed: Simulated | None = None

    @property
    def origin(self) -> str:
        """Where its voxels come from, in words."""
        if self.simulated is not None:
            return f"SIMULATED from {self.simulated.source}"
        return "acquired" if self.changed is None else f"acquired, CHANGED by {self.changed.version}"
