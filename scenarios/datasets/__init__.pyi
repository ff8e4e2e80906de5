from .longitudinal import SetRequest as SetRequest
from .longitudinal import make_set as make_set
