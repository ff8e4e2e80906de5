"""Whom pseudonyms stand for, on the user's word and for one sending alone."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydicom.dataset import Dataset

from twin.errors import InputError
from twin.export import new_uid
from twin.inputs.mapping import read_mapping
from twin.nomenclature.labels import shown_path


class Identity(BaseModel):
    """One patient, as the hospital's archive knows him or her.

    Args:
        PatientID: hospital number.
        PatientName: in DICOM's form, Family^Given.
        PatientBirthDate: YYYYMMDD.
        PatientSex: F, M or O.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    PatientID: str = Field(pattern=r"^[^\\\x00-\x1f]{1,64}$")
    PatientName: str = Field(default="", pattern=r"^[^\\\x00-\x1f]{0,200}$")
    PatientBirthDate: str = Field(default="", pattern=r"^(\d{8})?$")
    PatientSex: str = Field(default="", pattern=r"^[FMO]?$")


class Identities:
    """Whom pseudonyms stand for.

    Args:
        path: a YAML or JSON file of pseudonyms, each with PatientID and, where wanted, PatientName, PatientBirthDate
            and PatientSex. It is read and kept nowhere.

    Raises:
        InputError: no such file, or not such a one.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        path = Path(path)
        said = shown_path(path)
        try:
            self._of = TypeAdapter(dict[str, Identity]).validate_python(read_mapping(path))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise InputError(f"{said}: {first['loc'][-1]}: {first['msg']}") from None
        except InputError as error:  # its words may quote the file
            why = (
                "cannot be read"
                if isinstance(error.__context__, OSError)
                else "is no list of pseudonyms in YAML"
            )
            raise InputError(f"{said} {why}") from None
        self._said = said

    def name(self, data: Dataset) -> None:
        """Put the patient for whom its pseudonym stands into an object, and new UIDs that belong to both.

        Args:
            data: an exported object; changed.

        Raises:
            InputError: the pseudonym stands for nobody.
        """
        known = self._of.get(str(data.PatientID))
        if known is None:
            raise InputError(f"{self._said} does not say whom {data.PatientID} stands for")
        for keyword, value in known.model_dump().items():
            setattr(data, keyword, value)
        data.PatientIdentityRemoved = "NO"
        data.pop("DeidentificationMethod", None)
        _renew(data, known.PatientID)
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID


def _renew(data: Dataset, patient: str) -> None:
    """Give each UID that this program made one that belongs to the patient too: an archive holds a UID once."""
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                _renew(item, patient)
        elif element.VR == "UI" and str(element.value).startswith("2.25."):
            element.value = new_uid(patient, element.value)
