from .generators import generator_named as generator_named
from .scanners import SCANNERS as SCANNERS
from .scanners import scanner_named as scanner_named
