"""What a row can say, and verdicts that chance could turn."""

import pytest

from scenarios.validation.row import GROUPS, NO_EVIDENCE, NOT_COMPARABLE, Row, joined


def row(ours=5.0, **more):
    return Row("a share", "a trial", more.pop("kind", "clinical"), 5.0, 4.0, 6.0, ours, **more)


@pytest.mark.parametrize(
    ("fields", "group"),
    [
        ({"kind": "exact"}, "exact"),
        ({"held_out": False}, "fitted"),
        ({}, "tested, independent"),
        ({"note": f"{NOT_COMPARABLE}: another grade"}, NOT_COMPARABLE),
        ({"evidence": False}, NO_EVIDENCE),
    ],
)
def test_a_row_is_of_one_group(fields, group):
    assert row(**fields).group == group and group in GROUPS


def test_a_verdict_stands_only_where_chance_cannot_turn_it():
    assert row(5.9, error=0.01).inside is True
    assert row(6.1, error=0.01).inside is False
    assert row(5.9, error=0.2).inside is None
    assert row(6.1, error=0.2).inside is None


def test_seeds_are_joined_to_their_mean_and_its_error():
    one = joined([row(4.0), row(5.0), row(6.0), row(5.0)])
    assert one.ours == 5.0 and one.error == pytest.approx(0.408, abs=1e-3)
