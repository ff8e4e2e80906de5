from .coarse import Coarse as Coarse
from .lungs import find_body as find_body
from .registration import POOR_SIMILARITY as POOR_SIMILARITY
from .registration import register as register
