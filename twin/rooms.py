"""Whether all rooms of this project come from one place; each room runs this file, by its path, when it is imported.

The rooms have plain names: a file `models.py` or a folder `scenarios/` beside a user's script hides one of them.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

ROOMS = ("twin", "models", "simulators", "scenarios", "dashboards")


def check(home: Path) -> None:
    """Refuse to go on where a room would come from elsewhere; nothing is imported.

    Args:
        home: the folder of the rooms.

    Raises:
        ImportError: a foreign file has a room's name; one sentence names it.
    """
    for room in ROOMS:
        spec = find_spec(room)
        if spec is None:  # not installed: its own import will say so
            continue
        places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
        for place in map(Path, places):
            if not place.resolve().is_relative_to((home / room).resolve()):
                raise ImportError(
                    f"{place} hides the package {room!r} of rt-twin: rename it, or move it away from your script"
                )


check(Path(__file__).parents[1])
