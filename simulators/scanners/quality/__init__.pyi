from .added_noise import low_dose as low_dose
from .estimate import OwnNoise as OwnNoise
from .kernel import KERNELS as KERNELS
from .kernel import Kernel as Kernel
from .kernel import softened as softened
