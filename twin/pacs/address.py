"""What is wanted of an archive: pacs://NAME?PatientID=..."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from twin.errors import InputError

SCHEME = "pacs://"
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")
_KEYS = ("PatientID", "StudyDate", "Modality", *_UIDS)
_FORMS = {
    "PatientID": re.compile(r"[^*?\\\x00-\x1f]{1,64}"),  # no wildcards: they would find other patients
    "StudyDate": re.compile(r"\d{8}|\d{8}-|-\d{8}|\d{8}-\d{8}"),
    "Modality": re.compile(r"[A-Z]{2,16}(,[A-Z]{2,16}){0,15}"),
}
UID = re.compile(r"[0-9][0-9.]{0,63}")


@dataclass(frozen=True)
class Address:
    """One patient at one archive.

    Args:
        name: of the archive.
        keys: what must match, by DICOM keyword; never shown, it names a patient.
    """

    name: str
    keys: dict[str, str] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read pacs://NAME?PatientID=...&Modality=CT,RTSTRUCT; special characters are percent-encoded, as in any URL.

        Raises:
            InputError: not such an address, or one that does not name one patient.

        Example:
            >>> Address.parse("pacs://ward?PatientID=A%201&Modality=CT,RTSTRUCT").keys["PatientID"]
            'A 1'
        """
        try:
            parts = urlsplit(text)
            pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, max_num_fields=20)
        except ValueError:
            pairs, parts = [], urlsplit("")
        if parts.scheme != "pacs" or not parts.netloc or parts.path.strip("/") or parts.fragment or not pairs:
            raise InputError("an archive's address is pacs://NAME?PatientID=..., its & quoted for the shell")
        keys = dict(pairs)
        for key, value in pairs:
            if key not in _KEYS:
                raise InputError(f"an archive's address has no {key!r}; it may have: {', '.join(_KEYS)}")
            if not _FORMS.get(key, UID).fullmatch(value) or keys[key] != value:
                raise InputError(f"{key} in an archive's address is no {key} that names one thing")
        if not keys.keys() & {"PatientID", "StudyInstanceUID"}:
            raise InputError("an archive's address names one patient, by PatientID or StudyInstanceUID")
        return cls(parts.netloc, keys)
