"""Answers are never changed and never lost."""

import pytest

from scenarios.readers import Answer, give, given
from twin import InputError


def answer(case, **changes):
    return Answer(case=case, **{"real": True, "confidence": 3, "quality": 4} | changes)


def test_answers_come_back_in_order_and_are_given_once(study):
    for case in (5, 2):
        give(study, "r1", answer(case))
    with pytest.raises(InputError, match="are not changed"):
        give(study, "r1", answer(5, real=False))
    assert given(study, "r1") == [answer(5), answer(2)]
    assert given(study, "r2") == []


def test_a_line_that_a_power_cut_left_is_no_answer_and_the_next_one_stands_by_itself(study):
    give(study, "r1", answer(5))
    file = study.path / "answers" / "r1.jsonl"
    file.write_bytes(file.read_bytes() + b'{"case":2,"rea')
    assert given(study, "r1") == [answer(5)]
    give(study, "r1", answer(2))
    assert given(study, "r1") == [answer(5), answer(2)]
    file.write_bytes(b'{"case":2}\n')
    with pytest.raises(InputError, match="broken at line 1"):
        given(study, "r1")


def test_nobody_else_and_no_other_case_is_answered_for(study):
    for name, case in (("../r1", 0), ("nobody", 0), ("r1", 12)):
        with pytest.raises(InputError, match="this study has no"):
            give(study, name, answer(case))
    with pytest.raises(ValueError):
        answer(0, confidence=6)
