"""Colours of plans: the same on every page, and told apart by the colour-blind (Okabe and Ito 2008)."""

PLAN_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#999933")


def plan_colour(index: int) -> str:
    """Colour of the run's plan number `index`, as hex.

    Args:
        index: of the plan in its run.
    """
    return PLAN_COLOURS[index % len(PLAN_COLOURS)]


def faint(colour: str, alpha: float = 0.18) -> str:
    """The colour as rgba with that opacity, for bands.

    Args:
        colour: as hex.
        alpha: opacity, 0 to 1.

    Example:
        >>> faint("#0072B2", 0.5)
        'rgba(0,114,178,0.5)'
    """
    red, green, blue = rgb(colour)
    return f"rgba({red},{green},{blue},{alpha:g})"


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour as hex, 0 to 255.

    Example:
        >>> rgb("#0072B2")
        (0, 114, 178)
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue
