"""Photon dose by superposition of point kernels on a CT's densities."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
