"""Copy the last scan: the generator that every other has to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulators.anatomy.gtv import gtv_volume
from simulators.core.treatment import FollowUp, TreatmentRequest
from twin import InputError, Volume


class CopiedTreatment:
    """A `VirtualTreatment` that says nothing will change."""

    name = "copy"

    def domain(self, request: TreatmentRequest) -> str | None:
        """Any CT with a GTV lies inside.

        Args:
            request: the image that is wanted.
        """
        if request.scan.volume.modality != "CT":
            return f"the scan is {request.scan.volume.modality}, not CT"
        try:
            gtv_volume(request.structures)
        except InputError as error:
            return str(error)
        return None

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The scan within the GTV's bounding box, as it was.

        Args:
            requests: the images that are wanted.
        """
        return [self._same(request) for request in requests]

    def volumes_cm3(self, request: TreatmentRequest, n: int) -> np.ndarray:
        """(n,) times the volume on the scan, cm3.

        Args:
            request: the image that is wanted.
            n: samples.
        """
        gtv = gtv_volume(request.structures)
        return np.full(n, float(np.count_nonzero(gtv.array)) * gtv.geometry.voxel_cm3)

    def _same(self, request: TreatmentRequest) -> FollowUp:
        gtv = gtv_volume(request.structures)
        here = request.scan.volume.crop(request.structures.geometry.box_of(gtv.geometry))
        return FollowUp(
            request=request,
            scan=Volume(here.geometry, here.array.astype(np.int16), "CT", "HU"),
            gtv=Volume(here.geometry, (gtv.array > 0).astype(np.uint8), "MASK", "1"),
            injury=Volume(here.geometry, np.zeros(here.geometry.shape, np.uint8), "MASK", "1"),
            gtv_cm3=float(np.count_nonzero(gtv.array)) * gtv.geometry.voxel_cm3,
            displacement_mm=np.broadcast_to(np.float32(0.0), (3, *here.geometry.shape)),
            generator="copy 1",
        )


GENERATOR = CopiedTreatment
