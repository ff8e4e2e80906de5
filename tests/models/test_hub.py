import json

import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from models import CopyTranslator
from models.hub import folders, load


def test_a_users_own_weights_are_found_by_name(tmp_path, monkeypatch):
    CopyTranslator().save_pretrained(tmp_path / "mine")
    monkeypatch.setenv("RT_TWIN_WEIGHTS", str(tmp_path))
    assert isinstance(load("mine"), CopyTranslator)
    assert folders()["mine"] == tmp_path / "mine"
    monkeypatch.delenv("RT_TWIN_WEIGHTS")
    with pytest.raises(ValueError, match="no weights 'mine'"):
        load("mine")


def test_an_unknown_class_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "Oracle"}))
    with pytest.raises(ValueError, match="Oracle, which is none of: Bridge"):
        load(tmp_path)
