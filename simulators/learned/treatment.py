"""A learned virtual treatment: a network of the task `follow-up` on patients."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from models.batch import Batch, joined
from models.data.noise import volume_noise
from models.data.stack import stack
from simulators.core.treatment import FollowUp, TreatmentRequest
from simulators.learned.weights import FOLLOW_UP, network
from simulators.tasks.crop import VECTOR, Crop, outside
from simulators.tasks.placing import Draft, aimed, corrected, placed
from simulators.treatment.mechanistic import MechanisticTreatment
from twin import InputError

if TYPE_CHECKING:
    from models.family import Family

_KEPT_SCANS = 4
_GPU_REQUESTS = 8  # whose slices are one batch there
_CPU_REQUESTS = 2  # made side by side there, a thread each: a small network uses two cores badly
_RELATIVE = VECTOR.index("relative_gtv")


@dataclass(frozen=True, eq=False)
class LearnedTreatment:
    """A `VirtualTreatment` whose pixels come from a network.

    The network sees a tumour-centred crop at 2 mm, slice by slice with the slices around it, and corrects a draft:
    the mechanistic follow-up. Only the change is brought back to the patient's grid, so that the scan's own detail is
    kept and the crop leaves no seam; of the scan's grain, what the network smoothed away is given back. There its
    layers, tissue and tumour, are laid over one another where the tumour of the volume wanted ends, with an edge as
    sharp as the scan's, so that image and mask agree.

    With `request.tumour` the relative volume guides it; without, it draws one of its own. Either way the mask has
    that volume. The tissue's displacement is the draft's.

    Args:
        name: of the generator.
        family: the network.
        version: of its weights.
        limits: its domain (`simulators.tasks.crop.domain_of`).
        grain: whether the scan's grain is given back.
        steps: network evaluations of an image, in place of the family's own.
        device: on which it runs.
    """

    name: str
    family: Family
    version: str = "1"
    limits: Mapping[str, Sequence[float]] = field(default_factory=dict)
    grain: bool = True
    steps: int | None = None
    device: str = "cpu"
    _crops: OrderedDict[tuple[int, int], tuple[TreatmentRequest, Crop]] = field(default_factory=OrderedDict)
    _mechanistic: MechanisticTreatment = field(default_factory=MechanisticTreatment)
    _drafting: Lock = field(default_factory=Lock)

    def domain(self, request: TreatmentRequest) -> str | None:
        """Outside lie what no draft can be made of, a tumour that exceeds the crop, and conditions not learned from."""
        try:
            crop = self._crop(request)
        except InputError as error:
            return str(error)
        if crop.exceeds:
            return "the tumour with 30 mm around it exceeds the crop"
        undrawn = self._mechanistic.domain(request)
        if undrawn is not None:
            return undrawn
        return outside(crop.vector(request), self.limits)

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, in order; each depends on its own request only."""
        if self.device == "cpu":
            return self._side_by_side(requests)
        groups = [requests[i : i + _GPU_REQUESTS] for i in range(0, len(requests), _GPU_REQUESTS)]
        return [f for group in groups for f in self._made(group)]

    def volumes_cm3(self, request: TreatmentRequest, n: int) -> np.ndarray:
        """(n,) volumes that samples 0 to n - 1 of a request would have, without drawing them, cm3.

        A network that knows no relative volume only shows it in its images; its volumes are nan here.
        """
        import torch

        crop, channels = self._crop(request), self.family.noise_channels
        vector = torch.from_numpy(crop.vector(request)).expand(n, -1)
        chances = [request.key.at(sample=s).generator() for s in range(n)]
        noise = torch.from_numpy(np.concatenate([volume_noise(c, channels, (1, 1, 1)) for c in chances]))
        drawn = self.family.guided(Batch(noise, vector, noise).to(self.device)).vector
        return drawn[:, _RELATIVE].double().cpu().numpy() * crop.gtv_cm3

    def _side_by_side(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, each made by one thread: several at a time where there are cores for them."""
        import torch

        threads = torch.get_num_threads()
        pool = ThreadPoolExecutor(
            min(_CPU_REQUESTS, threads), initializer=torch.set_num_threads, initargs=(1,)
        )
        try:
            with pool:
                return [f for made in pool.map(lambda r: self._made([r]), requests) for f in made]
        finally:
            torch.set_num_threads(threads)  # threads that start later take the number that was last set

    def _made(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        import torch

        with self._drafting:  # drafts share what is kept of a patient, and their kernels all cores
            batches, drafts = zip(*map(self._encoded, requests), strict=True)
        with torch.inference_mode():
            layers = self.family.layers(joined(batches).to(self.device), self.steps).float().cpu().numpy()
        parts = np.split(layers, np.cumsum([len(b) for b in batches])[:-1])
        drawn = [
            corrected(part.swapaxes(0, 1), draft, self._drafted, self.grain)
            for part, draft in zip(parts, drafts, strict=True)
        ]
        return [placed(r, d, f"{self.name} {self.version}") for r, d in zip(requests, drawn, strict=True)]

    @property
    def _drafted(self) -> bool:
        """Whether the network begins with the draft rather than with the scan."""
        return self.family.head.begins[0] != self.family.task.index("ct")

    def _crop(self, request: TreatmentRequest) -> Crop:
        address = (id(request.scan), id(request.structures))
        if address not in self._crops:
            # The request is kept with it: an address is another scan's once its own is gone.
            self._crops[address] = (request, Crop.of(request.scan, request.structures))
            if len(self._crops) > _KEPT_SCANS:
                self._crops.popitem(last=False)
        self._crops.move_to_end(address)
        return self._crops[address][1]

    def _encoded(self, request: TreatmentRequest) -> tuple[Batch, Draft]:
        """All slices of the crop, and the draft that they begin with."""
        import torch

        crop, family = self._crop(request), self.family
        noise = torch.from_numpy(
            volume_noise(request.key.generator(), family.noise_channels, crop.grid.shape)
        )
        told = Batch(noise[:1], torch.from_numpy(crop.vector(request))[None], noise[:1])
        # Once for the volume, so that all its slices aim at one response.
        vector = family.guided(told.to(self.device)).vector.cpu()
        relative = float(vector[0, _RELATIVE])
        followup, layers = self._mechanistic.drafted(aimed(request, crop, relative))
        on_crop = crop.draft(request.scan.volume, layers)
        volume = torch.from_numpy(crop.channels(request.eqd2_since, on_crop))
        source = stack(volume, family.task.source, family.slices)
        wanted = relative * crop.gtv_cm3 if np.isfinite(relative) else None
        draft = Draft(crop, followup, layers, on_crop, wanted)
        return Batch(source, vector.expand(len(source), -1), noise), draft


def learned_treatment(name: str) -> LearnedTreatment:
    """The learned virtual treatment of a name, or of a folder of weights.

    Args:
        name: of weights of the task `follow-up`, or a folder's path.

    Raises:
        InputError: there are no such weights, or the libraries that they need are not installed.
    """
    found = network(name, FOLLOW_UP)
    return LearnedTreatment(
        found.weights.name, found.family, found.version, found.facts.get("domain", {}), device=found.device
    )
