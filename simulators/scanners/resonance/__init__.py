"""Magnetic resonance: tissues, sequences and their signals, the tissues of a CT, artefacts."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
