from .generators import GENERATORS as GENERATORS
from .generators import generator_named as generator_named
from .kinetics import KINETICS as KINETICS
from .kinetics import kinetics_named as kinetics_named
from .outcomes import OUTCOMES as OUTCOMES
from .outcomes import outcome_model_named as outcome_model_named
from .scanners import SCANNERS as SCANNERS
from .scanners import scanner_named as scanner_named
