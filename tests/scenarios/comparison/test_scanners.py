"""Virtual scanners in a comparison: on day 0 and at each image, whatever they are called."""

import numpy as np
import pytest

from scenarios import Imaging, TreatmentPlan, compare, load
from twin import PatientTwin, Scan, Volume


@pytest.mark.long
def test_every_physical_scanner_scans_on_day_0_and_at_each_image_beside_the_engines_own_ct(thorax, tmp_path):
    ct, drawn = thorax()
    noise = np.random.default_rng(0).normal(0, 10, ct.volume.array.shape)
    hu = (ct.volume.array + noise).astype(np.int16)
    twin = PatientTwin(
        "p", scans=(Scan("CT", 0.0, Volume(ct.volume.geometry, hu, "CT", "HU")),), structures=(drawn,)
    )
    imaging = Imaging(during_days=None, after_days=None, also=(8.0,))
    plans = [TreatmentPlan.parse(text).model_copy(update={"imaging": imaging}) for text in ("60/30", "55/20")]
    scanners = ["ct", "cbct", "radiograph"]
    compare(
        twin, plans, days=9, samples=2, generator="mechanistic", scanners=scanners, dose="approximate"
    ).save(tmp_path / "run")
    run = load(tmp_path / "run")
    kinds = {f"{name}-scan" for name in scanners}
    assert {i.record.kind for i in run.images if i.record.day == 0} == kinds
    assert {i.record.kind for i in run.images if i.record.day > 0} == kinds | {"ct", "gtv", "dose"}
    assert (
        run.image("60/30", 0, "ct-scan").geometry.shape == hu.shape
    )  # whole, where the engine's own is a crop
    assert np.array_equal(run.image("55/20", 0, "ct-scan").array, hu)
    assert len({i.record.file for i in run.images if i.record.day == 0}) == len(scanners)
    cone, again = (run.image(plan, 8, "cbct-scan").array for plan in ("60/30", "55/20"))
    assert np.corrcoef(cone.ravel(), again.ravel())[0, 1] > 0.99  # plans share their noise
