"""Scans of other days on the baseline CT: registered rigidly and deformably, with what is drawn carried along."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
