"""Previews are short, and the form's next change ends them."""

import json
import subprocess
import sys
import threading
import time

import pytest

from dashboards.jobs.preview import Previews, Superseded
from twin import InputError
from twin.inputs import check
from twin.inputs.quantities import Day

PATIENT_S = 120.0  # where an answer is waited for, however slow the machine


@pytest.fixture(scope="module")
def previews():
    return Previews("dashboards.parts.comparison_form")


def test_an_answer_comes_from_another_process_and_a_mistake_is_its_sentence(previews):
    assert previews.of("a form", sorted, [2, 1], longest_s=PATIENT_S) == [1, 2]
    with pytest.raises(InputError, match="the day must lie between 0 and 36525, not -1"):
        previews.of("a form", check, Day, -1, "the day", longest_s=PATIENT_S)


def test_what_takes_long_is_ended_and_refused(previews):
    with pytest.raises(InputError, match="longer than 2 s"):
        previews.of("a form", time.sleep, 60)
    assert previews.of("a form", sorted, [2, 1], longest_s=PATIENT_S) == [1, 2]


def test_the_next_change_ends_what_runs_for_the_form_and_for_no_other(previews):
    came: dict[str, object] = {}

    def ask(form: str) -> None:
        try:
            came[form] = previews.of(form, time.sleep, 60 if form == "this" else 1.2, longest_s=90)
        except Superseded as ended:
            came[form] = ended

    threads = [threading.Thread(target=ask, args=(form,)) for form in ("this", "that")]
    for thread in threads:
        thread.start()
    while len(previews._running) < 2:
        time.sleep(0.01)
    assert previews.of("this", sorted, [1], longest_s=PATIENT_S) == [1]
    for thread in threads:
        thread.join()
    assert isinstance(came["this"], Superseded) and came["that"] is None


def test_a_fault_of_ours_is_no_silence(previews):
    with pytest.raises(RuntimeError, match="without an answer"):
        previews.of("a form", json.loads, "[", longest_s=PATIENT_S)


def test_a_script_that_serves_is_not_run_once_more(tmp_path):
    script = tmp_path / "mine.py"
    script.write_text(
        "print('begun', flush=True)\n"
        "from dashboards.jobs.preview import Previews\n"
        "print(Previews().of('a form', sorted, [2, 1], longest_s=120), flush=True)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["begun", "[1, 2]"] and done.stdout.count("begun") == 1, done.stderr
