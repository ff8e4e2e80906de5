"""Outside data to a patient twin."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from twin.anatomy import organs as anatomy
from twin.anatomy.plausibility import plausibility
from twin.anatomy.total_segmentator import check_installed
from twin.clinical import ClinicalRecord
from twin.dicom.left_out import LeftOut
from twin.dicom.pseudonym import pseudonym
from twin.dicom.reader import check_one_patient, read_source, words_of_name
from twin.dicom.studies import Studies
from twin.errors import InputError
from twin.files.images import SUFFIXES, read_ct, read_mask
from twin.files.records import doubts, merged, read_clinical
from twin.inputs.bounds import bounded
from twin.inputs.quantities import DatedTime
from twin.nomenclature.labels import Labels, shown_path
from twin.pacs.address import SCHEME, Address
from twin.pacs.fetch import fetched
from twin.patient import PatientTwin
from twin.scan import Acquired, Scan
from twin.several import several
from twin.structures import Structure, StructureSet
from twin.volume import Volume


@bounded
def import_patient(
    src: str | os.PathLike[str],
    *,
    clinical: str | os.PathLike[str] | None = None,
    gtv: str | Sequence[str] = (),
    mask: str | os.PathLike[str] | None = None,
    label: str | None = None,
    structures: str | Sequence[str] = (),
    days: Mapping[str, DatedTime] | None = None,
    delivered_from: DatedTime | None = None,
    keep_names: bool = False,
    organs: anatomy.Finder = "estimate",
    progress: Callable[[str, float], None] | None = None,
) -> PatientTwin:
    """A patient twin from DICOM, NIfTI or NRRD, complete with the organs that no file holds.

    Those organs are found in the CT when the twin's structures are first asked for.

    Args:
        src: a folder or zip of DICOM files of one patient, a CT in NIfTI or NRRD, or pacs://NAME?PatientID=... for
            what an archive holds.
        clinical: a clinical record in JSON or CSV, or a FHIR R4 bundle.
        gtv: name or names of the structures that are gross tumour, nodes too; where none is given, those whose names
            say that they are a primary tumour.
        mask: the tumour as a mask, NIfTI or NRRD; on other voxels than the CT's it is resampled.
        label: the value or the name of the tumour where the mask is a label map.
        structures: the structure sets to use where several are drawn on one image, by number, label or a part of the
            file's name; where none is given, the newest approved one that holds the tumour.
        days: the day of a series that has no date, by its description or a part of a file's name.
        delivered_from: the day of the first fraction, where the RTPLANs count as delivered on weekdays.
        keep_names: keep the structures' names on the user's word; else those not made of known words become ROI-n.
        organs: what finds the organs that no file holds: this software's estimate, or TotalSegmentator first, where
            that is installed.
        progress: of fetching from an archive: is told what is done, and its share of all.

    Returns:
        The twin, with day 0 at the date of the planning CT; `notes` say what was left out or assumed, and `checks`
        whether its numbers are plausible.

    Raises:
        InputError: what is wrong with the data, in one sentence.
    """
    said: list[str] = []
    record = read_clinical(clinical, said) if clinical is not None else ClinicalRecord()
    with source(src, progress) as (place, called, fetching):
        named = () if mask is not None else several(gtv)
        twin, refused = _read(place, named, several(structures), days, delivered_from, keep_names)
        contours, notes = twin.contours, (*said, *fetching)
        if mask is not None:
            read = read_mask(Path(mask), contours.geometry, label)
            contours = contours.with_mask("GTVp", "GTV", read.mask, source_name="mask")
            notes = (*read.notes, *notes)
        elif not contours.role("GTV"):
            raise InputError(
                f"{called} has no tumour on its planning CT; name one with --gtv or give a mask with --mask{refused}"
            )
    whole = _complete(twin, contours, organs)
    notes = (*twin.notes, *doubts(twin.clinical, record), *notes)
    return whole.fork(notes=notes, clinical=merged(twin.clinical, record))


def read_scans(src: str | os.PathLike[str]) -> PatientTwin:
    """A patient's images alone, with what is drawn on them but no tumour asked for and no organ found.

    Args:
        src: a folder or zip of DICOM files of one patient, with a CT or without, or a CT in NIfTI or NRRD.

    Raises:
        InputError: what is wrong with the data, in one sentence.
    """
    return _read(Path(src), (), (), None, None, False, carriers=("CT", "CBCT", "MR", "PT"))[0]


@dataclass(frozen=True, eq=False)
class FollowUpScan:
    """A scan of another day, and what is drawn on it.

    Args:
        volume: CT or cone-beam CT in HU, in its own frame of reference.
        drawn: on its grid; empty where nothing is.
        acquired: how the patient lay; None where the file does not say.
        patient: pseudonym of the patient that its files name, or None where they name nobody.
        notes: what was left out or assumed, one sentence each.
    """

    volume: Volume
    drawn: StructureSet
    acquired: Acquired | None
    patient: str | None
    notes: tuple[str, ...]


def read_follow_up(src: str | os.PathLike[str], *, gtv: str | Sequence[str] = ()) -> FollowUpScan:
    """A CT or cone-beam CT of another day.

    Args:
        src: a folder or zip of DICOM files that holds one, perhaps with an RTSTRUCT; or NIfTI or NRRD.
        gtv: names of the structures that are gross tumour, where they are drawn.

    Raises:
        InputError: what is wrong with the data, in one sentence; several scans.
    """
    path = Path(src)
    twin, _ = _read(path, several(gtv), (), None, None, False, carriers=("CT", "CBCT"))
    scans = [s for s in twin.scans if s.volume.modality in ("CT", "CBCT")]
    if len(scans) > 1:
        raise InputError(
            f"{shown_path(path)} holds {len(scans)} scans (CT or cone-beam CT); give the one that is meant"
        )
    (scan,) = scans
    grid = scan.volume.geometry
    drawn = next((s for s in twin.structures if s.geometry.same_grid(grid)), StructureSet(grid, ()))
    named = None if path.name.lower().endswith(SUFFIXES) else twin.id
    return FollowUpScan(scan.volume, drawn, scan.acquired, named, twin.notes)


@contextmanager
def source(
    src: str | os.PathLike[str], progress: Callable[[str, float], None] | None
) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Where the files of a source lie, how it is called in messages, and what is to be said of it.

    Args:
        src: as `import_patient` takes it; an archive's objects are fetched and lie in a private folder meanwhile.
        progress: of fetching.

    Raises:
        InputError: what an archive holds cannot be had.
    """
    if isinstance(src, str) and src.startswith(SCHEME):
        address = Address.parse(src)
        with fetched(address, progress) as found:
            yield found.folder, f"the archive {address.name}", found.notes
    else:
        yield Path(src), shown_path(src), ()


def _complete(twin: PatientTwin, contours: StructureSet, by: anatomy.Finder) -> PatientTwin:
    """The twin with the organs of its planning CT and its checks, both made when they are first asked for."""
    if by == "totalsegmentator":
        check_installed()
    organs = replace(contours, source=partial(_with_organs, twin.baseline, contours, by))
    whole = twin.fork(structures=tuple(organs if s is twin.contours else s for s in twin.structures))
    return whole.fork(check_source=partial(plausibility, whole))


def _with_organs(scan: Scan, drawn: StructureSet, by: anatomy.Finder) -> tuple[Structure, ...]:
    return anatomy.complete(scan, drawn, by).structures


def _read(
    src: Path,
    gtv: Sequence[str],
    structures: Sequence[str],
    days: Mapping[str, float] | None,
    delivered_from: float | None,
    keep_names: bool,
    *,
    carriers: Sequence[str] = ("CT",),
) -> tuple[PatientTwin, str]:
    """What the files say, and why some were left out, as the end of a refusal."""
    if src.name.lower().endswith(SUFFIXES):
        scan = Scan("CT", 0.0, read_ct(src))
        empty = StructureSet(scan.volume.geometry, ())
        content = hashlib.sha256(scan.volume.array.tobytes()).hexdigest()  # the file names no patient
        return PatientTwin(pseudonym(content), scans=(scan,), structures=(empty,)), ""
    left_out = LeftOut()
    with read_source(src, left_out) as series:
        check_one_patient(series)
        studies = Studies(
            series,
            Labels(keep=keep_names, names=words_of_name(series)),
            left_out,
            gtv=gtv,
            structures=structures,
            days=days,
            delivered_from=delivered_from,
            carriers=carriers,
        )
        return studies.twin().fork(names_kept=keep_names), left_out.because
