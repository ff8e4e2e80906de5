"""Structure names after AAPM TG-263, and the role that a name stands for."""

from __future__ import annotations

import re

from twin.structures import Role

# TG-263 primary name <- patterns over the name in lower case with separators as single blanks.
_ORGANS = {
    "Body": r"(body|external|skin|outline|patient( outline)?)",
    "Lung_L": r"(l|lt|left) ?lungs?|lungs? ?(l|lt|left)",
    "Lung_R": r"(r|rt|right) ?lungs?|lungs? ?(r|rt|right)",
    "Lungs": r"(both |total |bilateral )?lungs?|lungs? (both|total|all|bilat(eral)?)",
    "Heart": r"(whole )?heart|coeur|cor",
    "Esophagus": r"o?esophag(us)?|oesoph|esoph",
    "SpinalCord": r"(spinal ?)?cord|myelon|spinal ?canal cord|spine cord",
    "SpinalCanal": r"(spinal|vertebral) ?canal",
    "Trachea": r"trachea",
    "Carina": r"carina",
    "BrachialPlex_L": r"(l|lt|left) brach(ial)? ?plex(us)?|brach(ial)? ?plex(us)? (l|lt|left)",
    "BrachialPlex_R": r"(r|rt|right) brach(ial)? ?plex(us)?|brach(ial)? ?plex(us)? (r|rt|right)",
    "Bronchus_L": r"(l|lt|left) bronchus|bronchus (l|lt|left)",
    "Bronchus_R": r"(r|rt|right) bronchus|bronchus (r|rt|right)",
    "GreatVes": r"great ?ves(sels?)?",
    "A_Aorta": r"(a )?aorta",
    "Liver": r"liver|hepar",
    "Stomach": r"stomach",
    "Kidney_L": r"(l|lt|left) kidney|kidney (l|lt|left)",
    "Kidney_R": r"(r|rt|right) kidney|kidney (r|rt|right)",
    "Chestwall": r"chest ?wall",
    "Brainstem": r"brain ?stem",
    "Parotid_L": r"(l|lt|left) parotid|parotid (l|lt|left)",
    "Parotid_R": r"(r|rt|right) parotid|parotid (r|rt|right)",
    "Bone_Mandible": r"mandible|bone mandible",
    "Breast": r"breast",
}
_ORGAN_PATTERNS = {name: re.compile(pattern) for name, pattern in _ORGANS.items()}
_NODE = re.compile(r"(^|[^a-z])(ln|lns|node|nodes|nodal|lymph ?node?s?)([^a-z]|$)|^gtv ?n")
_GROSS = re.compile(r"^(i?gtv|tumou?r|gross|primary)(?! bed)")
_TARGET = re.compile(r"^(ctv|ptv|itv)")


def plain(name: str) -> str:
    """A name in lower case, separators as single blanks, words of capitals and digits parted.

    Example:
        >>> plain("Tumor_c40"), plain("Lt Lung"), plain("SpinalCord")
        ('tumor c40', 'lt lung', 'spinal cord')
    """
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[\W_]+", " ", parted).strip().lower()


def is_node(name: str) -> bool:
    """Whether a name speaks of lymph nodes."""
    return bool(_NODE.search(plain(name)))


def is_gross_tumour(name: str) -> bool:
    """Whether a name speaks of a primary gross tumour."""
    return bool(_GROSS.match(plain(name))) and not is_node(name)


def standard(name: str) -> tuple[str, Role] | None:
    """The TG-263 name and role of an organ or a planned target, or None where the name is not known.

    Gross tumours are numbered over a whole structure set and so are named by the importer.

    Example:
        >>> standard("Lt Lung"), standard("oesophagus"), standard("Borders")
        (('Lung_L', 'OAR'), ('Esophagus', 'OAR'), None)
    """
    text = plain(name)
    for target, pattern in _ORGAN_PATTERNS.items():
        if pattern.fullmatch(text):
            return target, "EXTERNAL" if target == "Body" else "OAR"
    found = _TARGET.match(text)
    if found:
        kind = found.group(1).upper()
        return name, "PTV" if kind == "PTV" else "CTV"
    return None
