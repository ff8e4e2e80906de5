from .planar import mask as mask
from .shape import BRIDGED_MM as BRIDGED_MM
from .shape import Shape as Shape
