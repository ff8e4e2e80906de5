"""Standardised uptake values from the raw tags of a PET slice."""

from __future__ import annotations

import datetime
import math

from twin.dicom.series import Instance, Series
from twin.errors import InputError

_PHILIPS_SUV = 0x70531000
_DAY_S = 86_400.0


def suv_factors(series: Series) -> dict[str, float]:
    """What turns each slice's rescaled values into SUV by body weight (g/ml), by the name of its file.

    Units GML are SUV already. BQML are multiplied by the patient's mass and divided by the injected dose, which
    is decayed to the start of the scan where the images were corrected to it (DecayCorrection START) and taken
    as it was injected where they were corrected to the injection (ADMIN). CNTS are read where Philips' factor
    is there. Source: QIBA FDG-PET/CT profile, vendor-neutral SUV pseudo-code; DICOM PS3.3 C.8.9.1.

    Raises:
        InputError: units or corrections that give no SUV, or a missing or impossible weight, dose or time.
    """
    first = series.first
    units = first.word("Units")
    if units == "GML":
        kind = first.word("SUVType")
        if kind not in ("", "BW"):
            raise InputError(
                f"{first.file}: SUV by {kind} is not read; export the PET as BQML or SUV by body weight"
            )
        return {f.file: 1.0 for f in series.files}
    if units == "CNTS":
        return {f.file: _philips(f) for f in series.files}
    if units != "BQML":
        raise InputError(f"{first.file}: PET in units {units or 'unknown'} cannot be turned into SUV")
    factor = _weight_g(first) / _dose_at_reference_bq(series)
    return {f.file: factor for f in series.files}


def _philips(file: Instance) -> float:
    element = file.data.get(_PHILIPS_SUV)
    try:
        factor = float(element.value if element is not None else "nan")
    except (TypeError, ValueError):
        factor = math.nan
    if not (math.isfinite(factor) and factor > 0):
        raise InputError(f"{file.file}: PET in counts without Philips' SUV factor cannot be turned into SUV")
    return factor


def _weight_g(file: Instance) -> float:
    weight_kg = file.numbers("PatientWeight", 1)[0]
    if not 1.0 <= weight_kg <= 500.0:
        raise InputError(
            f"{file.file}: PatientWeight of {weight_kg:g} kg is impossible; the SUV needs the true one"
        )
    return weight_kg * 1000.0


def _dose_at_reference_bq(series: Series) -> float:
    """Injected activity at the moment to which the images are decay-corrected, Bq."""
    first = series.first
    items = first.get("RadiopharmaceuticalInformationSequence")
    if not items:
        raise InputError(
            f"{first.file}: RadiopharmaceuticalInformationSequence is missing; no SUV without it"
        )
    tracer = Instance(first.file, items[0])
    dose_bq = tracer.numbers("RadionuclideTotalDose", 1)[0]
    if dose_bq <= 0:
        raise InputError(f"{first.file}: the injected dose is not positive")
    correction = first.word("DecayCorrection")
    if correction == "ADMIN":
        return dose_bq
    if correction != "START":
        raise InputError(
            f"{first.file}: PET without decay correction ({correction or 'missing'}) gives no SUV"
        )
    half_life_s = tracer.numbers("RadionuclideHalfLife", 1)[0]
    if half_life_s <= 0:
        raise InputError(f"{first.file}: the radionuclide's half-life is not positive")
    waited_s = (_scan_start(series) - _injection(first, tracer)).total_seconds()
    if waited_s < 0 and not tracer.text("RadiopharmaceuticalStartDateTime"):
        waited_s += _DAY_S  # a time of day alone, past midnight
    if not 0 <= waited_s < 10 * half_life_s:
        raise InputError(
            f"{first.file}: the time from injection to scan is impossible, {waited_s / 60:.0f} minutes"
        )
    return float(dose_bq * 2.0 ** (-waited_s / half_life_s))


def _scan_start(series: Series) -> datetime.datetime:
    """The series' time, or the first acquisition where the series was stored again later."""
    first = series.first
    acquired = [
        _moment(
            f.text("AcquisitionDate") or f.text("SeriesDate") or f.text("StudyDate"),
            f.text("AcquisitionTime"),
        )
        for f in series.files
    ]
    starts = [a for a in acquired if a is not None]
    stored = _moment(first.text("SeriesDate") or first.text("StudyDate"), first.text("SeriesTime"))
    if stored is not None:
        starts.append(stored)
    if not starts:
        raise InputError(f"{first.file}: SeriesTime is missing; the SUV needs the time of the scan")
    return min(starts)


def _injection(file: Instance, tracer: Instance) -> datetime.datetime:
    whole = tracer.text("RadiopharmaceuticalStartDateTime")
    if whole:
        moment = _moment(whole[:8], whole[8:].split("+")[0].split("-")[0])
    else:
        moment = _moment(
            file.text("SeriesDate") or file.text("StudyDate"), tracer.text("RadiopharmaceuticalStartTime")
        )
    if moment is None:
        raise InputError(f"{file.file}: the time of injection is missing; no SUV without it")
    return moment


def _moment(date: str, time: str) -> datetime.datetime | None:
    """A DICOM date and time, or None where the time is missing; a missing date counts as one day for all."""
    if not time:
        return None
    digits = time.replace(":", "").split(".")
    try:
        day = datetime.datetime.strptime(date or "20000101", "%Y%m%d")
        clock = digits[0].ljust(6, "0")
        return day + datetime.timedelta(
            hours=int(clock[:2]),
            minutes=int(clock[2:4]),
            seconds=int(clock[4:6]) + float(f"0.{(digits[1:] or ['0'])[0]}"),
        )
    except ValueError:
        raise InputError("a date or time of the PET is not one, so its SUV cannot be computed") from None
