"""A reader study of small volumes, and simulated readers of known skill: no person has read anything here."""

import numpy as np
import pytest

from scenarios.readers import Answer, give, make_reader_study

READERS = ["r1:resident", "r2:resident", "r3:specialist"]
SKILL = {"r1": 0.5, "r2": 0.7, "r3": 0.95}


@pytest.fixture
def study(sources, tmp_path):
    return make_reader_study(sources, tmp_path / "study", READERS, seed=3)


def _read(study, skill=None) -> None:
    """Answers of readers that are right with a known chance, and the surer the more often."""
    for name, right in (skill or SKILL).items():
        chance = np.random.default_rng(sum(map(ord, name)))
        for case in study.order(name):
            truth = study.key.cases[case].real
            knows = chance.random() < right
            confidence = int(np.clip(chance.integers(1, 4) + 2 * (knows and right > 0.6), 1, 5))
            give(study, name, Answer(case=case, real=truth == knows, confidence=confidence, quality=4))


@pytest.fixture(scope="session")
def read():
    return _read
