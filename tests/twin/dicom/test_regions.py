"""Contours whose planes are not the image's: volumes, places and doses are those of what was drawn."""

import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulators.dose.dvh import dvh
from twin import import_patient

ANGLE = np.linspace(0.0, 2 * np.pi, 90, endpoint=False)
MIDDLE = np.array([1.0, -3.0, 140.0])
EXTENT_MM = 72.0


def ball(radius, plane_mm, phase):
    """Flat ContourData of a ball's sections."""
    found = []
    for h in np.arange(-radius + phase * plane_mm, radius, plane_mm):
        r = np.sqrt(radius**2 - h * h)
        ring = np.column_stack([r * np.cos(ANGLE), r * np.sin(ANGLE), np.full_like(ANGLE, h)]) + MIDDLE
        found.append(np.round(ring, 3).ravel().tolist())
    return found


def study(folder, make, slice_mm, offset_mm, pixel_mm, contours, extra=()):
    """A CT around the ball with any slices, an RTSTRUCT, and a dose of three slopes with 50 Gy in the middle."""
    n = int(EXTENT_MM / pixel_mm)
    first = MIDDLE - np.array([pixel_mm * (n - 1) / 2, pixel_mm * (n - 1) / 2, EXTENT_MM / 2 - offset_mm])
    for k in range(int(EXTENT_MM / slice_mm)):
        data = make.ct_slice(k, np.full((n, n), 40, np.int16))
        data.PixelSpacing, data.SliceThickness = [pixel_mm, pixel_mm], slice_mm
        data.ImagePositionPatient = [*first[:2].tolist(), float(first[2] + k * slice_mm)]
        pydicom.dcmwrite(folder / f"ct{k:03d}.dcm", data)
    pydicom.dcmwrite(folder / "rs.dcm", make.rtstruct({"GTV": contours, **dict(extra)}))
    z, y, x = np.indices((22, 22, 22)) * 4.0 - 42.0
    dose = make.dose_file(
        50 + 0.1 * x + 0.05 * y + 0.2 * z,
        ImagePositionPatient=(MIDDLE - 42.0).tolist(),
        PixelSpacing=[4.0, 4.0],
        GridFrameOffsetVector=[4.0 * k for k in range(22)],
    )
    pydicom.dcmwrite(folder / "dose.dcm", dose)
    pydicom.dcmwrite(folder / "plan.dcm", make.plan_file(60.0))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    radius=st.floats(15, 25),
    plane_mm=st.floats(0.8, 4.0),
    phase=st.floats(0.05, 0.95),
    slice_mm=st.sampled_from([1.25, 2.0, 3.0, 5.0, 6.0]),
    offset_mm=st.floats(0.0, 3.0),
    seed=st.integers(0, 99),
    twice=st.booleans(),
)
def test_volume_place_and_dose_do_not_depend_on_the_slices(
    make, radius, plane_mm, phase, slice_mm, offset_mm, seed, twice
):
    contours = ball(radius, plane_mm, phase) * (1 + twice)
    np.random.default_rng(seed).shuffle(contours)
    with tempfile.TemporaryDirectory() as folder:
        study(Path(folder), make, slice_mm, offset_mm, 2.0, contours)
        twin = import_patient(folder)
    true_cm3 = 4 / 3 * np.pi * radius**3 / 1000
    assert twin.gtv_cm3 == pytest.approx(true_cm3, rel=0.02)
    mask = twin.contours["GTVp"].mask
    middle = mask.geometry.lps(np.argwhere(mask.array)).mean(axis=0)
    assert (np.abs(middle - MIDDLE) <= np.array([1.0, 1.0, max(slice_mm, plane_mm) / 2])).all()
    curve = dvh(twin.doses["60/30"].volume, twin.contours, "GTVp")
    assert curve.volume_cm3 == pytest.approx(true_cm3, rel=0.02)
    assert curve.mean_gy == pytest.approx(50.0, abs=0.2 * plane_mm / 2 + 0.05)
    along = (
        np.linalg.norm([0.1, 0.05, 0.2]) * radius
    )  # a ball in a linear dose: D50 is the middle, ends are known
    assert curve.d(50) == pytest.approx(50.0, abs=0.5)
    assert curve.max_gy == pytest.approx(50.0 + along, abs=0.6)
    assert curve.min_gy == pytest.approx(50.0 - along, abs=0.6)


def test_what_contours_leave_open_is_said(make, tmp_path):
    far = [c for c in ball(20.0, 2.0, 0.5) if abs(c[2] - 140.0) > 9.0]
    wide = ball(33.0, 11.0, 0.5)
    tilted = np.array(ball(12.0, 3.0, 0.5)[3]).reshape(-1, 3)
    tilted[:, 2] += 0.3 * tilted[:, 0]
    extra = {
        "PTV": ball(4.0, 3.0, 0.5),
        "Heart": far,
        "Liver": wide,
        "Stomach": [tilted.ravel().tolist()],
        "Line": [[0.0, 0.0, 140.0, 5.0, 0.0, 140.0, 9.0, 0.0, 140.0]],
    }
    study(tmp_path, make, 3.0, 0.0, 2.0, ball(20.0, 6.0, 0.4), extra.items())
    twin = import_patient(tmp_path)
    said = " | ".join(twin.notes)
    assert "GTV is drawn on 7 planes 6 mm apart: 33.5 cm3, give or take 1.9" in said
    assert "PTV is drawn on" in said
    assert "Heart has no contours from z 129 to 151 mm; nothing was put between them" in said
    assert "the contours of Liver lie up to 11 mm apart; its shape between them is interpolated" in said
    assert "Stomach was left out: a contour is not drawn in the planes of the scan" in said
    assert "Line was left out: its contours enclose nothing on the scan" in said
    heart = twin.contours["Heart"]
    assert heart.cm3 == pytest.approx(2 * np.pi * 10**2 * (60 - 10) / 3 / 1000, rel=0.05)  # two caps
    assert twin.contours["Liver"].cm3 == pytest.approx(4 / 3 * np.pi * 33**3 / 1000, rel=0.01)
