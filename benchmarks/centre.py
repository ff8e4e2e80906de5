"""A clean in-silico set against the same patients as a clinic's DICOM has them, imported as a stranger would.

    rt-twin cohort --images --n 4 --seed 4000 --out clean
    python benchmarks/centre.py clean work

Written to `work/clinic`: a folder a patient under his name, files without order or ending, dates of a calendar, the
name spelt anew on each date, structures in German, a follow-up that nobody contoured, the last one in a frame of
reference of its own, moved and turned, a screen capture among the slices, and a folder with files of two patients.
Imported to `work/set`; printed is how far volumes, days, doses and forecasts lie from those of the clean set.
"""

import datetime
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset

from scenarios.benchmark.forecasts import run_belief_evaluation
from scenarios.datasets.imported import given_between, import_many
from simulators.insilico.sets import read_index
from twin import PatientTwin, Scan, StructureSet, Volume
from twin.export.dicom import write_rtdose, write_rtplan, write_rtstruct
from twin.export.objects import Origin, item, new_object, referenced, save
from twin.export.scans import write_scan

_MONDAY = datetime.date(2019, 3, 4)
_NAMES = ("Zebra^Quentin", "ZEBRA^QUENTIN^^DR", "Zebra^Q.")
_GERMAN = {"GTVp": "GTV", "Lung_L": "Lunge links", "Lung_R": "Lunge rechts"}
_COLUMNS = (
    "tumour", "gtv_cm3", "fractions_since", "gtv_dose_since_gy", "similarity", "body_mm", "lungs_mm", "frame_shift_mm",
)  # fmt: skip
_TURN_DEG, _SHIFT_MM = 2.0, (9.0, -6.0, 14.0)


def write_clinic(clean: Path, out: Path) -> list[str]:
    """Write every patient of a set as a clinic has him; gives the ids in the order of the folders."""
    ids = [row["id"] for row in read_index(clean)["patients"] if row["twin"]]
    for number, name in enumerate(ids):
        folder = out / f"{number + 1} Zebra Quentin 1944-02-2{number}"
        folder.mkdir(parents=True)
        _patient(PatientTwin.load(clean / f"{name}.twin"), number, folder)
    mixed = out / "9 unsorted"
    mixed.mkdir()
    for n in range(2):
        first = next(p for p in sorted((out).glob(f"{n + 1} *"))[0].iterdir() if p.is_file())
        shutil.copy(first, mixed / f"{n}")
    (out / "list of patients.txt").write_text("Zebra Quentin, 4711")
    return ids


def _patient(twin: PatientTwin, number: int, folder: Path) -> None:
    part = folder / "part"
    day0 = _MONDAY + datetime.timedelta(days=7 * number + (twin.day0_weekday or 0))
    series = None
    for n, scan in enumerate(twin.scans):
        drawn = twin.drawn_on(scan)
        last = n == len(twin.scans) - 1
        origin = Origin(f"4711-{number}", f"{number}|{n}", f"{number}|{n if last else 0}")
        shown, drawn = _moved(scan, drawn) if last else (scan, drawn)
        part.mkdir()
        ct = write_scan(part, shown.volume, origin, description=f"Thorax {scan.time_days:g}")
        series = series or ct
        if n != 1 and drawn is not None:  # nobody contoured the second date
            structure_uid = write_rtstruct(part / "rs", _german(drawn), ct, label="clinic")
        if n == 0:
            plan_uid = _treatment(twin, origin, structure_uid, day0, part)
            _capture(origin, part / "capture")
        _file_away(part, folder, day0 + datetime.timedelta(days=round(scan.time_days)), n)
    assert plan_uid


def _moved(scan: Scan, drawn: StructureSet | None) -> tuple[Scan, StructureSet | None]:
    """The scan in a frame of its own: turned about the body's axis and shifted."""
    from simulators.registration.carrying import moved

    c, s = np.cos(np.radians(_TURN_DEG)), np.sin(np.radians(_TURN_DEG))
    matrix = np.eye(4)
    matrix[:2, :2], matrix[:3, 3] = [[c, -s], [s, c]], _SHIFT_MM
    volume = Volume(scan.volume.geometry.moved(matrix), scan.volume.array, "CT", "HU")
    return replace(scan, volume=volume), None if drawn is None else moved(drawn, matrix, scan.time_days)


def _german(drawn: StructureSet) -> StructureSet:
    return replace(
        drawn, source=tuple(replace(s, name=_GERMAN.get(s.name, s.name)) for s in drawn if s.name != "Body")
    )


def _treatment(twin: PatientTwin, origin: Origin, structures: str, day0: datetime.date, part: Path) -> str:
    """The plan, its dose, and a record of each fraction."""
    if not twin.fractions:
        return "none"
    dose = twin.doses[str(twin.fractions[0].grid)]
    planned = round(dose.prescription_gy / twin.fractions[0].dose_gy)
    plan_uid = write_rtplan(
        part / "plan",
        origin,
        prescription_gy=dose.prescription_gy,
        fractions=planned,
        structure_set_uid=structures,
    )
    write_rtdose(part / "dose", dose.volume, origin, plan_uid=plan_uid, description="dose")
    for n, fraction in enumerate(twin.fractions, start=1):
        sop = origin.uid("record", n)
        data = new_object(
            origin, uid.RTBeamsTreatmentRecordStorage, sop, "RTRECORD", origin.uid("records"), 5, "record"
        )
        date = day0 + datetime.timedelta(days=int(fraction.time_days))
        data.TreatmentDate, data.TreatmentTime = f"{date:%Y%m%d}", _clock(fraction.time_days)
        data.ReferencedRTPlanSequence = [referenced(uid.RTPlanStorage, plan_uid)]
        data.ReferencedFractionGroupNumber = 1
        beam = item(ReferencedBeamNumber=1, CurrentFractionNumber=n, TreatmentDeliveryType="TREATMENT")
        beam.TreatmentTerminationStatus, beam.SpecifiedPrimaryMeterset, beam.DeliveredPrimaryMeterset = (
            "NORMAL",
            200,
            200,
        )
        data.TreatmentSessionBeamSequence = [beam]
        save(data, part / f"record{n}")
    return plan_uid


def _clock(time_days: float) -> str:
    minutes = round((time_days % 1) * 1440)
    return f"{minutes // 60:02d}{minutes % 60:02d}00"


def _capture(origin: Origin, file: Path) -> None:
    data = new_object(
        origin, uid.SecondaryCaptureImageStorage, origin.uid("sc"), "OT", origin.uid("captures"), 9, "capture"
    )
    save(data, file)


def _file_away(part: Path, folder: Path, date: datetime.date, n: int) -> None:
    """Give the files of a date the clinic's identity and names that say nothing, in no order."""
    for k, file in enumerate(sorted(part.iterdir(), key=lambda p: hash_of(p.name))):
        data = pydicom.dcmread(file)
        _identify(data, date, n)
        data.save_as(folder / f"{n}{k:04d}")
        file.unlink()
    part.rmdir()


def hash_of(text: str) -> int:
    return sum((i + 7) * ord(c) * 2654435761 % 10007 for i, c in enumerate(text))


def _identify(data: Dataset, date: datetime.date, n: int) -> None:
    data.PatientName, data.PatientBirthDate = _NAMES[n % len(_NAMES)], "19440229"
    data.InstitutionName, data.ReferringPhysicianName = "Sankt Beispiel", "Muster^Max"
    data.SeriesDate = data.ContentDate = f"{date:%Y%m%d}"
    if data.Modality == "CT":
        data.AcquisitionDate = f"{date:%Y%m%d}"
    data.StudyDate = f"{date:%Y%m%d}" if n % 2 == 0 else ""
    if data.Modality == "RTSTRUCT":
        data.StructureSetDate, data.StructureSetTime = f"{date:%Y%m%d}", "1200"


def figures(clean: Path, imported: Path, ids: list[str]) -> pl.DataFrame:
    """A row for each follow-up that both sets have: days, volumes and doses of both."""
    rows = []
    stored = read_index(imported)["patients"]
    table = pl.read_parquet(imported / "imported.parquet").filter(pl.col("what") == "scan")
    for row in stored:
        own = table.filter(pl.col("patient") == row["id"])
        truth = PatientTwin.load(clean / f"{ids[own['folder'][0] - 1]}.twin")
        found = {r["day"]: r for r in own.iter_rows(named=True)}
        before = 0.0
        for scan in truth.scans:
            drawn, seen = truth.drawn_on(scan), found.get(float(int(scan.time_days)), {})
            given = given_between(truth, before, scan.time_days)
            before = scan.time_days
            rows.append({
                "patient": row["id"], "day": scan.time_days, "there": seen.get("used", False),
                "clean_gtv_cm3": drawn.gtv_cm3() if drawn is not None and drawn.role("GTV") else None,
                "clean_fractions": given["fractions_since"], "clean_gtv_gy": given["gtv_dose_since_gy"],
                **{c: seen.get(c) for c in _COLUMNS},
            })  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def main(clean: Path, work: Path) -> None:
    ids = write_clinic(clean, work / "clinic")
    begun = time.perf_counter(), time.process_time()
    table = import_many(work / "clinic", work / "set", workers=1)
    wall, cpu = time.perf_counter() - begun[0], time.process_time() - begun[1]
    pl.Config.set_tbl_cols(30).set_tbl_rows(-1).set_fmt_str_lengths(200).set_tbl_width_chars(400)
    print(table.filter(~pl.col("used")).select("folder", "what", "why"))
    found = figures(clean, work / "set", ids)
    print(found)
    print(f"{found.height} CTs of {len(ids)} patients: {cpu:.0f} s of processor time, {wall:.0f} s in all")
    for name, place in (("clean", clean), ("imported", work / "set")):
        print(f"{name}\n{run_belief_evaluation(place, work / f'forecasts-{name}', workers=1)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
