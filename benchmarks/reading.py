"""Reading a CT series and a zip with contours, beside SimpleITK and plain unzipping, in one run.

Usage: python benchmarks/reading.py STUDY.zip GTV-NAME
"""

import sys
import tempfile
import time
import zipfile
from pathlib import Path

import SimpleITK

from twin.dicom.images.series import volume
from twin.dicom.reader import read_series
from twin.importer import import_patient

REPEATS = 7


def main() -> None:
    """Print the least processor seconds of each and their ratios."""
    archive, gtv = Path(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as root:
        unzip_s = _least(lambda: _unzip(archive, Path(root)))
        folder = max({f.parent for f in Path(root).rglob("*.dcm")}, key=lambda d: len(list(d.iterdir())))
        sitk_s = _least(lambda: _simpleitk(folder))
        ours_s = _least(lambda: _ours(folder))
    plain_s = unzip_s + sitk_s
    import_s = _least(lambda: import_patient(archive, gtv=[gtv]))
    organs_s = _least(lambda: import_patient(archive, gtv=[gtv]).contours.names)
    print(
        f"series of {_slices(archive)} files: SimpleITK {sitk_s:.3f} s, ours {ours_s:.3f} s, {ours_s / sitk_s:.2f}x"
    )
    print(f"zip: unzip and SimpleITK {plain_s:.3f} s, import {import_s:.3f} s, {import_s / plain_s:.2f}x")
    print(f"     with the missing organs found in the CT {organs_s:.3f} s, {organs_s / plain_s:.2f}x")


def _slices(archive: Path) -> int:
    with zipfile.ZipFile(archive) as packed:
        return sum(name.endswith(".dcm") for name in packed.namelist())


def _unzip(archive: Path, root: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(root)


def _simpleitk(folder: Path) -> None:
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reader.Execute()


def _ours(folder: Path) -> None:
    volume(next(s for s in read_series(folder) if s.modality == "CT"), "CT", "HU")


def _least(work, repeats: int = REPEATS) -> float:
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)


if __name__ == "__main__":
    main()
