"""What every family must do on every task; a new one is found by its file and passes unchanged."""

from dataclasses import fields, replace

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import FAMILIES, Batch, Channel, Condition, Family, FamilyConfig, Task  # noqa: E402
from models.data.stack import channels, hidden_places  # noqa: E402
from models.hub import load  # noqa: E402
from models.training.steps import descend  # noqa: E402

IMAGE, MASK = Channel(name="image", low=-1.0, high=1.0), Channel(name="mask", share=True)
FREE, RELATIVE, LAST = 2, 1, 4  # places of conditions: one that may be missing, the drawn one, the last
pytestmark = pytest.mark.long  # every family on every task
LAYERED = Task(
    name="layered",
    source=(
        IMAGE,
        MASK,
        Channel(name="dose", share=True),
        Channel(name="draft_below", low=-1.0),
        Channel(name="draft_above", low=-1.0),
        Channel(name="draft_share", share=True),
        Channel(name="depth", low=-1.0, whole=True),
    ),
    target=(IMAGE, MASK),
    layers=(
        Channel(name="below", low=-1.0),
        Channel(name="above", low=-1.0),
        Channel(name="share", share=True),
    ),
    start=(("draft_below", "image"), ("draft_above", "image"), ("draft_share", "mask")),
    conditions=(
        Condition(name="day"),
        Condition(name="relative", log_offset=0.1),
        *(Condition(name=n) for n in ("dose", "age", "stage")),
    ),
    drawn="relative",
)
TASKS = {
    "layered": LAYERED,
    "plain": Task(name="plain", source=(IMAGE,), target=(IMAGE,), start=(("image",),)),
    "from nothing": Task(
        name="nothing",
        source=(Channel(name="other", low=-1.0),),
        target=(IMAGE, Channel(name="second", low=-1.0), MASK),
        start=((), ("other",), ()),
        conditions=(Condition(name="day"),),
    ),
}
UNTAUGHT = [n for n, family in FAMILIES.items() if n == "copy"]
BEGIN_WITH_NOISE = (
    "diffusion",
    "flow-matching",
    "latent-diffusion",
    "latent-diffusion-controlnet",
    "stardiffusion",
    "contour-diffusion",
)
SEES_CONTOURS = ("contour-diffusion",)  # of the slice itself alone, whatever else there is


def made(name, task="layered", slices=3, *, options=None, **more):
    torch.manual_seed(3)
    few = {"steps": 3} if "steps" in FAMILIES[name].options else {}
    usual = {"widths": (8, 16), "embedding": 16, "options": few | (options or {})}
    config = FamilyConfig(family=name, task=TASKS[task], slices=slices, **usual | more)
    model = FAMILIES[name](config)
    for weight in model.parameters():  # so that nothing is 0 by design
        torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


VARIANTS = {
    "diffusion-sample": lambda: made("diffusion", options={"prediction": "sample"}),
    "diffusion-v": lambda: made("diffusion", options={"prediction": "v_prediction"}),
    "bridge-coarse": lambda: made("bridge", coarsen=2),
    "pix2pix-guidance": lambda: made("pix2pix", guidance=2.0),
}
MAKERS = {
    **{f"{f}-{n}": lambda f=f, n=n: made(f, slices=n) for f in FAMILIES for n in (1, 3)},
    **{f"{f}-{t}": lambda f=f, t=t: made(f, t) for f in FAMILIES for t in TASKS if t != "layered"},
    **VARIANTS,
}
ON_LAYERED = [n for n in MAKERS if not any(t in n for t in TASKS)]
LEARNED = [n for n in ON_LAYERED if n.split("-")[0] not in UNTAUGHT]


def inputs(model, size=3, pixels=(20, 28)):
    chance, task = torch.Generator().manual_seed(0), model.task
    source = torch.rand(size, channels(task.source, model.slices), *pixels, generator=chance) * 2 - 1
    for share in (c.name for c in task.source if c.share):
        places = hidden_places(task.source, model.slices, [share])
        source[:, places] = (source[:, places] > 0).float()
    vector = torch.rand(size, len(task.conditions), generator=chance)
    if len(task.conditions) > FREE:
        vector[0, FREE] = torch.nan
        vector[1, RELATIVE] = torch.nan
    noise = torch.randn(size, model.noise_channels, *pixels, generator=chance)
    noise[:, 0] = noise[:, 0, :1, :1]
    return Batch(source, vector, noise)


def with_target(model):
    batch = inputs(model, pixels=(32, 32))  # for a discriminator of patches
    target = torch.rand(
        len(batch), len(model.task.target), 32, 32, generator=torch.Generator().manual_seed(5)
    )
    near = torch.zeros(len(batch), 32, 32, dtype=torch.bool)
    near[:, 5:15, 5:15] = True
    return replace(batch, target=target, near=near)


@pytest.fixture(params=MAKERS)
def model(request):
    return MAKERS[request.param]()


@pytest.fixture(params=ON_LAYERED)
def layered(request):
    return MAKERS[request.param]()


@pytest.fixture(params=LEARNED)
def learned(request):
    return MAKERS[request.param]()


def test_the_families_are_the_files_of_their_folder():
    assert {"bridge", "copy", "diffusion", "pix2pix", "regression"} <= set(FAMILIES)
    assert all(issubclass(family, Family) for family in FAMILIES.values())


def test_gives_the_target_in_its_ranges_even_where_conditions_are_missing(model):
    out, task = model.sample(inputs(model)), model.task
    assert out.shape == (3, len(task.target), 20, 28)
    assert torch.isfinite(out).all()
    for i, channel in enumerate(task.target):
        assert out[:, i].min() >= (0 if channel.share else -1) and out[:, i].max() <= 1


def test_the_target_is_composed_of_the_layers(model):
    batch = inputs(model)
    layers = model.layers(batch)
    assert layers.shape == (3, len(model.task.painted), 20, 28)
    assert torch.equal(model.head.composed(layers), model.sample(batch))
    if model.task.layers:
        below, above, share = layers.unbind(dim=1)
        torch.testing.assert_close(model.sample(batch)[:, 0], (1 - share) * below + share * above)
        assert torch.equal(model.sample(batch)[:, 1], share)


def test_depends_on_its_arguments_only_and_changes_none_of_them(model):
    given, before = inputs(model), inputs(model)
    first, second = model.sample(given), model.sample(given)
    assert torch.equal(first, second)
    first.zero_()
    for field in fields(Batch):
        one, other = getattr(given, field.name), getattr(before, field.name)
        assert one is other is None or torch.equal(one.nan_to_num(7), other.nan_to_num(7))


def test_saving_and_loading_gives_the_same_answers(model, tmp_path):
    given = inputs(model)
    model.save_pretrained(tmp_path / "weights")
    again = load(tmp_path / "weights")
    assert type(again) is type(model) and again.config == model.config
    assert torch.equal(model.sample(given), again.sample(given))


def test_refuses_the_weights_of_another_family(model, tmp_path):
    other = next(n for n in FAMILIES if FAMILIES[n] is not type(model))
    made(other).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=f"holds a {FAMILIES[other].__name__}, not a {type(model).__name__}"):
        type(model).from_pretrained(tmp_path)


def test_a_slice_does_not_depend_on_its_neighbours_or_their_number(model):
    batch = inputs(model, size=20)
    whole = model.sample(batch)
    alone = Batch(batch.source[5:6], batch.vector[5:6], batch.noise[5:6])
    assert torch.equal(model.sample(alone)[0], whole[5])
    batch.source[6:] = 0.3
    assert torch.equal(model.sample(batch)[5], whole[5])


def test_steps_are_chosen_only_where_there_are_some(model):
    batch = inputs(model)
    if "steps" in model.config.options:
        assert model.evaluations == model.config.options["steps"]
        assert not torch.equal(model.sample(batch, steps=model.evaluations + 3), model.sample(batch))
        assert torch.equal(model.sample(batch, steps=model.evaluations), model.sample(batch))
    else:
        assert model.evaluations == 1
        with pytest.raises(ValueError, match="no steps to choose"):
            model.sample(batch, steps=2)


def test_a_step_of_training_moves_what_is_trained_and_nothing_else(model):
    parts = model.parts()
    trained = {id(p) for part in parts for p in part}
    before = {n: p.clone() for n, p in model.named_parameters()}
    optimisers = [torch.optim.AdamW(part, lr=0.01) for part in parts]
    terms = descend(model.train(), optimisers, with_target(model), torch.Generator().manual_seed(1), clip=1.0)
    assert all(torch.isfinite(torch.tensor(v)) for v in terms.values())
    assert bool(terms) == bool(parts)
    for name, parameter in model.named_parameters():
        if not parameter.numel():
            continue  # of conditions that a task does not have
        moved = not torch.equal(parameter, before[name])
        assert moved == (id(parameter) in trained), name


def test_the_same_chance_gives_the_same_losses(model):
    batch, parts = with_target(model), model.parts()
    one, other = (
        [model.losses(i, batch, torch.Generator().manual_seed(2)) for i in range(len(parts))]
        for _ in range(2)
    )
    assert one == other


def test_what_is_missing_is_not_zero(learned):
    batch = inputs(learned)
    batch.vector[:, RELATIVE] = 0.5
    batch.vector[:, 3] = torch.nan
    missing = learned.sample(batch)
    batch.vector[:, 3] = 0.0
    assert (learned.sample(batch) - missing).abs().max() > 1e-6


def test_free_use_is_guided_use_with_the_condition_that_it_draws(layered):
    batch = inputs(layered)
    guided = layered.guided(batch)
    vector, drawn = batch.vector, guided.vector
    free = ~torch.isfinite(vector)
    assert torch.isfinite(drawn[1, RELATIVE]) and drawn[1, RELATIVE] > 0
    free[1, RELATIVE] = False
    assert torch.equal(drawn[~free][1:], torch.where(torch.isfinite(vector), vector, drawn)[~free][1:])
    assert torch.isnan(drawn[0, FREE]), "only that one is drawn"
    assert torch.equal(layered.sample(batch), layered.sample(guided))


def test_a_greater_first_noise_draws_a_greater_value(layered):
    vector = torch.full((5, len(LAYERED.conditions)), 0.5)
    vector[:, RELATIVE] = torch.nan
    noise = torch.linspace(-2, 2, 5)[:, None, None, None].expand(5, layered.noise_channels, 4, 4)
    drawn = layered.guided(Batch(noise, vector, noise)).vector[:, RELATIVE]
    assert (drawn.diff() > 0).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_hidden_changes_nothing(name):
    model = made(name, hidden=("dose", "age"))
    batch = inputs(model)
    batch.vector[:, RELATIVE] = 0.5
    before = model.sample(batch)
    batch.vector[:, 2:4] += 1.0  # the condition of that name, too
    batch.source[:, hidden_places(LAYERED.source, 3, ["dose"])] += 1.0
    assert torch.equal(model.sample(batch), before)
    if name not in UNTAUGHT:
        batch.vector[:, LAST] += 1.0
        assert not torch.equal(model.sample(batch), before)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_network_of_one_slice_is_not_shown_what_came_of_the_whole_volume(name):
    for slices in (1, 3):
        model = made(name, slices=slices)
        batch = inputs(model)
        before = model.sample(batch)
        batch.source[:, -1] -= 1.0
        assert torch.equal(model.sample(batch), before) == (
            slices == 1 or name in (*UNTAUGHT, *SEES_CONTOURS)
        )


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", FAMILIES)
def test_on_coarse_pixels_it_still_answers_on_the_pixels_given(name, task):
    model = made(name, task, coarsen=2)
    out = model.sample(inputs(model))
    assert out.shape == (3, len(TASKS[task].target), 20, 28) and torch.isfinite(out).all()


@pytest.mark.parametrize("hidden", [(), ("draft_below", "draft_above", "draft_share")])
@pytest.mark.parametrize("name", [n for n in FAMILIES if n not in BEGIN_WITH_NOISE])
def test_an_untrained_model_gives_its_draft_and_one_without_a_draft_the_image(name, hidden):
    model = made(name, hidden=hidden)
    last = [m.leave for m in model.network.modules() if hasattr(m, "leave")]
    assert last
    for weight in (w for m in last for w in m.parameters()):
        torch.nn.init.zeros_(weight)
    batch = inputs(model)
    begins = (0, 0, 1) if hidden else (3, 4, 5)
    layers = model.layers(batch)
    assert model.head.begins == list(begins)
    assert torch.equal(layers[:, :2], batch.source[:, begins[:2]])
    assert torch.equal(layers[:, 2] > 0.5, batch.source[:, begins[2]] > 0.5)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_image_that_begins_from_nothing_begins_as_zero(name):
    model = made(name, "from nothing")
    batch = inputs(model)
    start = model.start(batch)
    assert not start[:, 0].any() and not start[:, 2].any()
    assert torch.equal(start[:, 1], batch.source[:, 0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", FAMILIES)
def test_a_gpu_gives_what_the_processor_gives(name):
    model = made(name)
    batch = inputs(model)
    here = model.sample(batch)
    there = model.to("cuda").sample(batch.to("cuda")).cpu()
    assert (here - there).abs().mean() < 0.02  # bfloat16 has eight bits
