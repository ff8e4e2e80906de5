"""Closed contours: to masks, from masks, and the shape that they stand for."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
