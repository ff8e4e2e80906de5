"""The one adapter between patients and Translators: crops and conditions in, a follow-up on the patient's grid out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from simulators.conditions import (
    HU_RANGE,
    SHAPE,
    SPACING_MM,
    VECTOR,
    Crop,
    covering,
    outside,
    sampled,
)
from simulators.grain import lost_grain
from simulators.lung_injury import LABEL_HU, THRESHOLD_GY
from simulators.mechanistic import MAX_GROWTH, MechanisticTreatment
from simulators.treatment import FollowUp, TreatmentRequest, TumourView
from simulators.tumour_mask import border_mm, level, tumour_share, without_crumbs
from twin import Geometry, InputError, Volume

if TYPE_CHECKING:
    from models import Translator

__all__ = ["SHAPE", "SPACING_MM", "VECTOR", "TranslatedTreatment"]
_TAPER_MM = 12.0  # the change fades to nothing over this distance from the crop's border
_CPU_SLICES, _GPU_SLICES = (
    16,
    384,
)  # of a micro-batch; every one has this size, so that no slice depends on others
_INJURY_MM = 4.0
_LEAST_SHARE = 1e-3  # a share beyond says no more than that a voxel is far inside or outside
_KEPT_SCANS = 4
_RELATIVE = VECTOR.index("relative_gtv")


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What a Translator made of one request, on the crop.

    Args:
        crop: where.
        change_hu: (z, y, x) float32.
        occupancy: (z, y, x) float32 share of tumour.
        gtv_cm3: the volume that it was to have, or None where nothing says.
    """

    crop: Crop
    change_hu: np.ndarray
    occupancy: np.ndarray
    gtv_cm3: float | None


@dataclass(frozen=True, eq=False)
class TranslatedTreatment:
    """A `VirtualTreatment` whose pixels come from a Translator.

    The Translator sees a tumour-centred crop at 2 mm, slice by slice with the slices around it. Only the change that
    it makes is brought back to the patient's grid, so that the scan's own detail is kept and the crop leaves no
    seam; of the scan's grain, what the Translator smoothed away is given back. Its layers, tissue and tumour, are
    laid over one another where the tumour of the volume wanted ends, so that image and mask agree.

    With `request.tumour` the relative volume guides it; without, it draws one of its own. Either way the mask has
    that volume. The tissue's displacement is the mechanistic one, whoever drew the pixels.

    Args:
        name: of the generator.
        translator: tensors in, tensors out.
        version: of its weights.
        limits: its domain (`simulators.conditions.domain_of`).
        grain: whether the scan's grain is given back.
        device: on which it runs.
    """

    name: str
    translator: Translator
    version: str = "1"
    limits: Mapping[str, Sequence[float]] = field(default_factory=dict)
    grain: bool = True
    device: str = "cpu"
    _crops: OrderedDict[tuple[int, int], tuple[TreatmentRequest, Crop]] = field(default_factory=OrderedDict)
    _mechanistic: MechanisticTreatment = field(default_factory=MechanisticTreatment)

    def domain(self, request: TreatmentRequest) -> str | None:
        """Outside lie a tumour that exceeds the crop or outgrows it, and conditions that it has not learned from."""
        if request.scan.volume.modality != "CT":
            return f"the scan is {request.scan.volume.modality}, not CT"
        try:
            crop = self._crop(request)
        except InputError as error:
            return str(error)
        if crop.exceeds:
            return "the tumour with 30 mm around it exceeds the crop"
        if request.tumour is not None and request.tumour.gtv_cm3 > MAX_GROWTH * request.tumour.gtv0_cm3:
            return f"a tumour beyond {MAX_GROWTH:g} times its volume on the scan"
        return outside(crop.vector(request), self.limits)

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, in order; each depends on its own request only."""
        size = _CPU_SLICES if self.device == "cpu" else _GPU_SLICES
        group = max(1, size // SHAPE[0])
        done: list[FollowUp] = []
        for first in range(0, len(requests), group):
            some = requests[first : first + group]
            done += [self._placed(r, drawn) for r, drawn in zip(some, self._drawn(some, size), strict=True)]
        return done

    def volumes_cm3(self, request: TreatmentRequest, n: int) -> np.ndarray:
        """(n,) volumes that samples 0 to n - 1 of a request would have, without drawing them, cm3.

        A Translator that knows no relative volume only shows it in its images; its volumes are nan here.
        """
        import torch

        from models.noise import volume_noise

        crop, channels = self._crop(request), self.translator.noise_channels
        vector = torch.from_numpy(crop.vector(request)).expand(n, -1)
        chances = [request.key.at(sample=s).generator() for s in range(n)]
        noise = np.concatenate([volume_noise(c, channels, (1, 1, 1)) for c in chances])
        with torch.inference_mode():
            drawn = self.translator.guided(vector.to(self.device), torch.from_numpy(noise).to(self.device))
        return drawn[:, _RELATIVE].double().cpu().numpy() * crop.gtv_cm3

    def _crop(self, request: TreatmentRequest) -> Crop:
        address = (id(request.scan), id(request.structures))
        if address not in self._crops:
            # The request is kept with it: an address is another scan's once its own is gone.
            self._crops[address] = (request, Crop.of(request.scan, request.structures))
            if len(self._crops) > _KEPT_SCANS:
                self._crops.popitem(last=False)
        self._crops.move_to_end(address)
        return self._crops[address][1]

    def _drawn(self, requests: Sequence[TreatmentRequest], size: int) -> list[_Drawn]:
        """What the Translator makes of some requests, their slices together in micro-batches."""
        import torch

        from models.noise import volume_noise
        from models.stack import stack

        crops = [self._crop(r) for r in requests]
        images, vectors, noises = [], [], []
        for request, crop in zip(requests, crops, strict=True):
            volume = torch.from_numpy(crop.channels(request.eqd2_since))
            noise = torch.from_numpy(
                volume_noise(request.key.generator(), self.translator.noise_channels, crop.grid.shape)
            )
            vector = torch.from_numpy(crop.vector(request))[None]
            with torch.inference_mode():
                # Once for the volume, so that all its slices aim at one response.
                vectors.append(
                    self.translator.guided(vector.to(self.device), noise[:1].to(self.device)).cpu()
                )
            images.append(stack(volume, self.translator.slices))
            noises.append(noise)
        counts = [len(i) for i in images]
        each = torch.cat([v.expand(n, -1) for v, n in zip(vectors, counts, strict=True)])
        out = self._translated(torch.cat(images), each, torch.cat(noises), size)
        made = []
        for part, crop, vector in zip(np.split(out, np.cumsum(counts)[:-1]), crops, vectors, strict=True):
            relative = float(vector[0, _RELATIVE])
            wanted = relative * crop.gtv_cm3 if np.isfinite(relative) else None
            tissue, tumour, share = part[:, 0], part[:, 1], part[:, 2]
            if wanted is not None:
                share = _share(share, crop, wanted)
            change = tissue + share * (tumour - tissue) - crop.image
            made.append(_Drawn(crop, change * np.float32((HU_RANGE[1] - HU_RANGE[0]) / 2), share, wanted))
        return made

    def _translated(self, image, vector, noise, size: int) -> np.ndarray:
        """(n, 3, y, x) float32 layers of n slices, in micro-batches of one size; the last is filled up with zeros."""
        import torch

        out = []
        with torch.inference_mode():
            for first in range(0, len(image), size):
                part = [t[first : first + size] for t in (image, vector, noise)]
                n = len(part[0])
                if n < size:
                    part = [torch.cat([t, t.new_zeros(size - n, *t.shape[1:])]) for t in part]
                made = self.translator.layers(*(t.to(self.device) for t in part))
                out.append(made[:n].float().cpu())
        return torch.cat(out).numpy()

    def _placed(self, request: TreatmentRequest, drawn: _Drawn) -> FollowUp:
        """Bring change and mask from the crop to the whole-voxel box of the scan within it."""
        crop, change = drawn.crop, drawn.change_hu
        if self.grain:
            hu = (crop.image + 1.0) * np.float32((HU_RANGE[1] - HU_RANGE[0]) / 2) + np.float32(HU_RANGE[0])
            change = change + lost_grain(hu, change, SPACING_MM)
        change = change * _taper(change.shape)
        whole = request.scan.volume
        box = covering(whole.geometry, crop.grid)
        if box is None:
            raise InputError(f"the tumour's contours lie outside the scan {request.scan.name}")
        part = whole.crop(box)
        here = part.geometry
        added = sampled(Volume(crop.grid, change, "CT", "HU"), here)
        scan = np.clip(np.rint(part.array + added), -32768, 32767).astype(np.int16)
        inside, gtv_cm3 = _mask(drawn, here)
        return FollowUp(
            request=request,
            scan=Volume(here, scan, "CT", "HU"),
            gtv=Volume(here, inside.astype(np.uint8), "MASK", "1"),
            injury=Volume(here, _injury(request, drawn, inside, here), "MASK", "1"),
            gtv_cm3=gtv_cm3,
            displacement_mm=self._displacement(request, gtv_cm3, here),
            generator=f"{self.name} {self.version}",
        )

    def _displacement(self, request: TreatmentRequest, gtv_cm3: float, here: Geometry) -> np.ndarray:
        """The mechanistic displacement of a tumour of this volume; none where it cannot be told."""
        seen = request.tumour or TumourView(gtv_cm3, self._crop(request).gtv_cm3, 0.5)
        asked = replace(request, tumour=seen)
        none = np.broadcast_to(np.float32(0.0), (3, *here.shape))
        if self._mechanistic.domain(asked) is not None:
            return none
        moved = self._mechanistic.displacement(asked)
        return none if moved is None else _overlaid(moved[0], moved[1], here)


def _share(share: np.ndarray, crop: Crop, wanted_cm3: float) -> np.ndarray:
    """(z, y, x) float32: the share of tumour with the volume wanted and an edge as sharp as the scanner's.

    Which voxels it takes follows from the Translator's own share; where that is level, from how near they are to it.
    """
    from scipy.ndimage import gaussian_filter

    before, voxel_cm3 = crop.occupancy, crop.grid.voxel_cm3
    if wanted_cm3 < 0.5 * voxel_cm3:
        return np.zeros_like(share)
    sure = np.clip(share, _LEAST_SHARE, 1.0 - _LEAST_SHARE)
    near = gaussian_filter(share, 2.0) + 1e-3 * gaussian_filter(before, 4.0)
    score = gaussian_filter(np.log(sure / (1.0 - sure)), 0.5) + near
    score = without_crumbs(score, before > 0.5, wanted_cm3, voxel_cm3)
    border = border_mm(score, level(score, wanted_cm3, voxel_cm3), crop.grid.spacing_mm)
    return tumour_share(border, wanted_cm3, voxel_cm3)


def _mask(drawn: _Drawn, here: Geometry) -> tuple[np.ndarray, float]:
    """The tumour on a grid, of the volume that it was to have, and that volume in cm3.

    Which voxels it takes follows from the Translator's occupancy; where that is level, from how near they are to it.
    """
    from scipy.ndimage import gaussian_filter

    occupancy, before = drawn.occupancy, drawn.crop.occupancy
    # Distances in voxels; weights so small that they only order what is level.
    near = gaussian_filter(occupancy, 2.0) + 1e-3 * gaussian_filter(before, 4.0)
    grid = drawn.crop.grid
    share = sampled(Volume(grid, occupancy, "MASK", "1"), here)
    wanted = float(share.sum(dtype=np.float64)) * here.voxel_cm3 if drawn.gtv_cm3 is None else drawn.gtv_cm3
    if wanted < 0.5 * here.voxel_cm3:
        return np.zeros(here.shape, dtype=bool), 0.0
    score = share + np.float32(1e-3) * sampled(Volume(grid, near, "MASK", "1"), here)
    first = sampled(Volume(grid, before, "MASK", "1"), here) > 0.5
    score = without_crumbs(score, first, wanted, here.voxel_cm3)
    inside = score > level(score, wanted, here.voxel_cm3)
    held = float(np.count_nonzero(inside)) * here.voxel_cm3
    return inside, wanted if abs(held - wanted) <= max(0.03 * wanted, 0.1) else held


def _injury(request: TreatmentRequest, drawn: _Drawn, gtv: np.ndarray, here: Geometry) -> np.ndarray:
    """(z, y, x) uint8: irradiated lung outside the tumour that became denser."""
    from scipy.ndimage import gaussian_filter

    lungs = [n for n in ("Lung_L", "Lung_R") if n in request.structures]
    if request.eqd2_since is None or not lungs:
        return np.zeros(here.shape, np.uint8)
    rise = gaussian_filter(drawn.change_hu, _INJURY_MM / 2 / SPACING_MM)
    denser = sampled(Volume(drawn.crop.grid, rise, "CT", "HU"), here) > LABEL_HU
    lung = np.zeros(here.shape, dtype=bool)
    for name in lungs:
        lung |= sampled(request.structures[name].mask, here) > 0.5
    return (denser & lung & ~gtv & (sampled(request.eqd2_since, here) > THRESHOLD_GY)).astype(np.uint8)


def _overlaid(geometry: Geometry, shift_mm: np.ndarray, here: Geometry) -> np.ndarray:
    """(3, z, y, x) displacement on another crop of the same scan, 0 where it is not known."""
    out = np.zeros((3, *here.shape), dtype=np.float32)
    offset = np.rint(here.index(geometry.origin_mm)).astype(int)
    into, source = [slice(None)], [slice(None)]
    for start, n, size in zip(offset, geometry.shape, here.shape, strict=True):
        low, high = max(start, 0), max(min(start + n, size), start, 0)
        into.append(slice(low, high))
        source.append(slice(low - start, high - start))
    out[tuple(into)] = shift_mm[tuple(source)]
    return out


def _taper(shape: tuple[int, ...]) -> np.ndarray:
    """(z, y, x) float32: 1 inside the crop, falling to 0 at its border."""
    edges = [
        np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) * (SPACING_MM / _TAPER_MM), 0, 1).astype(
            np.float32
        )
        for n in shape
    ]
    return edges[0][:, None, None] * edges[1][:, None] * edges[2]
