"""A frozen posterior, and the sentences for files that are none."""

import json

import numpy as np
import pytest

from simulators.calibration.model import PRIORS
from simulators.calibration.posterior import Posterior
from twin import InputError


@pytest.fixture
def posterior():
    z = np.random.default_rng(0).normal(size=(2, 50, len(PRIORS)))
    z[..., 0] *= 0.3
    return Posterior(z, "digest", ("CHART",))


def test_what_is_saved_comes_back(posterior, tmp_path):
    posterior.save(tmp_path / "p.json")
    again = Posterior.load(tmp_path / "p.json", "digest")
    assert np.allclose(again.z, posterior.z, atol=1e-4) and again.left_out == ("CHART",)


def test_the_table_says_what_was_learned(posterior):
    rows = list(posterior.table())
    assert rows[0]["learned"] and rows[0]["spread_ratio"] == pytest.approx(0.3, abs=0.05)
    assert not all(r["learned"] for r in rows[1:])
    assert all(r["low"] < r["median"] < r["high"] for r in rows)


def test_draws_that_follow_each_other_are_worth_fewer():
    rng = np.random.default_rng(1)
    z = np.empty((2, 2000, len(PRIORS)))
    z[:, 0] = rng.normal(size=(2, len(PRIORS)))
    for i in range(1, 2000):
        z[:, i] = 0.5 * z[:, i - 1] + np.sqrt(0.75) * rng.normal(size=(2, len(PRIORS)))
    worth = np.array([row["ess"] for row in Posterior(z, "digest").table()])
    assert np.median(worth) == pytest.approx(4000 / 3, rel=0.2)  # (1 - 0.5) / (1 + 0.5)
    assert "0 of 4000 draws diverged" in Posterior(z, "digest").words()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": 0}, "another version"),
        ({"parameters": ["alpha"]}, "another version"),
        ({"fitted_to": "other"}, "another table"),
        ({"z": "none"}, "cannot be read"),
        ({"z": [[[1.0]]]}, "is broken"),
        ({"z": []}, "is broken"),
        ({"z": [[[float("nan")] * len(PRIORS)]]}, "is broken"),
    ],
)
def test_another_version_or_digest_is_one_sentence(posterior, tmp_path, change, words):
    path = tmp_path / "p.json"
    posterior.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=words):
        Posterior.load(path, "digest")
