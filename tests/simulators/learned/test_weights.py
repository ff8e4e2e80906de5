from simulators.learned.weights import learned_from, patient_digest


def test_who_was_learned_from_is_told_by_the_key_alone(monkeypatch):
    here = patient_digest("P-1")
    assert "P-1" not in here and learned_from(["P-1", "P-2"], [here]) == ["P-1"]
    assert learned_from(["P-2"], [here]) == []
    monkeypatch.setenv("RT_TWIN_KEY", "another clinic")
    assert patient_digest("P-1") != here
    assert learned_from(["P-1"], [here]) is None  # nobody can tell without the key
    assert learned_from(["P-1"], []) == []
