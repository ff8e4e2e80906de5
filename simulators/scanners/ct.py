"""A virtual CT scanner: a CT as it would look at a lower dose, with a softer kernel or in thicker slices."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from simulators.core.scanner import ScanOptions, ScanRequest, hold_body, hold_field
from simulators.scanners.quality.added_noise import added_noise, low_dose
from simulators.scanners.quality.estimate import OwnNoise, is_noiseless
from simulators.scanners.quality.kernel import KERNELS, Kernel, KernelName, softened
from twin import Geometry, InputError, Volume
from twin.inputs.quantities import DoseShare, SliceMm
from twin.volume import Modality, Unit

_AIR_HU, _BODY_HU = -1024, -400
_SAME = 1.02  # kernels nearer than this are the same
# A CT without noise in pixels as small as this is no scan but an object that is drawn, which any kernel may scan.
_OBJECT_MM = 0.5
_OBJECT_KERNEL: KernelName = "standard"


class CtOptions(ScanOptions):
    """What a CT may be made into.

    Args:
        dose: share of the scan's own dose.
        kernel: a softer one than the scan's; its own where None.
        slice_mm: thickness of slices, not below the scan's; its own where None.
    """

    dose: DoseShare = 1.0
    kernel: KernelName | None = None
    slice_mm: SliceMm | None = None


class CtScanner:
    """CT of another dose, kernel and slice thickness than a CT; never less noisy nor sharper than that is.

    In-silico anatomy that is drawn in pixels of 0.5 mm or less and without noise is scanned with any kernel.
    """

    name = "ct"
    modality: Modality = "CT"
    unit: Unit = "HU"
    options = CtOptions

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """The CT of each request as its options have it; without options, voxel by voxel as it is.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option that the scan does not allow, or a scan without a body.
        """
        return [self._one(request) for request in requests]

    def _one(self, request: ScanRequest) -> Volume:
        asked = self.options.of(self.name, request.options)
        ct = request.shown.upright()
        if ct.modality != "CT":
            raise InputError(f"the scanner ct scans a CT, not {ct.modality}")
        hold_field(ct, "a CT scan", 0.0)
        hold_body(float((ct.array[:, ::4, ::4] > _BODY_HU).mean()))
        thin = ct.geometry.spacing_mm[0]
        if asked.slice_mm is not None and asked.slice_mm < thin - 1e-3:
            raise InputError(
                f"the scan's slices are {thin:g} mm apart; slices of {asked.slice_mm:g} mm cannot be made"
            )
        if asked.dose == 1.0 and asked.kernel is None:
            return (
                ct if asked.slice_mm is None else _integers(*_thicker(ct.geometry, ct.array, asked.slice_mm))
            )
        if _is_object(ct):
            kernel = Kernel.named(asked.kernel or _OBJECT_KERNEL)
            hu = softened(ct.array, ct.geometry.spacing_mm[1:], None, kernel)
            hu += added_noise(ct, kernel, asked.dose, request.key)
            return _integers(
                *((ct.geometry, hu) if asked.slice_mm is None else _thicker(ct.geometry, hu, asked.slice_mm))
            )
        own = OwnNoise.of(ct)
        wanted = None if asked.kernel is None else _softer(own.kernel, asked.kernel)
        hu = ct.array if asked.dose == 1.0 else low_dose(ct, own, asked.dose, request.key)
        if wanted is not None:
            hu = softened(hu, ct.geometry.spacing_mm[1:], own.kernel, wanted)
        grid = ct.geometry
        if asked.slice_mm is not None:
            grid, hu = _thicker(grid, hu, asked.slice_mm)
        return _integers(grid, hu)


SCANNER = CtScanner


def _is_object(ct: Volume) -> bool:
    return max(ct.geometry.spacing_mm[1:]) <= _OBJECT_MM and is_noiseless(ct)


def _softer(own: Kernel, name: KernelName) -> Kernel:
    wanted = Kernel.named(name)
    if wanted.f50_per_mm > _SAME * own.f50_per_mm:
        softer = [k for k in KERNELS if Kernel.named(k).f50_per_mm <= _SAME * own.f50_per_mm]
        raise InputError(
            f"the scan's noise has the colour of a kernel with an MTF of 50 % at {10 * own.f50_per_mm:.1f} lp/cm; the "
            f"kernel {name} has it at {10 * wanted.f50_per_mm:.1f}, and what the scan does not show cannot be made "
            f"sharper; softer kernels are: {', '.join(softer) or 'none'}; sharp ones scan "
            "in-silico anatomy that is drawn for them: rt-twin phantom OUT.twin --fine"
        )
    return wanted


def _thicker(grid: Geometry, hu: np.ndarray, slice_mm: float) -> tuple[Geometry, np.ndarray]:
    """Means over slices of another thickness."""
    _, dy, dx = grid.spacing_mm
    made = grid.resampled((slice_mm, dy, dx))
    edges = np.minimum(np.arange(made.shape[0] + 1) * slice_mm / grid.spacing_mm[0], grid.shape[0])
    out = np.empty(made.shape, np.float32)
    for k, (low, high) in enumerate(pairwise(edges)):
        own = np.arange(int(low), min(int(np.ceil(high)), grid.shape[0]))
        share = np.minimum(own + 1, high) - np.maximum(own, low)
        out[k] = np.tensordot((share / share.sum()).astype(np.float32), hu[own].astype(np.float32), 1)
    return made, out


def _integers(grid: Geometry, hu: np.ndarray) -> Volume:
    return Volume(grid, np.clip(np.rint(hu), _AIR_HU, 32767).astype(np.int16), "CT", "HU")
