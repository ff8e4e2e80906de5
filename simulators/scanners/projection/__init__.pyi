from .beam import Beam as Beam
from .forward import project as project
from .reconstruct import backproject as backproject
from .reconstruct import filtered as filtered
from .reconstruct import reconstruct as reconstruct
