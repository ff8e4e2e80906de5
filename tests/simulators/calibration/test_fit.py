"""The fit learns what the trials say, and nothing of a trial that is left out."""

import pytest

from simulators.calibration import fit
from simulators.calibration.evidence import Evidence, evidence
from twin import InputError


@pytest.mark.slow  # compiles a sampler and runs three short chains
def test_what_immune_consolidation_does_is_learned_from_the_trials_that_gave_it(monkeypatch):
    for name, value in (("WARMUP", 150), ("DRAWS", 200), ("CHAINS", 1), ("_FORGET", 50)):
        monkeypatch.setattr(fit, name, value)
    whole = fit.Fit(evidence())
    gave = {row.trial for row in evidence().rows if row.immune}

    def immune(posterior):
        return next(row for row in posterior.table() if row["parameter"] == "immune_ratio")

    learned, not_told = immune(whole.run()), immune(whole.run(gave))
    assert whole.run().diverged <= 2  # of 200: where sums overflowed it was one in six
    assert learned["spread_ratio"] < 0.6 and learned["high"] < 1.0
    assert (
        not_told["spread_ratio"] > 2 * learned["spread_ratio"]
    )  # so short a chain knows a spread to a sixth
    assert (whole.run(gave).z == whole.run(gave).z).all() and whole.run(gave).left_out == tuple(sorted(gave))


def test_a_table_of_which_nothing_may_be_fitted_is_one_sentence():
    with pytest.raises(InputError, match="no row of the table"):
        fit.Fit(Evidence(evidence().on("test").rows, "digest"))
