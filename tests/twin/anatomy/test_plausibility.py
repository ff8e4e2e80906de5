"""Odd numbers are seen: sets of which one thing is wrong, and what is said of it."""

import numpy as np
import pytest

from twin import DoseGrid, Fraction, Geometry, PatientTwin, Scan, StructureSet, Volume
from twin.anatomy.plausibility import plausibility
from twin.structures import Structure

GRID = Geometry((20, 60, 80), (5.0, 5.0, 5.0), (-200.0, -150.0, 0.0))


def box(z, y, x):
    mask = np.zeros(GRID.shape, bool)
    mask[z, y, x] = True
    return mask


BODY = box(slice(None), slice(5, 55), slice(5, 75))
LUNGS = {
    "Lung_L": box(slice(2, 18), slice(15, 45), slice(45, 65)),
    "Lung_R": box(slice(2, 18), slice(15, 45), slice(15, 35)),
}
GTV = box(slice(8, 12), slice(25, 31), slice(36, 42))


def patient(*, hu=0, gtv=GTV, lungs=LUNGS, **fields):
    """A chest of muscle in a coat of fat, 2.4 l of lung, and a tumour between the lungs."""
    ct = np.full(GRID.shape, -1000, np.int16)
    ct[BODY] = -100
    ct[:, 9:51, 9:71] = 45
    for mask in lungs.values():
        ct[mask] = -780
    structures = StructureSet(GRID, ()).with_mask("Body", "EXTERNAL", BODY).with_mask("GTVp", "GTV", gtv)
    for name, mask in lungs.items():
        structures = structures.with_mask(name, "OAR", mask)
    scan = Scan("CT", 0.0, Volume(GRID, ct + np.int16(hu), "CT", "HU"))
    return PatientTwin("P", scans=(scan, *fields.pop("scans", ())), structures=(structures,), **fields)


def dose_of(gy, prescription_gy=60.0):
    return {
        "60/30": DoseGrid(
            "60/30", Volume(GRID, np.full(GRID.shape, gy, np.float32), "DOSE", "Gy"), prescription_gy
        )
    }


def failed(twin):
    return {c.name: c.words for c in plausibility(twin) if not c.passed}


def test_a_sound_patient_passes_and_each_item_says_its_number():
    suv = Scan("PT", 0.0, Volume(GRID, np.where(BODY, 0.9, 0.0).astype(np.float32), "PT", "SUV"))
    fractions = tuple(Fraction(d + 0.375, 2.0, "60/30", 1 / 30) for d in range(30))
    twin = patient(doses=dose_of(61.0), fractions=fractions, scans=(suv,))
    checks = plausibility(twin)
    assert all(c.passed for c in checks)
    words = " | ".join(c.words for c in checks)
    for said in (
        "100% of the tumour",
        "2.4 l",
        "-780 HU",
        "fat is at -98",
        "muscle is at 4",
        "61.0 Gy of 60",
        "SUV of 0.9",
        "60.0 Gy of plan",
    ):
        assert said in words


@pytest.mark.parametrize(
    ("wrong", "item", "says"),
    [
        (
            {"gtv": np.roll(GTV, -40, axis=2) | np.roll(GTV, 36, axis=2)},
            "body",
            "check that its contours belong",
        ),
        (
            {"lungs": {k: v & (np.indices(GRID.shape)[0] < 7) for k, v in LUNGS.items()}},
            "lung volume",
            "0.8 l",
        ),
        ({"hu": 1024}, "lung HU", "rescale"),
        ({"hu": 1024}, "muscle HU", "rescale"),
        ({"hu": 60}, "fat HU", "fat is at -38 HU"),
        ({"doses": dose_of(0.0)}, "dose 60/30", "0.0 Gy of 60"),
        ({"doses": dose_of(40.0)}, "dose 60/30", "belong together"),
        (
            {
                "doses": dose_of(60.0),
                "fractions": tuple(Fraction(d, 2.0, "60/30", 1 / 30) for d in range(60)),
            },
            "fractions 60/30",
            "120.0 Gy of plan 60/30 were delivered, more than its 60",
        ),
        (
            {"fractions": tuple(Fraction(3 + 0.01 * n, 2.0) for n in range(30))},
            "fractions a day",
            "30 fractions stand on one day",
        ),
        (
            {"scans": (Scan("PT", 0.0, Volume(GRID, np.full(GRID.shape, 9e5, np.float32), "PT", "SUV")),)},
            "PT SUV",
            "injected dose (Bq)",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_to_check(wrong, item, says):
    assert says in failed(patient(**wrong))[item]


def test_a_tumour_whose_slices_miss_its_contours_is_said():
    twin = patient()
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    disc = np.column_stack([30 * np.cos(angle), 30 * np.sin(angle), np.full(60, 50.0)])
    drawn = tuple((disc + np.array([0, 0, 5.0 * n])).astype(np.float32) for n in range(5))
    half = Structure("GTVp", "GTV", twin.contours["GTVp"].mask, contours=drawn)
    others = tuple(s for s in twin.contours if s.name != "GTVp")
    bad = failed(twin.fork(structures=(StructureSet(GRID, (*others, half)),)))
    assert "70.6 cm3 by its contours and 18 on the slices" in bad["GTVp volume"]


def test_nodes_that_nobody_named_are_said_with_their_dose():
    node = box(slice(8, 12), slice(10, 14), slice(36, 42))
    gy = np.where(node, 23.0, 61.0).astype(np.float32)
    doses = {"60/30": DoseGrid("60/30", Volume(GRID, gy, "DOSE", "Gy"), 60.0)}

    def with_node(role, **fields):
        twin = patient(**fields)
        return twin.fork(structures=(twin.contours.with_mask("GTVn", role, node),))

    assert "GTVn gets 23 Gy of 60 under 60/30" in failed(with_node("OTHER", doses=doses))["involved nodes"]
    assert "GTVn was found but does not count as tumour" in failed(with_node("OTHER"))["involved nodes"]
    says = failed(with_node("GTV", doses=doses))["involved nodes"]
    assert "GTVn gets 23 Gy of 60 under 60/30: it counts as tumour, but the plan does not treat it" in says
    treated = {"60/30": DoseGrid("60/30", Volume(GRID, np.full_like(gy, 61.0), "DOSE", "Gy"), 60.0)}
    assert "involved nodes" not in failed(with_node("GTV", doses=treated))
