"""Virtual scanners: an image of a modality or quality that nobody acquired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError

from simulators.core.chance import Key
from simulators.core.treatment import FollowUp
from twin import InputError, StructureSet, Volume
from twin.inputs.bounds import check, shortened
from twin.volume import Modality, Unit

_LEAST_ACROSS_MM = 50.0
_LEAST_BODY = 0.02  # of a scan


class ScanOptions(BaseModel):
    """A scanner's settings; this one has none. A scanner with settings adds them as fields of a type with bounds.

    Attributes:
        course: what is set otherwise in a comparison, where scans are many.
        preview: what is set otherwise where a coarse picture is to come within seconds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    course: ClassVar[Mapping[str, Any]] = {}
    preview: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def of(cls, scanner: str, given: Mapping[str, Any]) -> Self:
        """The settings that were asked for, and else the usual ones.

        Args:
            scanner: name of the scanner.
            given: settings by name; text that says a value will do.

        Raises:
            InputError: there is no such setting, or it cannot have that value.
        """
        try:
            return cls.model_validate(dict(given))
        except ValidationError as error:
            first = error.errors()[0]
        if first["type"] == "value_error":
            raise InputError(str(first["ctx"]["error"])) from None
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            if not cls.model_fields:
                raise InputError(f"the scanner {scanner} has no options; it was given {', '.join(given)}")
            known = ", ".join(cls.model_fields)
            raise InputError(
                f"the scanner {scanner} has no option {shortened(name)}; its options are: {known}"
            )
        if first["type"] == "literal_error":
            choices = first["ctx"]["expected"].replace("'", "")
            raise InputError(f"the option {name} must be {choices}, not {shortened(given[name])}")
        if first["type"].startswith("bool"):
            raise InputError(f"the option {name} must be on or off, not {shortened(given[name])}")
        check(get_type_hints(cls, include_extras=True)[name], given[name], f"the option {name}")
        raise InputError(f"the option {name} cannot be {shortened(given[name])}: {first['msg']}")


@dataclass(frozen=True, eq=False)
class ScanRequest:
    """One virtual scan that is wanted.

    Args:
        scan: the CT of the patient who is scanned, whole.
        structures: what is drawn on it, or None where nothing is.
        key: chance of this scan; what stays the same through a patient's scans depends on its sample alone.
        options: the scanner's settings by name.
        followup: what has changed on the CT since; None where the patient is scanned as the CT shows.
    """

    scan: Volume
    structures: StructureSet | None
    key: Key
    options: Mapping[str, Any] = field(default_factory=dict)
    followup: FollowUp | None = None

    @property
    def shown(self) -> Volume:
        """The whole CT as it is on the day: with what a follow-up has changed."""
        if self.followup is None:
            return self.scan
        part = self.followup.scan
        array = self.scan.array.copy()
        array[self.scan.geometry.box_of(part.geometry)] = part.array
        return Volume(self.scan.geometry, array, self.scan.modality, self.scan.unit)

    @classmethod
    def after(cls, followup: FollowUp, key: Key) -> ScanRequest:
        """The patient scanned on the day of a follow-up.

        Args:
            followup: the day's CT and tumour.
            key: chance of the scan.
        """
        request = followup.request
        return cls(request.scan.volume, request.structures, key, followup=followup)


def hold_body(share: float) -> None:
    """Refuse a scan that shows nobody.

    Args:
        share: of it that is body.

    Raises:
        InputError: hardly any of it is.
    """
    if share < _LEAST_BODY:
        raise InputError("no body is found in the scan: hardly any of it is denser than -400 HU")


def hold_field(ct: Volume, scan: str, along_mm: float) -> None:
    """Refuse a CT that is too small.

    Args:
        ct: axes upright.
        scan: what is made of it, with its article.
        along_mm: that it must reach along the body; across it must hold a limb.

    Raises:
        InputError: it reaches less far.
    """
    z, *across = ct.geometry.extent_mm
    if z < along_mm:
        raise InputError(f"the CT is {z:g} mm long; {scan} needs {along_mm:g} mm or more")
    if min(across) < _LEAST_ACROSS_MM:
        raise InputError(f"the CT is {min(across):g} mm wide; {scan} needs {_LEAST_ACROSS_MM:g} mm or more")


class VirtualScanner(Protocol):
    """Makes scans of one modality, by physics or learned."""

    @property
    def name(self) -> str:
        """By which it is asked for, and the kind of its images in a run."""
        ...

    @property
    def modality(self) -> Modality:
        """Of its scans."""
        ...

    @property
    def unit(self) -> Unit:
        """Of their voxels."""
        ...

    @property
    def options(self) -> type[ScanOptions]:
        """What of it can be set."""
        ...

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """One volume for each request, in order; each depends on its own request only.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option that the scanner does not have, or a patient that it cannot scan.
        """
        ...
