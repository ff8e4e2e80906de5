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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": 0}, "another version"),
        ({"parameters": ["alpha"]}, "another version"),
        ({"fitted_to": "other"}, "another table"),
        ({"z": "none"}, "cannot be read"),
    ],
)
def test_another_version_or_digest_is_one_sentence(posterior, tmp_path, change, words):
    path = tmp_path / "p.json"
    posterior.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=words):
        Posterior.load(path, "digest")
