"""The clinical record: each entry may be missing, and missing is never filled in silently."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from twin.clinical.staging import agrees, stage_group, unknown_category

_HISTOLOGY = {
    "adeno": "adenocarcinoma",
    "squamous": "squamous",
    "large cell": "large cell",
    "nos": "nos",
    "not otherwise specified": "nos",
}


class ClinicalRecord(BaseModel):
    """What is known of the patient besides images.

    Every field may be None, which means missing. TNM categories are those of their edition; a stage must be the
    one that the categories make, where they are of the eighth edition.

    Example:
        >>> ClinicalRecord(age_years=67, sex="female").ecog is None
        True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    age_years: float | None = Field(default=None, ge=0, le=120)
    sex: Literal["female", "male"] | None = None
    histology: Literal["adenocarcinoma", "squamous", "large cell", "nos", "other"] | None = None
    t_stage: str | None = Field(default=None, pattern=r"^T(X|0|is|1mi|1[abc]?|2[ab]?|3|4)$")
    n_stage: str | None = Field(default=None, pattern=r"^N(X|0|1|2[ab]?|3)$")
    m_stage: str | None = Field(default=None, pattern=r"^M(0|1([ab]|c[12]?)?)$")
    tnm_edition: Literal[6, 7, 8, 9] | None = None
    stage: str | None = Field(default=None, pattern=r"^(occult|0|IV[AB]?|I(A[123]?|B)?|II[AB]?|III[ABC]?)$")
    ecog: int | None = Field(default=None, ge=0, le=4)
    smoking: Literal["never", "former", "current"] | None = None
    pack_years: float | None = Field(default=None, ge=0, le=300)
    fev1_percent: float | None = Field(default=None, ge=0, le=200)
    dlco_percent: float | None = Field(default=None, ge=0, le=200)
    interstitial_lung_disease: bool | None = None
    comorbidity: bool | None = None
    chemotherapy: Literal["none", "sequential", "concurrent"] | None = None

    @field_validator("histology", mode="before")
    @classmethod
    def _short_histology(cls, value: Any) -> Any:
        """A pathologist's wording as one of the five words here."""
        if isinstance(value, str):
            return next(
                (word for start, word in _HISTOLOGY.items() if value.lower().startswith(start)), value.lower()
            )
        return value

    @field_validator("sex", mode="before")
    @classmethod
    def _whole_sex(cls, value: Any) -> Any:
        return (
            {"f": "female", "m": "male"}.get(value.lower(), value.lower())
            if isinstance(value, str)
            else value
        )

    @field_validator("tnm_edition", mode="before")
    @classmethod
    def _numbered_edition(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdigit() else value

    @field_validator("stage", mode="before")
    @classmethod
    def _upper_stage(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) and value.lower() != "occult" else value

    @model_validator(mode="after")
    def _consistent(self) -> ClinicalRecord:
        """Refuse categories that the edition does not know, and entries that contradict each other."""
        if self.tnm_edition is not None:
            wrong = unknown_category(self.t_stage, self.n_stage, self.m_stage, self.tnm_edition)
            if wrong is not None:
                raise ValueError(f"{wrong} is no category of TNM {self.tnm_edition}")
        group = stage_group(self.t_stage, self.n_stage, self.m_stage) if self.tnm_edition == 8 else None
        if group is not None and self.stage is not None and not agrees(self.stage, group):
            named = " ".join(c for c in (self.t_stage, self.n_stage, self.m_stage) if c)
            raise ValueError(f"stage {self.stage} contradicts {named}, which is {group} in TNM 8")
        if self.smoking == "never" and (self.pack_years or 0) > 0:
            raise ValueError(f"{self.pack_years:g} pack_years contradict smoking never")
        return self
