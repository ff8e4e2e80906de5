from .ablation import ablate as ablate
from .report import run_evaluation as run_evaluation
from .scans import run_scan_evaluation as run_scan_evaluation
from .scores import Scope as Scope
