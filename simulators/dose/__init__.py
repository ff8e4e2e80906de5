"""Dose: from a prescription, its histograms, its comparison and its sum over moving tissue."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
