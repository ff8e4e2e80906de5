import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from twin import InputError, PatientTwin, Scan, StructureSet, Volume

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from scenarios.commands.main import app
from scenarios.datasets.train import examples, roles, train
from simulators.insilico.sets import VOLUMES, twins_in
from simulators.tasks.crop import CHANNELS, VECTOR
from simulators.tasks.pairs import pairs_of

CONFIG = """
model: bridge
widths: [8, 16]
embedding: 16
steps: 2
volume_steps: 50
batch_volumes: 2
"""


def small(twin: PatientTwin) -> PatientTwin:
    """The patient's scan on a 2 mm box around the tumour, seen again after 30 and 90 days with a smaller tumour."""
    grid = twin.baseline.volume.geometry.resampled(2.0)
    centre = np.rint(grid.index(twin.contours.geometry.lps(np.argwhere(twin.contours.gtv()).mean(axis=0))))
    low = [max(0, int(c) - h) for c, h in zip(centre, (30, 56, 56), strict=True)]
    box = tuple(slice(a, min(n, a + 2 * h)) for a, n, h in zip(low, grid.shape, (30, 56, 56), strict=True))
    here = grid.crop(box)
    ct = twin.baseline.volume.on(here, fill=-1024.0)
    gtv = Volume(twin.contours.geometry, twin.contours.gtv().astype(np.uint8), "MASK", "1").on(here)
    lungs = {}
    for name in ("Lung_L", "Lung_R"):
        mask = Volume(twin.contours.geometry, twin.contours.mask(name).astype(np.uint8), "MASK", "1")
        lungs[name] = mask.on(here) > 0.5
    scans, sets = [], []
    for n, (day, level) in enumerate(((0.0, 0.5), (30.0, 0.7), (90.0, 0.9))):
        ct[gtv > 0.5] -= 50.0  # so that copying is wrong
        scans.append(Scan(f"CT {n}", day, Volume(here, np.rint(ct).astype(np.int16), "CT", "HU")))
        drawn = StructureSet(here, (), day).with_mask("GTVp", "GTV", gtv > level)
        for name, mask in lungs.items():
            drawn = drawn.with_mask(name, "OAR", mask & (gtv <= level))
        sets.append(drawn)
    return PatientTwin(id=twin.id, clinical=twin.clinical, scans=tuple(scans), structures=tuple(sets))


@pytest.fixture(scope="module")
def twins(phantom_twin, tmp_path_factory):
    """A folder with a patient seen three times, and one seen once."""
    folder = tmp_path_factory.mktemp("twins")
    patient = small(phantom_twin)
    patient.save(folder / "often.twin")
    patient.fork(scans=patient.scans[:1], structures=patient.structures[:1]).save(folder / "once.twin")
    return folder


def test_a_folder_of_twins_becomes_a_translator_that_loads(twins, tmp_path):
    from models.hub import load

    config = tmp_path / "tiny.yaml"
    config.write_text(CONFIG)
    done = train([twins], str(config), tmp_path / "w", cache=tmp_path / "cache")
    assert (done.patients, done.pairs, done.skipped) == (1, 3, 1)
    assert done.figures["copy_mae_hu"] > 0
    assert load(tmp_path / "w").slices == 3
    written = json.loads((tmp_path / "w" / "config.json").read_text())
    assert written["vector"] == list(VECTOR)
    assert written["domain"]["elapsed_days"] == [30.0, 90.0]


def test_examples_are_the_pairs_and_are_read_once(twins, tmp_path, monkeypatch):
    found, skipped = examples([twins], tmp_path, 2, align=False)
    pairs = list(pairs_of(PatientTwin.load(twins / "often.twin")))
    assert skipped == 1 and len(found[0].before) == 2 and len(found[0].vectors) == len(pairs) == 3
    assert [p.day for p in pairs[:2]] == [30.0, 90.0]
    for k in range(2):
        assert np.abs(found[0].before[k, :, :CHANNELS].swapaxes(0, 1) - pairs[k].image).max() < 1e-3
        assert np.abs(found[0].after[k].swapaxes(0, 1) - pairs[k].target).max() < 1e-3
    assert len(found[0].outcomes) == 2
    monkeypatch.setattr("scenarios.datasets.train._read", lambda *_: pytest.fail("it was there already"))
    assert len(examples([twins], tmp_path, 2, align=False)[0]) == 1


def test_of_a_set_with_truth_the_truth_is_learned_and_what_came_of_others(phantom_twin, tmp_path):
    patient, place = small(phantom_twin), tmp_path / "set" / "one.truth"
    patient.save(tmp_path / "set" / "one.twin")
    for plan in ("55-20", "none"):
        patient.save(place / f"{plan}.twin")
    rows = [(p, d, k, 1.0 + k) for p in ("55-20", "none") for d in (30.0, 90.0) for k in (-1, 0, 1, 2)]
    pl.DataFrame(rows, schema=["plan", "day", "draw", "gtv_cm3"], orient="row").write_parquet(place / VOLUMES)
    assert [p.parent.name for p in twins_in(tmp_path / "set")] == ["one.truth"] * 2
    found, skipped = examples([tmp_path / "set"], tmp_path / "cache", 6)
    assert skipped == 0 and [s.patient for s in found] == ["one", "one"]
    for subject in found:
        assert len(subject.before) == 1 and len(subject.vectors) == 2, "no pair starts after treatment began"
        volume, baseline = (VECTOR.index(n) for n in ("relative_gtv", "gtv0_cm3"))
        drawn = subject.outcomes[len(subject.vectors) :]
        np.testing.assert_allclose(drawn[:, volume] * drawn[:, baseline], [1, 2, 3, 1, 2, 3], rtol=1e-5)


def test_the_roles_name_what_they_mean():
    found = roles()
    assert VECTOR[found.relative] == "relative_gtv"
    shown = {VECTOR[i] for group in found.groups.values() for i in group}
    assert set(VECTOR) - shown == {"elapsed_days", "relative_gtv", "gtv0_cm3"}


def test_mistakes_are_one_sentence(twins, tmp_path):
    with pytest.raises(InputError, match="no twins in"):
        twins_in(tmp_path)
    with pytest.raises(InputError, match="two CTs"):
        train([twins / "once.twin"], "bridge", tmp_path / "w")
    with pytest.raises(InputError, match="bridge, diffusion, pix2pix"):
        train([twins], "nonesuch", tmp_path / "w")
    (tmp_path / "set.json").write_text('{"format": "rt-twin-set/9"}')
    with pytest.raises(InputError, match="rt-twin-set/9"):
        twins_in(tmp_path)


def test_the_command_says_what_it_did(twins, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(CONFIG)
    done = CliRunner().invoke(
        app, ["train", str(twins), "--config", str(config), "--out", str(tmp_path / "w")]
    )
    assert done.exit_code == 0, done.output
    assert "trained on 3 pairs of 1 patients, 1 had none" in done.output
