"""What would take too much memory is refused before it begins, with the estimate."""

from __future__ import annotations

from twin.errors import InputError

MOST_GB = 4.0


def afford(gb: float, what: str, less: str) -> None:
    """Refuse what would take more memory than `MOST_GB`.

    Args:
        gb: the estimate, GB.
        what: it is.
        less: what to ask for less of.

    Raises:
        InputError: it would.

    Example:
        >>> afford(14.2, "this comparison", "samples, days, plans or images")
        Traceback (most recent call last):
        twin.errors.InputError: this comparison would take about 14 GB of memory, more than 4; ask for fewer samples, \
days, plans or images
    """
    if gb > MOST_GB:
        raise InputError(
            f"{what} would take about {gb:.{0 if gb >= 10 else 1}f} GB of memory, more than {MOST_GB:g}; "
            f"ask for fewer {less}"
        )
