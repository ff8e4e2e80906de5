"""The one error that a user's mistake raises."""


class InputError(ValueError):
    """What was wrong, where, and what to do, in one sentence; the command line prints it and exits 2."""
