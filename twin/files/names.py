"""Names of files, which need not be text."""

from __future__ import annotations


def text_of(name: str) -> str:
    """A file's name as text; bytes that are none become question marks.

    Args:
        name: as Python gives it, with lone surrogates in the place of such bytes.

    Example:
        >>> text_of("Tumor 1"), text_of("Tumor \\udcff")
        ('Tumor 1', 'Tumor ?')
    """
    return name.encode("utf-8", "replace").decode()
