from .scatter import Scatter as Scatter
from .scatter import ScatterModel as ScatterModel
from .signal import Signal as Signal
from .tissue import soft_and_bone as soft_and_bone
