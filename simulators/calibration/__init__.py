"""Outcomes calibrated on published trials: the evidence, the hierarchical model, its fit and its test."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
