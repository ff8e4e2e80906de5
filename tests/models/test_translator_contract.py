"""What every Translator must do; a new one is added to the list and passes unchanged."""

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import CopyTranslator, Translator  # noqa: E402

TRANSLATORS = [CopyTranslator]


def _inputs(translator, batch=3):
    chance = torch.Generator().manual_seed(0)
    image = torch.rand(batch, 4, 32, 32, generator=chance) * 2 - 1
    image[:, 1] = (image[:, 1] > 0).float()
    vector = torch.rand(batch, 5, generator=chance)
    vector[0, 2] = torch.nan
    noise = torch.randn(batch, translator.noise_channels, 32, 32, generator=chance)
    return image, vector, noise


@pytest.fixture(params=TRANSLATORS, ids=lambda c: c.__name__)
def translator(request):
    return request.param()


def test_is_a_translator(translator):
    assert isinstance(translator, Translator)


def test_gives_image_and_mask_in_range_even_where_conditions_are_missing(translator):
    out = translator.generate(*_inputs(translator))
    assert out.shape == (3, 2, 32, 32)
    assert torch.isfinite(out).all()
    assert out[:, 0].abs().max() <= 1
    assert out[:, 1].min() >= 0 and out[:, 1].max() <= 1


def test_depends_on_its_arguments_only_and_changes_none_of_them(translator):
    inputs = _inputs(translator)
    before = [t.clone() for t in inputs]
    first, second = translator.generate(*inputs), translator.generate(*inputs)
    assert torch.equal(first, second)
    for one, other in zip(inputs, before, strict=True):
        assert torch.equal(one.nan_to_num(), other.nan_to_num())
    first.zero_()
    assert torch.equal(inputs[0], before[0])


def test_saving_and_loading_gives_the_same_answers(translator, tmp_path):
    inputs = _inputs(translator)
    translator.save_pretrained(tmp_path / "weights")
    again = type(translator).from_pretrained(tmp_path / "weights")
    assert (tmp_path / "weights" / "config.json").is_file()
    assert torch.equal(translator.generate(*inputs), again.generate(*inputs))
