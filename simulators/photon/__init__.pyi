from .superposition import Beams as Beams
from .superposition import superposed as superposed
