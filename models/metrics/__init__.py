"""Scores of arrays: what an image, a mask and a forecast are judged by, whatever they show."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
