"""Cone-beam CT on a linac: what its detector reads while patient and gantry move, and what is made of it."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
