"""A virtual cone-beam CT on a linac, by physics: geometry, spectrum, bow-tie, scatter, noise, lag, breathing, FDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from simulators.core.scanner import ScanOptions, ScanRequest, hold_field
from simulators.scanners.conebeam import Acquisition, System, acquire, line_paths
from simulators.scanners.conebeam.breathing import Breathing
from simulators.scanners.conebeam.system import SystemName
from simulators.scanners.projection import reconstruct
from simulators.scanners.projection.reconstruct import hann
from simulators.scanners.radiograph import body_centre
from simulators.scanners.xray import Scatter, ScatterModel
from twin import Geometry, Volume
from twin.inputs.memory import afford
from twin.inputs.quantities import BreathMm, BreathSeconds, FieldMm, Mas, Views, VoxelMm
from twin.volume import Modality, Unit

_AIR_HU = -1000
_PRESETS = {"standard": (360, 2.0), "fast": (180, 4.0)}  # views, voxel mm
_PIXEL = 0.75  # of the voxel: the detector as it is read out, at the isocentre
_OBJECT = 0.75  # of the voxel: the grid that is projected, so that no image is made on the grid of its object
_BEYOND_MM = 40.0  # of the field along z, which slanted rays pass
_SHORTEST_MM = 30.0
_PROGRAM_GB, _RAY_BYTES, _VOXEL_BYTES = 0.6, 40, 20  # at the peak; what was measured lies a little below


class CbctOptions(ScanOptions):
    """How a cone-beam CT is taken.

    Args:
        system: varian or elekta.
        quality: standard (360 views, 2 mm) or fast (180 views, 4 mm).
        views: of a whole turn; the quality's where None.
        voxel_mm: of the image; the quality's where None.
        mas: of the whole scan; the system's where None.
        field: half (the detector is moved sideways, 41 to 46 cm) or full (25 to 27 cm).
        length_mm: of the image along z.
        correction: the vendor's correction of scatter.
        breath_mm: motion of the diaphragm, from end to end.
        breath_s: length of a breath.
    """

    course: ClassVar[Mapping[str, Any]] = {"quality": "fast"}
    preview: ClassVar[Mapping[str, Any]] = {"quality": "fast", "views": 60, "length_mm": 40.0}

    system: SystemName = "varian"
    quality: Literal["standard", "fast"] = "standard"
    views: Views | None = None
    voxel_mm: VoxelMm | None = None
    mas: Mas | None = None
    field: Literal["half", "full"] = "half"
    length_mm: FieldMm = 200.0
    correction: bool = True
    breath_mm: BreathMm = 10.0
    breath_s: BreathSeconds = 4.0


class CbctScanner:
    """Cone-beam CT around the tumour, or else around the middle of the body, in HU."""

    name = "cbct"
    modality: Modality = "CBCT"
    unit: Unit = "HU"
    options = CbctOptions

    def scan(self, requests: Sequence[ScanRequest]) -> list[Volume]:
        """The cone-beam CT of each request; outside its field of view it is -1000 HU.

        Args:
            requests: the scans that are wanted.

        Raises:
            InputError: an option that there is not, no body in the CT, or too few slices.
        """
        return [self._one(request) for request in requests]

    def _one(self, request: ScanRequest) -> Volume:
        asked = self.options.of(self.name, request.options)
        ct = request.shown.upright()
        hold_field(ct, "a cone-beam CT", _SHORTEST_MM)
        centre = isocentre(request, ct)
        system = System.named(asked.system)
        return image(views(ct, centre, asked, request.key.generator()), system, centre, asked)


SCANNER = CbctScanner


def isocentre(request: ScanRequest, ct: Volume) -> np.ndarray:
    """Where the scan is centred, LPS (x, y, z) mm: on the tumour where one is drawn, else in the body.

    Args:
        request: of the scan.
        ct: its CT.
    """
    middle = body_centre(ct)
    drawn = request.structures
    if drawn is None or not drawn.role("GTV"):
        return middle
    tumour = drawn.geometry.lps(np.argwhere(drawn.gtv()).mean(axis=0))
    # The field is centred on the body across, as a wide patient would be, and on the tumour along.
    return np.array([middle[0], middle[1], tumour[2]])


def views(
    ct: Volume, centre: np.ndarray, asked: CbctOptions, rng: np.random.Generator,
    scatter_model: ScatterModel | None = None,
) -> Acquisition:  # fmt: skip
    """What the detector reads.

    Args:
        ct: HU, axes upright.
        centre: LPS (x, y, z) of the isocentre, mm.
        asked: how.
        rng: of breathing and noise.
        scatter_model: how the patient scatters, in place of the system's own.
    """
    system = System.named(asked.system)
    number, voxel_mm = _size(asked)
    beam = system.rays(number, _PIXEL * voxel_mm, asked.field == "half")
    radius = system.field_radius_mm(asked.field == "half")
    voxels = np.prod(ct.geometry.extent_mm) / (_OBJECT * voxel_mm) ** 2 / ct.geometry.spacing_mm[0]
    pixels = asked.length_mm * (2 * radius) ** 2 / voxel_mm**3
    gb = _PROGRAM_GB + (_RAY_BYTES * np.prod(beam.shape) + _VOXEL_BYTES * (voxels + pixels)) / 1e9
    afford(float(gb), "this cone-beam CT", "views or larger voxels")
    there = _object(ct, centre, asked.length_mm, voxel_mm)
    times = np.arange(number) * (system.seconds / number)
    breathing = Breathing.of(there.array, there.geometry, times, asked.breath_mm, asked.breath_s, rng)
    mas = asked.mas or system.mas
    return acquire(there, centre, system, beam, mas, breathing, rng, scatter_model=scatter_model)


def image(
    seen: Acquisition, system: System, centre: np.ndarray, asked: CbctOptions, believed: Scatter | None = None
) -> Volume:
    """The image of what was read.

    Args:
        seen: the views.
        system: the scanner.
        centre: LPS (x, y, z) of the isocentre, mm.
        asked: how.
        believed: the software's model of scatter, in place of its usual one.
    """
    _, voxel_mm = _size(asked)
    radius = system.field_radius_mm(asked.field == "half")
    n, nz = 2 * int(radius / voxel_mm) + 1, max(1, round(asked.length_mm / voxel_mm))
    first = centre - np.array([n - 1, n - 1, nz - 1]) / 2 * voxel_mm
    x0, y0, z0 = (float(v) for v in first)
    grid = Geometry((nz, n, n), (voxel_mm, voxel_mm, voxel_mm), (x0, y0, z0))
    paths = line_paths(seen, system, corrected=asked.correction, believed=believed)
    window = hann(system.hann / (2 * seen.beam.step_mm[0]))
    hu = 1000 * reconstruct(paths, seen.beam, grid, centre, window=window) - 1000
    at = (np.arange(n) - (n - 1) / 2) * voxel_mm
    hu[:, np.hypot(at[:, None], at) > radius] = _AIR_HU
    return Volume(grid, np.clip(np.rint(hu), -1024, 3071).astype(np.int16), "CBCT", "HU")


def _size(asked: CbctOptions) -> tuple[int, float]:
    number, voxel_mm = _PRESETS[asked.quality]
    return asked.views or number, asked.voxel_mm or voxel_mm


def _object(ct: Volume, centre: np.ndarray, length_mm: float, voxel_mm: float) -> Volume:
    """The part of the CT that rays pass, on the grid that is projected; its ends go on for ever."""
    nz, dz = ct.geometry.shape[0], ct.geometry.spacing_mm[0]
    middle = float(ct.geometry.index(centre)[0])
    reach = (length_mm / 2 + _BEYOND_MM) / dz
    low = int(np.clip(np.floor(middle - reach), 0, nz - 1))
    high = int(np.clip(np.ceil(middle + reach) + 1, low + 1, nz))
    part = ct.crop((slice(low, high), slice(None), slice(None)))
    across = _OBJECT * voxel_mm
    grid = part.geometry.resampled((max(dz, across), across, across))
    return Volume(grid, part.on(grid, fill=float(_AIR_HU)), "CT", "HU")
