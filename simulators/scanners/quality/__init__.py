"""How sharp and how noisy a CT is, and what makes it softer or noisier."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
