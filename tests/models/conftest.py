"""A toy world to translate: a ball in the middle that shrinks to a relative volume that the vector gives."""

import numpy as np
import pytest

from models import Channel, Condition, Task

SHAPE = (8, 24, 24)
IMAGE, MASK = Channel(name="image", low=-1.0, high=1.0), Channel(name="mask", share=True)
TOY = Task(
    name="toy",
    source=(
        IMAGE,
        MASK,
        Channel(name="dose", share=True, group="dose"),
        Channel(name="depth", low=-1.0, high=1.0, whole=True),
    ),
    target=(IMAGE, MASK),
    layers=(
        Channel(name="below", low=-1.0),
        Channel(name="above", low=-1.0),
        Channel(name="share", share=True),
    ),
    start=(("image",), ("image",), ("mask",)),
    conditions=(Condition(name="nothing", group="clinical"), Condition(name="relative")),
    drawn="relative",
)
# A task with one image, no conditions and no layers, as that of taking noise away.
PLAIN = Task(name="plain", source=(IMAGE,), target=(IMAGE,), start=(("image",),))


@pytest.fixture(scope="session")
def toy_task():
    return TOY


@pytest.fixture(scope="session")
def plain_task():
    return PLAIN


def ball(radius: float, centre=(4.0, 12.0, 12.0)) -> np.ndarray:
    """Occupancy with a soft edge."""
    at = np.indices(SHAPE, dtype=np.float32)
    distance = np.sqrt(sum((a - c) ** 2 for a, c in zip(at, centre, strict=True)))
    return np.clip(radius - distance + 0.5, 0.0, 1.0).astype(np.float32)


def example(chance: np.random.Generator):
    """An example and its vector: a number that means nothing, and the relative volume."""
    from models.data.examples import Example

    radius, relative = chance.uniform(5.0, 8.0), chance.uniform(0.1, 1.0)
    before = ball(radius)
    low, high = 0.0, radius
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if ball(middle).sum() < relative * before.sum() else (low, middle)
    after = ball(low)
    texture = 0.02 * chance.standard_normal(SHAPE).astype(np.float32)
    dose = np.full(SHAPE, chance.uniform(0, 1), np.float32)
    at = np.indices(SHAPE, dtype=np.float32) - np.array([4.0, 12.0, 12.0], np.float32)[:, None, None, None]
    depth = np.clip((radius - np.sqrt((at**2).sum(axis=0))) / 15.0, -1.0, 1.0)
    source = np.stack([-0.8 + 0.8 * before + texture, before, dose, depth]).astype(np.float32)
    target = np.stack([-0.8 + 0.8 * after, after]).astype(np.float32)
    return Example(source, target, near=depth > -1.0), np.array([chance.normal(), relative], np.float32)


@pytest.fixture(scope="session")
def toy_subjects(tmp_path_factory):
    """24 toy patients with one example each."""
    from models.data.examples import Subject

    folder, chance = tmp_path_factory.mktemp("toy"), np.random.default_rng(0)
    made = []
    for i in range(24):
        one, vector = example(chance)
        made.append(Subject.write(f"toy{i}", folder / f"toy{i}", [one], vector[None]))
    return made


@pytest.fixture(scope="session")
def plain_subjects(tmp_path_factory):
    """12 patients of the plain task, whose image is to lose its noise, with two examples each."""
    from models.data.examples import Example, Subject

    folder, chance = tmp_path_factory.mktemp("plain"), np.random.default_rng(2)
    made = []
    for i in range(12):
        clean = [(-0.8 + 0.8 * ball(chance.uniform(3.0, 9.0)))[None] for _ in range(2)]
        noisy = [c + 0.2 * chance.standard_normal(c.shape).astype(np.float32) for c in clean]
        pairs = [Example(n, c) for n, c in zip(noisy, clean, strict=True)]
        made.append(Subject.write(f"plain{i}", folder / f"plain{i}", pairs, np.empty((2, 0))))
    return made


@pytest.fixture(scope="session")
def toy_config():
    """The config of a tiny network for the toy world."""
    from models import FamilyConfig
    from models.condition import fitted

    chance = np.random.default_rng(1)
    vectors = np.stack([example(chance)[1] for _ in range(32)])
    task = TOY.model_copy(update={"conditions": fitted(TOY.conditions, vectors)})
    return FamilyConfig(family="bridge", task=task, widths=(16, 24), embedding=32)
