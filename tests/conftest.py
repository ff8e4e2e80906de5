"""Fixtures shared by all rooms: the real data, and patients made once a session."""

import os
import subprocess
from pathlib import Path

import pytest

from twin import PatientTwin

os.environ["RT_TWIN_KEY"] = "tests"  # pseudonyms, and with them chance, are the same on every machine
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data in ../shared/data are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def lung_twin(shared_data) -> PatientTwin:
    """The real planning CT of an NSCLC patient, 67.6 cm3."""
    from twin.importer import import_patient

    return import_patient(shared_data / "4dlung_113.zip", gtv=["Tumor_c40"])


@pytest.fixture(scope="session")
def phantom_twin() -> PatientTwin:
    """The in-silico patient of `rt-twin phantom --seed 7`."""
    from simulators.insilico.patient import make_patient

    return make_patient(seed=7)[0]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of half a megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)
