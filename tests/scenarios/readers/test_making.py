"""Nothing but the image tells what a case is."""

import gzip
import re

import numpy as np
import pytest

from scenarios.readers import load_reader_study, make_reader_study
from twin import Geometry, InputError, Volume


def test_all_volumes_have_one_grid_type_range_padding_and_header(study):
    record = study.record
    assert record.cases == 12 and sum(c.real for c in study.key.cases) == 6
    volumes = [study.volume(n) for n in range(record.cases)]
    assert len({(v.geometry, v.array.dtype) for v in volumes}) == 1
    assert {int(v.array.min()) for v in volumes} == {-1000}
    assert max(int(v.array.max()) for v in volumes) <= 1000
    padded = [v.array == -1000 for v in volumes]
    assert {bool((v.array[:, 0, 0] == -1000).all()) for v in volumes} == {True}
    kinds = {
        real: np.mean([p.mean() for p, c in zip(padded, study.key.cases, strict=True) if c.real is real])
        for real in (True, False)
    }
    assert kinds[True] == pytest.approx(kinds[False], abs=0.02), "neither couch nor field tells"
    heads = {
        gzip.decompress((study.path / "cases" / f"{n:03d}-0.nii.gz").read_bytes())[:352] for n in range(12)
    }
    assert len(heads) == 1


def test_no_file_but_the_key_tells_and_names_and_times_are_of_the_study(study):
    told = (study.path / "reader-study.json").read_text()
    assert (
        not re.search(r"(?<![\w-])P-", told)
        and "twin" not in told.replace("rt-twin", "")
        and "ct-1" not in told
    )
    names = sorted(p.name for p in (study.path / "cases").iterdir())
    assert names == [f"{n:03d}-0.nii.gz" for n in range(12)]


def test_the_grain_of_one_field_on_two_grids_is_alike():
    """Noise with a correlation of 4 mm, read on voxels of 2 and of 4 mm."""
    from scipy.ndimage import gaussian_filter

    from scenarios.readers.alike import alike, common_grid, place

    fine_grid = Geometry((80, 80, 80), (2.0, 2.0, 2.0))
    field = gaussian_filter(np.random.default_rng(0).normal(0, 400, fine_grid.shape), 1.5).astype(np.float32)
    fine = Volume(fine_grid, field, "CT", "HU")
    binned = field.reshape(40, 2, 40, 2, 40, 2).mean(axis=(1, 3, 5))
    coarse = Volume(Geometry((40, 40, 40), (4.0, 4.0, 4.0), (1.0, 1.0, 1.0)), binned, "CT", "HU")
    grid = common_grid([fine, coarse])
    made = [
        alike(v, place(v, np.full(3, 80.0), grid), grid, None).array[:, 15:25, 15:25] for v in (fine, coarse)
    ]
    assert made[0].std() == pytest.approx(made[1].std(), rel=0.15)
    steps = [np.diff(m, axis=2).std() for m in made]
    assert steps[0] == pytest.approx(steps[1], rel=0.15)


def test_the_same_seed_makes_the_same_study_and_each_reader_has_his_own_order(sources, study, tmp_path):
    again = make_reader_study(sources, tmp_path / "again", ["r1:resident", "r2"], seed=3)
    other = make_reader_study(sources, tmp_path / "other", ["r1:resident"], seed=4)
    assert again.key == study.key != other.key
    assert again.order("r1") == study.order("r1") != study.order("r2")
    assert sorted(study.order("r2")) == list(range(12))
    assert again.record.readers[0].code != study.record.readers[0].code


def test_what_cannot_be_a_study_is_said(sources, tmp_path):
    out = tmp_path / "study"
    for readers, more, words in (
        ([], {}, "needs a reader"),
        (["r1", "r1:x"], {}, "the same name"),
        (["../r1"], {}, "is no reader"),
        (["r1"], {"modality": "PT"}, "0 acquired and 0 simulated"),
        (["r1"], {"cases": 40}, "needs 20 of either"),
        (["r1"], {"over": "PT"}, "0 acquired"),
    ):
        with pytest.raises(InputError, match=words):
            make_reader_study(sources, out, readers, **more)
        assert not out.exists()
    with pytest.raises(InputError, match="is no reader study"):
        load_reader_study(tmp_path)


def test_follow_ups_of_a_run_are_whole_and_simulated_and_an_in_silico_patient_is_never_real(
    run_folder, sources, phantom_twin, tmp_path
):
    phantom_twin.save(tmp_path / "silico.twin")
    study = make_reader_study(
        [run_folder, tmp_path / "silico.twin", *sources[:2]], tmp_path / "study", ["r1"], cases=4
    )
    for n, case in enumerate(study.key.cases):
        assert case.real == (": CT, day 0" in case.source and "silico" not in case.source)
        if case.source.startswith(run_folder.name):
            assert "day" in case.source and (study.volume(n).array > -200).mean() > 0.1, (
                "the crop lies on the CT"
            )
