import shutil

import pytest

from models.hub import SHIPPED
from models.layout import CONFIG, WEIGHTS
from simulators.learned.weights import learned_from, network, patient_digest
from twin import InputError


def test_who_was_learned_from_is_told_by_the_key_alone(monkeypatch):
    here = patient_digest("P-1")
    assert "P-1" not in here and learned_from(["P-1", "P-2"], [here]) == ["P-1"]
    assert learned_from(["P-2"], [here]) == []
    monkeypatch.setenv("RT_TWIN_KEY", "another clinic")
    assert patient_digest("P-1") != here
    assert learned_from(["P-1"], [here]) is None  # nobody can tell without the key
    assert learned_from(["P-1"], []) == []


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        (CONFIG, lambda b: b"{"),
        (CONFIG, lambda b: b"[]"),
        (CONFIG, lambda b: b"[" * 100_000),
        (CONFIG, lambda b: b"\xff" + b),
        (CONFIG, lambda b: b'{"_class_name": "Nobody", "task": {"name": 3}}'),
        (CONFIG, lambda b: b.replace(b"widths", b"depths")),
        (WEIGHTS, lambda b: b""),
        (WEIGHTS, lambda b: b[:1000]),
        (WEIGHTS, lambda b: b"\xff" * 8 + b[8:]),
        (WEIGHTS, lambda b: b.replace(b"network.enter.weight", b"network.enter.wrong!")),
        (WEIGHTS, None),
        (CONFIG, None),
    ],
)
def test_damaged_weights_are_one_sentence(tmp_path, file, damage):
    pytest.importorskip("torch", reason="torch is in the [learned] extra")
    folder = tmp_path / "mine [1]"
    shutil.copytree(SHIPPED / "denoise" / "regression", folder)
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    if damage is not None:
        (folder / file).write_bytes(damage(content))
    with pytest.raises(InputError) as told:
        network(str(folder), "denoise")
    assert str(told.value).count("\n") == 0 and "Traceback" not in str(told.value)
