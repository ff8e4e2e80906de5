"""Fluence plans: a prescription becomes beams on a patient's CT, optimised and calculated by superposition."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
