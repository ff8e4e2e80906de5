"""How much memory a request takes, estimated before it begins: what would take too much is refused with the estimate.

The estimates lie above what was measured on the in-silico patient of seed 7, by up to a factor of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.plans.scenario import Scenario
from scenarios.records.request import Request
from simulators.dose.approximate import SBRT_GY
from simulators.treatment.starts import starts
from twin import PatientTwin
from twin.inputs.memory import MOST_GB, afford

_PROGRAM_GB = 0.5  # with all its libraries
_CURVE_BYTES = 150  # of a sample's volume on one day: arrays, a table's row, and what they are made from
_SAMPLE_BYTES = 60_000  # of one organ's dose
_POLICY_BYTES = 150_000  # of one sample on treatment under a policy
_FOLLOW_UP_MM = 130.0  # by how much the region of a follow-up that changes is wider than the tumour
_FOLLOW_UPS_AT_ONCE = 8
_BATCH = 64  # patients of a study: some 40 MB with three plans and 200 samples
_WEEK_BYTES = 60  # of a sample's volume in one week
_STUDY_SAMPLE_BYTES = 3000  # of a sample's outcomes
_BINS_BYTES = 33_000  # of a day: how many volumes of one plan fall into each bin
_DAY_BYTES, _PATIENT_DAY_BYTES = 24, 22  # of a patient's day: while it is counted, and in each plan's tables
_REFERRED_BYTES = 40_000  # of one patient of a clinic, with all his visits
_REFERRED_SAMPLE_BYTES = 100
DAYS_KEPT = 64  # days of which a policy that looks at images keeps what was made
_DAY_COARSE_BYTES = 14  # of such a day: a CT of 2 bytes, what beams pass, its dose, a displacement
_LOOK_GB = 0.6  # a network with its libraries, and a scan in the making
_GRID_MM = 4.0  # of doses, and of what the scanners named below make
_FINE_DOSE_MM = 2.0  # of stereotactic fluence plans
_COARSE = {"pet", "cbct", "radiograph"}  # all others may make images of as many voxels as the CT has


@dataclass(frozen=True)
class Size:
    """What of a patient decides how large his images are.

    Args:
        voxels: of the baseline CT.
        voxel_mm3: volume of one.
        gtv_cm3: tumour volume, cm3.
        whole: follow-ups may start from later CTs, of which nothing is as on the baseline.
    """

    voxels: int
    voxel_mm3: float
    gtv_cm3: float
    whole: bool = False

    @classmethod
    def of(cls, twin: PatientTwin) -> Size:
        """Of a twin.

        Raises:
            InputError: it has no CT, or no tumour on it.
        """
        geometry = twin.baseline.volume.geometry
        return cls(
            int(np.prod(geometry.shape)), 1000 * geometry.voxel_cm3, twin.gtv_cm3, len(starts(twin)) > 1
        )

    @property
    def follow_up_voxels(self) -> float:
        """Of the part of the CT that a follow-up keeps."""
        across_mm = (6000 * self.gtv_cm3 / np.pi) ** (1 / 3) + _FOLLOW_UP_MM
        return min(across_mm**3 / self.voxel_mm3, self.voxels)

    @property
    def coarse_voxels(self) -> float:
        """Of a dose or a scan on the whole patient."""
        return self.voxels * min(1.0, self.voxel_mm3 / _GRID_MM**3)


def comparison_gb(
    size: Size, scenarios: Sequence[Scenario], request: Request, images: Sequence[int]
) -> float:
    """Peak memory of a comparison, GB.

    Args:
        size: of the patient.
        scenarios: what is compared.
        request: how far, and for how many samples.
        images: follow-ups of each scenario.
    """
    policies = sum(s.policy is not None for s in scenarios)
    curves = len(scenarios) * request.samples * (request.days + 1) * _CURVE_BYTES
    patients = request.samples * (_SAMPLE_BYTES + policies * _POLICY_BYTES)
    fine = sum(name not in _COARSE for name in request.scanners)
    coarse = len(request.scanners) - fine + _dose_grids(scenarios, request)
    follow_up = size.voxels if size.whole else size.follow_up_voxels
    kept = 4 * (follow_up + coarse * size.coarse_voxels + fine * size.voxels)
    made = 30 * size.follow_up_voxels + 8 * size.coarse_voxels
    follow_ups = sum(images) * min(request.image_samples, request.samples)
    pictures = follow_ups * kept + min(follow_ups, _FOLLOW_UPS_AT_ONCE) * made
    looks = _looks_gb(size, scenarios, request)
    return _PROGRAM_GB + looks + (8 * size.voxels + curves + patients + pictures) / 1e9


def _looks_gb(size: Size, scenarios: Sequence[Scenario], request: Request) -> float:
    """What policies that look at images keep, and what making an image takes, GB."""
    if not any(s.policy is not None and s.policy.pixels for s in scenarios):
        return 0.0
    coarse = _DAY_COARSE_BYTES * size.coarse_voxels * _dose_grids(scenarios, request)
    return _LOOK_GB + (DAYS_KEPT * coarse + 12 * size.voxels + 60 * size.follow_up_voxels) / 1e9


def _dose_grids(scenarios: Sequence[Scenario], request: Request) -> float:
    """The voxels of a dose, in grids of 4 mm."""
    stereotactic = any(s.plan.total_gy and s.plan.largest_fraction_gy >= SBRT_GY for s in scenarios)
    return (_GRID_MM / _FINE_DOSE_MM) ** 3 if stereotactic and request.dose == "fluence" else 1.0


def afford_comparison(
    size: Size, scenarios: Sequence[Scenario], request: Request, images: Sequence[int]
) -> None:
    """Refuse a comparison that would take too much memory.

    Args:
        size, scenarios, request, images: as in `comparison_gb`.

    Raises:
        InputError: it would.
    """
    gb = comparison_gb(size, scenarios, request, images)
    afford(gb, "this comparison", "samples, days, plans or images")


def batch_size(plans: int, samples: int, days: float, patients: int) -> int:
    """How many patients of a study are simulated together, so that their arrays stay small.

    Args:
        plans: how many.
        samples: of each patient's belief.
        days: how far the study looks.
        patients: of a part, whose tables are made together.

    Raises:
        InputError: even one patient at a time would take too much memory.
    """
    one = plans * (samples + 1) * (days / 7 * _WEEK_BYTES + _STUDY_SAMPLE_BYTES)
    part = days * (_BINS_BYTES + patients * (_DAY_BYTES + plans * _PATIENT_DAY_BYTES))
    afford(_PROGRAM_GB + (one + part) / 1e9, "this study", "samples, days or plans")
    left = (MOST_GB - _PROGRAM_GB) * 1e9 - part
    return max(1, min(_BATCH, int(left / 2 / one)))


def afford_clinic(patients: float, samples: int) -> None:
    """Refuse a department that would take too much memory.

    Args:
        patients: who will be referred.
        samples: of the tumour's parameters.

    Raises:
        InputError: it would.
    """
    gb = patients * (_REFERRED_BYTES + samples * _REFERRED_SAMPLE_BYTES) / 1e9
    afford(_PROGRAM_GB + gb, "this clinic", "days, patients a year or samples")
