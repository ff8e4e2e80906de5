"""The clinical record: each entry may be missing, and missing is never filled in silently."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ClinicalRecord(BaseModel):
    """What is known of the patient besides images.

    Every field may be None, which means missing.

    Example:
        >>> ClinicalRecord(age_years=67, sex="female").ecog is None
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    age_years: float | None = Field(default=None, ge=0, le=120)
    sex: Literal["female", "male"] | None = None
    histology: Literal["adenocarcinoma", "squamous", "large cell", "nos", "other"] | None = None
    t_stage: str | None = Field(default=None, pattern=r"^T(X|0|is|1mi|1[abc]?|2[ab]?|3|4)$")
    n_stage: str | None = Field(default=None, pattern=r"^N[X0123]$")
    m_stage: str | None = Field(default=None, pattern=r"^M(0|1[abc]?)$")
    tnm_edition: Literal[6, 7, 8, 9] | None = None
    stage: str | None = None
    ecog: int | None = Field(default=None, ge=0, le=4)
    smoking: Literal["never", "former", "current"] | None = None
    pack_years: float | None = Field(default=None, ge=0, le=300)
    fev1_percent: float | None = Field(default=None, ge=0, le=200)
    dlco_percent: float | None = Field(default=None, ge=0, le=200)
    interstitial_lung_disease: bool | None = None
    comorbidity: bool | None = None
    chemotherapy: Literal["none", "sequential", "concurrent"] | None = None
