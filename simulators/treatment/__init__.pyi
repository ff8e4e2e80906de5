from .copy import CopiedTreatment as CopiedTreatment
from .mechanistic import MAX_GROWTH as MAX_GROWTH
from .mechanistic import Layers as Layers
from .mechanistic import MechanisticTreatment as MechanisticTreatment
