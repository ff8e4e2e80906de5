from .effect import Effect as Effect
from .intervals import normal_quantile as normal_quantile
from .intervals import wilson as wilson
from .outcomes import CONTROL_DAYS as CONTROL_DAYS
from .outcomes import LANDMARKS as LANDMARKS
from .result import Comparison as Comparison
from .result import load as load
from .steps import compare as compare
