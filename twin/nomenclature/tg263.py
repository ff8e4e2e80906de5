"""Structure names after AAPM TG-263 (Mayo 2018), and the role that a name stands for."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from twin.nomenclature.languages import in_english
from twin.structures import Role

_L, _R = r"(l|lt|left)", r"(r|rt|right)"


def _sided(organ: str, side: str) -> str:
    return rf"{side} ?{organ}|{organ} ?{side}"


# TG-263 primary name <- pattern over the name as `plain` gives it.
_ORGANS = {
    "Body": r"body|externals?|skin|outline|patient( outline)?",
    "Lung_L": _sided("lungs?", _L),
    "Lung_R": _sided("lungs?", _R),
    "Lungs": r"((both|total|bilateral) )?lungs?|lungs? (both|total|all|bilat(eral)?)",
    "Lungs-GTV": r"lungs? ?(minus|no|without) ?i?gtv",
    "Heart": r"(whole )?heart",
    "Pericardium": r"pericardium",
    "Esophagus": r"o?esophag(us)?|oesoph|esoph",
    "SpinalCord": r"(spinal|spine)? ?cord|myelon|spine cord|rm",
    "SpinalCanal": r"(spinal|vertebral) ?canal",
    "Trachea": r"trachea",
    "Carina": r"carina",
    "BrachialPlex_L": _sided("brach(ial)? ?plex(us)?", _L),
    "BrachialPlex_R": _sided("brach(ial)? ?plex(us)?", _R),
    "Bronchus_L": _sided("(main )?bronchus", _L),
    "Bronchus_R": _sided("(main )?bronchus", _R),
    "BronchialTree": r"(proximal )?bronchial tree|pbt",
    "GreatVes": r"great ?ves(sels?)?",
    "A_Aorta": r"(a )?aorta",
    "V_Venacava_S": r"svc|v venacava s|superior vena cava",
    "Ribs": r"ribs?",
    "Sternum": r"sternum",
    "Chestwall": r"chest ?wall",
    "Liver": r"liver",
    "Stomach": r"stomach",
    "Spleen": r"spleen",
    "Kidney_L": _sided("kidney", _L),
    "Kidney_R": _sided("kidney", _R),
    "Breast_L": _sided("breast", _L),
    "Breast_R": _sided("breast", _R),
    "Breast": r"breast",
    "Thyroid": r"thyroid( gland)?",
    "Larynx": r"larynx",
    "Pharynx": r"pharynx",
    "Brain": r"brain",
    "Brainstem": r"brain ?stem",
    "Parotid_L": _sided("parotid( gland)?", _L),
    "Parotid_R": _sided("parotid( gland)?", _R),
    "Eye_L": _sided("eye", _L),
    "Eye_R": _sided("eye", _R),
    "Lens_L": _sided("lens", _L),
    "Lens_R": _sided("lens", _R),
    "OpticNrv_L": _sided("optic ?(nrv|nerve)", _L),
    "OpticNrv_R": _sided("optic ?(nrv|nerve)", _R),
    "OpticChiasm": r"(optic ?)?chiasm(a)?",
    "Bone_Mandible": r"mandible|bone mandible",
    "Cavity_Oral": r"oral cavity|cavity oral",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _ORGANS.items()}
_PHASE = re.compile(r" (c ?\d{1,2}|t\d{2}|(\d{1,2}|100) ?%|mip|avg|ave|average)$")
_NODE = re.compile(r"\b(lns?|nodes?|nodal|lymph ?nodes?)\d*[lr]?\b|^i?gtv[ -]?n(d|odes?)? ?\d*\b")
_GROSS = re.compile(r"^(i?gtv|tumou?r|gross|primary)(?! bed)")
_TARGET = re.compile(
    r"(?P<kind>igtv|gtv|ictv|ctv|itv|ptv)"
    r" ?(?P<part>p(rim(ary)?)?(?![a-z])|n(ode|odes|odal)?(?![a-z])|lns?|lymph ?nodes?|tumou?r)?"
    r" ?(?P<index>\d(?!\d))?"
    r"( ?(?P<dose>\d{4}|\d{2}(\.\d+)?) ?(?P<unit>c?gy)?)?"
)


def plausible_cgy(dose_cgy: float) -> bool:
    """Whether a number may be the dose of a target, cGy; years of birth are none, but for 2000, which is 20 Gy."""
    return 400 <= dose_cgy < 10_000 and (dose_cgy == 2000 or not 1900 <= dose_cgy < 2030)


@dataclass(frozen=True)
class Named:
    """What a name stands for: its TG-263 name and its role."""

    name: str
    role: Role


def plain(name: str) -> str:
    """A name in lower case without accents, separators as single blanks, words run together parted at capitals.

    Example:
        >>> plain("Tumor_c40"), plain("Lt Lung"), plain("SpinalCord"), plain("Lungs-GTV")
        ('tumor c40', 'lt lung', 'spinal cord', 'lungs minus gtv')
    """
    name = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    name = re.sub(r"(?i)^(lungs?)\s*-\s*(?=i?gtv)", r"\1 minus ", name)
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[^\w.%]+|_+", " ", parted).strip().lower()


def is_node(name: str) -> bool:
    """Whether a name speaks of lymph nodes."""
    return bool(_NODE.search(plain(name)))


def is_gross_tumour(name: str) -> bool:
    """Whether a name speaks of a gross tumour that is not a node."""
    return bool(_GROSS.match(plain(name))) and not is_node(name)


def standard(name: str) -> Named | None:
    """The TG-263 name and role of an organ or a planned target, or None where the name is not known.

    Gross tumours are numbered over a whole structure set and so are named by the importer.

    Example:
        >>> standard("Lt Lung").name, standard("PTV 66 Gy").name, standard("CTV_n"), standard("Borders")
        ('Lung_L', 'PTV_6600', Named(name='CTVn', role='CTV'), None)
        >>> standard("Speiseröhre").name
        'Esophagus'
    """
    text = _PHASE.sub("", plain(name))
    return _target(text) or _organ(_english_organ(text) or in_english(text))


def in_its_words(name: str) -> bool:
    """Whether a name is TG-263's, or says the same in English, so that it holds no other word."""
    text = _PHASE.sub("", plain(name))
    return (_target(text) or _english_organ(text)) is not None


def _english_organ(text: str) -> str | None:
    return next((organ for organ, pattern in _PATTERNS.items() if pattern.fullmatch(text)), None)


def _organ(name: str | None) -> Named | None:
    return None if name is None else Named(name, "EXTERNAL" if name == "Body" else "OAR")


def role_of(name: str) -> Role:
    """The role of a name outside TG-263: a target by its first letters, else OTHER."""
    text = plain(name)
    if text.startswith("ptv"):
        return "PTV"
    return "CTV" if text.startswith(("ctv", "itv", "ictv")) else "OTHER"


def _target(text: str) -> Named | None:
    """A planned target by TG-263's grammar: type, classifier p or n, index, dose in cGy."""
    found = _TARGET.fullmatch(text)
    if found is None or found["kind"] in ("gtv", "igtv"):
        return None
    part = "" if not found["part"] else "p" if found["part"][0] in "pt" else "n"
    name = found["kind"].upper() + part + (found["index"] or "")
    if found["dose"]:
        dose = float(found["dose"])
        dose_cgy = dose if dose >= 1000 else 100 * dose
        if not plausible_cgy(dose_cgy):
            return None
        name += f"_{round(dose_cgy):d}"
    return Named(name, "PTV" if found["kind"] == "ptv" else "CTV")
