"""Images start from the latest CT that lies on the baseline, and are told of what was done since."""

from dataclasses import replace

import numpy as np
import pytest

from scenarios import TreatmentPlan, compare
from simulators.treatment.copy import CopiedTreatment
from simulators.treatment.starts import starts, until
from twin import Geometry, PatientTwin, Registration, Scan, StructureSet, Volume

DAY = 21.0


class Recorded(CopiedTreatment):
    def __init__(self):
        self.asked = []

    def generate(self, requests):
        self.asked += requests
        return super().generate(requests)


@pytest.fixture(scope="module")
def seen_again(thorax) -> PatientTwin:
    """A patient with a CT of day 21, on a grid of its own that begins higher, denser by 152 HU in the right lung."""
    scan, drawn = thorax()
    grid = drawn.geometry
    own = Geometry((34, *grid.shape[1:]), grid.spacing_mm, tuple(grid.lps((4.2, 0, 0)).tolist()))
    hu = scan.volume.array + 152 * drawn.mask("Lung_R")
    hu = Volume(grid, hu.astype(np.float32), "CT", "HU").on(own, fill=-1000)
    there = StructureSet(own, (), DAY)
    for one in drawn:
        mask = Volume(grid, drawn.mask(one.name).astype(np.float32), "MASK", "1").on(own) > 0.5
        there = there.with_mask(one.name, one.role, mask)
    later = Scan("CT day 21", DAY, Volume(own, np.rint(hu).astype(np.int16), "CT", "HU"))
    return PatientTwin("P-1", scans=(scan, later), structures=(drawn, there), day0_weekday=0)


@pytest.fixture(scope="module")
def run(seen_again):
    treatment = Recorded()
    found = compare(seen_again, [TreatmentPlan.parse("60/30")], days=60, samples=8, generator="copy",
                    treatment=treatment, dose="approximate")  # fmt: skip
    return found, treatment.asked


@pytest.mark.long
def test_an_image_shows_the_latest_ct_and_not_that_of_day_0(seen_again, run):
    found, asked = run
    lung = seen_again.contours.mask("Lung_R")
    lung[:10] = lung[-10:] = False
    first = seen_again.baseline.volume
    for request in asked:
        image = found.image("60/30", request.scan.time_days + request.elapsed_days)
        shown = np.array(first.array)
        shown[first.geometry.box_of(image.geometry)] = image.array
        late = request.scan.time_days == DAY
        assert (shown - first.array)[lung].mean() == pytest.approx(152 if late else 0, abs=1)
    days = [a.scan.time_days + a.elapsed_days for a in asked]
    assert [a.scan.time_days for a in asked] == [DAY if day >= DAY else 0 for day in days]
    assert min(days) < DAY < max(days)
    late = sum(day >= DAY for day in days)
    assert (
        f"{late} of {len(days)} follow-up CTs start from CT day 21, the latest CT before them"
        in found.record.notes
    )


@pytest.mark.long
def test_what_was_given_counts_from_the_ct_and_what_the_tables_show_from_day_0(seen_again, run):
    found, asked = run
    last, gtv = asked[-1], seen_again.contours.gtv()
    assert (last.before.fractions, last.before.days) == (15, DAY) and last.fractions_since > 5
    grid = seen_again.contours.geometry

    def mean(dose):
        return dose.on(grid)[gtv].mean()

    whole = found.image("60/30", last.scan.time_days + last.elapsed_days, "dose")
    share = last.fractions_since / last.fractions_all
    assert mean(last.dose_since) == pytest.approx(share * mean(whole), rel=0.01)
    assert mean(last.eqd2_since) == pytest.approx(share * mean(last.eqd2_all), rel=0.01)
    assert last.eqd2_unseen is last.eqd2_all  # lung answers weeks after the course: the CT shows nothing yet
    assert last.tumour.gtv0_cm3 == pytest.approx(seen_again.gtv_cm3, rel=0.1)


def test_a_ct_that_fits_poorly_or_shows_no_tumour_starts_nothing(seen_again):
    first, later = seen_again.scans
    poor = replace(later, registration=Registration(1.02, 4.0, 1.0, poor=True))
    for twin in (
        seen_again.fork(scans=(first, poor)),
        seen_again.fork(structures=seen_again.structures[:1]),
        seen_again.fork(scans=(first, replace(later, time_days=70.0))),
    ):
        assert [s.day for s in until(starts(twin), 60.0)] == [0.0]
