"""Margins around the GTV."""

import numpy as np
import pytest

from simulators.dose.targets import breathing_phases, ctv_margin_mm, motion_words, targets
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume


def ball(geometry, centre_mm, radius_mm):
    z, y, x = (np.arange(n) * s for n, s in zip(geometry.shape, geometry.spacing_mm, strict=True))
    cx, cy, cz = centre_mm
    return (z[:, None, None] - cz) ** 2 + (y[:, None] - cy) ** 2 + (x - cx) ** 2 <= radius_mm**2


@pytest.fixture(scope="module")
def patient():
    geometry = Geometry((40, 90, 90), (3.0, 1.5, 1.5))
    hu = np.full(geometry.shape, -800, np.int16)
    hu[:, :, :30] = 400  # bone up to x = 44 mm
    gtv = ball(geometry, (66, 66, 60), 15)
    body = np.ones(geometry.shape, bool)
    body[:, 60:] = False  # the body ends at y = 90 mm, 9 mm beyond the GTV
    structures = StructureSet(geometry, ()).with_mask("GTVp", "GTV", gtv).with_mask("Body", "EXTERNAL", body)
    return Scan("ct", 0.0, Volume(geometry, hu, "CT", "HU")), structures


def reach_mm(mask, axis, spacing):
    filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
    return filled[0] * spacing, filled[-1] * spacing


def test_squamous_takes_6_mm_adenocarcinoma_8_and_unknown_8_then_7_more(patient):
    scan, structures = patient
    for histology, margin in (("squamous", 6), ("adenocarcinoma", 8), (None, 8), ("nos", 8)):
        assert ctv_margin_mm(histology) == margin
        made = targets(scan, structures, sbrt=False, histology=histology)
        assert made.names == ("CTV", "PTV")
        assert all(s.estimated for s in made)
        # GTV: x from 51 to 81 mm. Margins count whole voxels of 1.5 mm whose centre lies within them.
        assert reach_mm(made.mask("CTV"), 2, 1.5)[1] == 81 + 1.5 * (margin // 1.5)
        assert reach_mm(made.mask("PTV"), 2, 1.5)[1] == 81 + 1.5 * (margin // 1.5) + 6.0
        assert made["PTV"].role == "PTV"


def test_the_ctv_stays_out_of_bone_and_the_ptv_only_inside_the_body(patient):
    scan, structures = patient
    made = targets(scan, structures, sbrt=False, histology="adenocarcinoma")
    assert reach_mm(made.mask("CTV"), 2, 1.5)[0] == 45.0  # 43 mm without the bone
    assert reach_mm(made.mask("PTV"), 2, 1.5)[0] == 39.0
    assert reach_mm(made.mask("PTV"), 1, 1.5)[1] == 88.5


def test_sbrt_adds_5_mm_to_the_itv_and_no_ctv(patient):
    scan, structures = patient
    made = targets(scan, structures, sbrt=True, histology="adenocarcinoma")
    assert made.names == ("ITV", "PTV")
    np.testing.assert_array_equal(made.mask("ITV"), structures.gtv())
    assert reach_mm(made.mask("PTV"), 2, 1.5) == (51 - 4.5, 81 + 4.5)
    assert reach_mm(made.mask("PTV"), 0, 3.0) == (45 - 3, 75 + 3)


def test_nodes_that_are_gtv_get_the_margins_too(patient):
    scan, structures = patient
    node = ball(structures.geometry, (100, 30, 30), 5)
    made = targets(scan, structures.with_mask("GTVn", "GTV", node), sbrt=False)
    assert (made.mask("CTV") & node).sum() == node.sum()
    assert reach_mm(made.mask("PTV"), 2, 1.5)[1] == 105 + 7.5 + 6


def test_no_gtv_is_said(patient):
    scan, structures = patient
    with pytest.raises(InputError, match="no GTV"):
        targets(scan, StructureSet(structures.geometry, ()), sbrt=False)


def test_the_real_patient_s_ptv_is_what_another_library_grows(lung_twin):
    import SimpleITK as sitk

    scan, structures = lung_twin.baseline, lung_twin.contours
    made = targets(scan, structures, sbrt=True)
    box = structures.box(made["PTV"])
    gtv = sitk.GetImageFromArray(structures.gtv()[box].astype(np.uint8))
    gtv.SetSpacing(scan.volume.geometry.spacing_mm[::-1])
    far = sitk.SignedMaurerDistanceMap(gtv, squaredDistance=False, useImageSpacing=True)
    grown = sitk.GetArrayFromImage(far) <= 5.0
    ours = made["PTV"].mask.array.astype(bool)
    body = structures.mask("Body")[box]
    # SimpleITK measures from the border voxels' centres, as we do.
    assert np.count_nonzero(ours ^ (grown & body)) < 0.005 * ours.sum()


def test_the_real_patient_s_volumes_nest(lung_twin):
    made = targets(lung_twin.baseline, lung_twin.contours, sbrt=False, histology="squamous")
    assert not (lung_twin.contours.gtv() & ~made.mask("CTV")).any()
    assert not (made.mask("CTV") & ~made.mask("PTV")).any()


def _moved(twin, mask, shift, name):
    """The twin with one more CT of its day, on which the GTV lies `shift` voxels lower."""
    grid = twin.contours.geometry
    ct = Scan(name, twin.baseline.time_days, twin.baseline.volume)
    drawn = StructureSet(grid, ()).with_mask("GTVp", "GTV", np.roll(mask, -shift, axis=0))
    return twin.fork(scans=(*twin.scans, ct), structures=(*twin.structures, drawn))


def test_the_itv_is_the_union_over_the_phases_of_the_same_day():
    grid = Geometry((30, 40, 40), (3.0, 2.0, 2.0))
    gtv = np.zeros(grid.shape, bool)
    gtv[14:18, 18:22, 18:22] = True
    ct = Scan("CT", 0.0, Volume(grid, np.zeros(grid.shape, np.int16), "CT", "HU"))
    drawn = StructureSet(grid, ()).with_mask("GTVp", "GTV", gtv)
    twin = PatientTwin("P-1", scans=(ct,), structures=(drawn,))
    assert not breathing_phases(twin)
    still = targets(ct, drawn, sbrt=True)
    assert "is ignored" in motion_words(still)
    later = StructureSet(grid, (), 9.0).with_mask("GTVp", "GTV", np.roll(gtv, 5, axis=0))
    twin = _moved(_moved(twin, gtv, 2, "CT 2"), gtv, 4, "CT 3")
    twin = twin.fork(structures=(*twin.structures, later))  # of another day: no phase
    phases = breathing_phases(twin)
    assert len(phases) == 2
    moving = targets(ct, drawn, sbrt=True, phases=phases)
    np.testing.assert_array_equal(np.flatnonzero(moving.mask("ITV").any(axis=(1, 2))), np.arange(10, 18))
    assert (still.mask("PTV") & ~moving.mask("PTV")).sum() == 0
    assert motion_words(moving) == "the ITV is the union of the GTV over 3 phases"
    conventional = targets(ct, drawn, sbrt=False, phases=phases)
    assert (conventional.mask("ITV") & ~conventional.mask("CTV")).sum() == 0


def test_an_itv_that_was_drawn_is_taken():
    grid = Geometry((30, 40, 40), (3.0, 2.0, 2.0))
    gtv, itv = np.zeros((2, *grid.shape), bool)
    gtv[14:18, 18:22, 18:22] = itv[10:20, 18:22, 18:22] = True
    ct = Scan("CT", 0.0, Volume(grid, np.zeros(grid.shape, np.int16), "CT", "HU"))
    drawn = StructureSet(grid, ()).with_mask("GTVp", "GTV", gtv).with_mask("ITV", "CTV", itv)
    assert motion_words(drawn.extended([targets(ct, drawn, sbrt=True)["PTV"]])) == "the ITV is as drawn"
    assert not (itv & ~targets(ct, drawn, sbrt=False).mask("CTV")).any()
