"""Outside data to a patient twin."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from twin import anatomy, dicom, rtstruct
from twin.archive import unpacked
from twin.clinical import ClinicalRecord
from twin.dicom import Instance, Series
from twin.errors import InputError
from twin.geometry import Geometry
from twin.nomenclature import is_gross_tumour, is_node, standard
from twin.patient import PatientTwin, Scan
from twin.pseudonym import pseudonym
from twin.rtstruct import Roi
from twin.structures import Role, Structure, StructureSet
from twin.volume import Volume

_IMAGE_SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def import_patient(
    src: str | os.PathLike[str],
    *,
    clinical: str | os.PathLike[str] | None = None,
    gtv: Sequence[str] = (),
    mask: str | os.PathLike[str] | None = None,
) -> PatientTwin:
    """A patient twin from DICOM, NIfTI or NRRD, complete with the organs that no file holds.

    Args:
        src: a folder or zip of DICOM files, or a CT in NIfTI or NRRD.
        clinical: a clinical record in JSON.
        gtv: names of the structures that are gross tumour; where none is given, those whose names say so.
        mask: the tumour as a mask on the CT's grid, NIfTI or NRRD.

    Returns:
        The twin, with day 0 at the date of the planning CT.

    Raises:
        InputError: what is wrong with the data, in one sentence.
    """
    src = Path(src)
    record = read_clinical(clinical) if clinical is not None else None
    if src.name.lower().endswith(_IMAGE_SUFFIXES):
        twin = _from_image(src)
    else:
        with unpacked(src) as folder:
            twin = _from_dicom(dicom.read_series(folder), src, gtv, need_gtv=mask is None)
    contours = twin.contours
    if mask is not None:
        contours = contours.with_mask(
            "GTVp", "GTV", _mask(Path(mask), contours.geometry), source_name=Path(mask).name
        )
    elif not contours.role("GTV"):
        raise InputError(f"{src} has no tumour; give its mask with --mask")
    return twin.fork(
        structures=(anatomy.complete(twin.baseline, contours),),
        clinical=record or twin.clinical,
    )


def read_clinical(path: str | os.PathLike[str]) -> ClinicalRecord:
    """A clinical record from a JSON file; what it does not name is missing.

    Raises:
        InputError: no such file, not JSON, an unknown field, or an impossible value.
    """
    from pydantic import ValidationError

    path = Path(path)
    try:
        return ClinicalRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"{path}: {where}: {first['msg'].lower()}") from error


def read_image(path: Path, modality: str) -> Volume:
    """A CT (int16 HU) or a mask (bool as uint8) from NIfTI, NRRD or MetaImage, axes turned upright.

    Raises:
        InputError: no such file, or not a readable 3-D image.
    """
    import SimpleITK

    if not path.is_file():
        raise InputError(f"no such file: {path}")
    try:
        image = SimpleITK.ReadImage(str(path))
        array = SimpleITK.GetArrayFromImage(image)
    except RuntimeError as error:
        raise InputError(f"{path} is not a readable NIfTI or NRRD image") from error
    if array.ndim != 3:
        raise InputError(f"{path} is not a 3-D image; it has {array.ndim} axes")
    if not np.isfinite(array).all():
        raise InputError(f"{path} holds values that are not finite")
    geometry = Geometry.from_sitk(image)
    if modality == "MASK":
        return Volume(geometry, (array != 0).astype(np.uint8), "MASK", "1").upright()
    return Volume(geometry, np.clip(np.rint(array), -32768, 32767).astype(np.int16), "CT", "HU").upright()


def _mask(path: Path, geometry: Geometry) -> np.ndarray:
    volume = read_image(path, "MASK")
    if not volume.geometry.same_grid(geometry):
        raise InputError(f"the mask {path} lies on another grid than the CT; draw or resample it on the CT")
    if not volume.array.any():
        raise InputError(f"the mask {path} is empty")
    return volume.array.astype(bool)


def _from_image(src: Path) -> PatientTwin:
    scan = Scan("CT", 0.0, read_image(src, "CT"))
    return PatientTwin(
        pseudonym(str(src.resolve())), scans=(scan,), structures=(StructureSet(scan.volume.geometry, ()),)
    )


def _from_dicom(series: list[Series], src: Path, gtv: Sequence[str], *, need_gtv: bool) -> PatientTwin:
    drawn = [f for s in series if s.modality == "RTSTRUCT" for f in s.files]
    ct = _planning_ct(series, drawn, src)
    volume = dicom.volume(ct, "CT", "HU")
    structures = StructureSet(volume.geometry, ())
    there: list[str] = []
    for file in _drawn_on(ct, drawn):
        rois = rtstruct.read_rois(file)
        there += [roi.name for roi in rois]
        structures = structures.extended(_structures(file, rois, structures, gtv))
    absent = [name for name in gtv if name not in there]
    if absent and need_gtv:
        listed = ", ".join(_anonymous(name, ct.first) for name in there) or "none"
        raise InputError(f"no structure {absent[0]!r} in {src}; there are: {listed}")
    date = _date(ct.first)
    return PatientTwin(
        pseudonym(ct.first.text("PatientID") or str(src.resolve())),
        clinical=_clinical(ct.first),
        scans=(Scan("CT", 0.0, volume),),
        structures=(structures,),
        day0_weekday=date.weekday() if date else None,
    )


def _planning_ct(series: list[Series], drawn: list[Instance], src: Path) -> Series:
    """The CT that the contours are drawn on, else the one with most slices."""
    cts = [s for s in series if s.modality == "CT" and "LOCALIZER" not in s.first.text("ImageType")]
    if not cts:
        raise InputError(f"no CT series in {src}")
    frames = {frame for file in drawn for frame in rtstruct.frames(file)}
    return max(cts, key=lambda s: (s.frame in frames, len(s.files)))


def _drawn_on(ct: Series, drawn: list[Instance]) -> list[Instance]:
    for file in drawn:
        frames = rtstruct.frames(file)
        if frames and ct.frame and ct.frame not in frames:
            raise InputError(
                f"the RTSTRUCT {file.file} is drawn in another frame of reference than the CT ({ct.first.file})"
            )
    return drawn


def _structures(
    file: Instance, rois: list[Roi], already: StructureSet, gtv: Sequence[str]
) -> list[Structure]:
    taken = set(already.names)
    found = []
    for roi in rois:
        volume = rtstruct.roi_mask(roi, already.geometry)
        if volume is None:
            if roi.name in gtv:
                raise InputError(f"the structure {roi.name!r} in {file.file} is empty")
            continue
        source = _anonymous(roi.name, file)
        name, role = _named(roi.name, roi.name in gtv, bool(gtv))
        name = _free(source if name == roi.name else name, taken)
        taken.add(name)
        found.append(Structure(name, role, volume, source_name=source, colour=roi.colour))
    return found


def _anonymous(text: str, file: Instance) -> str:
    """A text without the words of the patient's name and number."""
    words = [*re.split(r"[\W_]+", file.text("PatientName")), file.text("PatientID")]
    for word in words:
        if len(word) > 2:
            text = re.sub(re.escape(word), "x", text, flags=re.IGNORECASE)
    return text


def _named(source: str, chosen: bool, any_chosen: bool) -> tuple[str, Role]:
    """The name and role of a region, given whether the user chose it, or any, as gross tumour."""
    if is_node(source):
        return "GTVn", "GTV" if chosen else "OTHER"
    if chosen or is_gross_tumour(source):
        return "GTVp", "GTV" if chosen or not any_chosen else "OTHER"
    return standard(source) or (source, "OTHER")


def _free(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    return free


def _date(file: Instance) -> datetime.date | None:
    text = file.text("StudyDate")
    try:
        return datetime.datetime.strptime(text, "%Y%m%d").date() if text else None
    except ValueError:
        raise InputError(f"{file.file}: StudyDate is not a date") from None


def _clinical(file: Instance) -> ClinicalRecord:
    age = file.text("PatientAge")
    years = float(age[:-1]) if age[:-1].isdigit() and age[-1:] == "Y" else None
    sex = {"F": "female", "M": "male"}.get(file.text("PatientSex"))
    return ClinicalRecord.model_validate({"age_years": years, "sex": sex})
