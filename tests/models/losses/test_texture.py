"""The texture loss: co-occurrence of hard bins as scikit-image counts it, gradients that lower it, aggregation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models.losses import TextureLoss, cooccurrence, mean_of_pairs, properties  # noqa: E402

LEVELS = 8
NAMES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")


def levels(shape=(12, 15), seed=0):
    return np.random.default_rng(seed).integers(0, LEVELS, shape, dtype=np.uint8)


def on_levels(image):
    return torch.from_numpy(image.astype(np.float64))[None] * (2 / (LEVELS - 1)) - 1


@pytest.mark.parametrize("distance", [1, 3, 5])
def test_hard_bins_have_the_matrices_and_properties_of_scikit_image(distance):
    feature = pytest.importorskip("skimage.feature", reason="scikit-image is in the [test] extra")
    image = levels()
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    theirs = feature.graycomatrix(image, [distance], angles, LEVELS, symmetric=True, normed=True)
    ours = cooccurrence(on_levels(image), distance, LEVELS)
    assert np.allclose(ours[0].permute(1, 2, 0), theirs[:, :, 0], atol=1e-12)
    for k, name in enumerate(NAMES):
        expected = feature.graycoprops(theirs, name)[0]
        assert np.allclose(properties(ours)[0, :, k], expected, atol=1e-9), name


def test_pairs_are_counted_by_hand():
    """0 0 1 beside each other: pairs 00 and 01; symmetric, half of all is 00."""
    matrix = cooccurrence(torch.tensor([[[-1.0, -1.0, 1.0]]]).repeat(1, 2, 1), 1, 2)[0, 0]
    assert torch.allclose(matrix, torch.tensor([[0.5, 0.25], [0.25, 0.0]]))


def test_a_value_between_levels_counts_for_both():
    matrix = cooccurrence(torch.full((1, 4, 4), -0.5), 1, 3)[0, 0]
    assert torch.allclose(matrix[:2, :2], torch.full((2, 2), 0.25)) and matrix.sum() == pytest.approx(1)


@pytest.mark.parametrize(("k", "by"), [(0, lambda d: d**2), (2, lambda d: 1 / (1 + d**2))], ids=NAMES[:3:2])
def test_what_follows_from_differences_needs_no_matrix(k, by):
    images = torch.from_numpy(np.random.default_rng(4).normal(0, 0.6, (2, 9, 11))).requires_grad_(True)
    direct = mean_of_pairs(images, 3, by(torch.arange(LEVELS, dtype=images.dtype)))
    theirs = properties(cooccurrence(images, 3, LEVELS))[..., k]
    slopes = [torch.autograd.grad(v.square().sum(), images)[0] for v in (direct, theirs)]
    assert torch.allclose(direct, theirs) and torch.allclose(*slopes)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_is_that_of_differences(name):
    made, truth = (on_levels(levels((5, 6), seed=s))[None] * 0.9 + 0.013 for s in (1, 2))
    loss = TextureLoss(name, "frobenius", (1,), LEVELS)
    made.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda m: loss(m, truth), (made,), eps=1e-7, atol=1e-5, fast_mode=True)


def test_descending_it_gives_a_smooth_image_the_texture_of_a_rough_one():
    rng = np.random.default_rng(3)
    truth = torch.from_numpy(rng.normal(0, 0.3, (1, 1, 10, 10))).clamp(-1, 1)
    made = torch.from_numpy(rng.normal(0, 0.05, (1, 1, 10, 10))).requires_grad_(True)
    loss, first = TextureLoss("contrast", "mean", (1, 3), 12), None
    steps = torch.optim.Adam([made], 0.05)
    for _ in range(8):
        steps.zero_grad()
        value = loss(made, truth)
        first = value.item() if first is None else first
        value.backward()
        steps.step()
    assert value.item() < 0.6 * first


def test_aggregations_are_those_of_the_differences():
    made, truth = (on_levels(levels(seed=s))[None] for s in (1, 2))
    all_of = (
        (
            properties(torch.stack([cooccurrence(made[0], d, LEVELS) for d in (1, 3)], 1))
            - properties(torch.stack([cooccurrence(truth[0], d, LEVELS) for d in (1, 3)], 1))
        )[..., 2]
        .abs()
        .numpy()
    )
    found = {
        a: TextureLoss("homogeneity", a, (1, 3), LEVELS)(made, truth).item()
        for a in ("maximum", "mean", "frobenius", "attention")
    }
    assert found["maximum"] == pytest.approx(all_of.max()) and found["mean"] == pytest.approx(all_of.mean())
    assert found["frobenius"] == pytest.approx(np.linalg.norm(all_of))
    assert found["mean"] < found["attention"] < found["maximum"]
    same = TextureLoss(aggregation="attention")(made, made)
    assert same.item() == 0 and torch.isfinite(same)
