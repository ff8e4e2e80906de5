"""What every Translator must do; a new one is added to the list and passes unchanged."""

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import CopyTranslator, Translator  # noqa: E402
from models.data.stack import channels  # noqa: E402
from models.hub import kinds, load  # noqa: E402

STATISTICS = {"mean": [0.0] * 5, "std": [1.0] * 5, "log_offset": [-1.0, 0.1, -1.0, -1.0, -1.0]}
RELATIVE = 1


def learned(kind, slices, **more):
    torch.manual_seed(3)
    model = kinds()[kind](
        {"statistics": STATISTICS, "slices": slices, "relative": RELATIVE, "widths": (8, 16), "embedding": 16}
        | more
    )
    for weight in model.parameters():  # so that nothing is 0 by design
        torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


MAKERS = {
    "copy": CopyTranslator,
    **{
        f"{k}-{n}": lambda k=k, n=n: learned(k, n) for k in ("bridge", "pix2pix", "diffusion") for n in (1, 3)
    },
    "diffusion-sample": lambda: learned("diffusion", 3, options={"prediction": "sample", "steps": 4}),
    "diffusion-v": lambda: learned("diffusion", 3, options={"prediction": "v_prediction", "steps": 4}),
    "bridge-coarse": lambda: learned("bridge", 3, coarsen=2),
    "pix2pix-guidance": lambda: learned("pix2pix", 3, guidance=2.0),
}
LEARNED = [name for name in MAKERS if name != "copy"]


def inputs(translator, batch=3):
    chance = torch.Generator().manual_seed(0)
    image = torch.rand(batch, channels(3, translator.slices), 20, 28, generator=chance) * 2 - 1
    image[:, 1] = (image[:, 1] > 0).float()
    vector = torch.rand(batch, 5, generator=chance)
    vector[0, 2] = torch.nan
    vector[1, RELATIVE] = torch.nan
    noise = torch.randn(batch, translator.noise_channels, 20, 28, generator=chance)
    if translator.noise_channels:
        noise[:, 0] = noise[:, 0, :1, :1]
    return image, vector, noise


@pytest.fixture(params=MAKERS)
def translator(request):
    return MAKERS[request.param]()


@pytest.fixture(params=LEARNED)
def model(request):
    return MAKERS[request.param]()


def test_is_a_translator(translator):
    assert isinstance(translator, Translator)


def test_gives_image_and_mask_in_range_even_where_conditions_are_missing(translator):
    out = translator.generate(*inputs(translator))
    assert out.shape == (3, 2, 20, 28)
    assert torch.isfinite(out).all()
    assert out[:, 0].abs().max() <= 1
    assert out[:, 1].min() >= 0 and out[:, 1].max() <= 1


def test_depends_on_its_arguments_only_and_changes_none_of_them(translator):
    given = inputs(translator)
    before = [t.clone() for t in given]
    first, second = translator.generate(*given), translator.generate(*given)
    assert torch.equal(first, second)
    for one, other in zip(given, before, strict=True):
        assert torch.equal(one.nan_to_num(7), other.nan_to_num(7))
    first.zero_()
    assert torch.equal(given[0], before[0])


def test_saving_and_loading_gives_the_same_answers(translator, tmp_path):
    given = inputs(translator)
    translator.save_pretrained(tmp_path / "weights")
    again = load(tmp_path / "weights")
    assert type(again) is type(translator)
    assert (tmp_path / "weights" / "config.json").is_file()
    assert torch.equal(translator.generate(*given), again.generate(*given))


def test_refuses_the_weights_of_another_class(model, tmp_path):
    CopyTranslator().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="holds a CopyTranslator"):
        type(model).from_pretrained(tmp_path)


def test_a_slice_does_not_depend_on_its_neighbours_or_their_number(model):
    image, vector, noise = inputs(model, batch=20)
    whole = model.generate(image, vector, noise)
    assert torch.equal(model.generate(image[5:6], vector[5:6], noise[5:6])[0], whole[5])
    image[6:] = 0.3
    assert torch.equal(model.generate(image, vector, noise)[5], whole[5])


def test_what_is_missing_is_not_zero(model):
    image, vector, noise = inputs(model)
    vector[:, RELATIVE] = 0.5
    vector[:, 3] = torch.nan
    missing = model.generate(image, vector, noise)
    vector[:, 3] = 0.0
    assert (model.generate(image, vector, noise) - missing).abs().max() > 1e-6


def test_free_use_is_guided_use_with_the_volume_that_it_draws(model):
    image, vector, noise = inputs(model)
    drawn = model.guided(vector, noise)
    free = ~torch.isfinite(vector)
    assert torch.isfinite(drawn[1, RELATIVE]) and drawn[1, RELATIVE] > 0
    free[1, RELATIVE] = False
    assert torch.equal(drawn[~free][1:], torch.where(torch.isfinite(vector), vector, drawn)[~free][1:])
    assert torch.isnan(drawn[0, 2]), "only the volume is drawn"
    assert torch.equal(model.generate(image, vector, noise), model.generate(image, drawn, noise))


def test_a_greater_first_noise_draws_a_greater_volume(model):
    vector = torch.full((5, 5), 0.5)
    vector[:, RELATIVE] = torch.nan
    noise = torch.linspace(-2, 2, 5)[:, None, None, None].expand(5, model.noise_channels, 4, 4)
    drawn = model.guided(vector, noise)[:, RELATIVE]
    assert (drawn.diff() > 0).all()


def test_what_is_hidden_changes_nothing():
    image, vector, noise = inputs(MAKERS["bridge-3"]())
    model = learned("bridge", 3, hidden=[3], hidden_channels=[2])
    vector[:, RELATIVE] = 0.5
    before = model.generate(image, vector, noise)
    vector[:, 3] += 1.0
    image[:, [2, 5, 8]] += 1.0
    assert torch.equal(model.generate(image, vector, noise), before)
    vector[:, 4] += 1.0
    assert not torch.equal(model.generate(image, vector, noise), before)


@pytest.mark.parametrize("kind", ["bridge", "pix2pix", "diffusion"])
def test_on_coarse_pixels_it_still_answers_on_the_pixels_given(kind):
    image, vector, noise = inputs(learned(kind, 3))
    made = learned(kind, 3, coarsen=2).generate(image, vector, noise)
    assert made.shape == (len(image), 2, *image.shape[2:]) and torch.isfinite(made).all()


@pytest.mark.parametrize("kind", ["bridge", "pix2pix"])
def test_an_untrained_model_gives_its_draft_and_one_without_a_draft_the_scan(kind):
    image = torch.rand(2, channels(6, 3), 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    image[:, [1, 5]] = (image[:, [1, 5]] > 0).float()
    for start in ([3, 4, 5], [0, 0, 1]):
        model = learned(kind, 3, image_channels=6, start=start)
        for weight in model.network.leave.parameters():
            torch.nn.init.zeros_(weight)
        layers = model.layers(image, torch.full((2, 5), 0.5), torch.randn(2, model.noise_channels, 16, 16))
        assert torch.equal(layers[:, :2], image[:, start[:2]])
        assert torch.equal(layers[:, 2] > 0.5, image[:, start[2]] > 0.5)
