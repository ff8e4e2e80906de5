import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import Condition  # noqa: E402
from models.condition import fitted  # noqa: E402
from models.networks.quantiles import QuantileHead, fit_quantiles  # noqa: E402

pytestmark = pytest.mark.slow  # trains a network

MEAN, SPREAD = -0.02, 0.4
CONDITIONS = tuple(Condition(name=n) for n in ("dose", "relative", "nothing"))


@pytest.fixture(scope="module")
def toy():
    """log relative volume ~ N(-0.02 dose, 0.4), dose missing in a tenth; and the head that learned it."""
    chance = np.random.default_rng(0)
    dose, nothing = chance.uniform(0, 60, 3000), chance.normal(size=3000)
    relative = np.exp(MEAN * dose + SPREAD * chance.normal(size=3000))
    shown = np.where(chance.random(3000) < 0.1, np.nan, dose)
    vectors = np.stack([shown, relative, nothing], axis=1).astype(np.float32)
    torch.manual_seed(0)
    head = QuantileHead(fitted(CONDITIONS, vectors), drawn=1)
    fit_quantiles(
        head,
        torch.from_numpy(vectors),
        torch.arange(3000),
        torch.arange(3000) >= 2500,
        each=0.0,
        steps=1500,
    )
    return head, torch.from_numpy(vectors[2500:])


def test_quantiles_rise_with_their_level_before_and_after_training(toy):
    levels = torch.linspace(-4, 4, 41).expand(50, -1)
    for head in (QuantileHead(CONDITIONS, drawn=1), toy[0]):
        made = head.log_quantile(toy[1][:50], levels)
        assert (made.diff(dim=1) > 0).all()


def test_intervals_hold_what_they_say(toy):
    head, held = toy
    truth = held[:, 1].log()
    for level in (0.5, 0.8):
        edge = float(torch.special.ndtri(torch.tensor(0.5 + level / 2)))
        low, high = head.log_quantile(held, torch.tensor([-edge, edge]).expand(len(held), -1)).T
        assert abs(((low < truth) & (truth < high)).float().mean() - level) < 0.05


def test_it_finds_the_density_that_made_the_data(toy):
    head, _ = toy
    vector = torch.tensor([[10.0, torch.nan, 0.0], [50.0, torch.nan, 0.0]])
    low, middle, high = head.log_quantile(vector, torch.tensor([[-1.0, 0.0, 1.0]] * 2)).T.detach()
    assert middle.numpy() == pytest.approx([10 * MEAN, 50 * MEAN], abs=0.08)
    assert (0.5 * (high - low)).numpy() == pytest.approx([SPREAD] * 2, abs=0.08)


def test_it_never_sees_the_condition_that_it_predicts(toy):
    head, held = toy
    other = held.clone()
    other[:, 1] = torch.nan
    normal = torch.zeros(len(held), 1)
    assert torch.equal(head.log_quantile(held, normal), head.log_quantile(other, normal))
