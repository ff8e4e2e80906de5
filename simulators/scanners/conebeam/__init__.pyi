from .acquisition import Acquisition as Acquisition
from .acquisition import acquire as acquire
from .correction import line_paths as line_paths
from .system import System as System
