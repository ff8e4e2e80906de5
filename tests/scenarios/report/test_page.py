"""The report draws what the run's manifest lists, also what nobody had thought of."""

import re
from dataclasses import replace

import pytest

from scenarios.records.layer import scan_layer
from scenarios.records.run import RunImage
from scenarios.report.images import image_section
from scenarios.report.page import write_report
from twin import Volume


@pytest.fixture(scope="module")
def report(run, tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    write_report(run, file)
    return file.read_text(encoding="utf-8")


def headings(html):
    return re.findall(r"<h3>([^<]+)</h3><div class=\"viewers\">", html)


def test_each_layer_of_the_run_has_a_row_of_viewers_and_outlines_have_a_key(run, report):
    assert headings(report) == ["CT", "Dose", "PET"]
    for outline in run.record.drawn("outline"):
        assert f"{outline.label} that day" in report
    days = {i.record.day for i in run.images if i.record.sample == run.record.shown_sample}
    assert report.count("<img ") == 3 * len(run.record.plans) * (1 + len(days))


def test_a_layer_of_a_modality_that_the_engine_does_not_make_is_drawn_too(run):
    (pet, *_) = (i for i in run.images if i.record.kind == "pet-scan")
    voxels = Volume(pet.volume.geometry, pet.volume.array, "MR", "1")
    image = RunImage(pet.record.model_copy(update={"kind": "flair"}), voxels)
    record = run.record.model_copy(
        update={
            "layers": (*run.record.layers, scan_layer("MR", "1", "flair")),
            "images": (*run.record.images, image.record),
        }
    )
    with_mr = replace(run, record=record, images=(*run.images, image))
    assert headings(image_section(with_mr)) == ["CT", "Dose", "PET", "MR, flair"]


def test_a_run_without_images_has_no_pictures(run):
    record = run.record.model_copy(update={"images": (), "layers": ()})
    assert image_section(replace(run, record=record, images=())) == ""
