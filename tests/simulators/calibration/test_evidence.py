"""The table of arms: its rule, and the sentences for rows that cannot be."""

import pytest

from simulators.calibration.evidence import ARMS, BLIND, evidence, read_evidence
from twin import InputError


@pytest.fixture
def changed(tmp_path):
    def write(**changes):
        lines = ARMS.read_text().splitlines()
        names = lines[0].split(",")
        first = lines[1].split(",")
        for name, text in changes.items():
            first[names.index(name)] = text
        path = tmp_path / "arms.csv"
        path.write_text("\n".join([lines[0], ",".join(first), *lines[2:]]))
        return path

    return write


def test_fit_and_test_share_no_group_and_nothing_blind_is_in_the_table():
    table = evidence()
    sides = {side: {r.group for r in table.on(side).rows} for side in ("fit", "difference", "test")}
    assert not sides["test"] & (sides["fit"] | sides["difference"]) and not sides["fit"] & sides["difference"]
    assert "RTOG 9410" in sides["test"]
    assert not set(BLIND) & (set(table.trials) | {r.group for r in table.rows})


def test_no_publication_is_on_both_sides_but_a_review_of_several_trials():
    table = evidence()
    of: dict[str, dict[str, set[str]]] = {}
    for row in table.rows:
        for source in row.source.split(";"):
            of.setdefault(source.strip(), {}).setdefault(table.side(row), set()).add(row.trial)
    for source, sides in of.items():
        trials = [trial for names in sides.values() for trial in names]
        assert len(trials) == len(set(trials)), source  # no trial's numbers are split between the sides
        if "test" in sides and len(sides) > 1:
            assert "table" in source, source


def test_the_evidence_is_wide_enough():
    fitted = evidence().on("fit", "difference")
    assert len(fitted.arms) >= 40 and len(fitted.trials) >= 20
    years = [row.middle_year for row in fitted.rows]
    assert min(years) < 1991 and max(years) > 2018


def test_what_was_assumed_does_not_fit_unless_it_cancels():
    table = evidence()
    for row in table.on("fit").rows:
        assert row.clock_how == "read" and row.dose_how != "assumed"
    for row in table.on("difference").rows:
        assert row.randomised


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "128"}, "line 2 .*no percentage"),
        ({"n": "many"}, "line 2 .*n cannot be 'many'"),
        ({"schedule": "60Gy"}, "line 2 .*schedule '60Gy'"),
        ({"drugs": "cetuximab"}, "line 2 .*drugs must be of"),
        ({"endpoint": "cure"}, "line 2 .*endpoint 'cure'"),
        ({"stage_3": "0.5"}, "line 2 .*add up to 1"),
        ({"clock_how": "memory"}, "line 2 .*clock_how"),
        ({"low": "60", "high": "70"}, "line 2 .*interval"),
        ({"high": "70"}, "line 2 .*interval"),
        ({"value": "inf"}, "line 2 .*no percentage"),
        ({"months": "nan"}, "line 2 .*months lie within 63"),
        ({"months": "120"}, "line 2 .*months lie within 63"),
        ({"stage_3": "2", "stage_1": "-1"}, "line 2 .*beyond 0 and 1"),
        ({"stage_3": "nan"}, "line 2 .*beyond 0 and 1"),
        ({"operable": "7"}, "line 2 .*beyond 0 and 1"),
        ({"schedule": "60/0@6"}, "line 2 .*schedule '60/0@6'"),
        ({"schedule": "nan/30@6"}, "line 2 .*schedule 'nan/30@6'"),
        ({"years": "2011-2007"}, "line 2 .*years '2011-2007'"),
        ({"years": "lately"}, "line 2 .*years 'lately'"),
        ({"group": "another"}, "two groups"),
        ({"arm": "74 Gy", "months": "20.3"}, "twice"),
        ({"endpoint": "hazard_ratio_death"}, "without its other arm"),
    ],
)
def test_a_broken_row_is_one_sentence(changed, changes, words):
    with pytest.raises(InputError, match=words):
        read_evidence(changed(**changes))


def test_a_table_that_is_none_is_one_sentence(tmp_path):
    (tmp_path / "a.csv").write_text("trial,arm\nx,y\n")
    for path, words in ((tmp_path / "a.csv", "no column"), (tmp_path / "b.csv", "cannot be read")):
        with pytest.raises(InputError, match=words):
            read_evidence(path)
