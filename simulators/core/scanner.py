"""Virtual scanners: an image of a modality or quality that nobody acquired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulators.core.chance import Key
from simulators.core.treatment import FollowUp
from twin import StructureSet, Volume
from twin.volume import Modality, Unit


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

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """One volume for each request, in order; each depends on its own request only.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option that the scanner does not have, or a patient that it cannot scan.
        """
        ...
