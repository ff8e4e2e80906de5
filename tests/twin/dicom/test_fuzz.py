"""Damaged DICOM sets: each imports rightly or is refused with one sentence; nothing hangs, nothing is half-written.

A case is its number: it seeds what is damaged and how. RT_TWIN_FUZZ says how many cases run and
RT_TWIN_FUZZ_FIRST from which; cases that once failed stand in KEPT and always run.
"""

import os
import shutil
import signal
import warnings
import zipfile
from functools import cache

import numpy as np
import pydicom
import pytest

from twin import InputError, PatientTwin
from twin.importer import import_patient

CASES = int(os.environ.get("RT_TWIN_FUZZ", "150"))
FIRST = int(os.environ.get("RT_TWIN_FUZZ_FIRST", "0"))
KEPT = (555, 578, 1177, 1347, 1404, 1500, 2362, 3056)
BATCH = 25
LIMIT_S = 30
ODD = [
    "",
    "0",
    "-1",
    "1e38",
    "nan",
    "inf",
    "abc",
    "1\\2",
    "9" * 40,
    "\x01\x7f",
    "20249999",
    "HUGE" * 99,
    None,
    [],
]
NUMBERS = [0, -1, 1, 2, 65535, 1e-30, 1e30, 3.7, None]


@pytest.fixture
def sound(dicom_set, make, add):
    """A sound set with every kind of file that is read."""
    folder = dicom_set()
    dose = np.random.default_rng(0).uniform(0, 60, (8, 24, 32))
    add(folder, make.plan_file(), make.dose_file(dose), make.record_file("20240307", "0900", 1))
    add(folder, *[make.pet_slice(n, np.full((24, 32), 5000.0)) for n in range(8)])
    return folder


def _files(folder, rng, start=""):
    names = sorted(p for p in folder.iterdir() if p.name.startswith(start))
    return names[rng.integers(len(names))]


def _truncated(folder, rng):
    file = _files(folder, rng)
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(len(content))])


def _flipped(folder, rng):
    file = _files(folder, rng)
    content = bytearray(file.read_bytes())
    head = len(content) if rng.random() < 0.3 else min(len(content), 1500)  # tags stand before the pixels
    for at in rng.integers(head, size=int(rng.integers(1, 30))):
        content[at] ^= 1 << int(rng.integers(8))
    file.write_bytes(content)


def _garbage(folder, rng):
    start = bytes(128) + b"DICM" if rng.random() < 0.5 else b""
    (folder / "zz.dcm").write_bytes(start + rng.bytes(int(rng.integers(0, 3000))))


def _elements(data):
    for element in data:
        yield data, element
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)


def _edit(folder, rng, change):
    """Change one element, at any depth, of one file."""
    file = _files(folder, rng)
    data = pydicom.dcmread(file)
    found = [(d, e) for d, e in _elements(data) if e.keyword not in ("PixelData",)]
    owner, element = found[rng.integers(len(found))]
    change(owner, element)
    try:
        pydicom.dcmwrite(file, data)
    except Exception:  # what cannot be written cannot be read either
        return


def _dropped(folder, rng):
    _edit(folder, rng, lambda owner, element: owner.pop(element.tag))


def _odd(folder, rng):
    value = ODD[rng.integers(len(ODD))]

    def change(owner, element):
        element._value = value  # past pydicom's own checks

    _edit(folder, rng, change)


def _lying_numbers(folder, rng):
    """Sizes, spacings, positions and scales that lie, in one slice or in all."""
    keyword = str(
        rng.choice(["Rows", "Columns", "PixelSpacing", "ImagePositionPatient", "RescaleSlope", "SliceThickness",
                    "BitsAllocated", "ImageOrientationPatient", "NumberOfFrames", "DoseGridScaling"])
    )  # fmt: skip
    value = NUMBERS[rng.integers(len(NUMBERS))]
    everywhere = rng.random() < 0.5
    for file in sorted(folder.glob("*.dcm")) if everywhere else [_files(folder, rng)]:
        data = pydicom.dcmread(file)
        if keyword in data:
            old = data[keyword].value
            many = isinstance(old, pydicom.multival.MultiValue)
            try:
                data[keyword].value = (
                    [value] * len(old) if many else (int(value) if isinstance(old, int) else value)
                )
                pydicom.dcmwrite(file, data)
            except Exception:  # a value that the tag cannot hold
                return


def _slice_missing(folder, rng):
    file = folder / f"ct0{rng.integers(1, 7)}.dcm"
    file.unlink()
    return "must be refused"


def _slice_doubled(folder, rng):
    data = pydicom.dcmread(_files(folder, rng, "ct"))
    kind = rng.integers(3)
    if kind:
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    if kind == 2:
        data.PixelData = bytes(reversed(data.PixelData))
    pydicom.dcmwrite(folder / "copy.dcm", data)
    return "must be refused" if kind == 2 else "the same"


def _patients_mixed(folder, rng):
    file = _files(folder, rng)
    data = pydicom.dcmread(file)
    data.PatientID = "HOSP-1"
    pydicom.dcmwrite(file, data)
    return "must be refused"


def _contents_swapped(folder, rng):
    one, other = _files(folder, rng), _files(folder, rng)
    a, b = one.read_bytes(), other.read_bytes()
    one.write_bytes(b)
    other.write_bytes(a)
    return "the same"


def _renamed(folder, rng):
    """Every file under another name, some of them deeper, in another order."""
    files = sorted(folder.iterdir())
    (folder / "deep").mkdir()
    for file, number in zip(files, rng.permutation(len(files)), strict=True):
        ending = str(rng.choice(["", ".dcm", ".IMA", ".1.2.840.113", ".bin"]))
        file.rename((folder / "deep" if rng.random() < 0.5 else folder) / f"{number:03d}{ending}")
    return "the same"


def _duplicated(folder, rng):
    for number in range(int(rng.integers(1, 40))):
        shutil.copy(_files(folder, rng), folder / f"{rng.choice(['a', 'z'])}{number}.dcm")
    return "the same"


def _re_encoded(folder, rng):
    """Files in other transfer syntaxes, some of them beside the first."""
    for file in sorted(folder.iterdir()):
        if rng.random() < 0.5:
            continue
        data = pydicom.dcmread(file)
        kind = rng.integers(4)
        if kind == 0:
            data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        elif kind == 1:
            data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        elif kind == 2 and data.Modality == "CT":
            data.compress(pydicom.uid.RLELossless)
        data.save_as(file if rng.random() < 0.7 else folder / f"{rng.choice(['a', 'z'])}-{file.name}")
    return "the same"


def _without_header(folder, rng):
    for file in sorted(folder.iterdir()):
        if rng.random() < 0.5:
            data = pydicom.dcmread(file)
            implicit = bool(rng.random() < 0.5)
            del data.file_meta
            data.preamble = None
            data.save_as(file, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    return "the same"


def _zipped(folder, rng):
    packed = folder.parent / "set.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in rng.permutation(sorted(folder.iterdir())):
            archive.write(file, f"{rng.integers(3)}/{file.name}")
    shutil.rmtree(folder)
    packed.rename(folder)
    return "the same"


def _contours_wild(folder, rng):
    data = pydicom.dcmread(folder / "rs.dcm")
    contour = data.ROIContourSequence[0].ContourSequence[int(rng.integers(4))]
    points = [float(v) for v in contour.ContourData]
    kind = rng.integers(5)
    if kind == 0:
        points = points[: int(rng.integers(len(points)))]
    elif kind == 1:
        points[int(rng.integers(len(points)))] = float(rng.choice([1e30, -1e12, 1e5, 4000.0]))
    elif kind == 2:
        points = list(rng.uniform(-300, 300, 3 * int(rng.integers(1, 60))))
    elif kind == 3:
        points = points * 200
    else:
        points = [points[n % 3] for n in range(len(points))]
    contour.ContourData = points
    pydicom.dcmwrite(folder / "rs.dcm", data)


def _zip_damaged(folder, rng):
    packed = folder.parent / "set.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    content = bytearray(packed.read_bytes())
    if rng.random() < 0.5:
        content = content[: rng.integers(len(content))]
    else:
        for at in rng.integers(len(content), size=int(rng.integers(1, 20))):
            content[at] = int(rng.integers(256))
    shutil.rmtree(folder)
    packed.rename(folder)


DAMAGES = [_truncated, _flipped, _flipped, _garbage, _dropped, _dropped, _odd, _odd, _lying_numbers, _slice_missing,
           _slice_doubled, _patients_mixed, _contents_swapped, _contours_wild, _zip_damaged, _renamed,
           _duplicated, _re_encoded, _without_header, _zipped]  # fmt: skip


def _hung(*_):
    raise AssertionError(f"the import took more than {LIMIT_S} s")


def _run(case, sound, place, damages=DAMAGES):
    rng = np.random.default_rng([case, 2024])
    folder = place / "set"
    shutil.copytree(sound, folder)
    damage = damages[int(rng.integers(len(damages)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pydicom's remarks on values
        expected = damage(folder, rng)
        signal.signal(signal.SIGALRM, _hung)
        signal.alarm(LIMIT_S)
        try:
            twin = import_patient(folder)
        except InputError as error:
            said = str(error)
            assert expected != "the same", said
            assert said and "\n" not in said and "Zebra" not in said and "4711" not in said, said
            return False
        finally:
            signal.alarm(0)
    assert expected != "must be refused"
    _is_sound(twin, place)
    if expected == "the same":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            _are_the_same(twin, _imported(sound))
    return True


@cache
def _imported(folder):
    """A sound set, imported once for all its cases."""
    return import_patient(folder)


def _are_the_same(twin, sound):
    """Every number that an import gives, where the damage leaves the truth known."""
    assert [(s.name, s.time_days) for s in twin.scans] == [(s.name, s.time_days) for s in sound.scans]
    for one, other in zip(twin.scans, sound.scans, strict=True):
        np.testing.assert_array_equal(one.volume.array, other.volume.array)
        assert one.volume.geometry.same_grid(other.volume.geometry)
    assert twin.gtv_cm3 == sound.gtv_cm3
    np.testing.assert_array_equal(twin.contours.gtv(), sound.contours.gtv())
    assert {n: d.prescription_gy for n, d in twin.doses.items()} == {
        n: d.prescription_gy for n, d in sound.doses.items()
    }
    for name, dose in twin.doses.items():
        np.testing.assert_array_equal(dose.volume.array, sound.doses[name].volume.array)
    assert twin.fractions == sound.fractions and twin.id == sound.id


def _is_sound(twin, place):
    """An import that goes through must have read a patient that can be saved and loaded."""
    for scan in twin.scans:
        assert np.isfinite(scan.volume.array).all()
    assert twin.contours.gtv().any() and np.isfinite(twin.now_days)
    assert all(np.isfinite(d.volume.array).all() and d.prescription_gy > 0 for d in twin.doses.values())
    twin.save(place / "p.twin")
    again = PatientTwin.load(place / "p.twin")
    np.testing.assert_array_equal(again.contours.gtv(), twin.contours.gtv())


@pytest.mark.parametrize("start", range(FIRST, FIRST + CASES, BATCH))
def test_damaged_sets_import_rightly_or_are_refused(start, sound, tmp_path):
    went_through = 0
    for case in range(start, min(start + BATCH, FIRST + CASES)):
        place = tmp_path / str(case)
        place.mkdir()
        try:
            went_through += _run(case, sound, place)
        except Exception as error:
            raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
        shutil.rmtree(place)
    assert went_through < BATCH


@pytest.mark.parametrize("start", range(FIRST, FIRST + CASES // 5, BATCH))
def test_damaged_enhanced_sets_import_rightly_or_are_refused(start, sound, enhanced, tmp_path):
    enhanced(sound)
    for case in range(start, start + BATCH):
        place = tmp_path / str(case)
        place.mkdir()
        damages = (_truncated, _flipped, _dropped, _odd, _lying_numbers)
        try:
            _run(case, sound, place, damages)
        except Exception as error:
            raise AssertionError(f"case {case}: {type(error).__name__}: {error}") from error
        shutil.rmtree(place)


@pytest.mark.parametrize("case", KEPT)
def test_cases_that_once_failed(case, sound, tmp_path):
    _run(case, sound, tmp_path)
