from .history import Treatment as Treatment
