"""The error that a user's mistake raises, and what the machine refuses."""


class InputError(ValueError):
    """What was wrong, where, and what to do, in one sentence; the command line prints it and exits 2."""


class DiskError(InputError):
    """What the disk refused, such as when it is full: no fault of what was to be written, as others would fail too."""


_EXTRAS = {
    "SimpleITK": "imaging",
    "torch": "learned",
    "safetensors": "learned",
    "monai": "train",
    "diffusers": "train",
}


def missing(what: str, error: ImportError) -> InputError:
    """What to install where a library is not there.

    Args:
        what: is wanted, as the beginning of the sentence.
        error: what importing it raised.
    """
    name = (error.name or "torch").partition(".")[0]
    extra = _EXTRAS.get(name)
    return InputError(
        f"{what} {name}" + (f": pip install 'rt-twin[{extra}]'" if extra else ", which is not installed")
    )
