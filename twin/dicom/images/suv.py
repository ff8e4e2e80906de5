"""Standardised uptake values from the raw tags of a PET series."""

from __future__ import annotations

import datetime
import math

from twin.dicom.images.series import Series
from twin.dicom.instance import Instance
from twin.errors import InputError

_PHILIPS_CREATOR = "Philips PET Private Group"
_PHILIPS_SUV, _PHILIPS_ACTIVITY = 0x00, 0x09  # elements of group 7053 in Philips' block
_DAY_S = 86_400.0
_LEAD_S = 3 * 3600.0  # a series without dates begins at most so long before its first acquisition
_GAP_S = 12 * 3600.0  # no scan lasts longer
_LEAST_BQ, _MOST_BQ = 3e6, 1e10  # of an injected dose
# Half-lives of positron emitters, s (Nucleonica / DDEP tables), by the nuclide.
_HALF_LIVES_S = {
    "Rb-82": 76.4, "O-15": 122.2, "N-13": 597.9, "Cu-62": 580.2, "C-11": 1221.8, "Ga-68": 4057.7, "F-18": 6586.2,
    "Sc-44": 14544.0, "Cu-64": 45723.6, "Y-86": 53064.0, "Br-76": 58320.0, "Zr-89": 282276.0, "I-124": 360806.4,
    "Ge-68": 23410080.0,
}  # fmt: skip
_HALF_LIFE_OFF = 0.03


def suv_factors(series: Series) -> dict[str, float]:
    """What turns each slice's rescaled values into SUV by body weight (g/ml), by the name of its file.

    Units GML are SUV already. BQML are multiplied by the patient's mass and divided by the injected dose, which
    is decayed to the start of the scan where the images were corrected to it (DecayCorrection START) and taken
    as it was injected where they were corrected to the injection (ADMIN). CNTS are read where Philips' factors
    are there: that to SUV, else that to activity. Source: QIBA FDG-PET/CT profile, vendor-neutral SUV pseudo-code;
    DICOM PS3.3 C.8.9.1.

    Raises:
        InputError: units or corrections that give no SUV, or a missing or impossible weight, dose or time, with what
            would be right.
    """
    first = series.first
    units = {file.word("Units") for file in series.files}
    if len(units) > 1:
        raise InputError(f"its slices are in several units: {', '.join(sorted(units))}")
    _check_corrected(series)
    unit = units.pop()
    if unit == "GML":
        kind = first.word("SUVType")
        if kind not in ("", "BW"):
            raise InputError(
                f"{first.file}: SUV by {kind} is not read; export the PET as BQML or SUV by body weight"
            )
        return {f.file: 1.0 for f in series.files}
    if unit == "CNTS":
        return _of_counts(series)
    if unit != "BQML":
        raise InputError(
            f"{first.file}: PET in units {unit or 'unknown'} cannot be turned into SUV; export it as BQML or GML"
        )
    return _of_activity(series, {f.file: 1.0 for f in series.files})


def _check_corrected(series: Series) -> None:
    """Refuse images that are not corrected for attenuation (DICOM PS3.3 C.8.9.1, CorrectedImage)."""
    for file in series.files:
        corrected = file.text("CorrectedImage").upper()
        if corrected and "ATTN" not in corrected:
            raise InputError(
                f"{file.file}: it is not corrected for attenuation (CorrectedImage without ATTN)"
            )


def _of_activity(series: Series, bq_ml: dict[str, float]) -> dict[str, float]:
    """Factors to SUV from those to Bq/ml."""
    factor = _weight_g(series) / _dose_at_reference_bq(series)
    return {name: factor * to_activity for name, to_activity in bq_ml.items()}


def _of_counts(series: Series) -> dict[str, float]:
    to_suv: dict[str, float] = {f.file: _philips(f, _PHILIPS_SUV) for f in series.files}
    if all(factor > 0 for factor in to_suv.values()):
        return to_suv
    to_activity: dict[str, float] = {f.file: _philips(f, _PHILIPS_ACTIVITY) for f in series.files}
    if all(factor > 0 for factor in to_activity.values()):
        return _of_activity(series, to_activity)
    raise InputError(
        f"{series.first.file}: PET in counts without Philips' factors to SUV (7053,1000) or activity (7053,1009) "
        "cannot be turned into SUV; export it as BQML"
    )


def _philips(file: Instance, element: int) -> float:
    """A factor of Philips' private block (7053,10xx), 0 where it is missing or no positive number."""
    try:
        value = file.data.private_block(0x7053, _PHILIPS_CREATOR)[element].value
    except KeyError:
        found = file.data.get(0x70531000 + element)  # the block's creator was taken out
        value = None if found is None else found.value
    except Exception:  # pydicom raises many types on damaged blocks
        return 0.0
    try:
        text = value.decode("ascii") if isinstance(value, bytes) else value
        factor = float(str(text).strip("\x00 ")) if text is not None else 0.0
    except (TypeError, ValueError, UnicodeDecodeError):
        return 0.0
    return factor if math.isfinite(factor) and factor > 0 else 0.0


def _weight_g(series: Series) -> float:
    weights = {file.numbers("PatientWeight", 1)[0] for file in series.files}
    if len(weights) > 1:
        raise InputError("PatientWeight differs between its slices")
    weight_kg = weights.pop()
    if not 1.0 <= weight_kg <= 500.0:
        guess = f" ({weight_kg / 1000:g} kg would be right if it is in g)" if 2000 <= weight_kg <= 3e5 else ""
        raise InputError(
            f"{series.first.file}: PatientWeight of {weight_kg:g} kg is impossible{guess}; the SUV needs the true one"
        )
    return weight_kg * 1000.0


def _dose_at_reference_bq(series: Series) -> float:
    """Injected activity at the moment to which the images are decay-corrected, Bq."""
    first = series.first
    tracers = first.items("RadiopharmaceuticalInformationSequence")
    if not tracers:
        raise InputError(
            f"{first.file}: RadiopharmaceuticalInformationSequence is missing; no SUV without it"
        )
    if len(tracers) > 1:
        raise InputError(
            f"{first.file}: {len(tracers)} tracers were injected, and the SUV of which is not said"
        )
    tracer = tracers[0]
    dose_bq = _injected_bq(tracer)
    correction = first.word("DecayCorrection")
    if correction == "ADMIN":
        return dose_bq
    if correction != "START":
        raise InputError(
            f"{first.file}: PET without decay correction ({correction or 'missing'}) gives no SUV"
        )
    half_life_s = _half_life_s(tracer)
    waited_s = _waited_s(series, tracer)
    if not 0 <= waited_s < 10 * half_life_s:
        raise InputError(
            f"{first.file}: the time from injection to scan is impossible, {waited_s / 60:.0f} minutes; "
            "RadiopharmaceuticalStartDateTime (or StartTime) and AcquisitionDate and Time must be of one clock"
        )
    return float(dose_bq * 2.0 ** (-waited_s / half_life_s))


def _injected_bq(tracer: Instance) -> float:
    dose_bq = tracer.numbers("RadionuclideTotalDose", 1)[0]
    if dose_bq <= 0:
        raise InputError(
            f"{tracer.file}: the injected dose (RadionuclideTotalDose) is not positive; give it in Bq"
        )
    if dose_bq > _MOST_BQ:
        raise InputError(
            f"{tracer.file}: RadionuclideTotalDose of {dose_bq:g} Bq is more than anyone is given"
        )
    if dose_bq < _LEAST_BQ:
        units = (("kBq", 1e3), ("MBq", 1e6), ("mCi", 3.7e7), ("GBq", 1e9))
        unit, factor = next(
            ((u, f) for u, f in units if 3e7 <= dose_bq * f <= 1e9), ("another unit", math.nan)
        )
        right = f": in {unit} it would be {dose_bq * factor:g} Bq" if math.isfinite(factor) else ""
        raise InputError(
            f"{tracer.file}: RadionuclideTotalDose of {dose_bq:g} Bq is too little for a scan; it must be in Bq{right}"
        )
    return dose_bq


def _half_life_s(tracer: Instance) -> float:
    """The half-life, which must be that of a positron emitter, of the one that the file names where it names one."""
    half_life_s = tracer.numbers("RadionuclideHalfLife", 1)[0]
    if half_life_s <= 0:
        raise InputError(f"{tracer.file}: the radionuclide's half-life is not positive")
    named = _nuclide(tracer)
    known = {named: _HALF_LIVES_S[named]} if named else _HALF_LIVES_S
    if any(abs(half_life_s / s - 1) < _HALF_LIFE_OFF for s in known.values()):
        return half_life_s
    for nuclide, right_s in known.items():
        for unit, seconds in (("minutes", 60.0), ("hours", 3600.0)):
            if abs(half_life_s * seconds / right_s - 1) < _HALF_LIFE_OFF:
                raise InputError(
                    f"{tracer.file}: RadionuclideHalfLife of {half_life_s:g} s looks like {unit}; it must be in "
                    f"seconds, {right_s:g} for {nuclide}"
                )
    right = f"{named} has {known[named]:g} s" if named else "no positron emitter has it"
    raise InputError(f"{tracer.file}: RadionuclideHalfLife of {half_life_s:g} s is wrong: {right}")


def _nuclide(tracer: Instance) -> str:
    """The nuclide that the file names, such as F-18; empty where it names none that is known."""
    texts = [c.text("CodeMeaning") for c in tracer.items("RadionuclideCodeSequence")]
    said = " ".join([*texts, tracer.text("Radiopharmaceutical")]).lower().replace("^", "")
    elements = {
        "rb": "rubidium", "o": "oxygen", "n": "nitrogen", "cu": "copper", "c": "carbon", "ga": "gallium",
        "f": "fluorine", "sc": "scandium", "y": "yttrium", "br": "bromine", "zr": "zirconium", "i": "iodine",
        "ge": "germanium",
    }  # fmt: skip
    for nuclide in _HALF_LIVES_S:
        symbol, mass = nuclide.lower().split("-")
        names = (f"{symbol}-{mass}", f"{mass}{symbol}", f"{mass}-{symbol}", f"{symbol}{mass}")
        words = said.replace("[", " ").replace("]", " ").replace("(", " ").replace(")", " ").split()
        if any(w.startswith(names) for w in words) or (elements[symbol] in said and mass in said):
            return nuclide
    return ""


# Time


def _waited_s(series: Series, tracer: Instance) -> float:
    """Seconds from the injection to the start of the scan.

    With the date of both they are subtracted; where one has only a time of day, the injection is the last such time
    before the scan, so that a scan just after midnight follows an injection before it.
    """
    start, dated = _scan_start(series)
    whole = tracer.text("RadiopharmaceuticalStartDateTime")
    if whole and dated:
        injected = _moment(whole[:8], whole[8:].split("+")[0].split("-")[0] or "0")
        return (start - injected).total_seconds()
    clock = whole[8:].split("+")[0].split("-")[0] if whole else tracer.text("RadiopharmaceuticalStartTime")
    if not clock:
        raise InputError(f"{tracer.file}: the time of injection is missing; no SUV without it")
    return (_clock_s(start) - _clock_s(_moment("", clock))) % _DAY_S


def _scan_start(series: Series) -> tuple[datetime.datetime, bool]:
    """When the scan began, and whether its date is known: the first acquisition, or the series' time shortly before.

    Slices may be acquired on both sides of midnight, with the right dates, with one date for all, or with none. Where
    the dates leave more than 12 hours between slices they are not right, and the scan begins after the longest pause
    of the clock. A series that was stored again later keeps the time of its acquisition.
    """
    first = series.first
    day = _known(first.text("SeriesDate"), first.text("StudyDate"))
    acquired = [
        _moment(_known(f.text("AcquisitionDate"), day), f.text("AcquisitionTime"))
        for f in series.files
        if f.text("AcquisitionTime")
    ]
    own = any(f.text("AcquisitionDate") for f in series.files)
    stored = _moment(day, first.text("SeriesTime")) if first.text("SeriesTime") else None
    if not acquired:
        if stored is None:
            raise InputError(f"{first.file}: SeriesTime is missing; the SUV needs the time of the scan")
        return stored, bool(day)
    start = min(acquired)
    if (max(acquired) - start).total_seconds() > _GAP_S:
        start, own = _after_longest_pause(acquired), False
    if stored is None:
        return start, own or bool(day)
    if own and day:
        lead_s = (start - stored).total_seconds()
        return (stored if 0 <= lead_s < _LEAD_S else start), True
    if (_clock_s(start) - _clock_s(stored)) % _DAY_S < _LEAD_S:
        return stored, bool(day)
    before_s = (_clock_s(stored) - _clock_s(start)) % _DAY_S
    return stored - datetime.timedelta(seconds=before_s), bool(day)


def _after_longest_pause(moments: list[datetime.datetime]) -> datetime.datetime:
    """The first of moments whose dates are not right: the one after the longest pause within a day's clock."""
    ordered = sorted(moments, key=_clock_s)
    pauses = [
        (_clock_s(b) - _clock_s(a)) % _DAY_S
        for a, b in zip(ordered[-1:] + ordered[:-1], ordered, strict=True)
    ]
    start = ordered[max(range(len(ordered)), key=pauses.__getitem__)]
    return datetime.datetime.combine(min(moments).date(), start.time())


def _known(*dates: str) -> str:
    return next((date for date in dates if date), "")


def _clock_s(moment: datetime.datetime) -> float:
    """Seconds since midnight."""
    return (moment - datetime.datetime.combine(moment.date(), datetime.time())).total_seconds()


def _moment(date: str, time: str) -> datetime.datetime:
    """A DICOM date and time; a missing date counts as one day for all."""
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
