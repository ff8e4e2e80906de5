"""MR: one file a slice, in arbitrary units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset

from twin.export.objects import About, Origin, Series, SliceKind, decimal, write_slices
from twin.volume import Volume

_STEPS = 32_767
_BRIGHT = 0.995  # quantile that is shown white
_SEQUENCES = {  # ScanningSequence and SequenceVariant by what a scanner calls its sequence; T1 is made in three ways
    "t2": ("SE", "SK"),
    "flair": (["SE", "IR"], "SK"),
}


def write(part: Path, volume: Volume, origin: Origin, about: About) -> Series:
    """Write an MR image.

    Args:
        part: an existing folder.
        volume: not negative, right-handed axes.
        origin: where it comes from.
        about: the scan; its options `sequence` and `field` say how it was taken.

    Raises:
        InputError: the volume's axes are left-handed.
    """
    values = np.maximum(volume.array, 0.0)
    slope = decimal(max(float(values.max()), 1e-3) / _STEPS * (1.0 + 1e-6))
    stored = np.minimum(np.rint(values / float(slope)), _STEPS).astype(np.int16)
    bright = max(float(np.quantile(values, _BRIGHT)), 1e-3)
    sequence = str(about.options.get("sequence", ""))
    scanning, variant = _SEQUENCES.get(sequence, ("RM", "NONE"))

    def fill(data: Dataset, number: int) -> None:
        del number
        data.ScanningSequence, data.SequenceVariant = scanning, variant
        data.ScanOptions, data.MRAcquisitionType = "", "2D"
        data.RepetitionTime, data.EchoTime, data.EchoTrainLength = None, None, None
        if "IR" in scanning:
            data.InversionTime = None
        if "field" in about.options:
            data.MagneticFieldStrength = decimal(float(about.options["field"]))
        if sequence:
            data.ProtocolName = sequence.upper()
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, slope, "US"
        data.WindowCenter, data.WindowWidth = decimal(bright / 2.0), decimal(bright)

    kind = SliceKind("mr", uid.MRImageStorage, "MR", ("OTHER",), fill)
    return write_slices(part, stored, volume.geometry, origin, kind, about)
