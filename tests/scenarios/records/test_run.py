import json
import shutil

import nibabel
import pytest

from scenarios import TreatmentPlan, compare, load
from twin import InputError, PatientTwin


def test_a_run_folder_reads_back_as_it_was(dosed_twin, tmp_path):
    run = compare(
        dosed_twin, [TreatmentPlan.parse("60/30")], days=10, samples=4, scanners=["pet"], generator="mechanistic",
        dose="approximate",
    )  # fmt: skip
    assert {i.record.kind for i in run.images} >= {"ct", "gtv", "dose", "pet-scan"}
    run.save(tmp_path / "run")
    again = load(tmp_path / "run")
    assert again.record == run.record
    for name, table in run.tables.items():
        assert again.tables[name].equals(table), name
    for one, other in zip(run.images, again.images, strict=True):
        assert one.record == other.record
        assert (one.volume.array == other.volume.array).all()
        assert other.volume.geometry.same_grid(one.volume.geometry)
    assert again.twin.id == run.twin.id


def test_the_folder_holds_a_baseline_twin_and_a_report_that_needs_no_network(run_folder):
    assert PatientTwin.load(run_folder / "baseline.twin").gtv_cm3 > 0
    html = (run_folder / "report.html").read_text()
    assert "SIMULATED - research use only" in html
    assert "<script src=" not in html and "<link" not in html
    assert html.count("data:image/png;base64,") >= 4


def test_saving_over_other_content_is_refused_and_over_the_same_request_replaces(run, run_folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("years of work")
    with pytest.raises(InputError, match="exists with other content"):
        run.save(tmp_path / "other")
    assert (tmp_path / "other" / "thesis.doc").read_text() == "years of work"
    shutil.copytree(run_folder, tmp_path / "same")
    run.save(tmp_path / "same")
    assert load(tmp_path / "same").record == run.record


def test_an_image_s_file_says_that_it_is_simulated(run_folder):
    files = sorted(run_folder.glob("scans/**/*.nii.gz"))
    assert files
    assert {nibabel.load(f).header["descrip"].item() for f in files} == {b"SIMULATED - research use only"}


def test_an_image_is_that_of_the_nearest_day_or_the_sentence_lists_the_days(run):
    stored = next(i for i in run.images if i.record.plan == "60-30" and i.record.kind == "ct")
    day = stored.record.day
    for plan in ("60-30", "60/30"):
        assert run.image(plan, day + 0.4) is stored.volume
    with pytest.raises(InputError, match=rf"no ct of 60/30 within 0.1 days of day .*; days: .*\b{day:.4g}\b"):
        run.image("60/30", day + 0.4, within_days=0.1)
    with pytest.raises(InputError, match="no plan '70/7'; its plans are: 60/30"):
        run.image("70/7", day)
    with pytest.raises(InputError, match="no image of kind 'mr' under 60/30; there are: ct, dose, gtv"):
        run.image("60/30", day, "mr")
    with pytest.raises(
        InputError, match=rf"no image of sample 99 under 60/30; there are: {run.record.shown_sample}"
    ):
        run.image("60/30", day, sample=99)


def test_a_run_says_what_it_is_in_a_line_and_offers_its_tables(run):
    assert len(repr(run)) < 200 and "60/30" in repr(run) and "95 days, 24 samples" in repr(run)
    assert {"outcomes", "trajectory", "image"} <= set(dir(run))


def edited(run_folder, tmp_path, change):
    record = json.loads((run_folder / "run.json").read_text())
    change(record)
    target = tmp_path / "edited"
    target.mkdir()
    for item in run_folder.iterdir():
        if item.name != "run.json":
            (target / item.name).symlink_to(item)
    (target / "run.json").write_text(json.dumps(record))
    return target


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda r: r.update(format="rt-twin-run/99"), "format"),
        (lambda r: r.pop("layers"), "no such layer"),
        (lambda r: r.update(samples="many"), "samples"),
        (lambda r: r.pop("plans"), "plans"),
        (lambda r: r["images"][0].update(file="../../../etc/passwd"), "outside the run"),
    ],
)
def test_a_newer_or_broken_run_is_refused(run_folder, tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        load(edited(run_folder, tmp_path, change))


def test_a_run_lists_the_layers_that_its_images_need(run):
    assert [layer.name for layer in run.record.layers] == ["ct", "gtv", "injury", "dose", "pet-scan"]
    for image in run.images:
        layer = run.record.layer(image.record.kind)
        assert (layer.modality, layer.unit) == (image.volume.modality, image.volume.unit)


def test_a_run_of_the_first_format_has_the_layers_of_its_images(run, run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "first")
    record = json.loads((run_folder / "run.json").read_text())
    del record["layers"]
    for image in record["images"]:
        image["kind"] = image["kind"].removesuffix("-scan")  # as scanners' images were called
    (tmp_path / "first" / "run.json").write_text(json.dumps(record | {"format": "rt-twin-run/1"}))
    again = load(tmp_path / "first")
    assert [layer.name for layer in again.record.layers] == ["ct", "gtv", "injury", "dose", "pet"]
    assert [layer.label for layer in again.record.layers] == [layer.label for layer in run.record.layers]
    assert [i.volume.unit for i in again.images] == [i.volume.unit for i in run.images]


def test_a_run_of_the_third_format_shows_its_first_sample(run, run_folder, tmp_path):
    shutil.copytree(run_folder, tmp_path / "third")
    record = json.loads((run_folder / "run.json").read_text())
    for name in ("shown_sample", "scanner_options"):
        del record[name]
    for image in record["images"]:
        image["sample"] = 0
    (tmp_path / "third" / "run.json").write_text(json.dumps(record | {"format": "rt-twin-run/3"}))
    (tmp_path / "third" / "imaged.parquet").unlink()
    again = load(tmp_path / "third")
    assert again.record.shown_sample == 0 and again.imaged.is_empty()
    day = next(i.record.day for i in again.images if i.record.kind == "ct")
    assert again.image(again.record.plans[0].slug, day).array.any()


def test_a_broken_table_or_no_run_at_all_is_refused(run_folder, tmp_path):
    target = edited(run_folder, tmp_path, lambda r: None)
    (target / "bands.parquet").unlink()
    (target / "bands.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"bands.parquet is damaged"):
        load(target)
    with pytest.raises(InputError, match="not a run folder"):
        load(tmp_path)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(run, small_disk):
    with pytest.raises(InputError, match="the disk is full"):
        run.save(small_disk / "run")
    assert list(small_disk.iterdir()) == []
