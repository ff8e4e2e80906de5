"""What is asked for by name keeps the promises of its kind; every name that there is is tried."""

import json

import numpy as np
import pytest

from simulators import generator_named, kinetics_named, outcome_model_named, scanner_named
from simulators.belief.prior import prior_belief
from simulators.core.course import Course, Event
from simulators.names.generators import GENERATORS
from simulators.names.kinetics import KINETICS
from simulators.names.outcomes import OUTCOMES
from simulators.names.scanners import SCANNERS
from simulators.tumour.dose_volume import trajectory
from twin import InputError

SAMPLES = 40


def course(gy):
    """Thirty fractions of a dose, one a weekday, and its end."""
    days = np.array([7 * (i // 5) + i % 5 + 0.375 for i in range(30)])
    return Course(
        np.append(days, days[-1]),
        np.array([Event.FRACTION] * 30 + [Event.COURSE_END], dtype=np.int8),
        np.append(np.full(30, gy), 0.0),
        np.full(31, -1, dtype=np.int16),
        np.ones(31),
    )


@pytest.mark.parametrize("kind", [GENERATORS, SCANNERS, KINETICS, OUTCOMES], ids=lambda r: r.kind)
def test_each_part_answers_to_its_name(kind):
    assert len(kind)
    assert [kind[name]().name for name in kind] == list(kind)


@pytest.mark.parametrize(
    ("named", "right"),
    [
        (generator_named, "auto, copy, mechanistic"),
        (scanner_named, "pet"),
        (kinetics_named, "published, standard"),
        (outcome_model_named, "standard"),
    ],
)
def test_a_wrong_name_gets_the_right_ones(named, right):
    with pytest.raises(InputError, match=f"unknown .* 'magic'.*{right}"):
        named("magic")


@pytest.mark.parametrize("name", KINETICS)
def test_a_tumour_model_forecasts_from_the_samples_that_it_believes_in(name, phantom_twin):
    model = kinetics_named(name)
    prior = prior_belief(phantom_twin, SAMPLES, seed=1)
    belief = model.believed(phantom_twin, prior, seed=1)
    assert belief.n == SAMPLES and set(prior.samples) <= set(belief.samples)
    bins = model.dose_bins(phantom_twin.gtv_cm3, np.array([0.25, 0.75]), {})
    days = np.arange(91.0)
    curves = [trajectory(bins, phantom_twin, belief.samples, [course(gy)], days) for gy in (0.0, 2.0, 18.0)]
    assert np.allclose(curves[0][0][:, 0], phantom_twin.gtv_cm3)
    at_last = [np.median(gtv_cm3[:, -1]) for gtv_cm3, _ in curves]
    assert at_last[0] > at_last[1] > at_last[2]
    left = [state.survivors for _, state in curves]
    assert np.isnan(left[0]).all()
    assert (left[2] <= left[1]).all() and (left[2] == 0).any()
    assert (curves[2][0][:, -1] >= 0).all()


def test_published_kinetics_say_what_they_lack(phantom_twin):
    from dataclasses import replace

    model = kinetics_named("published")
    with pytest.raises(InputError, match=r"no field .* no images"):
        model.field(phantom_twin, {})
    learned = replace(prior_belief(phantom_twin, SAMPLES, seed=1), kind="posterior")
    with pytest.raises(InputError, match="learn nothing from observations"):
        model.believed(phantom_twin, learned, seed=1)


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_model_never_prefers_the_plan_that_leaves_more(name, phantom_twin):
    from simulators.core.outcome import Treated

    model = outcome_model_named(name)
    belief = prior_belief(phantom_twin, SAMPLES, seed=1)
    courses = [course(2.0)] * SAMPLES
    few, many = (
        Treated(phantom_twin, belief.samples, courses, np.full(SAMPLES, left), seed=1) for left in (0.0, 1e6)
    )
    assert (model.control(few) >= model.control(many)).all()
    assert (model.local_days(few) >= model.local_days(many)).all()
    lives = [model.lives(t, {}) for t in (few, many)]
    assert (lives[0].progression >= lives[1].progression).all()
    harmed = model.lives(few, {"pneumonitis": np.ones(SAMPLES), "mean_heart_dose": np.full(SAMPLES, 30.0)})
    assert (harmed.death <= lives[0].death).all() and (harmed.death < lives[0].death).any()
    assert {"control", "local_control", "survival"} <= set(model.notes)


@pytest.mark.parametrize("name", OUTCOMES)
def test_complications_are_probabilities_that_rise_with_dose(name, phantom_twin):
    for row in outcome_model_named(name).complications(phantom_twin):
        if row.missing:
            continue
        metric = np.linspace(0.0, 1.0 if row.metric == "hot" else 60.0, 31)
        risk = row.probability(metric)
        assert ((risk >= 0) & (risk <= 1)).all() and (np.diff(risk) >= 0).all()


def test_what_a_scanner_does_a_task_may_do_of_a_ct(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")
    from models import FAMILIES, FamilyConfig
    from simulators import Key, Purpose, ScanRequest
    from simulators.core.imaging import TASKS
    from twin import Geometry, Volume

    torch.manual_seed(0)
    config = FamilyConfig(family="regression", task=TASKS["ct-pet"].task, widths=(4, 4), embedding=8)
    FAMILIES["regression"](config).save_pretrained(tmp_path / "ct-pet" / "mine")
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path))
    hu = np.full((3, 40, 40), -1000, np.int16)
    hu[:, 8:32, 8:32] = 40
    scan = Volume(Geometry(hu.shape, (3.0, 4.0, 4.0), (-80.0, -80.0, 0.0)), hu, "CT", "HU")
    device = scanner_named("pet@mine")
    (made,) = device.scan([ScanRequest(scan, None, Key(0, "p", Purpose.SCANNER))])
    assert (made.modality, made.unit, made.geometry) == ("PT", "SUV", scan.geometry)
    assert (made.array[hu < 0] == 0).all() and made.array[hu > 0].max() <= 15
    with pytest.raises(InputError, match="other"):
        scanner_named("pet@other")


def test_weights_of_several_networks_are_weights_like_others(monkeypatch, tmp_path):
    torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")
    from safetensors.torch import load_file, save_file

    from models import FAMILIES, FamilyConfig
    from models.layout import CONFIG, WEIGHTS
    from models.router import Router
    from simulators.core.imaging import TASKS
    from simulators.learned.scanner import translator_named
    from twin import Geometry, Volume

    torch.manual_seed(0)
    chance = np.random.default_rng(0)
    shown = [level + 0.01 * chance.standard_normal((9, 12, 12)) for level in (0.0, 0.5)]
    router = Router.fitted(shown, [np.full(9, k) for k in (0, 1)], ("limb", "trunk"), (-0.3, -0.03, 0.15))
    options = {"router": router.facts()}
    config = FamilyConfig(
        family="grouped", task=TASKS["ct-pet"].task, widths=(4, 4), embedding=8, options=options
    )
    folder = tmp_path / "ct-pet" / "mine"
    FAMILIES["grouped"](config).save_pretrained(folder)
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path))
    hu = np.full((6, 40, 40), -1000, np.int16)
    hu[:3, 8:32, 8:32], hu[3:, 8:32, 8:32] = 0, 512
    scan = Volume(Geometry(hu.shape, (3.0, 4.0, 4.0), (-80.0, -80.0, 0.0)), hu, "CT", "HU")
    made = scanner_named("pet@mine").translate(scan)
    assert (made.modality, made.unit, made.geometry) == ("PT", "SUV", scan.geometry)
    kept = load_file(folder / WEIGHTS)
    save_file({k: v for k, v in kept.items() if not k.startswith("network.1.")}, folder / WEIGHTS)
    with pytest.raises(InputError, match=r"^the weights in .*mine cannot be used: [^\n]*$"):
        translator_named("ct-pet", str(folder.rename(tmp_path / "part-missing-mine")))
    folder = tmp_path / "part-missing-mine"
    told = json.loads((folder / CONFIG).read_text())
    del told["options"]["router"]["centres"]
    (folder / CONFIG).write_text(json.dumps(told))
    with pytest.raises(InputError, match="a router needs names, edges, mean, scale and centres"):
        translator_named("ct-pet", str(folder.rename(tmp_path / "unknown-groups")))
