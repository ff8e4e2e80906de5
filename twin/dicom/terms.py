"""The terms that the DICOM standard defines for the tags of which this software keeps or shows a word."""

from __future__ import annotations

UNKNOWN = "UNKNOWN"  # stands for any text that is none of them
TERMS = {
    keyword: frozenset(terms.split())
    for keyword, terms in {
        # PS3.3 C.7.3.1.1.1, retired ones too
        "Modality": """
            AR ASMT AU BDUS BI BMD CD CF CP CR CS CT CTPROTOCOL DD DF DG DM DOC DS DX EC ECG EEG EMG EOG EPS ES FA FID
            FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV
            OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT
            RWV SEG SM SMR SR SRF ST STAIN TEXTUREMAP TG US VA VF XA XAPROTOCOL XC""",
        "ApprovalStatus": "APPROVED UNAPPROVED REJECTED",  # C.8.8.16
        "BurnedInAnnotation": "YES NO",  # C.7.6.1
        "DecayCorrection": "NONE START ADMIN",  # C.8.9.1
        "DoseSummationType": """
            PLAN MULTI_PLAN PLAN_OVERVIEW FRACTION BEAM BRACHY FRACTION_SESSION BEAM_SESSION BRACHY_SESSION
            CONTROL_POINT RECORD""",  # C.8.8.3
        "DoseType": "PHYSICAL EFFECTIVE ERROR",
        "DoseUnits": "GY RELATIVE",
        "PatientPosition": """
            HFP HFS HFDR HFDL FFP FFS FFDR FFDL LFP LFS RFP RFS AFDR AFDL PFDR PFDL SITTING""",  # C.7.3.1.1.2
        "PlanIntent": "CURATIVE PALLIATIVE PROPHYLACTIC VERIFICATION MACHINE_QA RESEARCH SERVICE",  # C.8.8.9
        "RescaleType": "HU US OD MGML Z_EFF ED EDW HU_MOD PCT",  # C.11.1.1.2
        "SegmentationType": "BINARY FRACTIONAL LABELMAP",  # C.8.20.2
        "SUVType": "BSA BW LBM LBMJANMA LBMJAMES128 IBW",  # C.8.9.1
        "Units": """
            CNTS NONE CM2 CM2ML PCNT CPS BQML MGMINML UMOLMINML MLMING MLG 1CM UMOLML PROPCNTS PROPCPS MLMINML MLML GML
            STDDEV""",  # C.8.9.1.1.3
    }.items()
}  # fmt: skip


def term(keyword: str, text: str) -> str:
    """A text where it is one of a tag's terms, empty where it is, UNKNOWN where it is anything else, as a name.

    Args:
        keyword: of the tag.
        text: what stands there.

    Example:
        >>> term("Modality", "CT"), term("Modality", "MUELLER^ANNA"), term("Modality", "")
        ('CT', 'UNKNOWN', '')
    """
    word = text.strip().upper()
    return word if not word or word in TERMS[keyword] else UNKNOWN
