"""TNM categories by edition, and the stage groups of the eighth.

Sources: UICC TNM 6 (2002), 7 (2009) and 8 (Goldstraw et al., J Thorac Oncol 2016; 11: 39) for lung; the ninth
splits N2 and M1c (Rami-Porta et al., J Thorac Oncol 2024; 19: 1007).
"""

from __future__ import annotations

_T6 = ("TX", "T0", "Tis", "T1", "T2", "T3", "T4")
_T7 = (*_T6, "T1a", "T1b", "T2a", "T2b")
_T8 = (*_T7, "T1mi", "T1c")
_N8 = ("NX", "N0", "N1", "N2", "N3")
_CATEGORIES = {
    6: (_T6, _N8, ("M0", "M1")),
    7: (_T7, _N8, ("M0", "M1", "M1a", "M1b")),
    8: (_T8, _N8, ("M0", "M1", "M1a", "M1b", "M1c")),
    9: (_T8, (*_N8, "N2a", "N2b"), ("M0", "M1", "M1a", "M1b", "M1c", "M1c1", "M1c2")),
}

# Eighth edition, M0: the groups of N0, N1, N2, N3 for each T. None: the T's letter would be needed.
_GROUPS_8: dict[str, tuple[str | None, ...]] = {
    "T1mi": ("IA1", "IIB", "IIIA", "IIIB"),
    "T1a": ("IA1", "IIB", "IIIA", "IIIB"),
    "T1b": ("IA2", "IIB", "IIIA", "IIIB"),
    "T1c": ("IA3", "IIB", "IIIA", "IIIB"),
    "T1": ("IA", "IIB", "IIIA", "IIIB"),
    "T2a": ("IB", "IIB", "IIIA", "IIIB"),
    "T2b": ("IIA", "IIB", "IIIA", "IIIB"),
    "T2": (None, "IIB", "IIIA", "IIIB"),
    "T3": ("IIB", "IIIA", "IIIB", "IIIC"),
    "T4": ("IIIA", "IIIA", "IIIB", "IIIC"),
}
_DISTANT_8 = {"M1": "IV", "M1a": "IVA", "M1b": "IVA", "M1c": "IVB"}


def stage_group(t: str | None, n: str | None, m: str | None) -> str | None:
    """The stage group of TNM 8, or None where the categories do not settle it.

    Args:
        t, n, m: categories such as "T2a", "N1", "M0".

    Example:
        >>> stage_group("T2a", "N1", "M0"), stage_group("T4", "N3", "M0"), stage_group("T2", "N0", "M0")
        ('IIB', 'IIIC', None)
    """
    if m in _DISTANT_8:
        return _DISTANT_8[m]
    if m != "M0" or t is None or n is None:
        return None
    if n == "N0" and t in ("Tis", "TX"):
        return "0" if t == "Tis" else "occult"
    if n not in _N8[1:] or t not in _GROUPS_8:
        return None
    return _GROUPS_8[t][_N8.index(n) - 1]


def unknown_category(t: str | None, n: str | None, m: str | None, edition: int) -> str | None:
    """The first category that an edition does not know, or None.

    Example:
        >>> unknown_category("T1c", "N0", "M0", 7), unknown_category("T1c", "N0", "M0", 8)
        ('T1c', None)
    """
    for category, known in zip((t, n, m), _CATEGORIES[edition], strict=True):
        if category is not None and category not in known:
            return category
    return None


def agrees(stage: str, group: str) -> bool:
    """Whether a stage, which may leave its letters out, is that of a group.

    Example:
        >>> agrees("III", "IIIA"), agrees("IA", "IA2"), agrees("IIB", "IIIA"), agrees("I", "IIB")
        (True, True, False, False)
    """
    return group == stage or (group.startswith(stage) and group[len(stage)] in "ABC123")
