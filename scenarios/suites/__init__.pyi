from .plan import Suite as Suite
from .plan import load_suite as load_suite
from .running import run_suite as run_suite
