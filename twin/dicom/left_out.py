"""What an import does not use, and why: one line for each kind of object and reason."""

from __future__ import annotations

from collections.abc import Sequence

from twin.dicom.instance import Instance
from twin.errors import InputError


class LeftOut:
    """Collects objects that cannot be used, so that one of them never refuses the patient.

    Example:
        >>> left_out = LeftOut()
        >>> left_out.add("PT", 99, "it is not corrected for attenuation")
        >>> left_out.notes
        ('left out: PT, 99 files: it is not corrected for attenuation',)
    """

    def __init__(self) -> None:
        self._count: dict[tuple[str, str], int] = {}
        self._reasons: list[str] = []

    def add(self, modality: str, files: Sequence[Instance] | int, reason: str | InputError) -> None:
        """One more object or series that is not used.

        Args:
            modality: of it.
            files: its files, whose names are kept for a refusal but not for the twin; or how many they are.
            reason: why, as a clause.
        """
        said = str(reason)
        many = files if isinstance(files, int) else len(files)
        if not isinstance(files, int):
            for name in sorted({f.file for f in files} - {""}, key=len, reverse=True):
                said = said.replace(f"{name}: ", "").replace(name, "one of them")
        self._count[modality, said] = self._count.get((modality, said), 0) + many
        self._reasons.append(str(reason))

    @property
    def notes(self) -> tuple[str, ...]:
        """One line each, without the names of files, in an order that does not depend on them."""
        return tuple(
            f"left out: {modality or 'unknown'}, {n} file{'s' * (n > 1)}: {reason}"
            for (modality, reason), n in sorted(self._count.items())
        )

    @property
    def because(self) -> str:
        """The reasons with the names of files, as the end of a refusal; empty where nothing was left out."""
        return "".join(f"; {reason}" for reason in dict.fromkeys(sorted(self._reasons)))
