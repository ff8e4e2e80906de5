"""A part of `benchmarks/attack`; the whole is run by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ATTACK = Path(__file__).resolve().parents[3] / "benchmarks" / "attack"
CALLS = int(os.environ.get("RT_TWIN_FUZZ_CALLS", "30"))


@pytest.mark.slow
def test_a_hostile_user_gets_sentences_or_answers(phantom_twin, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ATTACK)
    from patient import small_patient

    small_patient(tmp_path, phantom_twin)
    words = [sys.executable, str(ATTACK), "--calls", str(CALLS), "--pages", "100", "--patient", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"{CALLS} calls:" in done.stdout and "pages: 100 calls:" in done.stdout
