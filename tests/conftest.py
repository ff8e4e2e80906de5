"""Fixtures shared by all rooms: the real data, and patients made once a session."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from twin import Geometry, PatientTwin, Scan, Simulated, StructureSet, Volume

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of small networks, threads mostly wait for one another
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the command does: to spin takes others' cores
os.environ["RT_TWIN_KEY"] = "tests"  # pseudonyms, and with them chance, are the same on every machine
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def plans_of_the_tests(tmp_path_factory) -> None:
    """Fluence plans are kept beside what the tests make, for all workers: never where the user's lie."""
    own = tmp_path_factory.getbasetemp()
    os.environ["RT_TWIN_PLANS"] = str((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "plans")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data in ../shared/data are not here")
    return SHARED_DATA


@pytest.fixture(scope="session")
def dicom_errors() -> Callable[..., list[str]]:
    """The errors that dicom3tools find in DICOM files, and in what files of one study say of each other."""
    if shutil.which("dciodvfy") is None or shutil.which("dcentvfy") is None:
        pytest.skip("dicom3tools are not installed")
    # releases from before the standard's 2023b do not know SyntheticData and call it an error
    unknown = "</(0008,001c)> - Attribute with an even group number is not a recognized standard attribute"

    def found(*files: Path) -> list[str]:
        told = []
        for command in [*(("dciodvfy", "-new", f) for f in files), ("dcentvfy", *files)]:
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
            told += [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        return [line for line in told if unknown not in line]

    return found


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Makes a folder once for all workers; each has a copy of its own, which its tests may change."""
    own = tmp_path_factory.getbasetemp()
    everyones = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def folder(name: str, make: Callable[[Path], None]) -> Path:
        kept = everyones / f"made-{name}"
        with FileLock(everyones / f"{name}.lock"):
            if not kept.exists():
                making = tmp_path_factory.mktemp(f"making-{name}")
                make(making)
                making.rename(kept)
        return Path(shutil.copytree(kept, own / name))

    return folder


@pytest.fixture(scope="session")
def lung_twin(shared_data) -> PatientTwin:
    """The real planning CT of an NSCLC patient, 67.6 cm3."""
    from twin.importer import import_patient

    return import_patient(shared_data / "4dlung_113.zip", gtv=["Tumor_c40"])


@pytest.fixture(scope="session")
def phantom_twin(made_once) -> PatientTwin:
    """The in-silico patient of `rt-twin phantom --seed 7`."""
    from simulators.insilico.patient import make_patient

    made = made_once("phantom", lambda folder: make_patient(seed=7)[0].save(folder / "7.twin"))
    return PatientTwin.load(made / "7.twin")


@pytest.fixture(scope="session")
def coarse_twin(phantom_twin) -> PatientTwin:
    """The in-silico patient on a grid of 3 mm, for tests of what does not depend on the voxel."""
    drawn = phantom_twin.contours
    grid = phantom_twin.baseline.volume.geometry.resampled(3.0)
    coarse = StructureSet(grid, ())
    for s in drawn:
        mask = Volume(drawn.geometry, drawn.mask(s.name).astype(np.uint8), "MASK", "1")
        coarse = coarse.with_mask(s.name, s.role, mask.on(grid) > 0.5)
    ct = np.rint(phantom_twin.baseline.volume.on(grid, fill=-1024.0)).astype(np.int16)
    made = PatientTwin(id=phantom_twin.id, clinical=phantom_twin.clinical)
    return made.fork(scans=(Scan("CT", 0.0, Volume(grid, ct, "CT", "HU")),), structures=(coarse,))


@pytest.fixture(scope="session")
def followed_twin(phantom_twin) -> PatientTwin:
    """The in-silico patient on a 2 mm box around the tumour, seen again after 30 and 90 days with a smaller tumour."""
    drawn_on = phantom_twin.contours
    grid = phantom_twin.baseline.volume.geometry.resampled(2.0)
    centre = np.rint(grid.index(drawn_on.geometry.lps(np.argwhere(drawn_on.gtv()).mean(axis=0))))
    low = [max(0, int(c) - h) for c, h in zip(centre, (30, 56, 56), strict=True)]
    box = tuple(slice(a, min(n, a + 2 * h)) for a, n, h in zip(low, grid.shape, (30, 56, 56), strict=True))
    here = grid.crop(box)
    ct = phantom_twin.baseline.volume.on(here, fill=-1024.0)
    gtv = Volume(drawn_on.geometry, drawn_on.gtv().astype(np.uint8), "MASK", "1").on(here)
    lungs = {}
    for name in ("Lung_L", "Lung_R"):
        mask = Volume(drawn_on.geometry, drawn_on.mask(name).astype(np.uint8), "MASK", "1")
        lungs[name] = mask.on(here) > 0.5
    scans, sets = [], []
    for n, (day, level) in enumerate(((0.0, 0.5), (30.0, 0.7), (90.0, 0.9))):
        ct[gtv > 0.5] -= 50.0  # so that copying is wrong
        scans.append(Scan(f"CT {n}", day, Volume(here, np.rint(ct).astype(np.int16), "CT", "HU")))
        drawn = StructureSet(here, (), day).with_mask("GTVp", "GTV", gtv > level)
        for name, mask in lungs.items():
            drawn = drawn.with_mask(name, "OAR", mask & (gtv <= level))
        sets.append(drawn)
    made = PatientTwin(id=phantom_twin.id, clinical=phantom_twin.clinical)
    return made.fork(scans=tuple(scans), structures=tuple(sets))


@pytest.fixture(scope="session")
def thorax() -> Callable[..., tuple[Scan, StructureSet]]:
    """Makes a CT of 5 mm voxels with a ball of 20 mm radius in the left lung, and its structures."""
    grid = Geometry((40, 46, 64), (5.0, 5.0, 5.0), (-157.5, -112.5, -97.5))

    def made(tumour_hu: int = 20) -> tuple[Scan, StructureSet]:
        lines = (np.arange(n) * 5.0 + o for n, o in zip(grid.shape, grid.origin_mm[::-1], strict=True))
        z, y, x = np.meshgrid(*lines, indexing="ij")
        body = (x / 145) ** 2 + (y / 100) ** 2 < 1
        lungs = {s: ((x - at) / 50) ** 2 + (y / 75) ** 2 < 1 for s, at in (("L", 72), ("R", -72))}
        gtv = (x - 75) ** 2 + (y + 10) ** 2 + z**2 < 20**2
        hu = np.where(body, 0, -1000)
        hu[lungs["L"] | lungs["R"]] = -760
        hu[gtv] = tumour_hu
        drawn = StructureSet(grid, ()).with_mask("Body", "EXTERNAL", body).with_mask("GTVp", "GTV", gtv)
        for side, mask in lungs.items():
            drawn = drawn.with_mask(f"Lung_{side}", "OAR", mask & ~gtv)
        drawn = drawn.with_mask("SpinalCord", "OAR", x**2 + (y - 70) ** 2 < 8**2)
        return Scan("CT", 0.0, Volume(grid, hu.astype(np.int16), "CT", "HU")), drawn

    return made


def _noisy_ct(
    seed: int, *, spacing: float = 5.0, padding: int = -1024, shift: float = 0.0, cut: int = 0
) -> Volume:
    """A ball of tissue in air with a couch, on a grid of its own, with coloured noise."""
    n = round(200 / spacing) - cut
    grid = Geometry((n, n, n), (spacing,) * 3, (-100.0 + shift,) * 3)
    _z, y, x = np.meshgrid(*[np.arange(n) * spacing - 100.0] * 3, indexing="ij")
    hu = np.where(x**2 + y**2 < 80**2, 40.0, float(padding))
    hu[(np.abs(y - 92) < 4) & (np.abs(x) < 60)] = 300  # a couch
    noise = np.random.default_rng(seed).normal(0, 20, hu.shape)
    return Volume(grid, np.rint(hu + np.where(hu > -900, noise, 0)).astype(np.int16), "CT", "HU")


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """Six patients, each with an acquired and a simulated CT that differ in all that could tell."""
    folder = tmp_path_factory.mktemp("sources")
    paths = []
    for n in range(6):
        how = Simulated("ct", "CT", 0)
        scans = (
            Scan("CT", 0.0, _noisy_ct(n, padding=-2000, shift=0.3 * n, cut=n % 2)),
            Scan("ct-1", 0.0, _noisy_ct(n + 50, spacing=4.0), simulated=how),
        )
        paths.append(folder / f"p{n}.twin")
        PatientTwin(id=f"P-{n}", scans=scans).save(paths[-1])
    return paths


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


def pytest_collection_modifyitems(items):
    """What drives Chromium or reads a whole comparison is long."""
    for item in items:
        if {"browser", "opened", "run", "run_folder"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.long)
