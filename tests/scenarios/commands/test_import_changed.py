"""`rt-twin import --denoise` and `--harmonise`: what stands in a CT's place, what is kept, and what is said of it."""

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from dashboards.files.acquired import acquired_frames, acquired_layers
from models.family import FamilyConfig
from models.registry import FAMILIES
from scenarios.commands.main import app
from scenarios.engine.scanning import changed, changer
from simulators.core.imaging import TASKS
from twin import InputError, PatientTwin, Volume
from twin.files.nifti import write


@pytest.fixture(scope="module")
def files(thorax, tmp_path_factory):
    """A slab through the tumour with 40 HU of noise, and its mask."""
    scan, drawn = thorax()
    place = tmp_path_factory.mktemp("files")
    z = int(np.argwhere(drawn.gtv()).mean(axis=0)[0])
    box = (slice(max(0, z - 4), z + 4), slice(None), slice(None))
    ct = scan.volume.crop(box)
    noise = np.random.default_rng(0).normal(0, 40, ct.array.shape)
    ct = Volume(ct.geometry, np.rint(ct.array + noise).astype(np.int16), "CT", "HU")
    write(place / "ct.nii.gz", ct)
    write(place / "gtv.nii.gz", Volume(ct.geometry, drawn.gtv()[box].astype(np.uint8), "MASK", "1"))
    return place


def imported(files, out, *more):
    words = ["import", str(files / "ct.nii.gz"), str(out), "--mask", str(files / "gtv.nii.gz"), *more]
    done = CliRunner().invoke(app, words)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_ct_is_denoised_by_what_ships_and_the_acquired_one_is_kept_beside_it(files, tmp_path):
    told = imported(files, tmp_path / "p.twin", "--denoise")
    assert "changed on import by denoise/regression" in told and "SIMULATED - research use only" in told
    twin = PatientTwin.load(tmp_path / "p.twin")
    ct, kept = twin.scans
    assert [s.name for s in twin.acquired] == ["CT"] and twin.baseline.changed.source == kept.name
    assert "CHANGED by denoise/regression" in ct.origin and kept.origin == "acquired"
    before, after = (s.volume.array.astype(float) for s in (kept, ct))
    chest_wall = (slice(None), slice(20, 30), slice(28, 36))  # soft tissue alone
    assert before[chest_wall].std() > 30 and after[chest_wall].std() < 0.8 * before[chest_wall].std()
    assert twin.gtv_cm3 > 0, "what is drawn lies on it"
    assert "CHANGED by denoise" in CliRunner().invoke(app, ["show", str(tmp_path / "p.twin")]).output
    (frame,) = acquired_frames(twin)
    assert kept.name in acquired_layers(twin)[0].label and list(frame.files.values()) == [kept.name]


def test_a_kernel_needs_weights_and_without_them_nothing_is_written(files, tmp_path, monkeypatch):
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path / "none"))
    with pytest.raises(InputError, match="not both"):
        imported(files, tmp_path / "p.twin", "--denoise", "--harmonise", "soft")
    with pytest.raises(InputError, match="--many goes with"):
        CliRunner().invoke(app, ["import", str(files), "--many", "--denoise"], catch_exceptions=False)
    monkeypatch.setattr("models.hub.SHIPPED", tmp_path / "none")
    with pytest.raises(InputError, match=r"no weights 'regression' of the task 'harmonise'; train some"):
        imported(files, tmp_path / "p.twin", "--harmonise", "standard")
    assert not (tmp_path / "p.twin").exists()


def test_a_kernel_is_told_to_the_network_and_kept_with_the_scan(boxes, tmp_path, monkeypatch):
    task = TASKS["harmonise"].task
    config = FamilyConfig(family="regression", task=task, widths=(4, 4), embedding=8, slices=1)
    FAMILIES["regression"](config).save_pretrained(tmp_path / "harmonise" / "regression")
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path))
    asked = [float(changer("harmonise", k).task.vector(None)[0]) for k in ("soft", "standard", "lung")]
    assert asked == sorted(set(asked)), "the frequency of the wanted kernel"
    found = changed(boxes, changer("harmonise", "lung"))
    how = found.baseline.changed
    assert (how.scanner, how.options) == ("harmonise", {"kernel": "lung"}) and how.version.startswith(
        "harmonise/"
    )
    assert "to the kernel lung" in found.notes[-1]
    np.testing.assert_array_equal(found.scans[1].volume.array, boxes.baseline.volume.array)


def test_a_kernel_like_none_that_was_learned_is_refused(tmp_path, monkeypatch):
    task = TASKS["harmonise"].task
    learned = np.array([[0.35], [0.4]])
    task = task.model_copy(update={"conditions": tuple(c.fitted(learned[:, 0]) for c in task.conditions)})
    config = FamilyConfig(family="regression", task=task, widths=(4, 4), embedding=8, slices=1)
    FAMILIES["regression"](config).save_pretrained(tmp_path / "harmonise" / "regression")
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path))
    assert changer("harmonise", "soft").task.kernel == "soft"
    with pytest.raises(InputError, match="learned nothing like the kernel bone"):
        changer("harmonise", "bone")
