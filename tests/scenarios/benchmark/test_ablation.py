import json

import pytest

pytest.importorskip("torch", reason="torch is in the [learned] extra")

from scenarios.benchmark.ablation import ablate
from simulators.insilico.sets import FORMAT, INDEX
from twin import InputError


@pytest.fixture
def sets(tmp_path, phantom_twin):
    """A folder with a patient who has one CT only, and what looks like a set with truth."""
    phantom_twin.save(tmp_path / "learn" / "a.twin")
    row = {"id": "b", "twin": "b.twin", "truth": "b.truth"}
    (tmp_path / "held").mkdir()
    index = {"format": FORMAT, "simulator": "x", "arguments": {}, "patients": [row]}
    (tmp_path / "held" / INDEX).write_text(json.dumps(index))
    return tmp_path


def test_what_cannot_be_learned_from_leaves_no_folder(sets):
    with pytest.raises(InputError, match="training needs pairs of scans"):
        ablate(sets / "learn", sets / "held", sets / "above" / "out", steps=1)
    assert sorted(p.name for p in sets.iterdir()) == ["held", "learn"]


def test_what_cannot_be_judged_on_is_refused_before_anything_is_learned(sets):
    row = {"id": "b", "twin": "b.twin", "truth": None}
    index = json.loads((sets / "held" / INDEX).read_text())
    (sets / "held" / INDEX).write_text(json.dumps(index | {"patients": [row]}))
    with pytest.raises(InputError, match="holds no truth; make the set with --truth"):
        ablate(sets / "learn", sets / "held", sets / "out", steps=1)
    assert not (sets / "out").exists()
