from .visitor import Visitor as Visitor
from .visitor import current as current
from .visitor import hold_runner as hold_runner
