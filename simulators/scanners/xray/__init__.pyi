from .scatter import Scatter as Scatter
from .signal import Signal as Signal
from .tissue import soft_and_bone as soft_and_bone
