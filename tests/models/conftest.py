"""A toy world for Translators: a ball in the middle that shrinks to a relative volume that the vector gives."""

import numpy as np
import pytest

SHAPE = (8, 24, 24)
RELATIVE = 1


def ball(radius: float, centre=(4.0, 12.0, 12.0)) -> np.ndarray:
    """Occupancy with a soft edge."""
    at = np.indices(SHAPE, dtype=np.float32)
    distance = np.sqrt(sum((a - c) ** 2 for a, c in zip(at, centre, strict=True)))
    return np.clip(radius - distance + 0.5, 0.0, 1.0).astype(np.float32)


def example(chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, vector (a number that means nothing, relative volume) and target of one toy patient."""
    radius, relative = chance.uniform(5.0, 8.0), chance.uniform(0.1, 1.0)
    before = ball(radius)
    low, high = 0.0, radius
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if ball(middle).sum() < relative * before.sum() else (low, middle)
    after = ball(low)
    texture = 0.02 * chance.standard_normal(SHAPE).astype(np.float32)
    dose = np.full(SHAPE, chance.uniform(0, 1), np.float32)
    image = np.stack([-0.8 + 0.8 * before + texture, before, dose])
    target = np.stack([-0.8 + 0.8 * after, after])
    return image.astype(np.float32), np.array([chance.normal(), relative], np.float32), target


@pytest.fixture(scope="session")
def toy_subjects(tmp_path_factory):
    """24 toy patients with one example each."""
    from models.data.examples import Subject

    folder, chance = tmp_path_factory.mktemp("toy"), np.random.default_rng(0)
    made = []
    for i in range(24):
        image, vector, target = example(chance)
        made.append(Subject.write(f"toy{i}", folder / f"toy{i}", [(image, target)], vector[None]))
    return made


@pytest.fixture(scope="session")
def toy_config():
    """The config of a tiny network for the toy world."""
    from models.networks.conditions import statistics

    chance = np.random.default_rng(1)
    vectors = np.stack([example(chance)[1] for _ in range(32)])
    return {"statistics": statistics(vectors), "relative": RELATIVE, "widths": (16, 24), "embedding": 32}
