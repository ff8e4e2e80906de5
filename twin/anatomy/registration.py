"""Rigid registration of a scan to the baseline's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK

from twin.anatomy.coarse import Coarse
from twin.volume import Volume

_SPACING_MM = 4.0
_SEED = 7
_BINS = 48
_LEAST_VOXELS = 1000
POOR_SIMILARITY = 1.08


@dataclass(frozen=True, eq=False)
class Rigid:
    """A rigid motion and how well it fits.

    Args:
        matrix: (4, 4) from the scan's LPS mm to the baseline's.
        similarity: normalised mutual information after it, 1 (none) to 2 (the same image).
    """

    matrix: np.ndarray
    similarity: float

    @property
    def shift_mm(self) -> float:
        """How far the scan's frame moves at its origin, mm."""
        return float(np.linalg.norm(self.matrix[:3, 3]))

    @property
    def turn_deg(self) -> float:
        """The angle of its rotation, degrees."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.matrix[:3, :3]) - 1) / 2, -1, 1))))


def register(moving: Volume, fixed: Volume) -> Rigid:
    """The rigid motion that lays one scan of a patient on another.

    Mattes mutual information over a tenth of the voxels, drawn with a fixed seed, at 16, 8 and 4 mm; one
    thread, so that the result is the same everywhere.

    Args:
        moving: the scan to be moved; any modality.
        fixed: the baseline.
    """
    target, source = _image(fixed), _image(moving)
    method = SimpleITK.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, _SEED)
    method.SetInterpolator(SimpleITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=1e-3, numberOfIterations=150, relaxationFactor=0.7
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([8.0, 4.0, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    start = _start(method, target, source)
    method.SetInitialTransform(start)
    try:
        found = SimpleITK.Euler3DTransform(method.Execute(target, source).Downcast())
    except RuntimeError:  # too small or too little overlap: the guess stays, and its similarity tells
        found = start
    matrix = np.linalg.inv(_matrix(found))
    return Rigid(matrix, similarity(fixed, moving, matrix))


def _image(volume: Volume) -> SimpleITK.Image:
    coarse = Coarse.of(volume, _SPACING_MM)
    image = SimpleITK.GetImageFromArray(np.asarray(coarse.hu, dtype=np.float32))
    image.SetSpacing(coarse.geometry.spacing_mm[::-1])
    image.SetOrigin(coarse.geometry.origin_mm)
    image.SetDirection(coarse.geometry.direction)
    return image


def _start(
    method: SimpleITK.ImageRegistrationMethod, target: SimpleITK.Image, source: SimpleITK.Image
) -> SimpleITK.Euler3DTransform:
    """The best of three first guesses: frames that agree, grids with one centre, masses with one centre."""
    middle = [target.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in target.GetSize()])]
    stay = SimpleITK.Euler3DTransform()
    stay.SetCenter(middle[0])
    guesses = [stay]
    for kind in ("GEOMETRY", "MOMENTS"):
        body = [SimpleITK.Clamp(i, lowerBound=-1000.0) + 1000.0 for i in (target, source)]
        option = getattr(SimpleITK.CenteredTransformInitializerFilter, kind)
        try:
            found = SimpleITK.CenteredTransformInitializer(
                body[0], body[1], SimpleITK.Euler3DTransform(), option
            )
        except RuntimeError:  # an image of air has no mass
            continue
        guesses.append(SimpleITK.Euler3DTransform(found.Downcast()))
    return min(guesses, key=lambda g: _metric(method, g, target, source))


def _metric(
    method: SimpleITK.ImageRegistrationMethod,
    guess: SimpleITK.Transform,
    target: SimpleITK.Image,
    source: SimpleITK.Image,
) -> float:
    method.SetInitialTransform(guess)
    try:
        return float(method.MetricEvaluate(target, source))
    except RuntimeError:  # no overlap at all
        return 0.0


def _matrix(transform: SimpleITK.Euler3DTransform) -> np.ndarray:
    """(4, 4) of a centred Euler transform."""
    rotation = np.asarray(transform.GetMatrix()).reshape(3, 3)
    centre = np.asarray(transform.GetCenter())
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.asarray(transform.GetTranslation()) + centre - rotation @ centre
    return matrix


def similarity(fixed: Volume, moving: Volume, matrix: np.ndarray) -> float:
    """Normalised mutual information (H(A) + H(B)) / H(A, B) where both images are (Studholme 1999).

    Args:
        fixed: the baseline.
        moving: the other scan.
        matrix: (4, 4) from its LPS mm to the baseline's.

    Returns:
        1 for independent images to 2 for equal ones; 1 where they do not overlap.
    """
    coarse = Coarse.of(fixed, _SPACING_MM)
    placed = Volume(moving.geometry.moved(matrix), moving.source, moving.modality, moving.unit)
    other = placed.on(coarse.geometry, fill=np.nan)
    both = np.isfinite(other)
    return mutual_information(coarse.hu[both], other[both])


def mutual_information(first: np.ndarray, second: np.ndarray) -> float:
    """Normalised mutual information of two images, 1 (none) to 2 (the same image); 1 of few voxels.

    Args:
        first: (n,) values.
        second: (n,) values of the other image in the same places.
    """
    if len(first) < _LEAST_VOXELS:
        return 1.0
    bins = int(np.clip((len(first) / 50) ** 0.5, 4, _BINS))  # fewer would make independent images look alike
    joint, _, _ = np.histogram2d(_ranked(first), _ranked(second), bins=bins)
    share = joint / joint.sum()
    return float((_entropy(share.sum(axis=0)) + _entropy(share.sum(axis=1))) / _entropy(share.ravel()))


def _ranked(values: np.ndarray) -> np.ndarray:
    """Values cut at their 0.5 and 99.5 percent points, so that metal does not fill all bins."""
    low, high = np.percentile(values, [0.5, 99.5])
    return np.clip(values, low, max(high, low + 1e-6))


def _entropy(share: np.ndarray) -> float:
    positive = share[share > 0]
    return float(-(positive * np.log(positive)).sum()) or 1e-12
