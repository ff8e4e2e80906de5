"""Floor 4: plans, the scenario engine, comparisons, results and the command line."""

from pathlib import Path
from runpy import run_path

import lazy_loader as lazy

run_path(str(Path(__file__).parents[1] / "twin" / "rooms.py"))  # by its path: a room may be hidden

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
