"""The digest of others' code: it changes with what the code does, and with nothing else."""

import os
import subprocess
import sys

import pytest

from models.code import code_digest
from scenarios.policies.volume_trigger import VolumeTrigger
from simulators.names.scanners import SCANNERS

POLICY = '''
from typing import ClassVar, Literal
from helper import enough
from scenarios.plans.policy import CONTINUE, Decision, Policy

LEVELS = {"stop", "replan", "continue"}

def unused():
    return 1

class Base(Policy):
    """A base."""
    def calm(self):
        return CONTINUE

class Mine(Base):
    kind: Literal["mine"] = "mine"
    least: float = 0.3
    weights: ClassVar[dict] = {"a": 1.0}

    def decide(self, seen):
        """Decides."""
        if "stop" in LEVELS and enough(seen.gtv_cm3, self.least):
            return Decision("replan", "enough")
        return self.calm()
'''
HELPER = (
    "import numpy as np\nLIMIT = 5\ndef enough(value, least):\n    return np.log(value) > least * LIMIT\n"
)


def digest(folder, policy=POLICY, helper=HELPER, seed="0"):
    """Of the class in a fresh process."""
    (folder / "policy.py").write_text(policy)
    (folder / "helper.py").write_text(helper)
    code = "from models.code import code_digest; from policy import Mine; print(code_digest(Mine))"
    path = os.pathsep.join([str(folder), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return digest(tmp_path_factory.mktemp("plain"))


def test_equal_code_has_one_digest_in_every_process_and_place(plain, tmp_path):
    assert len(plain.strip()) == 32
    assert digest(tmp_path, seed="7") == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [('"""Decides."""', '"""Decides otherwise."""'), ("return 1", "return 2"), ("LEVELS = {", "# so\nLEVELS = {")],
)  # fmt: skip
def test_words_and_other_code_of_the_file_do_not_count(plain, tmp_path, old, new):
    assert digest(tmp_path, POLICY.replace(old, new)) == plain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"enough")', '"plenty")'),
        ("self.calm()", "CONTINUE"),
        ("        return CONTINUE", "        return Decision('stop', '')"),
        ("least: float = 0.3", "least: float = 0.4"),
        ('{"a": 1.0}', '{"a": 2.0}'),
        ('{"stop", ', "{"),
    ],
)
def test_what_it_does_counts(plain, tmp_path, old, new):
    assert POLICY.count(old) == 1
    assert digest(tmp_path, POLICY.replace(old, new)) != plain


@pytest.mark.parametrize(("old", "new"), [("> least", ">= least"), ("LIMIT = 5", "LIMIT = 6")])
def test_what_it_calls_counts(plain, tmp_path, old, new):
    assert digest(tmp_path, helper=HELPER.replace(old, new)) != plain


def test_the_project_s_own_parts_have_none():
    assert code_digest(VolumeTrigger, VolumeTrigger(), *SCANNERS.values()) == ""


def test_a_function_s_closure_counts():
    def made(level):
        return lambda seen: seen > level

    assert code_digest(made(1)) != code_digest(made(2))
    assert code_digest(made(1)) == code_digest(made(1))
