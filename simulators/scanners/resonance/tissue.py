"""Proton density and relaxation of tissues at two field strengths."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from twin.inputs.mapping import read_mapping

TISSUES = (
    "air", "lung", "fat", "muscle", "skin", "blood", "myocardium", "liver", "cord", "marrow", "cortical_bone", "tumour",
    "grey_matter", "white_matter", "csf", "metastasis", "necrosis", "oedema", "lesion",
)  # fmt: skip
FIELDS_T = (1.5, 3.0)
_UNEVEN_MS = (
    60.0,
    35.0,
)  # T2' of an even tissue: what the field's own unevenness takes from gradient echoes [assumed]


@dataclass(frozen=True)
class Relaxation:
    """A tissue in a field.

    Args:
        pd: protons that are seen, of those of water.
        t1, t2, t2star: ms.
        flows: it leaves the slice before a spin echo.
        inflow: share that comes into the slice after an inversion.
    """

    pd: float
    t1: float
    t2: float
    t2star: float
    flows: bool = False
    inflow: float = 0.0

    @classmethod
    def of(cls, tissue: str, field_t: float, longer: float = 1.0) -> Relaxation:
        """A tissue of the table.

        Args:
            tissue: one of `TISSUES`.
            field_t: 1.5 or 3, T.
            longer: times of relaxation over the table's.
        """
        row, at = _table()[tissue], FIELDS_T.index(field_t)
        t1, t2 = (longer * float(row[name][at]) for name in ("t1", "t2"))
        own = row["t2star"][at] if "t2star" in row else 1 / (1 / t2 + 1 / _UNEVEN_MS[at])
        return cls(row["pd"], t1, t2, float(own), row.get("flows", False), row.get("inflow", 0.0))


@cache
def _table() -> dict:
    return read_mapping(Path(__file__).with_name("data") / "tissues.yaml")
