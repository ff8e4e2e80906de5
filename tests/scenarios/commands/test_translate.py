"""`rt-twin translate`: a scan alone or a twin's, into a folder."""

import json
from dataclasses import replace

import nibabel
import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from scenarios.report.export import write_made
from twin import InputError, PatientTwin, Scan, Simulated, Volume
from twin.export import Origin, is_simulated, write_scan
from twin.files.nifti import write
from twin.importer import read_scans


@pytest.fixture(scope="module")
def ct(thorax):
    """A slab through the tumour, and what is drawn on it."""
    scan, drawn = thorax()
    return scan.volume, drawn


def said(*arguments):
    done = CliRunner().invoke(app, ["translate", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_file_becomes_a_file_on_its_own_grid(ct, tmp_path):
    write(tmp_path / "noisy.nii.gz", ct[0])
    out = tmp_path / "out"
    assert "CT of CT by denoise/regression" in said(
        tmp_path / "noisy.nii.gz", "--task", "denoise", "--out", out
    )
    facts = json.loads((out / "scan.json").read_text())
    assert (facts["scanner"], facts["modality"], facts["options"]) == (
        "denoise",
        "CT",
        {"family": "regression"},
    )
    before, after = (nibabel.load(p) for p in (tmp_path / "noisy.nii.gz", out / facts["file"]))
    assert before.shape == after.shape and np.allclose(before.affine, after.affine, atol=1e-4)
    assert not np.array_equal(before.get_fdata(), after.get_fdata())


def test_a_cone_beam_ct_is_translated_by_the_shipped_weights_and_its_distance_is_said(ct, tmp_path):
    volume = ct[0].crop((slice(16, 24), slice(None), slice(None)))
    write(tmp_path / "cone-beam.nii.gz", volume)
    told = said(tmp_path / "cone-beam.nii.gz", "--task", "cbct-ct", "--out", tmp_path / "out")
    assert "CT of CBCT by cbct-ct/bridge" in told and "as far from what was learned" in told
    made = nibabel.load(next((tmp_path / "out").glob("*.nii.gz"))).get_fdata().transpose(2, 1, 0)
    lung = volume.array < -600
    assert abs(np.median(made[lung & (volume.array > -900)]) + 800) < 120  # lung stays lung


def test_dicom_becomes_dicom_that_says_what_it_is(ct, tmp_path):
    (tmp_path / "in").mkdir()
    write_scan(tmp_path / "in", ct[0], Origin("p", "s", "f"), description="CT")
    said(tmp_path / "in", "--task", "denoise", "--family", "regression", "--out", tmp_path / "out")
    files = sorted((tmp_path / "out" / "denoise").glob("ct-*.dcm"))
    assert len(files) == ct[0].geometry.shape[0]
    first, source = pydicom.dcmread(files[0]), pydicom.dcmread(tmp_path / "in" / "ct-000.dcm")
    assert is_simulated(first) and first.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert first.SeriesDescription.startswith("SYNTHETIC")
    assert (first.Rows, first.PixelSpacing, first.ImagePositionPatient) == (
        source.Rows, source.PixelSpacing, source.ImagePositionPatient,
    )  # fmt: skip


def test_what_is_made_of_dicom_conforms(ct, tmp_path, dicom_errors):
    (tmp_path / "in").mkdir()
    few = ct[0].crop((slice(16, 20), slice(None), slice(None)))
    write_scan(tmp_path / "in", few, Origin("p", "s", "f"), description="CT")
    said(tmp_path / "in", "--task", "denoise", "--out", tmp_path / "out")
    assert dicom_errors(*sorted((tmp_path / "out").rglob("ct-*.dcm"))) == []


def test_a_patient_without_a_ct_is_read_and_what_is_made_becomes_dicom(ct, tmp_path):
    for modality in ("CBCT", "MR"):
        (tmp_path / modality).mkdir()
        array = ct[0].array if modality == "CBCT" else np.abs(ct[0].array)
        scan = Volume(ct[0].geometry, array, modality, "HU" if modality == "CBCT" else "1")
        write_scan(tmp_path / modality, scan, Origin("p", "s", "f"), description=modality)
    with pytest.raises(InputError, match=r"no CBCT, which the task cbct-ct takes; there are: MR \(MR\)"):
        said(tmp_path / "MR", "--task", "cbct-ct", "--out", tmp_path / "out")
    with pytest.raises(InputError, match="no weights 'nobody'"):  # so that it was read and may be translated
        said(tmp_path / "CBCT", "--task", "cbct-ct", "--family", "nobody", "--out", tmp_path / "out")
    twin = read_scans(tmp_path / "CBCT")
    (seen,) = twin.scans
    made = replace(
        seen,
        volume=replace(seen.volume, modality="CT"),
        name="made",
        simulated=Simulated("cbct-ct", "CBCT", 0),
    )
    (tmp_path / "made").mkdir()
    write_made(twin, made, tmp_path / "made", dicom=True)
    written = pydicom.dcmread(next((tmp_path / "made" / "made").glob("ct-*.dcm")))
    assert is_simulated(written) and written.Rows == seen.volume.geometry.shape[1]


def test_what_cannot_be_is_one_sentence_and_leaves_nothing(ct, tmp_path):
    volume, drawn = ct
    path = tmp_path / "p.twin"
    PatientTwin("p", scans=(Scan("CT", 0.0, volume),), structures=(drawn,)).save(path)
    empty = Volume(volume.geometry, np.full(volume.geometry.shape, -1000, np.int16), "CT", "HU")
    write(tmp_path / "empty.nii.gz", empty)
    coarse = volume.geometry.resampled((8.0, 4.0, 4.0))
    write(tmp_path / "coarse.nii.gz", Volume(coarse, volume.on(coarse).astype(np.int16), "CT", "HU"))
    array = volume.array.copy()
    array[:, :, 40:] = -1000  # the lung with the tumour
    cut = Scan("CBCT", 7.0, Volume(volume.geometry, array, "CBCT", "HU"))
    PatientTwin("p", scans=(Scan("CT", 0.0, volume), cut), structures=(drawn,)).save(tmp_path / "cut.twin")
    for src, task, words, says in (
        (path, "cbct-ct", (), "no CBCT, which the task cbct-ct takes; there are: CT"),
        (tmp_path / "empty.nii.gz", "cbct-ct", (), "CBCT cannot be translated: no body"),
        (tmp_path / "coarse.nii.gz", "cbct-ct", (), "its voxels are 8 mm long; 6 mm is the most"),
        (tmp_path / "cut.twin", "cbct-ct", (), "CBCT cuts the target: .* is not shown"),
        (path, "denoise", ("--scan", "MR"), "no scan 'MR'; there are: CT"),
        (path, "follow-up", (), "no translation of a scan alone"),
        (path, "colour", (), "unknown task 'colour'"),
        (path, "denoise", ("--family", "pix2pix"), "pix2pix"),
        (tmp_path / "nothing.nii.gz", "denoise", (), "no"),
    ):
        with pytest.raises(InputError, match=says):
            said(src, "--task", task, *words, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()
