"""Districts that were read by eye, who learns their centres, and what a contestant of groups is."""

import csv
from functools import partial

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.hub import load
from models.layout import LOG
from scenarios.datasets import translations
from scenarios.datasets.people import Person
from scenarios.suites import Suite, run_suite
from scenarios.suites.claims import curve
from scenarios.suites.groups import SHIPPED, limb_slices, read_by_eye, router_of
from scenarios.suites.plan import Contestant
from twin import Geometry, InputError, Volume

GRID = Geometry((10, 56, 56), (3.0, 4.0, 4.0), (-112.0, -112.0, 0.0))
Z, Y, X = np.indices(GRID.shape)
LIMB = 6  # slices from the feet on; above them more fat, and more pieces of bone
TINY = {
    "name": "tiny", "about": "Nothing is learned.", "core_seconds": 1.0, "slices": 2,
    "directions": {"ct-pet": {
        "training": {
            "window": 16, "widths": [4, 4], "embedding": 8, "batch_slices": 4, "batch_volumes": 4,
            "validation_share": 0, "validate_every": 5, "checkpoint_every": 5, "slices": 1,
        },
        "families": [
            {"name": "districts", "family": "grouped", "groups": "districts"},
            {"name": "curriculum", "family": "grouped", "groups": "districts", "together": 0.5},
            {"name": "clusters", "family": "grouped", "groups": 2},
        ],
    }},
}  # fmt: skip


def written(part, seed):
    hu = np.where((Y - 28) ** 2 + (X - 28) ** 2 < 24**2, 40.0, -1000.0)
    hu[(hu > 0) & (np.where(Z < LIMB, 8, 20) > Y)] = -100
    for k in range(1, 6):
        hu[(np.abs(Y - 30) < 2) & (np.abs(X - 8 * k) < 2) & ((Z >= LIMB) | (k == 3))] = 600
    hu += 10 * np.random.default_rng(seed).standard_normal(hu.shape)
    ct = Volume(GRID, np.rint(hu).astype(np.int16), "CT", "HU")
    pet = Volume(GRID, np.where(hu > -200, 1.0 + (Z >= LIMB), 0.0).astype(np.float32), "PT", "SUV")
    translations._kept(part, "scan", ct, pet, {})


def people(data, work, n, first_seed):
    return [Person(f"p{s}", "real", partial(written, seed=s), test_only=s > 2) for s in range(5)]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(translations.PEOPLE, "ct-pet", people)
    monkeypatch.setattr(Person, "part", property(lambda self: "test" if self.test_only else "learn"))
    monkeypatch.setattr("scenarios.suites.groups.limb_slices", lambda: {f"p{s}": LIMB for s in range(5)})


def test_who_was_read_by_eye_has_a_border_within_his_slices():
    with (SHIPPED / "districts.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({r["person"] for r in rows}) == len(rows) == 40
    assert all(0 <= int(r["limb_slices"]) <= int(r["slices"]) for r in rows)
    whole = [int(r["limb_slices"]) / int(r["slices"]) for r in rows]
    assert (whole.count(0.0), whole.count(1.0)) == (3, 22)
    assert read_by_eye("STS_007", 70).tolist() == [0] * 4 + [1] * 66
    assert read_by_eye("insilico-thorax-3", 2).tolist() == [1, 1]
    assert read_by_eye("nobody", 2).tolist() == [-1, -1]


def test_the_borders_are_those_of_the_collection(shared_data, tmp_path):
    from scenarios.datasets.people import SARCOMAS, collection, rows_of

    folder = collection(shared_data, SARCOMAS, tmp_path)
    if folder is None:
        pytest.skip("the sarcoma collection is not here")
    slices = {r["id"]: int(r["shape"].split("x")[2]) for r in rows_of(folder)}
    with (SHIPPED / "districts.csv").open() as file:
        assert {r["person"]: int(r["slices"]) for r in csv.DictReader(file)} == slices
    assert slices.keys() == limb_slices().keys()


def test_districts_are_learned_from_what_was_read_and_told_where_nobody_looked(tiny, tmp_path):
    folders = [p.made(tmp_path) for p in people(None, None, 0, 0)]
    router = router_of("districts", "ct-pet", folders[:2], 0)
    assert router.names == ("limb", "trunk")
    from scenarios.suites.groups import _numbers, _sources
    from simulators.core.imaging import scan_task

    imaging = scan_task("ct-pet")
    unseen = _numbers(imaging, _sources(imaging, folders[4])[0])
    assert router.weights(unseen).argmax(axis=1).tolist() == [0] * LIMB + [1] * (10 - LIMB)


def test_a_district_that_nobody_shows_is_a_sentence(tiny, monkeypatch, tmp_path):
    monkeypatch.setattr("scenarios.suites.groups.limb_slices", lambda: {"p0": 10})
    folder = people(None, None, 0, 0)[0].made(tmp_path)
    with pytest.raises(
        InputError, match=r"^the districts of ct-pet cannot be learned: no slice is of the group"
    ):
        router_of("districts", "ct-pet", [folder], 0)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"family": "grouped"}, "the family grouped and the entry groups go together"),
        ({"family": "regression", "groups": 2}, "the family grouped and the entry groups go together"),
        ({"family": "regression", "together": 0.5}, "nothing follows what is learned together"),
        ({"family": "grouped", "groups": "organs"}, "groups"),
        ({"family": "grouped", "groups": 1}, "groups"),
    ],
)
def test_groups_that_do_not_fit_are_refused(entry, words):
    with pytest.raises(ValueError, match=words):
        Contestant(name="a", **entry)


def test_groups_are_of_ct_pet_alone():
    told = {**TINY, "directions": {"denoise": TINY["directions"]["ct-pet"]}}
    with pytest.raises(
        ValueError, match="groups of slices are told apart in a CT of ct-pet, not for denoise"
    ):
        Suite(**told)


def test_an_error_by_time_counts_what_was_learned_together(tmp_path):
    first = tmp_path / "together"
    first.mkdir()
    for place, rows in ((first, ((1, 9), (2, 8))), (tmp_path, ((1, 7), (2, 6)))):
        lines = [f'{{"validation": {{"mae_suv": {error}}}, "minutes": {at}}}' for at, error in rows]
        (place / LOG).write_text("\n".join(lines))
    assert curve(tmp_path) == [(1.0, 9.0), (2.0, 8.0), (3.0, 7.0), (4.0, 6.0)]


@pytest.mark.slow
def test_a_benchmark_of_groups_is_run_and_goes_on(tiny, tmp_path):
    out = tmp_path / "run"

    def stop(step, share):
        if step.endswith("clusters-s0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_suite(Suite(**TINY), out, data=tmp_path, progress=stop)
    made = {p: p.read_bytes() for p in out.rglob("*.safetensors")}
    assert len(made) == 3, "districts, and the curriculum's two"
    page = run_suite(Suite(**TINY), out, data=tmp_path)
    assert all(p.read_bytes() == was for p, was in made.items())
    assert "| districts | trunk | trunk | 8 |" in page and "| districts | limb | limb | 12 |" in page
    weights = out / "weights" / "ct-pet"
    assert load(weights / "curriculum-s0").router.names == ("limb", "trunk")
    assert load(weights / "clusters-s0").router.names == ("cluster-0", "cluster-1")
    assert run_suite(Suite(**TINY), out, data=tmp_path) == page
