"""The error that a user's mistake raises, and what the machine refuses."""


class InputError(ValueError):
    """What was wrong, where, and what to do, in one sentence; the command line prints it and exits 2."""


class DiskError(InputError):
    """What the disk refused, such as when it is full: no fault of what was to be written, as others would fail too."""
