"""A part of `benchmarks/attack.py`; the whole is run by hand."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ATTACK = Path(__file__).resolve().parents[3] / "benchmarks" / "attack.py"
CALLS = int(os.environ.get("RT_TWIN_FUZZ_CALLS", "30"))


@pytest.mark.long
def test_a_hostile_user_gets_sentences_or_answers(phantom_twin, tmp_path):
    spec = importlib.util.spec_from_file_location("attack", ATTACK)
    attack = importlib.util.module_from_spec(spec)
    sys.modules["attack"] = attack
    spec.loader.exec_module(attack)
    attack.small_patient(tmp_path, phantom_twin)
    words = [sys.executable, str(ATTACK), "--calls", str(CALLS), "--pages", "100", "--patient", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{CALLS} calls:" in done.stdout and "pages: 100 calls:" in done.stdout
